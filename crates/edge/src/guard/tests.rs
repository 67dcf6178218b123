//! A guarded connection with hyper behind it and a visitor of ours before it.

use super::*;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1};
use hyper::{body::Body, service::service_fn};
use hyper_util::rt::TokioIo;
use kernel::snapshot::Limits;
use std::{cell::RefCell, convert::Infallible};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::{JoinHandle, LocalSet, spawn_local},
};

const GOOD: &[u8] = b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n";
const BAD: &[u8] = b"GET /bad HTTP/1.1\r\nHost: a\nX: y\r\n\r\n";

#[derive(Default)]
struct Counted(RefCell<Vec<Reason>>);

impl Refusals for Counted {
    fn refused(&self, reason: Reason) {
        self.0.borrow_mut().push(reason);
    }
}

/// One connection and everything around it.
struct Stage {
    visitor: DuplexStream,
    watchdog: Rc<Watchdog>,
    counted: Rc<Counted>,
    /// Targets whose request was whole.
    seen: Rc<RefCell<Vec<String>>>,
    connection: JoinHandle<hyper::Result<()>>,
}

impl Stage {
    fn open() -> Self {
        Self::with_pipe(64 * 1024)
    }

    fn with_pipe(bytes: usize) -> Self {
        let (visitor, stream) = tokio::io::duplex(bytes);
        let (counted, seen) = (Rc::<Counted>::default(), Rc::<RefCell<Vec<_>>>::default());
        let watchdog = Watchdog::new(&Limits::default(), counted.clone());
        let guarded = Guarded::new(stream, &watchdog);
        let (handle, told) = (guarded.handle(), seen.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (handle, told) = (handle.clone(), told.clone());
            Box::pin(async move { Ok::<_, Infallible>(answer(request, handle, told).await) })
        });
        let connection = spawn_local(async move {
            let builder = http1::Builder::new();
            let mut http = builder.serve_connection(TokioIo::new(guarded), service);
            std::future::poll_fn(|cx| http.poll_without_shutdown(cx)).await?;
            let parts = http.into_parts();
            let mut stream = parts.io.into_inner();
            if stream.registration.watch.is_upgraded() {
                echo(&mut stream, parts.read_buf.to_vec()).await;
            }
            // The visitor may be gone.
            let _closed = stream.shutdown().await;
            Ok(())
        });
        Self { visitor, watchdog, counted, seen, connection }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.visitor.write_all(bytes).await.unwrap();
        settle().await;
    }

    /// All that comes until the connection is closed.
    async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        self.visitor.read_to_end(&mut rest).await.unwrap();
        String::from_utf8(rest).unwrap()
    }

    fn counted(&self) -> Vec<Reason> {
        self.counted.0.borrow().clone()
    }
}

/// A response body that is done with its exchange when hyper is done with it.
struct Answered {
    body: Full<Bytes>,
    _exchange: Exchange,
}

