//! HTTP/2 by hand: frames that break the rules end their stream or the connection, the shop sees
//! nothing of them, and other visitors are served on (RFC 9113 §8.1.1, §5.4).

use crate::{
    origin::{Origin, ok},
    stand::{PATIENCE, snapshot},
};
use edge::{BoundListener, EdgeOptions, certificates::self_signed, link::ControlLink};
use kernel::config::Listen;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{net::SocketAddr, sync::Arc, thread::JoinHandle, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// An edge with TLS and what a visitor needs to trust it. Stopped when dropped.
struct TlsStand {
    address: SocketAddr,
    client: Arc<ClientConfig>,
    _control: ControlLink,
    _state: tempfile::TempDir,
    stop: watch::Sender<bool>,
    edge: Option<JoinHandle<Result<(), edge::EdgeError>>>,
}

impl TlsStand {
    async fn start(origin: SocketAddr) -> Self {
        let certificate = self_signed(&[]).unwrap();
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(certificate.chain_pem.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = vec![b"h2".to_vec()];

        let state = testkit::folder();
        let control_socket = state.path().join("control.sock");
        let control = ControlLink::bind(&control_socket).unwrap();
        let mut snapshot = snapshot(1, &[origin]);
        snapshot.certificates = vec![certificate];
        control.publish(snapshot).unwrap();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let options = EdgeOptions {
            listeners: vec![BoundListener { listen: Listen { address, tls: true }, socket }],
            workers: Some(1),
            state: state.path().to_owned(),
            control_socket,
            access_log: None,
            drain: Duration::from_secs(5),
        };
        let (stop, stopped) = watch::channel(false);
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let run = move || edge::run(options, move || ready.send(()).unwrap(), &stopped);
        let edge = Some(std::thread::spawn(run));
        timeout(PATIENCE, is_ready).await.unwrap().unwrap();
        Self { address, client: Arc::new(client), _control: control, _state: state, stop, edge }
    }

    async fn visit(&self) -> Visitor {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(self.client.clone());
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut visitor = Visitor { stream };
        visitor.send(SETTINGS, 0, 0, &[]).await;
        visitor
    }
}

impl Drop for TlsStand {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(edge) = self.edge.take() {
            edge.join().unwrap().unwrap();
        }
    }
}

// RFC 9113 §6, §7.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ENHANCE_YOUR_CALM: u32 = 11;

struct Visitor {
    stream: TlsStream<TcpStream>,
}

/// How the edge takes a stream.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Answered with this status.
    Status(u16),
    Reset(u32),
    GoneAway(u32),
    Closed,
}

