//! A worker: one thread, one runtime, the connections it accepted and the idle upstream connections
//! that go with them. Nothing here is shared with another worker but through [`Shared`].

use crate::{
    access_log::AccessLog,
    body::Spill,
    cache::Key,
    guard::{GuardHandle, Guarded, Reason, Watchdog},
    keeper::Common,
    path,
    request_id::RequestIds,
    serving::{Serving, Shared},
    upstream::{Upstreams, chain},
};
use arc_swap::ArcSwapOption;
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
};
use tokio_rustls::TlsAcceptor;

mod upgrade;

pub(crate) use upgrade::Upgrade;

/// A TLS handshake must be through within this time.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long accepting rests when the process has no descriptors left.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);
const SWEEP: Duration = Duration::from_secs(1);

/// What every request on this thread can use.
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) upstreams: Upstreams,
    pub(crate) watchdog: Rc<Watchdog>,
    pub(crate) ids: RefCell<RequestIds>,
    /// The cache key's buffer, used again for every request.
    pub(crate) key: RefCell<Key>,
    pub(crate) log: Option<Arc<AccessLog>>,
    pub(crate) spill: Arc<Spill>,
    pub(crate) draining: Cell<bool>,
    drain: Notify,
    open: Cell<usize>,
    closed: Notify,
    serving: RefCell<ServingCache>,
}

/// The snapshot in force as this thread saw it last: looked up again only when it changed.
type ServingCache = arc_swap::Cache<Arc<ArcSwapOption<Serving>>, Option<Arc<Serving>>>;

/// Where a worker accepts.
pub(crate) struct Door {
    pub(crate) listener: std::net::TcpListener,
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
}

/// One visitor's connection, as its requests see it.
pub(crate) struct Connection {
    pub(crate) worker: Rc<Worker>,
    pub(crate) peer: SocketAddr,
    /// `TLSv1.3` or so; `None` for plain connections.
    pub(crate) tls: Option<&'static str>,
    pub(crate) guard: GuardHandle,
    /// Left by the request path when the shop agreed to speak something else.
    pub(crate) upgrade: Cell<Option<Upgrade>>,
}

struct Counting(Arc<Shared>);

impl crate::guard::Refusals for Counting {
    fn refused(&self, reason: Reason) {
        self.0.refusals.count(reason.code());
    }
}

impl Worker {
    pub(crate) fn new(index: usize, common: Common, first: &Serving) -> Rc<Self> {
        let Common { shared, spill, log } = common;
        let refusals = Rc::new(Counting(shared.clone()));
        Rc::new(Self {
            index,
            upstreams: Upstreams::default(),
            watchdog: Watchdog::new(&first.limits, refusals),
            ids: RefCell::new(RequestIds::new()),
            key: RefCell::default(),
            log,
            spill,
            draining: Cell::new(false),
            drain: Notify::new(),
            open: Cell::new(0),
            closed: Notify::new(),
            serving: RefCell::new(arc_swap::Cache::new(shared.serving.clone())),
            shared,
        })
    }

    /// The snapshot in force.
    pub(crate) fn serving(&self) -> Arc<Serving> {
        let mut cache = self.serving.borrow_mut();
        let serving = cache.load().as_ref();
        serving.expect("invariant: workers start after the first snapshot").clone()
    }

    /// Accepts until `stop`, then lets what runs end within `drain`.
    pub(crate) async fn run(
        self: Rc<Self>,
        doors: Vec<Door>,
        mut stop: watch::Receiver<bool>,
        drain: Duration,
    ) -> std::io::Result<()> {
        let mut accepting = Vec::new();
        for door in doors {
            let listener = TcpListener::from_std(door.listener)?;
            let tls = door.tls.map(TlsAcceptor::from);
            accepting.push(tokio::task::spawn_local(self.clone().accept(listener, tls)));
        }
        let sweeping = tokio::task::spawn_local(self.clone().sweep());
        // A closed channel is a stop too: its owner is gone.
        while !*stop.borrow_and_update() && stop.changed().await.is_ok() {}
        for task in accepting {
            task.abort();
        }
        self.draining.set(true);
        self.watchdog.begin_drain();
        self.drain.notify_waiters();
        let all_closed = async {
            while self.open.get() > 0 {
                self.closed.notified().await;
            }
        };
        if tokio::time::timeout(drain, all_closed).await.is_err() {
            tracing::warn!(left = self.open.get(), "connections were cut at the end of the drain");
        }
        sweeping.abort();
        Ok(())
    }

    async fn sweep(self: Rc<Self>) {
        let started = Instant::now();
        let mut limits_of = 0;
        loop {
            tokio::time::sleep(SWEEP).await;
            let serving = self.serving();
            if limits_of != serving.version {
                limits_of = serving.version;
                self.watchdog.set_limits(&serving.limits);
            }
            self.watchdog.sweep(u32::try_from(started.elapsed().as_secs()).unwrap_or(u32::MAX));
            let idle = serving.sites.iter().map(|site| site.patience.idle).max();
            self.upstreams.sweep(idle.unwrap_or_default());
        }
    }

