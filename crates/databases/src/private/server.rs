//! The life of a private server process, whichever database it is: started, awaited, ended.

use super::folder::Folder;
use crate::DatabaseError;
use host::process::{Process, Signal, Spawn};
use std::{
    fs,
    io::{self, Read, Seek, SeekFrom},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// A server that is not ready by then never will be.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long an orderly end may take.
const END_WITHIN: Duration = Duration::from_secs(30);
/// How long a dropped server has before it is killed.
const DROP_WITHIN: Duration = Duration::from_secs(3);
const RETRY_EVERY: Duration = Duration::from_millis(20);
const TAIL_BYTES: u64 = 2_000;

#[derive(Debug)]
pub(crate) struct Server {
    what: &'static str,
    process: Process,
    log: PathBuf,
    /// Ends it in order.
    end: Signal,
    /// Ends it at once but cleanly, its children with it.
    quit: Signal,
}

impl Server {
    pub(crate) fn start(
        what: &'static str,
        spawn: Spawn,
        folder: &Folder,
        (end, quit): (Signal, Signal),
    ) -> Result<Self, DatabaseError> {
        let log = folder.path.join("server.log");
        // Servers complain about a working directory that they may not read.
        let spawn = as_user(spawn.directory("/").output_to(&log), folder);
        let process = spawn.start().map_err(|source| DatabaseError::Run { what, source })?;
        Ok(Self { what, process, log, end, quit })
    }

    /// Waits until `is_ready` says so.
    pub(crate) async fn until_ready(
        &mut self,
        is_ready: impl AsyncFnMut() -> bool,
    ) -> Result<(), DatabaseError> {
        self.until_ready_within(READY_WITHIN, is_ready).await
    }

    /// The same for one that has much to do before it is.
    pub(crate) async fn until_ready_within(
        &mut self,
        waited: Duration,
        mut is_ready: impl AsyncFnMut() -> bool,
    ) -> Result<(), DatabaseError> {
        let (what, begins) = (self.what, Instant::now());
        while !is_ready().await {
            if begins.elapsed() > waited {
                let log_tail = tail(&self.log);
                return Err(DatabaseError::NotReady { what, waited, log_tail });
            }
            match tokio::time::timeout(RETRY_EVERY, self.process.wait()).await {
                Err(_still_running) => {}
                Ok(Err(source)) => return Err(DatabaseError::Run { what, source }),
                Ok(Ok(status)) => {
                    return Err(DatabaseError::Ended { what, status, log_tail: tail(&self.log) });
                }
            }
        }
        Ok(())
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    pub(crate) async fn stop(mut self) -> Result<(), DatabaseError> {
        let (what, end) = (self.what, self.end);
        let stopped = self.process.stop_with(end, END_WITHIN).await;
        let status = stopped.map_err(|source| DatabaseError::Run { what, source })?;
        if !status.success() {
            return Err(DatabaseError::Ended { what, status, log_tail: tail(&self.log) });
        }
        Ok(())
    }
}

impl Drop for Server {
    /// A last resort for owners that were cut short; after [`Server::stop`] there is nothing to end.
    fn drop(&mut self) {
        self.process.end_now(self.quit, DROP_WITHIN);
    }
}

pub(crate) fn as_user(spawn: Spawn, folder: &Folder) -> Spawn {
    match folder.user {
        Some(user) => spawn.user(user),
        None => spawn,
    }
}

/// A port of the loopback that nobody listens on at this moment.
pub(crate) fn free_port(folder: &Folder) -> Result<u16, DatabaseError> {
    let free = || Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port());
    free().map_err(|source: io::Error| DatabaseError::Prepare { path: folder.path.clone(), source })
}

/// Identifiers go into statements as they are, so they are plain.
pub(crate) fn check_name(name: &str) -> Result<(), DatabaseError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(DatabaseError::Name(name.to_owned()));
    }
    Ok(())
}

/// The end of a log for a message; says so when it cannot be read.
fn tail(path: &Path) -> String {
    let read = || {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    read().unwrap_or_else(|error: io::Error| format!("(`{}`: {error})", path.display()))
}