impl Body for Answered {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

async fn answer(
    request: Request<Incoming>,
    handle: GuardHandle,
    seen: Rc<RefCell<Vec<String>>>,
) -> Response<Answered> {
    let exchange = handle.exchange();
    let target = request.uri().to_string();
    let mut response = Response::new(());
    let mut text = target.clone();
    if target == "/upgrade" {
        handle.upgraded();
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert("upgrade", "echo".parse().unwrap());
        text.clear();
    } else {
        match request.into_body().collect().await {
            Ok(_) => seen.borrow_mut().push(target.clone()),
            Err(error) => {
                let reason = BodyFault::of(&error).expect("the guard's own fault");
                *response.status_mut() = reason.status();
                text = reason.code().to_owned();
            }
        }
    }
    if target == "/large" {
        text = "x".repeat(1024 * 1024);
    }
    response.map(|()| Answered { body: Full::new(text.into()), _exchange: exchange })
}

async fn echo(stream: &mut Guarded<DuplexStream>, mut bytes: Vec<u8>) {
    while !bytes.ends_with(b"bye") {
        stream.read_buf(&mut bytes).await.unwrap();
    }
    stream.write_all(&bytes).await.unwrap();
}

/// Lets everything run that can.
async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// Runs a test on a thread's own task set, as workers do.
fn on_stage(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

fn statuses(text: &str) -> Vec<&str> {
    text.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}

#[test]
fn good_requests_pass_however_they_are_cut() {
    on_stage(async {
        for size in [1, 2, 7, 1000] {
            let mut stage = Stage::open();
            let chunked = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                            5\r\nhello\r\n0\r\nX: y\r\n\r\n";
            let last = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            for piece in [GOOD, chunked, GOOD, last].concat().chunks(size) {
                stage.send(piece).await;
            }
            let text = stage.rest().await;
            assert_eq!(statuses(&text), ["200"; 4], "in pieces of {size}");
            assert_eq!(*stage.seen.borrow(), ["/good", "/c", "/good", "/last"]);
            stage.connection.await.unwrap().unwrap();
        }
    });
}

#[test]
fn a_bad_head_is_answered_once_and_never_reaches_hyper() {
    on_stage(async {
        for size in [1, 1000] {
            let mut stage = Stage::open();
            for piece in BAD.chunks(size) {
                stage.send(piece).await;
            }
            stage.visitor.shutdown().await.unwrap();
            let text = stage.rest().await;
            assert_eq!(statuses(&text), ["400"], "{text}");
            assert!(text.contains("connection: close\r\n"), "{text}");
            assert_eq!(stage.counted(), [Reason::BareLineFeed]);
            assert!(stage.seen.borrow().is_empty());
            stage.connection.await.unwrap().unwrap();
        }
    });
}

#[test]
fn a_bad_head_waits_for_the_answers_before_it() {
    on_stage(async {
        // Both in one piece, and a pipe too small for the first answer.
        let mut stage = Stage::with_pipe(4096);
        let large = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
        stage.send(&[large, GOOD, BAD].concat()).await;
        let mut first = vec![0; 512 * 1024];
        stage.visitor.read_exact(&mut first).await.unwrap();
        let text = String::from_utf8(first).unwrap() + &stage.rest_after_shutdown().await;
        assert_eq!(statuses(&text), ["200", "200", "400"]);
        assert_eq!(*stage.seen.borrow(), ["/large", "/good"]);
    });
}

impl Stage {
    async fn rest_after_shutdown(&mut self) -> String {
        self.visitor.shutdown().await.unwrap();
        self.rest().await
    }
}

#[test]
fn a_bad_chunk_is_the_services_to_answer() {
    on_stage(async {
        let mut stage = Stage::open();
        let head = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        stage.send(&[head, &b"5\r\nhelloX"[..]].concat()).await;
        let text = stage.rest_after_shutdown().await;
        assert_eq!(statuses(&text), ["400"], "{text}");
        assert!(text.ends_with("chunk_end"), "{text}");
        assert!(stage.seen.borrow().is_empty());
    });
}

#[test]
fn a_slow_head_is_answered_408_and_an_idle_connection_closed() {
    on_stage(async {
        let mut stage = Stage::open();
        stage.send(&GOOD[..10]).await;
        stage.watchdog.sweep(14);
        settle().await;
        stage.send(&GOOD[10..12]).await;
        assert!(stage.counted().is_empty(), "not before its time");
        stage.watchdog.sweep(15);
        settle().await;
        let text = stage.rest_after_shutdown().await;
        assert_eq!(statuses(&text), ["408"], "{text}");
        assert_eq!(stage.counted(), [Reason::HeadTimeout]);

        let mut silent = Stage::open();
        settle().await;
        silent.watchdog.sweep(15);
        assert_eq!(silent.rest().await, "");

        let mut idle = Stage::open();
        idle.watchdog.sweep(1);
        idle.send(GOOD).await;
        idle.watchdog.sweep(75);
        settle().await;
        idle.send(GOOD).await;
        idle.watchdog.sweep(149);
        settle().await;
        assert!(!idle.connection.is_finished(), "the second request began its time anew");
        idle.watchdog.sweep(150);
        assert_eq!(statuses(&idle.rest().await), ["200"; 2]);
        assert_eq!(idle.watchdog.connections(), 0);
    });
}

#[test]
fn a_stalled_body_is_the_services_to_answer() {
    on_stage(async {
        let mut stage = Stage::open();
        stage.send(b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").await;
        stage.watchdog.sweep(20);
        stage.send(b"1234").await;
        stage.watchdog.sweep(49);
        settle().await;
        assert!(stage.counted().is_empty(), "it went on meanwhile");
        stage.watchdog.sweep(50);
        settle().await;
        let text = stage.rest_after_shutdown().await;
        assert_eq!(statuses(&text), ["408"], "{text}");
        assert!(text.ends_with("body_timeout"), "{text}");
    });
}

#[test]
fn a_visitor_who_does_not_read_is_cut_off() {
    on_stage(async {
        let mut stage = Stage::with_pipe(4096);
        stage.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
        stage.watchdog.sweep(29);
        settle().await;
        let mut some = [0; 4096];
        stage.visitor.read_exact(&mut some).await.unwrap();
        settle().await;
        stage.watchdog.sweep(58);
        settle().await;
        assert!(!stage.connection.is_finished(), "some was taken");
        stage.watchdog.sweep(59);
        stage.connection.await.unwrap().unwrap_err();
    });
}

#[test]
fn after_an_upgrade_bytes_pass_unseen() {
    on_stage(async {
        let mut stage = Stage::open();
        let upgrade =
            b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
        stage.send(&[&upgrade[..], b"\n\0no\nhttp"].concat()).await;
        stage.send(b" bye").await;
        let text = stage.rest().await;
        assert_eq!(statuses(&text), ["101"], "{text}");
        assert!(text.ends_with("\r\n\r\n\n\0no\nhttp bye"), "{text:?}");
        assert!(stage.counted().is_empty());
    });
}

#[test]
fn after_a_refused_upgrade_http_goes_on_under_guard() {
    on_stage(async {
        let mut stage = Stage::open();
        let asks = b"GET /no HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n";
        stage.send(&[asks, GOOD, BAD].concat()).await;
        let text = stage.rest_after_shutdown().await;
        assert_eq!(statuses(&text), ["200", "200", "400"]);
        assert_eq!(*stage.seen.borrow(), ["/no", "/good"]);
    });
}

#[test]
fn a_drain_closes_the_idle_at_once_and_the_busy_when_answered() {
    on_stage(async {
        let mut idle = Stage::open();
        idle.send(GOOD).await;
        idle.watchdog.begin_drain();
        assert_eq!(statuses(&idle.rest().await), ["200"]);

        let mut busy = Stage::open();
        let (head, body) = (b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", b"ok");
        busy.send(head).await;
        busy.watchdog.begin_drain();
        busy.send(body).await;
        assert_eq!(statuses(&busy.rest().await), ["200"]);
        assert_eq!(*busy.seen.borrow(), ["/b"]);
    });
}

#[test]
fn a_drain_leaves_a_new_connection_time_for_its_first_request() {
    on_stage(async {
        let mut fresh = Stage::open();
        fresh.watchdog.begin_drain();
        fresh.watchdog.sweep(1);
        fresh.send(GOOD).await;
        assert_eq!(statuses(&fresh.rest().await), ["200"]);

        let mut silent = Stage::open();
        silent.watchdog.begin_drain();
        silent.watchdog.sweep(2);
        assert_eq!(silent.rest().await, "");
    });
}
