//! The edge as a process: a keeper's thread, a thread a worker, and their orderly end.

use crate::{
    access_log::AccessLog,
    body::Spill,
    checker::MAX_REPORTS,
    clock::unix_ms,
    descriptors,
    keeper::{Common, Keeper},
    link::{EdgeLink, SavedSnapshot},
    serving::Shared,
    tls::{self, Resolver},
    upstream::chain,
    worker::{Door, Worker},
};
use kernel::{config::Listen, facts::Facts, link::Applied, snapshot::Snapshot};
use std::{cell::RefCell, io, path::PathBuf, pin::pin, rc::Rc, sync::Arc, thread, time::Duration};
use tokio::{
    runtime::{LocalOptions, LocalRuntime},
    sync::{mpsc, oneshot, watch},
};

/// How often facts are made.
const FACTS_EVERY: Duration = Duration::from_secs(1);
/// How long the last facts may take to reach control.
const LAST_WORD: Duration = Duration::from_millis(100);
/// Most bytes that long request bodies may take on disk, all together.
const SPILL_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// A listening socket that the supervisor bound.
#[derive(Debug)]
pub struct BoundListener {
    pub listen: Listen,
    pub socket: std::net::TcpListener,
}

#[derive(Debug)]
pub struct EdgeOptions {
    /// At least one; never closed by anybody while the edge runs.
    pub listeners: Vec<BoundListener>,
    /// Worker threads; `None`: one a core.
    pub workers: Option<u32>,
    /// The state directory; the edge writes below its `edge` only. Made when missing.
    pub state: PathBuf,
    /// Control's socket; it need not be there yet.
    pub control_socket: PathBuf,
    /// Where the access log goes; `None`: nowhere.
    pub access_log: Option<PathBuf>,
    /// How long running requests may go on after the stop.
    pub drain: Duration,
}

/// Why the edge could not run. Requests never end it.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    #[error("prepare the edge's directory `{path}`")]
    State { path: PathBuf, source: io::Error },
    #[error("open the access log `{path}`")]
    AccessLog { path: PathBuf, source: io::Error },
    #[error("set up TLS")]
    Tls(#[source] rustls::Error),
    #[error("start a thread of the edge")]
    Thread(#[source] io::Error),
    #[error("listen on `{listen}`")]
    Listen { listen: Listen, source: io::Error },
    #[error("a thread of the edge panicked; this is a bug of ours")]
    Panicked,
}

/// Serves until `stop` becomes true, or its sender is gone, then lets running requests end.
///
/// Blocks. Begins to accept once there is a snapshot, the saved one or control's first, and calls
/// `ready` then; until that, connections wait in the sockets' backlog.
///
/// # Errors
/// When it cannot begin, or a thread of it panicked.
pub fn run(
    mut options: EdgeOptions,
    ready: impl FnOnce() + Send,
    stop: &watch::Receiver<bool>,
) -> Result<(), EdgeError> {
    let state_error = |source| EdgeError::State { path: options.state.clone(), source };
    std::fs::create_dir_all(&options.state).map_err(state_error)?;
    let log = match &options.access_log {
        Some(path) => {
            let error = |source| EdgeError::AccessLog { path: path.clone(), source };
            Some(Arc::new(AccessLog::open(path).map_err(error)?))
        }
        None => None,
    };
    let workers = options.workers.map_or_else(cores, |count| count.max(1) as usize);
    let room = descriptors::for_visitors(descriptors::raise());
    let common = Common {
        shared: Arc::new(Shared { room, ..Shared::default() }),
        spill: Spill::new(options.state.join("edge").join("spill"), SPILL_BYTES),
        log,
    };
    let resolver = Resolver::new();
    let tls = tls::server_config(resolver.clone()).map_err(EdgeError::Tls)?;
    let (served, first_snapshot) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let keeping = Keeping {
        state: options.state.clone(),
        control_socket: options.control_socket.clone(),
        common: common.clone(),
        workers,
        resolver,
        served,
        ended,
    };
    let keeper = spawn("edge-keeper", move || keeping.run())?;
    let began = wait_for_snapshot(first_snapshot, stop.clone())?;
    let listeners = std::mem::take(&mut options.listeners);
    let result = if began {
        serve(&options, listeners, workers, &common, &tls, ready, stop)
    } else {
        Ok(())
    };
    // The keeper goes last, so that control hears of the last requests too.
    if end.send(()).is_err() {
        tracing::error!("the keeper ended before its time");
    }
    keeper.join().map_err(|_| EdgeError::Panicked)??;
    result
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, EdgeError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(EdgeError::Thread)
}

fn runtime() -> Result<LocalRuntime, EdgeError> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().max_blocking_threads(8);
    builder.build_local(LocalOptions::default()).map_err(EdgeError::Thread)
}

/// `false` when the stop came first.
fn wait_for_snapshot(
    first: oneshot::Receiver<()>,
    mut stop: watch::Receiver<bool>,
) -> Result<bool, EdgeError> {
    runtime()?.block_on(async {
        tokio::select! {
            served = first => served.map(|()| true).map_err(|_| EdgeError::Panicked),
            // A closed channel means that whoever could stop us is gone: a stop.
            _ = stop.wait_for(|stop| *stop) => Ok(false),
        }
    })
}

