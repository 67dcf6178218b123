//! How nginx gets its addresses back from the edge: it listens beside the edge, takes everybody who
//! comes from then on, and the edge lets go of sockets in which nobody is left. Where that cannot be,
//! the edge lets go first, and nobody listens while nginx reads its files.

use super::{
    EDGE_WITHIN, NGINX_WITHIN, WebServers, blocking,
    doors::{Doors, lead_to_all},
    nginx::{Nginx, await_closed},
    nudge, put, told,
};
use crate::ports::{self, Ports};
use host::sharing::all_listening_on;
use kernel::plan::{Failed, FileChange, Progress};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// How often nginx is told to listen where it did.
const TRIES: usize = 3;

/// What is to be there again.
#[derive(Debug, Clone)]
pub(super) struct Return {
    pub(super) main: PathBuf,
    pub(super) at: Vec<SocketAddr>,
    /// nginx's files as they are to be.
    pub(super) files: Vec<FileChange>,
    /// By which it listens beside the edge; none where it cannot.
    pub(super) shared: Vec<FileChange>,
}

/// nginx with its files, and what of ours is to close.
struct Ready {
    nginx: Nginx,
    /// Where nginx has everybody who comes already.
    doors: Option<Doors>,
    ours: Vec<(SocketAddr, u64)>,
}

impl WebServers {
    pub(super) async fn give_back(
        &self,
        back: &Return,
        yielded: Ports,
        progress: &dyn Progress,
    ) -> Result<(), Failed> {
        let doors = self.open_beside(back, progress).await;
        let ready = {
            let back = back.clone();
            blocking(move || back.ready(doors)).await?
        };
        let (is_beside, ours, nginx) = (ready.doors.is_some(), ready.ours, ready.nginx);
        self.want(&yielded).await?;
        progress.line("the edge lets go");
        let listens = {
            let (back, doors) = (back.clone(), ready.doors);
            blocking(move || {
                // Our copies of them would keep them open.
                drop(doors);
                await_closed(&ours, EDGE_WITHIN)?;
                back.await_listening(&nginx, is_beside)
            })
            .await
        };
        if let Err(failed) = listens {
            progress.line("the web server does not listen: the edge does again");
            let (back, state) = (back.clone(), self.state.clone());
            blocking(move || back.stay_in_front(&state)).await?;
            return Err(failed);
        }
        progress.line("the web server listens again");
        Ok(())
    }

    /// Has nginx listen beside the edge and take everybody who comes. `None` where that cannot be.
    async fn open_beside(&self, back: &Return, progress: &dyn Progress) -> Option<Doors> {
        if back.shared.is_empty() {
            return None;
        }
        let sharing = back.clone();
        match blocking(move || sharing.open_beside()).await {
            Ok(doors) if doors.is_empty() => None,
            Ok(doors) => {
                progress.line("the web server listens beside the edge, and whoever comes is its");
                Some(doors)
            }
            Err(failed) => {
                progress.line(&format!("{}; for a moment nobody will listen", failed.message));
                None
            }
        }
    }
}

impl Return {
    fn open_beside(&self) -> Result<Doors, Failed> {
        let nginx = Nginx::find(&self.main)?;
        let doors = Doors::open(&nginx, &self.at)?;
        if doors.is_empty() {
            return Ok(doors);
        }
        put(&nginx, &self.shared, &self.files)?;
        nginx.reload()?;
        nginx.await_listening(&self.at, true, NGINX_WITHIN)?;
        doors.lead_past(&nginx)?;
        Ok(doors)
    }

    /// The files first, so that nothing is left to do but to read them when the edge has let go. An
    /// nginx that listens already reads them at once.
    fn ready(&self, doors: Option<Doors>) -> Result<Ready, Failed> {
        let nginx = Nginx::find(&self.main)?;
        put(&nginx, &self.files, &self.shared)?;
        let ours = match &doors {
            Some(doors) => {
                nginx.reload()?;
                if !doors.await_one_each(&nginx, NGINX_WITHIN) {
                    tracing::info!("nginx keeps several sockets of an address");
                }
                doors.inodes()
            }
            None => self.anothers(&nginx)?,
        };
        Ok(Ready { nginx, doors, ours })
    }

    /// What of the addresses is not nginx's. Looked up early: from when the edge lets go until nginx
    /// listens, nobody does.
    fn anothers(&self, nginx: &Nginx) -> Result<Vec<(SocketAddr, u64)>, Failed> {
        let mut anothers = Vec::new();
        for at in &self.at {
            let theirs = nginx.sockets_at(*at);
            let all = all_listening_on(*at).map_err(|error| Failed::for_now(error.to_string()))?;
            let is_anothers = |inode: &u64| !theirs.contains(inode);
            anothers.extend(all.into_iter().filter(is_anothers).map(|inode| (*at, inode)));
        }
        Ok(anothers)
    }

    fn await_listening(&self, nginx: &Nginx, is_beside: bool) -> Result<(), Failed> {
        let mut last = Ok(());
        for attempt in 0..TRIES {
            if attempt > 0 || !is_beside {
                nginx.reload()?;
            }
            last = nginx.await_listening(&self.at, true, NGINX_WITHIN);
            if last.is_ok() {
                lead_to_all(nginx, &self.at)?;
                break;
            }
        }
        last
    }

    /// Has nginx let go of whatever it got, and the edge listen where the configuration says.
    pub(super) fn stay_in_front(&self, state: &Path) -> Result<(), Failed> {
        if let Ok(nginx) = Nginx::find(&self.main) {
            let behind: Vec<FileChange> = self.files.iter().map(FileChange::back).collect();
            put(&nginx, &behind, &self.shared)?;
            nginx.reload()?;
            // An nginx that does not even do that has none of them: the edge must have its chance.
            nginx.await_listening(&self.at, false, NGINX_WITHIN).ok();
        }
        ports::forget(state).and_then(|()| nudge(state)).map(drop).map_err(|error| told(&error))
    }
}
