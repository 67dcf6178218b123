//! Media of a backup that go into their bucket again: which buckets those are, and the plan.

use super::{BackedUp, Backups, plans, refused, unexpected, worker};
use crate::{
    backup_worker::{CountedObjects, Done, Objects, ObjectsDeed, To, Trouble, Work},
    control::changes::refuse,
};
use api::{Refusal, Restore};
use kernel::{
    Params, ShopId, Value,
    config::{S3Settings, ShopSettings},
    plan::{Act, Condition, Holds, Plan, Step, Undo},
};
use std::{path::Path, time::Duration};
use tokio::time::timeout;

const SCHEME: &str = "s3://";
/// Where buckets lie in a backup.
const BUCKETS: &str = "/buckets";
/// A bucket of many objects far away.
const RESTORE_MS: u64 = 24 * 60 * 60 * 1000;
/// Somebody waits while objects are counted.
const COUNT: Duration = Duration::from_secs(15);
const TOO_MANY: &str = "objects_too_many";

/// Whether a restore goes into a bucket.
pub(in crate::control) fn is_wanted(wanted: &Restore) -> bool {
    !wanted.whole && wanted.target.starts_with(SCHEME)
}

impl Backups {
    /// Puts what lies at a path of a backup into a bucket of the shop's media.
    ///
    /// # Errors
    /// When it did not come from a bucket, or goes into none that the configuration names.
    pub(in crate::control) async fn restore_objects(
        &self,
        shop: &ShopId,
        wanted: &Restore,
        now_ms: i64,
    ) -> Result<Plan, Refusal> {
        let of = self.backed_up(shop).map_err(|trouble| refused(*trouble))?;
        let target = target(&of.shop, &wanted.target)?;
        comes_from_a_bucket(&of.shop, &wanted.path)?;
        let places = plans::place_of(&of.shop, &of.settings, wanted.from.as_deref())?;
        let (at, snapshot, at_ms) = plans::named(self, &of.shop, &places, None, &wanted.snapshot)?;
        let (to, mark) = (shown(&target), format!("{shop}-{now_ms}"));
        let params = Params::from([
            ("snapshot".to_owned(), snapshot.as_str().into()),
            ("at_ms".to_owned(), at_ms.into()),
            ("path".to_owned(), wanted.path.as_str().into()),
            ("target".to_owned(), to.as_str().into()),
        ]);
        // What is new can always go again.
        let comes_back = !wanted.overwrite
            || self.keeps_versions(&of, &target).await.map_err(|trouble| refused(*trouble))?
                == Some(true);
        let take_back = Act::TakeObjectsBack {
            shop: shop.clone(),
            at: at.clone(),
            snapshot: snapshot.clone(),
            path: wanted.path.clone(),
            target: to.clone(),
            mark: mark.clone(),
        };
        let step = Step {
            act: Act::RestoreObjects {
                shop: shop.clone(),
                at,
                snapshot,
                path: wanted.path.clone(),
                target: to,
                mark,
                overwrite: wanted.overwrite,
            },
            undo: match comes_back {
                true => Undo::By(take_back),
                false => Undo::Impossible { reason: "objects_written_over".to_owned() },
            },
            timeout_ms: RESTORE_MS,
        };
        Ok(plans::plan(plans::RESTORE, &of.shop, params, vec![step], now_ms))
    }

    async fn keeps_versions(
        &self,
        of: &BackedUp,
        target: &S3Settings,
    ) -> Result<Option<bool>, Box<Trouble>> {
        let wanted = Objects {
            snapshot: String::new(),
            path: "/".into(),
            to: To::bucket(target, None),
            deed: ObjectsDeed::SeeVersions,
        };
        let place = of.settings.to[0].to_string();
        let job = self.job(of, &place, Work::Objects(wanted)).await?;
        match in_time(self.work(job, &worker::unheard)).await? {
            Done::ObjectsVersions { keeps } => Ok(keeps),
            other => Err(unexpected(&other)),
        }
    }

    /// What must hold, and what would be put: as far as that is seen within seconds.
    pub(super) async fn may_put_objects(&self, of: &BackedUp, act: &Act) -> Vec<Condition> {
        let Act::RestoreObjects { at, target, overwrite, .. } = act else { return Vec::new() };
        let of_target = || Params::from([("target".to_owned(), target.as_str().into())]);
        let condition = |code: &str, params: Params, holds| Condition {
            code: code.to_owned(),
            params: of_target().into_iter().chain(params).collect(),
            holds,
        };
        let counted = async {
            let job = self.job(of, at, work(of, act, Some(ObjectsDeed::Count))?).await?;
            in_time(self.work(job, &worker::unheard)).await
        };
        let counted = match counted.await {
            Ok(Done::ObjectsCounted(counted)) => counted,
            Ok(other) => {
                return vec![condition("bucket_opens", said(&unexpected(&other)), Holds::No)];
            }
            Err(trouble) if trouble.code == TOO_MANY => {
                return vec![condition("objects_not_counted", Params::new(), Holds::Yes)];
            }
            Err(trouble) => {
                let holds = if trouble.may_pass { Holds::Unknown } else { Holds::No };
                return vec![condition("bucket_opens", said(&trouble), holds)];
            }
        };
        let CountedObjects { new, bytes, same, differ, unsure, keeps_versions } = counted;
        let number = |name: &str, figure: u64| (name.to_owned(), Value::from(figure));
        let figures = Params::from([
            number("added", new),
            number("bytes", bytes),
            number("same", same),
            number("changed", differ),
            number("unsure", unsure),
        ]);
        let mut conditions = vec![
            condition("bucket_opens", Params::new(), Holds::Yes),
            condition("objects_counted", figures, Holds::Yes),
        ];
        if differ + unsure > 0 || *overwrite {
            let code = match (overwrite, keeps_versions) {
                (false, _) => "objects_stay",
                (true, Some(true)) => "bucket_keeps_versions",
                (true, Some(false)) => "bucket_keeps_no_versions",
                (true, None) => "bucket_versions_unknown",
            };
            conditions.push(condition(code, Params::new(), Holds::Yes));
        }
        conditions
    }
}

