//! Connections to instances: kept idle by each worker for itself, tried for life before use, and
//! honest about whether a failed request can have reached the shop.
//!
//! Knows nothing of visitors, pools or retries.

use crate::{body::SpooledBody, instance::Instance};
use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, Parts, SendRequest},
};
use hyper_util::rt::TokioIo;
use std::{
    cell::RefCell,
    collections::HashMap,
    error::Error,
    fmt::Write as _,
    future::poll_fn,
    net::SocketAddr,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, sync::oneshot, task::JoinHandle, time::timeout};

mod stream;

pub(crate) use stream::SharedStream;

/// Most idle connections that one worker keeps to one instance.
const MAX_IDLE: usize = 256;
/// How long an idle connection may take to be ready: its task needs one turn.
const SETTLE: Duration = Duration::from_millis(50);

/// Idle connections of one worker, the last used first.
#[derive(Default)]
pub(crate) struct Upstreams {
    idle: RefCell<HashMap<SocketAddr, Vec<Idle>>>,
}

struct Idle {
    lane: Lane,
    since: Instant,
}

/// One connection to an instance.
pub(crate) struct Lane {
    address: SocketAddr,
    sender: SendRequest<SpooledBody>,
    stream: SharedStream,
    /// The raw connection, once hyper is done with it.
    parts: oneshot::Receiver<UpstreamParts>,
    driver: Driver,
}

/// The task that runs a connection; ended with its lane, whatever it is in the middle of: a request
/// that the shop does not read would else hold it for ever.
pub(crate) struct Driver(pub(crate) JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is left of an upstream connection after an upgrade: the stream and what was read ahead.
pub(crate) type UpstreamParts = Parts<TokioIo<SharedStream>>;

/// What the shop answered, and the connection to give back after its last byte.
pub(crate) struct Exchange {
    pub(crate) response: Response<Incoming>,
    /// How long it took to connect; `None` when an idle connection was used.
    pub(crate) connect: Option<Duration>,
    pub(crate) lane: Lane,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum SendError {
    /// Nothing of the request reached the instance.
    Connect(String),
    /// The request was (perhaps partly) sent; the shop may have acted on it.
    Broken(String),
    /// Sent, and no answer in time; likewise.
    TimedOut,
}

/// The times that bound an exchange.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    pub(crate) response: Duration,
    pub(crate) idle: Duration,
}

impl Upstreams {
    /// Sends `request` over an idle connection that still lives, or a new one. `careful`: the
    /// request must not be sent into a connection that the shop may just have closed, since it
    /// could not be sent again.
    ///
    /// # Errors
    /// See [`SendError`].
    pub(crate) async fn send(
        &self,
        instance: &Instance,
        mut request: Request<SpooledBody>,
        careful: bool,
        patience: Patience,
    ) -> Result<Exchange, SendError> {
        loop {
            let (mut lane, connect) = match self.take(instance.address, careful, patience.idle) {
                Some(lane) => (lane, None),
                None => {
                    let started = Instant::now();
                    (connect(instance, patience.connect).await?, Some(started.elapsed()))
                }
            };
            let fresh = connect.is_some();
            if let Err(why) = lane.settle(if fresh { patience.connect } else { SETTLE }).await {
                if fresh {
                    return Err(SendError::Connect(why.to_owned()));
                }
                continue;
            }
            let answer = lane.sender.try_send_request(request);
            match timeout(patience.response, answer).await {
                Ok(Ok(response)) => return Ok(Exchange { response, connect, lane }),
                Ok(Err(mut error)) => match error.take_message() {
                    // Not a byte of it was written: the connection had been closed meanwhile.
                    Some(_) if fresh => {
                        return Err(SendError::Connect(chain(error.error())));
                    }
                    Some(unsent) => request = unsent,
                    None => return Err(SendError::Broken(chain(error.error()))),
                },
                Err(_elapsed) => return Err(SendError::TimedOut),
            }
        }
    }

    fn take(&self, address: SocketAddr, careful: bool, idle: Duration) -> Option<Lane> {
        let mut all = self.idle.borrow_mut();
        let lanes = all.get_mut(&address)?;
        while let Some(Idle { lane, since }) = lanes.pop() {
            let usable = !lane.sender.is_closed() && (!careful || lane.stream.is_quiet());
            if usable && since.elapsed() < idle {
                return Some(lane);
            }
        }
        None
    }

    /// Keeps a connection whose answer went by to its last byte.
    pub(crate) fn give_back(&self, lane: Lane) {
        if lane.sender.is_closed() {
            return;
        }
        let mut all = self.idle.borrow_mut();
        let lanes = all.entry(lane.address).or_default();
        if lanes.len() < MAX_IDLE {
            lanes.push(Idle { lane, since: Instant::now() });
        }
    }

    /// Closes what has been idle for longer than `idle`.
    pub(crate) fn sweep(&self, idle: Duration) {
        self.idle.borrow_mut().retain(|_, lanes| {
            lanes.retain(|idler| idler.since.elapsed() < idle && !idler.lane.sender.is_closed());
            !lanes.is_empty()
        });
    }
}

impl Lane {
    /// Waits until the connection takes a request. It does at once, unless it was closed or the shop
    /// answered the request before without having read it, and still does not.
    async fn settle(&mut self, patience: Duration) -> Result<(), &'static str> {
        if self.sender.is_ready() {
            return Ok(());
        }
        match timeout(patience, self.sender.ready()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_closed)) => Err("closed right after it was opened"),
            Err(_elapsed) => Err("takes no request"),
        }
    }

    /// The raw connection after the shop answered 101; `None` when it broke off first.
    pub(crate) async fn upgraded(self) -> Option<UpstreamParts> {
        let Self { sender, parts, driver: _driver, .. } = self;
        drop(sender);
        parts.await.ok()
    }
}

async fn connect(instance: &Instance, patience: Duration) -> Result<Lane, SendError> {
    let started = Instant::now();
    let stream = match timeout(patience, TcpStream::connect(instance.address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(SendError::Connect(error.to_string())),
        Err(_elapsed) => {
            return Err(SendError::Connect(format!("no connection within {patience:?}")));
        }
    };
    if let Err(error) = stream.set_nodelay(true) {
        return Err(SendError::Connect(chain(&error)));
    }
    instance.connects.fetch_add(1, Relaxed);
    instance.connect.record(started.elapsed().as_micros().try_into().unwrap_or(u64::MAX));
    let stream = SharedStream::new(stream);
    let io = TokioIo::new(stream.clone());
    let handshake = http1::Builder::new().handshake(io).await;
    let (sender, connection) = handshake.map_err(|error| SendError::Connect(chain(&error)))?;
    let (rest, parts) = oneshot::channel();
    let driver = Driver(tokio::task::spawn_local(drive(connection, rest)));
    Ok(Lane { address: instance.address, sender, stream, parts, driver })
}

/// Runs a connection to its end. An error reaches whoever waits for an answer on it.
async fn drive(
    mut connection: http1::Connection<TokioIo<SharedStream>, SpooledBody>,
    rest: oneshot::Sender<UpstreamParts>,
) {
    match poll_fn(|context| connection.poll_without_shutdown(context)).await {
        // Nobody wants the rest unless the shop agreed to an upgrade: then it is closed here.
        Ok(()) => drop(rest.send(connection.into_parts())),
        Err(error) => tracing::debug!(error = chain(&error), "upstream connection ended"),
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, ": {error}").expect("invariant: a string takes text");
        cause = error.source();
    }
    text
}
