//! Requests that a well-behaved client never sends: each is refused with one clear answer, or the
//! shop gets exactly one request that nobody can read in two ways.

use crate::{
    origin::{Asked, Origin, ok},
    stand::{PATIENCE, Stand, snapshot},
};
use std::time::Duration;
use testkit::{exchange, read_answer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// What must become of a case.
enum Expect {
    /// One answer with this status, then the connection's end; the shop sees nothing.
    Refused(u16),
    /// The shop sees this one request line with this body.
    One(&'static str, &'static str),
}
use Expect::{One, Refused};

struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    expect: Expect,
}

fn case(name: &'static str, bytes: impl Into<Vec<u8>>, expect: Expect) -> Case {
    Case { name, bytes: bytes.into(), expect }
}

/// A request that would be a second one, if anybody took it for that.
const INNER: &str = "GET /smuggled HTTP/1.1\r\nHost: s\r\n\r\n";

/// A head with these lines (each ended by CRLF) behind a good request line and Host.
fn get(lines: &str) -> String {
    format!("GET /a HTTP/1.1\r\nHost: s\r\n{lines}\r\n")
}

fn post(lines: &str, body: &str) -> String {
    format!("POST /a HTTP/1.1\r\nHost: s\r\n{lines}\r\n{body}")
}

fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

fn lengths_and_encodings() -> Vec<Case> {
    let (len, te) = ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n");
    let encoding = |value: &str| post(&format!("Transfer-Encoding:{value}\r\n"), "0\r\n\r\n");
    let length = |value: &str| post(&format!("Content-Length:{value}\r\n"), "hello");
    vec![
        case("CL.TE", post(&format!("{len}{te}"), &format!("0\r\n\r\n{INNER}")), Refused(400)),
        case("TE.CL", post(&format!("{te}{len}"), &format!("0\r\n\r\n{INNER}")), Refused(400)),
        case("two equal lengths", post(&format!("{len}{len}"), "hello"), Refused(400)),
        case(
            "two unequal lengths",
            post(&format!("{len}Content-Length: 6\r\n"), "hello!"),
            Refused(400),
        ),
        case("length list", length(" 5, 5"), Refused(400)),
        case("length with plus", length(" +5"), Refused(400)),
        case("length with minus", length(" -5"), Refused(400)),
        case("hexadecimal length", length(" 0x5"), Refused(400)),
        case("empty length", length(""), Refused(400)),
        case("length with letters", length(" 5abc"), Refused(400)),
        case("length with an inner space", length(" 5 0"), Refused(400)),
        case("length that overflows", length(" 18446744073709551621"), Refused(400)),
        case("length in Arabic digits", length(" \u{665}"), Refused(400)),
        case("length with a vertical tab", length(" \x0b5"), Refused(400)),
        case("length by underscore", post("Content_Length: 5\r\n", ""), Refused(400)),
        case("chunked twice", post(&format!("{te}{te}"), "0\r\n\r\n"), Refused(400)),
        case("chunked listed twice", encoding(" chunked, chunked"), Refused(400)),
        case("chunked not last", encoding(" chunked, gzip"), Refused(400)),
        case("gzip before chunked", encoding(" gzip, chunked"), Refused(501)),
        case("identity", encoding(" identity"), Refused(501)),
        case("xchunked", encoding(" xchunked"), Refused(501)),
        case("quoted chunked", encoding(" \"chunked\""), Refused(400)),
        case("chunked with a parameter", encoding(" chunked;q=1"), Refused(400)),
        case("chunked behind a vertical tab", encoding(" \x0bchunked"), Refused(400)),
        case("chunked behind a form feed", encoding(" \x0cchunked"), Refused(400)),
        case("empty encoding", encoding(""), Refused(400)),
        case("encoding by underscore", post("Transfer_Encoding: chunked\r\n", ""), Refused(400)),
        case(
            "chunked in HTTP/1.0",
            "POST /a HTTP/1.0\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Refused(400),
        ),
        case("chunked in capitals", encoding("\t CHUNKED \t"), One("POST /a HTTP/1.1", "")),
        case("length on GET", get("Content-Length: 0\r\n"), One("GET /a HTTP/1.1", "")),
    ]
}

