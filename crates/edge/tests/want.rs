//! Shops that misbehave and machines that lack something: what one request or visitor meets must not
//! be everybody's trouble.

use crate::{
    origin::{Asked, Origin, Reply, ok},
    stand::{PATIENCE, Stand, snapshot},
};
use kernel::facts::{Facts, ShopFacts};
use std::{net::SocketAddr, path::Path, time::Duration};
use testkit::{
    exchange,
    process::{Process, Signal, Spawn},
    read_answer, wait_until,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

const GET: &str = "GET /a HTTP/1.1\r\nHost: s\r\n\r\n";

async fn status(address: SocketAddr, request: &str) -> u16 {
    exchange(address, request, PATIENCE).await.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_always_breaks_takes_no_other_page_away() {
    let script = |asked: &Asked| {
        if asked.line().contains("/broken") { Reply::Last(Vec::new()) } else { ok("", "hello") }
    };
    let origins = [Origin::start(script).await, Origin::start(script).await];
    let mut wanted = snapshot(1, &[origins[0].address, origins[1].address]);
    (wanted.shops[0].pool.eject_for_ms, wanted.shops[0].pool.hold.max_wait_ms) = (60_000, 500);
    let stand = Stand::start(wanted).await;
    for _ in 0..4 {
        let broken = "GET /broken HTTP/1.1\r\nHost: s\r\n\r\n";
        assert_eq!(status(stand.address, broken).await, 502);
    }
    for _ in 0..4 {
        assert_eq!(status(stand.address, GET).await, 200, "all instances were ejected");
    }
}

/// Answers a POST with 413 without reading its body and keeps the connection; else as usual.
async fn answer_early(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            loop {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    head.push(byte);
                }
                let is_post = head.starts_with(b"POST");
                let status = if is_post { "413 Too Much" } else { "200 OK" };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
                if is_post {
                    std::future::pending::<()>().await;
                }
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_request_was_never_read_is_not_used_again() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(16).unwrap();
    let stand = Stand::start(snapshot(1, &[listener.local_addr().unwrap()])).await;
    tokio::spawn(answer_early(listener));
    // One connection, so that the same worker with the same idle connections takes it all.
    let mut visitor = TcpStream::connect(stand.address).await.unwrap();
    for _ in 0..3 {
        let body = vec![b'x'; 12 * 1024 * 1024];
        let head = format!("POST / HTTP/1.1\r\nHost: s\r\nContent-Length: {}\r\n\r\n", body.len());
        visitor.write_all(head.as_bytes()).await.unwrap();
        visitor.write_all(&body).await.unwrap();
        assert_eq!(read_answer(&mut visitor).await.unwrap().status, 413);
        visitor.write_all(GET.as_bytes()).await.unwrap();
        let answer = tokio::time::timeout(PATIENCE, read_answer(&mut visitor)).await;
        assert_eq!(answer.expect("an answer in time").unwrap().status, 200);
    }
    stand.facts_where(|f| f.shops.iter().all(|s| s.instances[0].in_flight == 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_changes_the_protocol_unasked_is_broken() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                  \r\nbytes";
    let origin = Origin::start(|asked| {
        if asked.line().contains("/odd") {
            Reply::Echo(switch.as_bytes().to_vec())
        } else {
            ok("", "hello")
        }
    })
    .await;
    let stand = Stand::start(snapshot(1, &[origin.address])).await;
    let odd = "POST /odd HTTP/1.1\r\nHost: s\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(status(stand.address, odd).await, 502);
    assert_eq!(status(stand.address, GET).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_who_leaves_gives_back_what_they_had() {
    let half =
        [&b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n"[..], &[b'x'; 9_000]].concat();
    let origin = Origin::start(move |asked| match asked.line() {
        line if line.contains("/silent") => Reply::Silence,
        line if line.contains("/half") => Reply::Send(half.clone()),
        _ => ok("", "hello"),
    })
    .await;
    let mut wanted = snapshot(1, &[origin.address]);
    wanted.shops[0].pool.instances[0].connections = 2;
    let stand = Stand::start(wanted).await;
    let body = "Content-Length: 3\r\n\r\none";
    for _ in 0..2 {
        let mut inside = Vec::new();
        for line in ["GET /half", "POST /silent", "GET /queued", "POST /queued"] {
            let rest = if line.starts_with("POST") { body } else { "\r\n" };
            let request = format!("{line} HTTP/1.1\r\nHost: s\r\n{rest}");
            let mut visitor = TcpStream::connect(stand.address).await.unwrap();
            visitor.write_all(request.as_bytes()).await.unwrap();
            if line.contains("/half") {
                visitor.read_exact(&mut [0; 1_000]).await.unwrap();
            }
            inside.push(visitor);
            let (places, queued) = (inside.len().min(2), inside.len().saturating_sub(2));
            stand.facts_where(|facts| is_busy(facts, places as u64, queued as u64)).await;
        }
        // Those in line first: else they would take the places of the others.
        inside.truncate(2);
        stand.facts_where(|facts| is_busy(facts, 2, 0)).await;
        drop(inside);
        stand.facts_where(|facts| is_busy(facts, 0, 0) && facts.connections == 0).await;
    }
    let shop = &stand.facts_where(|_| true).await.shops[0];
    assert_eq!((shop.hold.left, shop.instances[0].failures), (4, 0));
}

fn is_busy(facts: &Facts, places: u64, queued: u64) -> bool {
    let all = |shop: &ShopFacts| {
        shop.instances[0].in_flight == places && shop.hold.queued + shop.hold.held == queued
    };
    !facts.shops.is_empty() && facts.shops.iter().all(all)
}

/// What the process that plays the edge is told: the shop's address and a folder for its own.
const TEST: &str = "want::visitors_never_take_the_last_descriptors";
const FEW: &str = r#"ulimit -n 200 && exec "$0" "$@""#;

/// A process that does not outlive its test.
struct Owned(Process);

impl Drop for Owned {
    fn drop(&mut self) {
        // It may have ended by itself; then the test says why.
        let _gone = self.0.signal(Signal::Kill);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_never_take_the_last_descriptors() {
    if let Some(role) = testkit::role() {
        let (shop, folder) = role.split_once(' ').unwrap();
        return play_the_edge(shop.parse().unwrap(), Path::new(folder)).await;
    }
    let origin = Origin::start(|_| ok("", "hello")).await;
    let folder = testkit::folder();
    let role = format!("{} {}", origin.address, folder.path().display());
    let shell = Spawn::new("sh").args(["-c", FEW]).arg(testkit::program());
    let edge = testkit::this_test_below(shell, TEST, &role)
        .output_to(folder.path().join("log"))
        .start()
        .unwrap();
    let _edge = Owned(edge);
    let address: SocketAddr = wait_until("the edge", PATIENCE, async || {
        let text = std::fs::read_to_string(folder.path().join("address")).unwrap_or_default();
        text.parse().map_err(|_| std::fs::read_to_string(folder.path().join("log")))
    })
    .await;
    let mut visitors = Vec::new();
    for _ in 0..400 {
        visitors.push(TcpStream::connect(address).await.unwrap());
    }
    // Long enough for every check to be missed that can be.
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        for visitor in &mut visitors[..8] {
            visitor.write_all(GET.as_bytes()).await.unwrap();
        }
        for visitor in &mut visitors[..8] {
            assert_eq!(read_answer(visitor).await.unwrap().status, 200);
        }
    }
}

async fn play_the_edge(shop: SocketAddr, folder: &Path) {
    let mut wanted = snapshot(1, &[shop]);
    wanted.shops[0].pool.hold.max_wait_ms = 100;
    let stand = Stand::start(wanted).await;
    let new = folder.join("new");
    std::fs::write(&new, stand.address.to_string()).unwrap();
    std::fs::rename(new, folder.join("address")).unwrap();
    std::future::pending::<()>().await;
}
