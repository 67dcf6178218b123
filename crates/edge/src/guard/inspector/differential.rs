//! The proof that the inspector is worth anything: what it lets through, hyper reads exactly as it
//! does, request for request and byte for byte.

use super::*;
use bolero::TypeGenerator;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{cell::RefCell, convert::Infallible, rc::Rc, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One request with its whole body.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    method: String,
    target: String,
    body: Vec<u8>,
}

/// What the inspector makes of a connection's bytes.
#[derive(Debug, Default)]
struct Reading {
    messages: Vec<Message>,
    released: usize,
    refusal: Option<Reason>,
}

fn inspect(bytes: &[u8]) -> Reading {
    let mut inspector = Inspector::new(&Limits::default());
    let mut reading = Reading::default();
    let mut open: Option<Message> = None;
    loop {
        let rest = &bytes[reading.released..];
        let in_head = matches!(inspector.state, State::Head(_));
        let in_data = matches!(inspector.state, State::Body(_) | State::ChunkData(_));
        let count = match inspector.step(rest, &mut 0) {
            Ok(count) => count,
            Err(reason) => {
                reading.refusal = Some(reason);
                break;
            }
        };
        if in_head && count > 0 {
            open = Some(message(&rest[..count]));
        } else if in_data {
            open.as_mut().unwrap().body.extend_from_slice(&rest[..count]);
        }
        if inspector.awaits_answer() {
            inspector.answered();
        }
        if !inspector.is_mid_request() {
            reading.messages.extend(open.take());
        }
        reading.released += count;
        if count == 0 {
            break;
        }
    }
    reading
}

fn message(head: &[u8]) -> Message {
    let line = head.trim_ascii_start().split(|b| *b == b'\r').next().unwrap();
    let line = std::str::from_utf8(line).expect("a released request line is text");
    let mut parts = line.split(' ').map(str::to_owned);
    let (method, target) = (parts.next().unwrap(), parts.next().unwrap());
    // hyper gives an absolute target without its authority; `http` reads an empty path as `/`.
    let target = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => match rest.find('/') {
            Some(at) => rest[at..].to_owned(),
            None => "/".to_owned(),
        },
        _ => target,
    };
    Message { method, target, body: Vec::new() }
}

/// What hyper makes of the same bytes: the requests it read whole.
async fn serve(bytes: &[u8], answers: usize) -> Vec<Message> {
    let (mut visitor, stream) = tokio::io::duplex(1024 * 1024);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let service = service_fn(|request: Request<Incoming>| {
        let seen = Rc::clone(&seen);
        async move {
            let (head, body) = request.into_parts();
            let method = head.method.to_string();
            let target = head.uri.path_and_query().map_or("", |target| target.as_str()).to_owned();
            if let Ok(body) = body.collect().await {
                let body = body.to_bytes().to_vec();
                seen.borrow_mut().push(Message { method, target, body });
            }
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let visit = async {
        visitor.write_all(bytes).await.unwrap();
        let mut came = Vec::new();
        while count(&came, b"HTTP/1.1 200") + count(&came, b"HTTP/1.0 200") < answers {
            // Time stands still but for this: it is over at once when hyper has nothing more to say.
            let read = visitor.read_buf(&mut came);
            match tokio::time::timeout(Duration::from_secs(1), read).await {
                Ok(Ok(1..)) => {}
                _ => break,
            }
        }
        visitor.shutdown().await.unwrap();
        let _rest = visitor.read_to_end(&mut came).await;
    };
    let (ended, ()) = tokio::join!(connection, visit);
    drop(ended);
    seen.take()
}

fn count(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).filter(|window| *window == needle).count()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[track_caller]
fn compare(runtime: &tokio::runtime::Runtime, bytes: &[u8]) -> Reading {
    let reading = inspect(bytes);
    let released = &bytes[..reading.released];
    let seen = runtime.block_on(serve(released, reading.messages.len()));
    let text = String::from_utf8_lossy(released);
    assert_eq!(seen, reading.messages, "hyper read otherwise: {text:?}");
    reading
}

/// How many of the pieces are whole requests that nobody refuses.
const SOUND: usize = 11;

/// What connections are made of.
const PIECES: &[&[u8]] = &[
    b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /b?c=d HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"POST /f HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked\r\n\r\n1;x=y\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n",
    b"GET http://a/g HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /h HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET /i HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    b"PUT /j HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
    b"DELETE /k HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"\r\nHEAD /l HTTP/1.1\r\nHost: [::1]:80\r\nCookie: a=b\r\n\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b"\0",
    b":",
    b",",
    b"0",
    b"5",
    b"+",
    b"chunked",
    b"Host: b\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 6\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b" folded\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"0\r\n\r\n",
    b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\xff",
    b"HTTP/1.1",
];

/// A connection: pieces in a row, then changes.
#[derive(Debug, TypeGenerator)]
struct Recipe {
    #[generator(bolero::produce::<Vec<u8>>().with().len(1usize..5))]
    requests: Vec<u8>,
    #[generator(bolero::produce::<Vec<(u16, u8, u8)>>().with().len(0usize..3))]
    changes: Vec<(u16, u8, u8)>,
}

impl Recipe {
    fn bytes(&self) -> Vec<u8> {
        let piece = |n: u8, among: usize| PIECES[usize::from(n) % among];
        let mut bytes: Vec<u8> =
            self.requests.iter().flat_map(|n| piece(*n, SOUND)).copied().collect();
        for (at, kind, n) in &self.changes {
            let at = usize::from(*at) % (bytes.len() + 1);
            let end = match kind % 4 {
                0 | 1 => at,
                2 => (at + 1).min(bytes.len()),
                _ => (at + usize::from(kind / 4)).min(bytes.len()),
            };
            bytes.splice(at..end, piece(*n, PIECES.len()).iter().copied());
        }
        bytes
    }
}

#[test]
fn hyper_reads_what_is_let_through_as_the_inspector_does() {
    let runtime = runtime();
    for piece in &PIECES[..SOUND] {
        let reading = compare(&runtime, piece);
        assert_eq!((reading.messages.len(), reading.refusal), (1, None), "{reading:?}");
    }
    bolero::check!().with_type::<Recipe>().for_each(|recipe| {
        compare(&runtime, &recipe.bytes());
    });
}

#[test]
fn any_bytes_are_read_alike() {
    let runtime = runtime();
    bolero::check!().for_each(|bytes: &[u8]| {
        compare(&runtime, bytes);
    });
}

#[test]
fn pieces_of_any_size_are_read_as_the_whole() {
    bolero::check!().with_type::<(Recipe, Vec<u8>)>().for_each(|(recipe, sizes)| {
        let bytes = recipe.bytes();
        let whole = inspect(&bytes);
        let mut inspector = Inspector::new(&Limits::default());
        let (mut released, mut shown, mut refusal) = (0, 0, None);
        for size in sizes.iter().map(|size| usize::from(*size) % 32 + 1).chain([bytes.len()]) {
            shown = (shown + size).min(bytes.len());
            loop {
                let verdict = inspector.inspect(&bytes[released..shown]);
                released += verdict.release;
                refusal = refusal.or(verdict.refusal);
                if !inspector.awaits_answer() {
                    break;
                }
                inspector.answered();
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(refusal.is_some(), whole.refusal.is_some(), "{refusal:?} {whole:?} {text:?}");
        assert_eq!(released, whole.released, "{refusal:?} {whole:?} {text:?}");
    });
}