    async fn accept(self: Rc<Self>, listener: TcpListener, tls: Option<TlsAcceptor>) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.welcome(stream, peer, tls.as_ref()),
                Err(error) => {
                    // Of one connection, or of the whole process (EMFILE): neither ends accepting.
                    tracing::warn!(error = chain(&error), "accept a connection");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }

    fn welcome(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr, tls: Option<&TlsAcceptor>) {
        if !self.shared.connect(self.serving().limits.connections) {
            self.shared.refusals.count("too_many_connections");
            return;
        }
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = chain(&error), "visitor left before being served");
        }
        let place = Place::take(self.clone());
        match tls.cloned() {
            None => tokio::task::spawn_local(place.serve_plain(stream, peer)),
            Some(tls) => tokio::task::spawn_local(place.serve_tls(stream, peer, tls)),
        };
    }
}

/// One of the connections a worker has open; counted out when dropped.
struct Place(Rc<Worker>);

impl Place {
    fn take(worker: Rc<Worker>) -> Self {
        worker.open.set(worker.open.get() + 1);
        Self(worker)
    }

    async fn serve_plain(self, stream: TcpStream, peer: SocketAddr) {
        let guarded = Guarded::new(stream, &self.0.watchdog);
        let connection = self.connection(&guarded, peer, None);
        serve_http1(&connection, guarded).await;
    }

    async fn serve_tls(self, stream: TcpStream, peer: SocketAddr, tls: TlsAcceptor) {
        let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(error = chain(&error), %peer, "TLS handshake");
                self.0.shared.refusals.count("tls_handshake");
                return;
            }
            Err(_elapsed) => {
                self.0.shared.refusals.count("tls_handshake_timeout");
                return;
            }
        };
        let session = stream.get_ref().1;
        let version = match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        };
        if session.alpn_protocol() == Some(b"h2") {
            let guarded = Guarded::transparent(stream, &self.0.watchdog);
            let connection = self.connection(&guarded, peer, Some(version));
            serve_http2(&connection, guarded).await;
        } else {
            let guarded = Guarded::new(stream, &self.0.watchdog);
            let connection = self.connection(&guarded, peer, Some(version));
            serve_http1(&connection, guarded).await;
        }
    }

    fn connection<S>(
        &self,
        guarded: &Guarded<S>,
        peer: SocketAddr,
        tls: Option<&'static str>,
    ) -> Rc<Connection>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        Rc::new(Connection {
            worker: self.0.clone(),
            peer,
            tls,
            guard: guarded.handle(),
            upgrade: Cell::new(None),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.shared.disconnect();
        self.0.open.set(self.0.open.get() - 1);
        if self.0.open.get() == 0 {
            self.0.closed.notify_one();
        }
    }
}

async fn serve_http1<S>(connection: &Rc<Connection>, stream: Guarded<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let service = {
        let connection = connection.clone();
        service_fn(move |request: hyper::Request<Incoming>| {
            let connection = connection.clone();
            // Boxed, since only what can be moved gives its stream back after an upgrade.
            Box::pin(async move { Ok::<_, Infallible>(path::handle(connection, request).await) })
        })
    };
    let mut builder = http1::Builder::new();
    // The guard keeps the time of heads and of idle connections.
    builder.header_read_timeout(None);
    let most_headers = connection.worker.serving().limits.headers as usize;
    if most_headers > HYPER_HEADERS {
        builder.max_headers(most_headers);
    }
    let mut http = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = poll_fn(|context| http.poll_without_shutdown(context)).await {
        tracing::debug!(error = chain(&error), peer = %connection.peer, "visitor connection ended");
        return;
    }
    let parts = http.into_parts();
    let stream = parts.io.into_inner();
    match connection.upgrade.take() {
        Some(upgrade) => upgrade.run(stream, &parts.read_buf).await,
        None => close(stream).await,
    }
}

/// What hyper takes without a longer table, which it would allocate for every head.
const HYPER_HEADERS: usize = 100;

/// Says goodbye so that the last answer arrives before the connection's end does.
async fn close<S: AsyncWrite + Unpin>(stream: S) {
    let mut stream = pin!(stream);
    let shut = poll_fn(|context| stream.as_mut().poll_shutdown(context));
    if let Err(error) = shut.await {
        tracing::trace!(error = chain(&error), "close a visitor's connection");
    }
}

/// Spawns what HTTP/2 needs on this thread.
#[derive(Debug, Clone, Copy)]
struct LocalExecutor;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

async fn serve_http2<S>(connection: &Rc<Connection>, stream: Guarded<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let service = {
        let connection = connection.clone();
        service_fn(move |request: hyper::Request<Incoming>| {
            let connection = connection.clone();
            async move { Ok::<_, Infallible>(path::handle(connection, request).await) }
        })
    };
    let worker = &connection.worker;
    let limits = worker.serving().limits.clone();
    let mut builder = http2::Builder::new(LocalExecutor);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.head_bytes)
        .max_send_buf_size(256 * 1024)
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024);
    let mut http = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let drained = async {
        if !worker.draining.get() {
            worker.drain.notified().await;
        }
    };
    let ended = tokio::select! {
        biased;
        ended = http.as_mut() => ended,
        () = drained => {
            http.as_mut().graceful_shutdown();
            http.as_mut().await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = chain(&error), peer = %connection.peer, "visitor connection ended");
    }
}