fn lines() -> Vec<Case> {
    vec![
        case("bare line feeds", "GET /a HTTP/1.1\nHost: s\n\n", Refused(400)),
        case("one bare line feed", "GET /a HTTP/1.1\r\nHost: s\nA: b\r\n\r\n", Refused(400)),
        case("bare line feed at the end", "GET /a HTTP/1.1\r\nHost: s\r\n\n", Refused(400)),
        case("bare carriage return in a value", get("A: b\rC: d\r\n"), Refused(400)),
        case("bare carriage return as an end", get("A: b\r\r\n"), Refused(400)),
        case("folded line", get("A: b\r\n c\r\n"), Refused(400)),
        case("folded encoding", post("Transfer-Encoding:\r\n chunked\r\n", ""), Refused(400)),
        case("folding at once", "GET /a HTTP/1.1\r\n Host: s\r\n\r\n", Refused(400)),
        case("NUL in a value", get("A: b\0c\r\n"), Refused(400)),
        case("NUL in a name", get("A\0: b\r\n"), Refused(400)),
        case("bell in a value", get("A: \x07\r\n"), Refused(400)),
        case("delete in a value", get("A: \x7f\r\n"), Refused(400)),
        case("space before the colon", post("Content-Length : 5\r\n", "hello"), Refused(400)),
        case("tab before the colon", post("Transfer-Encoding\t: chunked\r\n", ""), Refused(400)),
        case("no colon", get("A\r\n"), Refused(400)),
        case("no name", get(": b\r\n"), Refused(400)),
        case("brackets in a name", get("A[b]: c\r\n"), Refused(400)),
        case("letters of others in a name", get("\u{c4}: b\r\n"), Refused(400)),
        case("two empty lines first", format!("\r\n\r\n{}", get("")), Refused(400)),
        case("an empty line first", format!("\r\n{}", get("")), One("GET /a HTTP/1.1", "")),
        case("high bytes in a value", get("A: \u{e4}\r\n"), One("GET /a HTTP/1.1", "")),
    ]
}