/// What a worker is told of such an act; `deed` where it is not that of the act itself.
pub(super) fn work(
    of: &BackedUp,
    act: &Act,
    deed: Option<ObjectsDeed>,
) -> Result<Work, Box<Trouble>> {
    let (snapshot, path, to, own) = match act {
        Act::RestoreObjects { snapshot, path, target, mark, overwrite, .. } => {
            let (mark, overwrite) = (mark.clone(), *overwrite);
            (snapshot, path, target, ObjectsDeed::Put { mark, overwrite })
        }
        Act::TakeObjectsBack { snapshot, path, target, mark, .. } => {
            (snapshot, path, target, ObjectsDeed::TakeBack { mark: mark.clone() })
        }
        other => return Err(super::performer::not_ours(other)),
    };
    // It may have been taken out of the configuration since.
    let settings = found(&of.shop, to).ok_or_else(|| {
        let Refusal { message, reason, .. } = not_named(&of.shop, to);
        let reason = reason.expect("invariant: it was just given one");
        Box::new(Trouble { code: reason.code, params: reason.params, message, may_pass: false })
    })?;
    Ok(Work::Objects(Objects {
        snapshot: snapshot.clone(),
        path: path.into(),
        to: To::bucket(&settings, None),
        deed: deed.unwrap_or(own),
    }))
}

async fn in_time(
    work: impl Future<Output = Result<Done, Box<Trouble>>>,
) -> Result<Done, Box<Trouble>> {
    timeout(COUNT, work).await.unwrap_or_else(|_| {
        let message = "the bucket is not looked through in time";
        Err(Box::new(Trouble::new(TOO_MANY, [("error", message.into())], message).for_now()))
    })
}

fn said(trouble: &Trouble) -> Params {
    Params::from([("error".to_owned(), trouble.message.as_str().into())])
}

/// As the configuration writes it.
fn shown(target: &S3Settings) -> String {
    let slash = if target.prefix.is_empty() { "" } else { "/" };
    format!("{SCHEME}{}{slash}{}", target.bucket, target.prefix)
}

/// The bucket of the shop's media that a target lies in, with the target's own prefix.
fn target(shop: &ShopSettings, target: &str) -> Result<S3Settings, Refusal> {
    let is_whole = |part: &str| !matches!(part, "" | "." | "..");
    let place = target.strip_prefix(SCHEME).unwrap_or_default().trim_end_matches('/');
    if !place.split('/').all(is_whole) {
        let said = [("field", "target".into()), ("text", target.into())];
        let message = format!("`target` is \"{target}\", which is no bucket and prefix");
        return Err(refuse(message).because("path_not_whole", said));
    }
    found(shop, target).ok_or_else(|| not_named(shop, target))
}

fn found(shop: &ShopSettings, target: &str) -> Option<S3Settings> {
    let place = target.strip_prefix(SCHEME)?.trim_end_matches('/');
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let known = shop
        .media_buckets
        .iter()
        .find(|known| known.bucket == bucket && Path::new(prefix).starts_with(&known.prefix))?;
    Some(S3Settings { prefix: prefix.to_owned(), ..known.clone() })
}

fn not_named(shop: &ShopSettings, target: &str) -> Refusal {
    let known: Vec<String> = shop.media_buckets.iter().map(shown).collect();
    let place = target.trim_end_matches('/');
    let message = format!(
        "the configuration names no media of {} in {place}: write `media = [{{ s3 = \"{place}\", key_id = …, \
         secret = … }}]` into `[shop.{}]`, with keys that may put; it names: {}",
        shop.id,
        shop.id,
        if known.is_empty() { "none".to_owned() } else { known.join(", ") }
    );
    let said = [
        ("shop", shop.id.as_str().into()),
        ("target", place.into()),
        ("known", known.join(", ").into()),
    ];
    refuse(message).because("bucket_not_named", said)
}

/// Dumps and our own records have no business in a bucket that visitors may be served from.
fn comes_from_a_bucket(shop: &ShopSettings, path: &str) -> Result<(), Refusal> {
    let at = Path::new(path);
    let is_plain = path.split('/').all(|part| part != "..");
    if !is_plain || !at.starts_with(BUCKETS) || at == Path::new(BUCKETS) {
        let message =
            format!("{path} of a backup goes into no bucket: only what lies below {BUCKETS} does");
        return Err(refuse(message).because("path_of_no_bucket", [("path", path.into())]));
    }
    let places = shop
        .media_buckets
        .iter()
        .map(|known| Path::new(BUCKETS).join(&known.bucket).join(&known.prefix));
    let mut above = places.filter(|place| place != at && place.starts_with(at));
    match above.next() {
        None => Ok(()),
        Some(place) => {
            let place = place.display().to_string();
            let place = place.trim_end_matches('/');
            let message = format!("{path} is above the bucket: its objects are below {place}");
            let said = [("path", path.into()), ("place", place.into())];
            Err(refuse(message).because("path_above_bucket", said))
        }
    }
}
