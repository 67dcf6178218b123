//! A replica takes the place of its primary: the old one is fenced first, for good once the replica was
//! promoted. Two servers never take writes for one shop.

use super::{
    Databases,
    performer::unanswered,
    replicas::{LOOK_LIMIT, not_following, silent},
};
use crate::backup_worker::story;
use ::databases::{
    DatabaseError,
    replica::{Replica, State},
};
use host::process::{Spawn, run_to_end};
use kernel::{
    ShopId, Value,
    config::{DatabaseKind, ShopSettings},
    plan::{Condition, Failed, Holds, Probe, Progress},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{task::spawn_blocking, time::timeout};

/// What the primary has flushed is with a replica that follows within moments.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(60);
const POINT_WITHIN: Duration = Duration::from_secs(120);

impl Databases {
    fn shop(&self, shop: &ShopId) -> Result<ShopSettings, Failed> {
        let configuration = Arc::clone(&self.configuration.borrow());
        let found = configuration.shops.iter().find(|one| one.id == *shop).cloned();
        found.ok_or_else(|| Failed::new(format!("there is no shop {shop}")))
    }

    /// The replica of a database that is its primary still: never a promoted one, which nobody fences.
    fn follower(
        &self,
        (shop, folder, listen): (&ShopId, &str, SocketAddr),
    ) -> Result<Replica, Failed> {
        if self.shop(shop)?.replica.is_some_and(|replica| replica.promoted) {
            let message = "the configuration names the replica as the database already";
            return Err(failed(message, "replica_is_database"));
        }
        self.replica(shop, folder, listen)
    }

    pub(super) async fn promotion_conditions(
        &self,
        (shop, folder, listen): (&ShopId, &str, SocketAddr),
        is_dead: bool,
    ) -> Result<Vec<Condition>, Failed> {
        let replica = self.replica(shop, folder, listen)?;
        let standing = timeout(LOOK_LIMIT, replica.standing()).await;
        let standing = standing.map_err(|_| silent())?.map_err(unanswered)?;
        // Whoever lost its primary may say that it follows nobody.
        let may = match standing.state {
            State::Follows => Holds::Yes,
            State::Broken if is_dead => Holds::Yes,
            State::Silent => Holds::Unknown,
            _ => Holds::No,
        };
        let behind = standing.behind_ms.map(|ms| ("behind_ms", ms.into()));
        let said = [("state", Value::from(standing.state.code()))].into_iter().chain(behind);
        let mut all = vec![condition("replica_may_be_promoted", said, may)];
        if is_dead {
            let holds = if answers(&replica).await { Holds::No } else { Holds::Yes };
            all.push(condition("primary_is_dead", [], holds));
        }
        if replica.primary.kind == DatabaseKind::MySql {
            all.push(condition("fence_is_of_the_server", [], Holds::Yes));
        }
        if self.shop(shop)?.stream.is_some() {
            all.push(condition("stream_begins_anew", [], Holds::Yes));
        }
        Ok(all)
    }

    pub(super) async fn fence_primary(
        &self,
        (shop, folder, listen): (&ShopId, &str, SocketAddr),
        is_dead: bool,
        progress: &dyn Progress,
    ) -> Result<(), Failed> {
        let replica = self.follower((shop, folder, listen))?;
        if is_dead {
            return self.see_fence((shop, folder, listen), true).await;
        }
        let standing = timeout(LOOK_LIMIT, replica.standing()).await;
        let standing = standing.map_err(|_| silent())?.map_err(unanswered)?;
        if standing.state != State::Follows {
            return Err(not_following(&standing, &[]));
        }
        replica.fence().await.map_err(refused)?;
        progress.line(&format!("nobody writes on {} any more", replica.primary));
        replica.catch_up(CATCH_UP_WITHIN).await.map_err(refused)?;
        progress.line(&format!("the replica on {listen} has all of it"));
        Ok(())
    }

    pub(super) async fn see_fence(
        &self,
        (shop, folder, listen): (&ShopId, &str, SocketAddr),
        is_dead: bool,
    ) -> Result<(), Failed> {
        let replica = self.follower((shop, folder, listen))?;
        if is_dead {
            let answers = answers(&replica).await;
            let message =
                "the database answers: promote its replica without saying that it is dead";
            return if answers { Err(failed(message, "primary_answers")) } else { Ok(()) };
        }
        match timeout(LOOK_LIMIT, replica.is_fenced()).await.map_err(|_| silent())? {
            Ok(true) => Ok(()),
            Ok(false) => Err(failed("somebody can write on the database still", "not_fenced")),
            Err(error) => Err(unanswered(error)),
        }
    }

    /// Never while the replica takes writes.
    pub(super) async fn lift_fence(
        &self,
        (shop, folder, listen): (&ShopId, &str, SocketAddr),
    ) -> Result<(), Failed> {
        let replica = self.follower((shop, folder, listen))?;
        let standing = timeout(LOOK_LIMIT, replica.standing()).await;
        let standing = standing.map_err(|_| silent())?.map_err(unanswered)?;
        match standing.state {
            State::Promoted => {
                let message = "the replica was promoted: the database before it stays fenced";
                Err(failed(message, "replica_promoted"))
            }
            State::Silent => Err(not_following(&standing, &[])),
            _ => replica.lift().await.map_err(refused),
        }
    }

    pub(super) async fn see_lifted(
        &self,
        (shop, folder, listen): (&ShopId, &str, SocketAddr),
    ) -> Result<(), Failed> {
        let replica = self.follower((shop, folder, listen))?;
        match timeout(LOOK_LIMIT, replica.is_fenced()).await.map_err(|_| silent())? {
            Ok(false) => Ok(()),
            Ok(true) => Err(failed("nobody can write on the database yet", "still_fenced")),
            Err(error) => Err(unanswered(error)),
        }
    }

    /// Runs the shop's own command, which may be run twice.
    pub(super) async fn point_shop(
        &self,
        shop: &ShopId,
        address: &str,
        progress: &dyn Progress,
    ) -> Result<(), Failed> {
        let settings = self.shop(shop)?;
        let point = settings.replica.map(|replica| replica.point).unwrap_or_default();
        let Some((program, arguments)) = point.split_first() else {
            return Err(failed("no command points the shop at another database", "no_point"));
        };
        let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let spawn = Spawn::new(program)
            .args(arguments)
            .env("DATABASE_HOST", host)
            .env("DATABASE_PORT", port)
            .directory("/");
        progress.line(&format!("DATABASE_HOST={host} DATABASE_PORT={port} {}", point.join(" ")));
        let ran = spawn_blocking(move || run_to_end(spawn, POINT_WITHIN)).await;
        let error = match ran.map_err(|error| error.to_string()) {
            Ok(Ok(output)) => {
                for line in String::from_utf8_lossy(&output.stdout).lines() {
                    progress.line(line);
                }
                return Ok(());
            }
            Ok(Err(error)) => story(&error),
            Err(error) => error,
        };
        let message = format!("the shop was not pointed at {address}: {error}");
        Err(Failed::new(message).because("not_pointed", [("error", error.into())]))
    }

    pub(super) async fn promote(
        &self,
        (shop, folder, listen): (&ShopId, &str, SocketAddr),
        progress: &dyn Progress,
    ) -> Result<(), Failed> {
        let replica = self.replica(shop, folder, listen)?;
        replica.promote().await.map_err(refused)?;
        progress.line(&format!("the server on {listen} takes writes"));
        Ok(())
    }

    pub(super) async fn is_promoted(
        &self,
        (shop, folder, listen): (&ShopId, &str, SocketAddr),
    ) -> Result<bool, Failed> {
        let replica = self.replica(shop, folder, listen)?;
        let promoted = timeout(LOOK_LIMIT, replica.is_promoted()).await;
        promoted.map_err(|_| silent())?.map_err(unanswered)
    }

    /// What became of the fence: asked for again, it stays, and the replica catches up with what there is.
    pub(super) async fn fence_became(
        &self,
        place: (&ShopId, &str, SocketAddr),
        is_dead: bool,
    ) -> Result<Probe, Failed> {
        let (shop, folder, listen) = place;
        if is_dead {
            return Ok(Probe::NotDone);
        }
        let replica = self.follower((shop, folder, listen))?;
        let fenced = timeout(LOOK_LIMIT, replica.is_fenced()).await;
        let is_fenced = fenced.map_err(|_| silent())?.map_err(unanswered)?;
        Ok(if is_fenced { Probe::Partial } else { Probe::NotDone })
    }
}

/// Whether the primary says anything at all, be it a refusal.
async fn answers(replica: &Replica) -> bool {
    timeout(LOOK_LIMIT, replica.does_primary_answer()).await.unwrap_or(false)
}

fn condition(
    code: &str,
    params: impl IntoIterator<Item = (&'static str, Value)>,
    holds: Holds,
) -> Condition {
    let params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Condition { code: code.to_owned(), params, holds }
}

fn failed(message: &str, code: &'static str) -> Failed {
    Failed::new(message).because(code, [])
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn refused(error: DatabaseError) -> Failed {
    let error = story(&error);
    Failed::new(error.clone()).because("database_refused", [("error", error.into())])
}
