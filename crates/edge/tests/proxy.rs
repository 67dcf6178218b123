//! A request's way through a running edge: what reaches the shop, what comes back, and what happens
//! when an instance goes away at any moment of it.

use crate::{
    origin::{Origin, Reply, ok},
    stand::{PATIENCE, Stand, snapshot},
};
use kernel::facts::Health;
use std::time::Duration;
use testkit::{Answer, exchange, free_port, read_answer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn ask(stand: &Stand, request: &str) -> Answer {
    exchange(stand.address, request, PATIENCE).await.unwrap()
}

const GET: &str = "GET /a?b=c HTTP/1.1\r\nHost: shop.example:8080\r\n\r\n";
const POST: &str = "POST /order HTTP/1.1\r\nHost: s\r\nContent-Length: 3\r\n\r\none";

#[tokio::test(flavor = "multi_thread")]
async fn the_shop_learns_who_asks_and_the_visitor_gets_its_answer() {
    let origin =
        Origin::start(|_| ok("x-shop: yes\r\nconnection: x-secret\r\nx-secret: 1\r\n", "hello"))
            .await;
    let stand = Stand::start(snapshot(1, &[origin.address])).await;
    let request = "GET /a?b=c HTTP/1.1\r\nHost: shop.example:8080\r\nX-Forwarded-For: 6.6.6.6\r\n\
                   Connection: x-mine\r\nX-Mine: 1\r\nTe: trailers\r\nCookie: a=1\r\n\r\n";
    let answer = ask(&stand, request).await;
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    assert_eq!((answer.header("x-shop"), answer.header("x-secret")), (Some("yes"), None));
    let asked = &origin.asked()[0];
    assert_eq!(asked.line(), "GET /a?b=c HTTP/1.1");
    assert_eq!(asked.all("host"), ["shop.example:8080"]);
    assert_eq!(asked.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(asked.all("x-forwarded-proto"), ["http"]);
    assert_eq!(asked.all("x-mine"), [""; 0]);
    assert_eq!(asked.all("x-request-id"), [answer.header("x-request-id").unwrap()]);
    assert_eq!(asked.all("traceparent").len(), 1);
    let id = answer.header("x-request-id").unwrap();
    let log = testkit::wait_until("the line in the access log", PATIENCE, async || {
        let log = std::fs::read_to_string(stand.state.path().join("access.log")).unwrap();
        if log.contains(id) { Ok(log) } else { Err(log) }
    })
    .await;
    for part in [r#""status":200"#, r#""instance":"app-1""#, r#""client":"127.0.0.1""#] {
        assert!(log.contains(part), "{part} is missing in {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_visitor_connection_takes_many_requests_through_reloads() {
    let origin = Origin::start(|_| ok("", "hello")).await;
    let stand = Stand::start(snapshot(1, &[origin.address])).await;
    let mut stream = TcpStream::connect(stand.address).await.unwrap();
    for version in 2..30 {
        stand.control.publish(snapshot(version, &[origin.address])).unwrap();
        stream.write_all(GET.as_bytes()).await.unwrap();
        assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);
    }
    let facts = stand.facts_where(|facts| facts.snapshot_version == 29).await;
    assert_eq!(facts.shops[0].instances[0].connects, 1, "the idle connection was used again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_gone_costs_no_request() {
    let origin = Origin::start(|_| ok("", "hello")).await;
    let doomed = Origin::start(|_| ok("", "hello")).await;
    let stand = Stand::start(snapshot(1, &[doomed.address, origin.address])).await;
    stand
        .facts_where(|f| {
            let mut instances = f.shops.iter().flat_map(|shop| &shop.instances).peekable();
            instances.peek().is_some() && instances.all(|i| i.health == Health::Up)
        })
        .await;
    doomed.end().await;
    for _ in 0..10 {
        assert_eq!(ask(&stand, POST).await.status, 200);
        assert_eq!(ask(&stand, GET).await.status, 200);
    }
    assert_eq!(origin.asked().iter().filter(|asked| asked.line().starts_with("POST")).count(), 10);
    stand
        .facts_where(|facts| {
            let first = facts.shops.first().and_then(|shop| shop.instances.first());
            first.is_some_and(|instance| instance.health == Health::Down)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_reached_the_shop_is_never_sent_twice() {
    let origin = Origin::start(|_| Reply::Last(Vec::new())).await;
    let stand = Stand::start(snapshot(1, &[origin.address])).await;
    assert_eq!(ask(&stand, POST).await.status, 502);
    assert_eq!(origin.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_repeated_is_sent_to_another_instance() {
    let broken = Origin::start(|_| Reply::Last(Vec::new())).await;
    let origin = Origin::start(|_| ok("", "hello")).await;
    let stand = Stand::start(snapshot(1, &[broken.address, origin.address])).await;
    for _ in 0..6 {
        assert_eq!(ask(&stand, GET).await.status, 200);
    }
    assert!(!broken.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_held_while_nobody_can_answer_and_let_go_when_somebody_can() {
    let address = free_port();
    let stand = Stand::start(snapshot(1, &[address])).await;
    let waiting: Vec<_> = (0..20)
        .map(|number| {
            let request = if number % 2 == 0 { GET } else { POST };
            tokio::spawn(exchange(stand.address, request, PATIENCE))
        })
        .collect();
    let facts = stand
        .facts_where(|facts| facts.shops.first().is_some_and(|shop| shop.hold.held == 20))
        .await;
    assert!(facts.shops[0].hold.oldest_wait_ms.is_some());
    let origin = Origin::start_at(address, |_| ok("", "hello")).await;
    for answer in waiting {
        assert_eq!(answer.await.unwrap().unwrap().status, 200);
    }
    assert_eq!(origin.asked().len(), 20, "each was sent once");
    let facts = stand
        .facts_where(|facts| facts.shops.first().is_some_and(|shop| shop.hold.held == 0))
        .await;
    assert_eq!(facts.shops[0].hold.released, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_too_long_gets_a_page_that_says_so() {
    let mut wanted = snapshot(1, &[free_port()]);
    wanted.shops[0].pool.hold.max_wait_ms = 50;
    let stand = Stand::start(wanted).await;
    let answer = ask(&stand, "GET / HTTP/1.1\r\nHost: s\r\nAccept: text/html\r\n\r\n").await;
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    assert!(answer.text().contains("Lampenladen"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_never_ended_cleanly() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\ncache-control: max-age=60\r\n\r\nhalf";
    let chunk = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    for reply in [&half[..], &chunk[..]] {
        let origin = Origin::start(|_| Reply::Last(reply.to_vec())).await;
        let stand = Stand::start(snapshot(1, &[origin.address])).await;
        for _ in 0..2 {
            let answer = exchange(stand.address, GET, PATIENCE).await;
            let error = answer.expect_err("the answer must not look whole").kind();
            assert_ne!(error, std::io::ErrorKind::TimedOut);
        }
        assert_eq!(origin.asked().len(), 2, "half an answer was kept");
        stand
            .facts_where(|facts| {
                facts.shops.iter().flat_map(|shop| &shop.classes).any(|class| class.aborted == 2)
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_whole_before_a_place_is_taken() {
    let origin = Origin::start(|asked| ok("", &asked.body.len().to_string())).await;
    let stand = Stand::start(snapshot(1, &[origin.address])).await;
    let mut stream = TcpStream::connect(stand.address).await.unwrap();
    let head = "POST /upload HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; 50_000];
    for _ in 0..4 {
        stream.write_all(b"c350\r\n").await.unwrap();
        stream.write_all(&piece).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stand.facts_where(|facts| facts.spill_bytes > 0).await;
    assert_eq!(origin.asked().len(), 0);
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let answer = read_answer(&mut stream).await.unwrap();
    assert_eq!((answer.status, answer.text()), (200, "200000"));
    assert_eq!(origin.asked()[0].all("content-length"), ["200000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_passes_both_ways() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                  sec-websocket-accept: x\r\n\r\nfirst";
    let origin = Origin::start(|_| Reply::Echo(switch.as_bytes().to_vec())).await;
    let stand = Stand::start(snapshot(1, &[origin.address])).await;
    let mut stream = TcpStream::connect(stand.address).await.unwrap();
    let request = "GET /live HTTP/1.1\r\nHost: s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    let mut early = [0; 5];
    stream.read_exact(&mut early).await.unwrap();
    assert_eq!(&early, b"first");
    for size in [1, 5_000, 200_000] {
        let sent = vec![7; size];
        let (mut from, mut to) = stream.split();
        let mut got = vec![0; size];
        let (written, read) = tokio::join!(to.write_all(&sent), from.read_exact(&mut got));
        written.unwrap();
        read.unwrap();
        assert!(got == sent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_running_requests_end() {
    let origin = Origin::start(|asked| {
        if asked.line().contains("/slow") { Reply::Silence } else { ok("", "hello") }
    })
    .await;
    let mut wanted = snapshot(1, &[origin.address]);
    wanted.shops[0].pool.timeouts.response_ms = 300;
    let mut stand = Stand::start(wanted).await;
    let idle = TcpStream::connect(stand.address).await.unwrap();
    let address = stand.address;
    let slow = tokio::spawn(async move {
        exchange(address, "GET /slow HTTP/1.1\r\nHost: s\r\n\r\n", PATIENCE).await
    });
    testkit::wait_until("the slow request", PATIENCE, async || {
        if origin.asked().is_empty() { Err(()) } else { Ok(()) }
    })
    .await;
    let begun = std::time::Instant::now();
    tokio::task::block_in_place(|| stand.stop());
    assert!(begun.elapsed() < Duration::from_secs(4), "an idle connection kept the edge");
    assert_eq!(slow.await.unwrap().unwrap().status, 504);
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_who_leaves_is_counted_and_gives_the_place_back() {
    let origin = Origin::start(|asked| {
        if asked.line().contains("/slow") { Reply::Silence } else { ok("", "hello") }
    })
    .await;
    let stand = Stand::start(snapshot(1, &[origin.address])).await;
    let mut visitor = TcpStream::connect(stand.address).await.unwrap();
    visitor.write_all(b"GET /slow HTTP/1.1\r\nHost: s\r\n\r\n").await.unwrap();
    let in_flight = |facts: &kernel::facts::Facts| {
        facts.shops.iter().flat_map(|shop| &shop.instances).map(|i| i.in_flight).sum::<u64>()
    };
    stand.facts_where(|facts| in_flight(facts) == 1).await;
    drop(visitor);
    let left = |facts: &kernel::facts::Facts| {
        facts.shops.iter().flat_map(|shop| &shop.classes).map(|class| class.left).sum::<u64>()
    };
    stand.facts_where(|facts| left(facts) == 1 && in_flight(facts) == 0).await;
    testkit::wait_until("the line in the access log", PATIENCE, async || {
        let log = std::fs::read_to_string(stand.state.path().join("access.log")).unwrap();
        if log.contains(r#""status":499"#) { Ok(()) } else { Err(log) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_kills_whoever_reads_it_does_not_go_round_them_all() {
    let mut origins = Vec::new();
    for _ in 0..5 {
        origins.push(Origin::start(|_| Reply::Last(Vec::new())).await);
    }
    let addresses: Vec<_> = origins.iter().map(|origin| origin.address).collect();
    let stand = Stand::start(snapshot(1, &addresses)).await;
    assert_eq!(ask(&stand, GET).await.status, 502);
    assert_eq!(origins.iter().map(|origin| origin.asked().len()).sum::<usize>(), 3);
}