impl Visitor {
    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let frame = frame(kind, flags, stream, payload);
        // A connection that is gone already is what `end` finds out.
        let _sent = self.stream.write_all(&frame).await;
    }

    async fn request(&mut self, stream: u32, fields: &[(&str, &str)], end: bool) {
        let flags = END_HEADERS | if end { END_STREAM } else { 0 };
        self.send(HEADERS, flags, stream, &block(fields)).await;
    }

    /// What becomes of `stream` first.
    async fn end(&mut self, stream: u32) -> End {
        let first = async {
            loop {
                let Ok(head) = read::<9>(&mut self.stream).await else { return End::Closed };
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                let of = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                let mut payload = vec![0; length];
                if self.stream.read_exact(&mut payload).await.is_err() {
                    return End::Closed;
                }
                let code = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
                match head[3] {
                    GOAWAY => return End::GoneAway(code(4)),
                    RST_STREAM if of == stream => return End::Reset(code(0)),
                    HEADERS if of == stream => return End::Status(status(&payload)),
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, first).await.expect("the edge says something")
    }
}

async fn read<const N: usize>(stream: &mut TlsStream<TcpStream>) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map(|_| bytes)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Fields as HPACK literals without indexing, new name, no Huffman code (RFC 7541 §6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            integer(&mut block, text.len());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// An integer with a seven-bit prefix (RFC 7541 §5.1).
fn integer(block: &mut Vec<u8>, value: usize) {
    if value < 127 {
        return block.push(u8::try_from(value).unwrap());
    }
    block.push(127);
    let mut rest = value - 127;
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

/// The status of an answer, of which only the static table's and literal ones are understood.
fn status(block: &[u8]) -> u16 {
    // RFC 7541 appendix A, indexes 8 to 14.
    const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    // A dynamic table size update may come first (§6.3).
    let block = if block[0] & 0xe0 == 0x20 { &block[1..] } else { block };
    if let Some(status) = INDEXED.get(usize::from(block[0] & 0x7f).wrapping_sub(8))
        && block[0] & 0x80 != 0
    {
        return *status;
    }
    let (huffman, length) = (block[1] & 0x80 != 0, usize::from(block[1] & 0x7f));
    let value = &block[2..2 + length];
    if huffman { unhuffman(value) } else { std::str::from_utf8(value).unwrap().parse().unwrap() }
}

/// Three digits of the Huffman code (RFC 7541 appendix B): 0 to 2 have five bits, 3 to 9 six.
fn unhuffman(bytes: &[u8]) -> u16 {
    let bits = bytes.iter().fold(0_u32, |bits, b| bits << 8 | u32::from(*b));
    let mut at = u32::try_from(bytes.len()).unwrap() * 8;
    let mut number = 0;
    for _ in 0..3 {
        let take = |n: u32| (bits >> (at - n)) & ((1 << n) - 1);
        let five = take(5);
        let (digit, used) = if five < 3 { (five, 5) } else { (take(6) - 0x19 + 3, 6) };
        number = number * 10 + digit;
        at -= used;
    }
    u16::try_from(number).unwrap()
}

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/a")];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&GET, more].concat()
}

/// The good request with another value, or without it.
fn but<'a>(name: &str, value: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let change = |(known, old): (&'static str, &'static str)| match value {
        _ if known != name => Some((known, old)),
        Some(value) => Some((known, value)),
        None => None,
    };
    GET.into_iter().filter_map(change).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_end_their_stream_and_never_reach_the_shop() {
    let origin = Origin::start(|_| ok("", "hello")).await;
    let stand = TlsStand::start(origin.address).await;
    let pseudo_last = [&GET[..3], &[("a", "b"), (":path", "/a")]].concat();
    let cases = [
        ("no method", but(":method", None)),
        ("no scheme", but(":scheme", None)),
        ("no path", but(":path", None)),
        ("empty path", but(":path", Some(""))),
        ("path without slash", but(":path", Some("a"))),
        ("asterisk for GET", but(":path", Some("*"))),
        ("space in the path", but(":path", Some("/a b"))),
        ("line end in the path", but(":path", Some("/a HTTP/1.1\r\nHost: t\r\n\r\n"))),
        ("line end in the method", but(":method", Some("GET / HTTP/1.1\r\nA:"))),
        ("user in the authority", but(":authority", Some("u@localhost"))),
        ("line end in the authority", but(":authority", Some("s\r\nA: b"))),
        ("path twice", with(&[(":path", "/b")])),
        ("unknown pseudo-header", with(&[(":admin", "1")])),
        ("answer's pseudo-header", with(&[(":status", "200")])),
        ("pseudo-header last", pseudo_last),
        ("capital name", with(&[("A", "b")])),
        ("space in a name", with(&[("a b", "c")])),
        ("empty name", with(&[("", "c")])),
        ("colon in a name", with(&[("a:b", "c")])),
        ("line end in a value", with(&[("a", "b\r\nTransfer-Encoding: chunked")])),
        ("NUL in a value", with(&[("a", "b\0c")])),
        ("connection", with(&[("connection", "close")])),
        ("keep-alive", with(&[("keep-alive", "1")])),
        ("proxy-connection", with(&[("proxy-connection", "1")])),
        ("upgrade", with(&[("upgrade", "websocket")])),
        ("transfer-encoding", with(&[("transfer-encoding", "chunked")])),
        ("te", with(&[("te", "gzip")])),
        ("another host", with(&[("host", "other")])),
        ("two hosts", with(&[("host", "localhost"), ("host", "localhost")])),
        ("length without a body", with(&[("content-length", "5")])),
        ("length that is none", with(&[("content-length", "+0")])),
        ("unequal lengths", with(&[("content-length", "0"), ("content-length", "5")])),
        ("length by underscore", with(&[("content_length", "5")])),
        ("user and host", [&but(":authority", None)[..], &[("host", "u@localhost")]].concat()),
        ("CONNECT", vec![(":method", "CONNECT"), (":authority", "localhost:443")]),
        ("TRACE", but(":method", Some("TRACE"))),
    ];
    let mut failed = Vec::new();
    for (name, fields) in cases {
        let before = origin.asked().len();
        let mut visitor = stand.visit().await;
        visitor.request(1, &fields, true).await;
        let end = visitor.end(1).await;
        let reached = &origin.asked()[before..];
        if !end.is_refusal() || !reached.is_empty() {
            failed.push(format!("{name}: {end:?}, the shop saw {reached:?}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));

    let mut visitor = stand.visit().await;
    visitor.request(1, &GET, true).await;
    assert_eq!(visitor.end(1).await, End::Status(200), "the good request is served");
}

impl End {
    fn is_refusal(&self) -> bool {
        match self {
            Self::Status(status) => (400..500).contains(status) || *status == 501,
            Self::Reset(code) | Self::GoneAway(code) => *code != 0,
            Self::Closed => false,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_lie_about_their_length_never_reach_the_shop() {
    let origin = Origin::start(|_| ok("", "hello")).await;
    let stand = TlsStand::start(origin.address).await;
    let post = [&but(":method", Some("POST"))[..], &[("content-length", "5")]].concat();
    for body in ["abc", "abcdefgh"] {
        let mut visitor = stand.visit().await;
        visitor.request(1, &post, false).await;
        visitor.send(DATA, END_STREAM, 1, body.as_bytes()).await;
        let end = visitor.end(1).await;
        assert!(end.is_refusal(), "{body}: {end:?}");
    }
    assert!(origin.asked().is_empty());
    let mut visitor = stand.visit().await;
    visitor.request(1, &post, false).await;
    visitor.send(DATA, END_STREAM, 1, b"abcde").await;
    assert_eq!(visitor.end(1).await, End::Status(200));
    assert_eq!(origin.asked()[0].body, b"abcde");
}

#[tokio::test(flavor = "multi_thread")]
async fn header_lists_have_a_limit() {
    let origin = Origin::start(|_| ok("", "hello")).await;
    let stand = TlsStand::start(origin.address).await;
    let large = "a".repeat(15_000);
    let fields = [("a", &*large), ("b", &*large), ("c", &*large), ("d", &*large)];
    let list = block(&with(&fields));
    let mut visitor = stand.visit().await;
    let mut pieces = list.chunks(16_000).peekable();
    visitor.send(HEADERS, END_STREAM, 1, pieces.next().unwrap()).await;
    while let Some(piece) = pieces.next() {
        let flags = if pieces.peek().is_none() { END_HEADERS } else { 0 };
        visitor.send(CONTINUATION, flags, 1, piece).await;
    }
    let end = visitor.end(1).await;
    assert!(end.is_refusal(), "{end:?}");

    // Nor may a list that never ends go on for ever (CVE-2024-27316).
    let mut visitor = stand.visit().await;
    visitor.send(HEADERS, END_STREAM, 1, &block(&GET)).await;
    for _ in 0..1_000 {
        visitor.send(CONTINUATION, 0, 1, &block(&[("a", &large)])).await;
    }
    let end = visitor.end(1).await;
    assert!(end.is_refusal() || end == End::Closed, "{end:?}");
    assert!(origin.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_out_of_place_end_the_connection() {
    let origin = Origin::start(|_| ok("", "hello")).await;
    let stand = TlsStand::start(origin.address).await;
    let too_wide = 0x7fff_ffff_u32.to_be_bytes();
    let cases: [(&str, Vec<u8>); 8] = [
        ("data of no stream", frame(DATA, 0, 0, b"x")),
        ("data before headers", frame(DATA, 0, 1, b"x")),
        ("headers of no stream", frame(HEADERS, END_HEADERS | END_STREAM, 0, &block(&GET))),
        ("headers of our stream", frame(HEADERS, END_HEADERS | END_STREAM, 2, &block(&GET))),
        ("continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, &block(&GET))),
        ("settings of odd length", frame(SETTINGS, 0, 0, &[0; 5])),
        ("window too wide", frame(WINDOW_UPDATE, 0, 0, &too_wide)),
        ("no header compression", frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff; 16])),
    ];
    for (name, bytes) in cases {
        let mut visitor = stand.visit().await;
        visitor.stream.write_all(&bytes).await.unwrap();
        let end = visitor.end(1).await;
        assert!(matches!(end, End::GoneAway(1..)), "{name}: {end:?}");
    }
    assert!(origin.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn rapid_resets_end_the_connection_and_cost_nobody_else_anything() {
    let origin = Origin::start(|_| ok("", "hello")).await;
    let stand = TlsStand::start(origin.address).await;
    let mut neighbour = stand.visit().await;
    let mut attacker = stand.visit().await;
    let flood = (0..5_000_u32).flat_map(|n| {
        let stream = n * 2 + 1;
        let request = frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&GET));
        [request, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    });
    let flood: Vec<u8> = flood.collect();
    // The edge may hang up within it.
    let _sent = timeout(PATIENCE, attacker.stream.write_all(&flood)).await;
    let end = attacker.end(u32::MAX).await;
    assert!(matches!(end, End::GoneAway(ENHANCE_YOUR_CALM) | End::Closed), "{end:?}");
    neighbour.request(1, &GET, true).await;
    assert_eq!(neighbour.end(1).await, End::Status(200));
    assert!(origin.asked().len() < 1_000, "{} requests got through", origin.asked().len());
}