fn request_lines() -> Vec<Case> {
    let line = |line: &str| format!("{line}\r\nHost: s\r\n\r\n");
    let long = |n: usize| format!("GET /{} HTTP/1.1\r\nHost: s\r\n\r\n", "a".repeat(n));
    vec![
        case("two spaces", line("GET  /a HTTP/1.1"), Refused(400)),
        case("tab for a space", line("GET\t/a\tHTTP/1.1"), Refused(400)),
        case("space in the target", line("GET /a b HTTP/1.1"), Refused(400)),
        case("space at the end", line("GET /a HTTP/1.1 "), Refused(400)),
        case("HTTP/0.9", "GET /a\r\n", Refused(400)),
        case("HTTP/1.2", line("GET /a HTTP/1.2"), Refused(505)),
        case("HTTP/2.0", line("GET /a HTTP/2.0"), Refused(505)),
        case("HTTP/2 by preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refused(505)),
        case("http/1.1", line("GET /a http/1.1"), Refused(400)),
        case("HTTP/1.1x", line("GET /a HTTP/1.1x"), Refused(400)),
        case("small letters", line("get /a HTTP/1.1"), Refused(501)),
        case("CONNECT", "CONNECT s:443 HTTP/1.1\r\nHost: s:443\r\n\r\n", Refused(501)),
        case("TRACE", line("TRACE /a HTTP/1.1"), Refused(501)),
        case("odd method", line("G@T /a HTTP/1.1"), Refused(400)),
        case("no slash", line("GET a HTTP/1.1"), Refused(400)),
        case("asterisk for GET", line("GET * HTTP/1.1"), Refused(400)),
        case("fragment", line("GET /a#b HTTP/1.1"), Refused(400)),
        case("control byte in the target", line("GET /a\x01 HTTP/1.1"), Refused(400)),
        case("another host in the target", line("GET http://other/a HTTP/1.1"), Refused(400)),
        case("user in the target", line("GET http://u@s/a HTTP/1.1"), Refused(400)),
        case("another scheme", line("GET ftp://s/a HTTP/1.1"), Refused(400)),
        case(
            "same host in the target",
            line("GET http://s/a HTTP/1.1"),
            One("GET /a HTTP/1.1", ""),
        ),
        case(
            "TLS to a plain port",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc".as_slice(),
            Refused(400),
        ),
        case("target too long", long(9_000), Refused(414)),
        case("endless target", "GET /".to_owned() + &"a".repeat(9_000), Refused(414)),
        case("head too long", get(&format!("A: {}\r\n", "a".repeat(40_000))), Refused(431)),
        case("too many fields", get(&"A: b\r\n".repeat(120)), Refused(431)),
    ]
}

fn hosts() -> Vec<Case> {
    let host = |lines: &str| format!("GET /a HTTP/1.1\r\n{lines}\r\n");
    vec![
        case("no host", host(""), Refused(400)),
        case("two hosts", host("Host: s\r\nHost: t\r\n"), Refused(400)),
        case("the same host twice", host("Host: s\r\nHost: s\r\n"), Refused(400)),
        case("empty host", host("Host:\r\n"), Refused(400)),
        case("host list", host("Host: s, t\r\n"), Refused(400)),
        case("host with a user", host("Host: u@s\r\n"), Refused(400)),
        case("host with a path", host("Host: s/a\r\n"), Refused(400)),
        case("host with a space", host("Host: s t\r\n"), Refused(400)),
        case("host with a bad port", host("Host: s:99999\r\n"), Refused(400)),
        case("host dropped by Connection", get("Connection: Host\r\n"), Refused(400)),
        case(
            "length dropped by Connection",
            post("Connection: keep-alive, Content-Length\r\nContent-Length: 5\r\n", "hello"),
            Refused(400),
        ),
    ]
}

fn chunks() -> Vec<Case> {
    let many = "1;a\r\nx\r\n".repeat(40);
    let trailer = |lines: &str| chunked(&format!("5\r\nhello\r\n0\r\n{lines}\r\n"));
    let good = One("POST /a HTTP/1.1", "hello");
    vec![
        case("size with plus", chunked("+5\r\nhello\r\n0\r\n\r\n"), Refused(400)),
        case("size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), Refused(400)),
        case("size with underscore", chunked("0_5\r\nhello\r\n0\r\n\r\n"), Refused(400)),
        case("size behind a space", chunked(" 5\r\nhello\r\n0\r\n\r\n"), Refused(400)),
        case("size before a space", chunked("5 \r\nhello\r\n0\r\n\r\n"), Refused(400)),
        case("no size", chunked("\r\nhello\r\n0\r\n\r\n"), Refused(400)),
        case(
            "size that overflows",
            chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"),
            Refused(400),
        ),
        case("size behind many zeros", chunked("00000000000000005\r\nhello\r\n"), Refused(400)),
        case("size with a bare line feed", chunked("5\nhello\r\n0\r\n\r\n"), Refused(400)),
        case("size too small", chunked("3\r\nhello\r\n0\r\n\r\n"), Refused(400)),
        case("data without its end", chunked("5\r\nhello0\r\n\r\n"), Refused(400)),
        case("data with a bare line feed", chunked("5\r\nhello\n0\r\n\r\n"), Refused(400)),
        case("extension with a line feed", chunked("5;a\nb\r\nhello\r\n0\r\n\r\n"), Refused(400)),
        case("extension with a carriage return", chunked("5;a\rb\r\nhello\r\n"), Refused(400)),
        case("endless extension", chunked(&format!("5;{}", "a".repeat(400))), Refused(400)),
        case("extensions on every chunk", chunked(&format!("{many}0\r\n\r\n")), Refused(400)),
        case("end with a bare line feed", chunked("5\r\nhello\r\n0\r\n\n"), Refused(400)),
        case("length in the trailer", trailer("Content-Length: 50\r\n"), Refused(400)),
        case("encoding in the trailer", trailer("Transfer-Encoding: chunked\r\n"), Refused(400)),
        case("host in the trailer", trailer("Host: t\r\n"), Refused(400)),
        case("cookie in the trailer", trailer("Cookie: admin=1\r\n"), Refused(400)),
        case("folded trailer", trailer("A: b\r\n c\r\n"), Refused(400)),
        case("one extension", chunked("5;a=b\r\nhello\r\n0\r\n\r\n"), good),
        case(
            "capital digits",
            chunked("5\r\nhello\r\n0\r\n\r\n"),
            One("POST /a HTTP/1.1", "hello"),
        ),
        case("harmless trailer", trailer("X-Sum: 1\r\n"), One("POST /a HTTP/1.1", "hello")),
        case(
            "a request as a body",
            chunked(&format!("{:x}\r\n{INNER}\r\n0\r\n\r\n", INNER.len())),
            One("POST /a HTTP/1.1", INNER),
        ),
        case(
            "a request as a body with a length",
            post(&format!("Content-Length: {}\r\n", INNER.len()), INNER),
            One("POST /a HTTP/1.1", INNER),
        ),
    ]
}

fn cases() -> Vec<Case> {
    [lengths_and_encodings(), lines(), request_lines(), hosts(), chunks()]
        .into_iter()
        .flatten()
        .collect()
}

const SENTINEL: &str = "GET /sentinel HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n";

impl Case {
    /// Sends the case on a connection of its own and looks at both ends.
    async fn run(&self, stand: &Stand, origin: &Origin) -> Result<(), String> {
        let before = origin.asked().len();
        let mut stream = TcpStream::connect(stand.address).await.unwrap();
        stream.write_all(&self.bytes).await.unwrap();
        let answer = timeout(PATIENCE, read_answer(&mut stream)).await;
        let answer = answer.map_err(|_| "no answer")?.map_err(|error| error.to_string())?;
        let expected = match self.expect {
            Refused(status) => status,
            One(..) => 200,
        };
        if answer.status != expected {
            return Err(format!("answered {} {}", answer.status, answer.text()));
        }
        if let One(..) = self.expect {
            stream.write_all(SENTINEL.as_bytes()).await.unwrap();
            let second = timeout(PATIENCE, read_answer(&mut stream)).await.unwrap();
            second.map_err(|error| format!("no second answer: {error}"))?;
        }
        let mut rest = Vec::new();
        let closed = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
        closed.map_err(|_| "not closed")?.map_err(|error| format!("reset: {error}"))?;
        if !rest.is_empty() {
            return Err(format!("one answer too many: {}", String::from_utf8_lossy(&rest)));
        }
        match (&self.expect, &origin.asked()[before..]) {
            (Refused(_), []) => Ok(()),
            (One(line, body), [asked, sentinel]) => {
                unambiguous(asked)?;
                let same = asked.line() == *line && asked.body == body.as_bytes();
                let ends = sentinel.line() == "GET /sentinel HTTP/1.1";
                if same && ends { Ok(()) } else { Err(format!("{asked:?} {sentinel:?}")) }
            }
            (_, asked) => Err(format!("the shop saw {asked:?}")),
        }
    }
}

/// Whether a request that reached the shop can be read in one way only.
fn unambiguous(asked: &Asked) -> Result<(), String> {
    let lengths = asked.all("content-length");
    let framed = lengths.len() <= 1
        && lengths.iter().all(|length| **length == asked.body.len().to_string())
        && asked.all("transfer-encoding").is_empty()
        && asked.all("trailer").is_empty();
    let plain = asked.head.split("\r\n").all(|line| !line.contains(['\r', '\n', '\0']));
    let one_host = asked.all("host") == ["s"];
    if framed && plain && one_host { Ok(()) } else { Err(format!("ambiguous: {asked:?}")) }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_refused_or_reaches_the_shop_as_one_request() {
    let origin = Origin::start(|_| ok("", "hello")).await;
    let stand = Stand::start(snapshot(1, &[origin.address])).await;
    let cases = cases();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut failed = Vec::new();
    for case in &cases {
        if let Err(found) = case.run(&stand, &origin).await {
            failed.push(format!("{}: {found}", case.name));
        }
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_counted_by_reason_and_cost_nobody_else_anything() {
    let origin = Origin::start(|_| ok("", "hello")).await;
    let stand = Stand::start(snapshot(1, &[origin.address])).await;
    let mut neighbour = TcpStream::connect(stand.address).await.unwrap();
    for _ in 0..3 {
        let bad = "GET /a HTTP/1.1\nHost: s\n\n";
        assert_eq!(exchange(stand.address, bad, PATIENCE).await.unwrap().status, 400);
        neighbour.write_all(get("").as_bytes()).await.unwrap();
        assert_eq!(read_answer(&mut neighbour).await.unwrap().status, 200);
    }
    let bare = |facts: &kernel::facts::Facts| {
        facts.refused.iter().any(|r| r.reason == "bare_line_feed" && r.count == 3)
    };
    stand.facts_where(bare).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_behind_a_good_one_waits_its_turn() {
    let origin = Origin::start(|_| ok("", "hello")).await;
    let stand = Stand::start(snapshot(1, &[origin.address])).await;
    let mut stream = TcpStream::connect(stand.address).await.unwrap();
    let both = [get(""), "GET /b HTTP/1.1\r\nHost: s\r\nA : b\r\n\r\n".to_owned()].concat();
    stream.write_all(both.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 400);
    let mut rest = Vec::new();
    assert_eq!(stream.read_to_end(&mut rest).await.unwrap(), 0);
    assert_eq!(origin.asked().len(), 1);
}