fn serve(
    options: &EdgeOptions,
    listeners: Vec<BoundListener>,
    workers: usize,
    common: &Common,
    tls: &Arc<rustls::ServerConfig>,
    ready: impl FnOnce(),
    stop: &watch::Receiver<bool>,
) -> Result<(), EdgeError> {
    let mut threads = Vec::with_capacity(workers);
    for index in 0..workers {
        let doors = doors(&listeners, tls)?;
        let (common, stop, drain) = (common.clone(), stop.clone(), options.drain);
        threads.push(spawn(&format!("edge-worker-{index}"), move || {
            let first = common.shared.serving.load_full();
            let first = first.expect("invariant: workers start after the first snapshot");
            let worker = Worker::new(index, common, &first);
            let runtime = runtime()?;
            let served = runtime.block_on(worker.run(doors, stop, drain));
            served.map_err(EdgeError::Thread)
        })?);
    }
    // The workers have their own; with theirs, the last of this process closes when they stop.
    drop(listeners);
    ready();
    for thread in threads {
        thread.join().map_err(|_| EdgeError::Panicked)??;
    }
    Ok(())
}

/// A worker's own handles on the sockets that all share.
fn doors(
    listeners: &[BoundListener],
    tls: &Arc<rustls::ServerConfig>,
) -> Result<Vec<Door>, EdgeError> {
    let door = |bound: &BoundListener| {
        let listener = bound.socket.try_clone().and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let error = |source| EdgeError::Listen { listen: bound.listen, source };
        let listener = listener.map_err(error)?;
        Ok(Door { listener, tls: bound.listen.tls.then(|| tls.clone()) })
    };
    listeners.iter().map(door).collect()
}

/// What the keeper's thread needs.
struct Keeping {
    state: PathBuf,
    control_socket: PathBuf,
    common: Common,
    workers: usize,
    resolver: Arc<Resolver>,
    served: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Keeping {
    fn run(self) -> Result<(), EdgeError> {
        runtime()?.block_on(self.keep());
        Ok(())
    }

    async fn keep(self) {
        let edge_start = rand::random::<u64>();
        let started_at_ms = unix_ms();
        let (reports, mut heard) = mpsc::channel(MAX_REPORTS);
        let keeper =
            Keeper::new(edge_start, self.workers, self.common.clone(), self.resolver, reports);
        let applying = Rc::new(RefCell::new(Applying {
            keeper,
            saved: SavedSnapshot::new(&self.state),
            served: Some(self.served),
        }));
        let version = applying.borrow_mut().begin_with_saved();
        let (tell, told) = watch::channel(None);
        let link = EdgeLink::new(self.control_socket, edge_start, started_at_ms, version);
        let linked = applying.clone();
        let mut link = pin!(link.run(told, move |snapshot| linked.borrow_mut().apply(&snapshot)));
        let mut ended = self.ended;
        let mut tick = tokio::time::interval(FACTS_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                Some(report) = heard.recv() => applying.borrow().keeper.checker.hear(report),
                () = &mut link => break,
                _ = tick.tick() => {
                    applying.borrow_mut().saved.save_again();
                    tell.send_replace(Some(applying.borrow().facts()));
                }
                _ = &mut ended => break,
            }
        }
        // The last requests count too; control may be away, so this is not waited for long.
        tell.send_replace(Some(applying.borrow().facts()));
        drop(tokio::time::timeout(LAST_WORD, link).await);
    }
}

/// The keeper with what follows when a snapshot is in force.
struct Applying {
    keeper: Keeper,
    saved: SavedSnapshot,
    /// Taken with the first snapshot: the workers may begin.
    served: Option<oneshot::Sender<()>>,
}

impl Applying {
    /// Serves from the saved snapshot, when there is one; its version, else 0.
    fn begin_with_saved(&mut self) -> u64 {
        match self.saved.load() {
            Ok(Some(snapshot)) if self.apply(&snapshot).error.is_none() => snapshot.version,
            Ok(_) => 0,
            Err(error) => {
                tracing::error!(error = chain(&error), "waiting for control's first snapshot");
                0
            }
        }
    }

    fn apply(&mut self, snapshot: &Snapshot) -> Applied {
        let version = snapshot.version;
        if let Err(error) = self.keeper.apply(snapshot) {
            tracing::error!(version, %error, "snapshot refused");
            return Applied { version, error: Some(error.to_string()) };
        }
        tracing::info!(version, "snapshot applied");
        self.saved.save(snapshot);
        if let Some(served) = self.served.take()
            && served.send(()).is_err()
        {
            tracing::debug!("stopped before the first snapshot");
        }
        Applied { version, error: None }
    }

    fn facts(&self) -> Arc<Facts> {
        let mut facts = self.keeper.facts();
        facts.snapshot_error = self.saved.error().map(str::to_owned);
        Arc::new(facts)
    }
}
