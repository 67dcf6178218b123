//! The cache as visitors meet it: through a running edge, before a shop that counts what it is asked.

use crate::{
    origin::{Asked, Origin, Reply},
    stand::{PATIENCE, Stand, snapshot},
};
use kernel::{
    CacheRules,
    snapshot::{CacheLimits, Snapshot},
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};
use testkit::{Answer, exchange};
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpStream};

/// A shop whose every answer is another one: its body is a running number.
struct Shop {
    origin: Origin,
    stand: Stand,
    /// Status line and headers of the next answers.
    head: Arc<Mutex<String>>,
    version: AtomicU64,
}

const FRESH: &str = "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n";

fn rules() -> CacheRules {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    CacheRules {
        never_paths: names(&["/checkout**"]),
        never_parameters: names(&["preview"]),
        bypass_cookies: names(&["session*"]),
        bypass_headers: names(&["x-preview"]),
        vary_cookies: names(&["currency"]),
        vary_headers: names(&["x-region"]),
        drop_parameters: names(&["utm_*"]),
        ..CacheRules::default()
    }
}

impl Shop {
    async fn open() -> Self {
        let head = Arc::new(Mutex::new(FRESH.to_owned()));
        let (script, serial) = (head.clone(), AtomicU64::new(0));
        let origin = Origin::start(move |asked: &Asked| {
            let head = script.lock().unwrap().clone();
            let body = format!(
                "{} for {} by {}",
                serial.fetch_add(1, Ordering::Relaxed),
                asked.all("host").join(","),
                asked.all("x-forwarded-host").join(","),
            );
            let length = body.len();
            let body = if asked.line().starts_with("HEAD ") { String::new() } else { body };
            match head.strip_suffix("close\r\n") {
                Some(head) => Reply::Last(format!("{head}\r\n{body}").into_bytes()),
                None => Reply::Send(
                    format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes(),
                ),
            }
        })
        .await;
        let stand = Stand::start(wanted(1, &origin, true)).await;
        Self { origin, stand, head, version: AtomicU64::new(1) }
    }

    /// From now on the shop answers with these header lines.
    fn answers(&self, head: &str) {
        head.clone_into(&mut self.head.lock().unwrap());
    }

    async fn ask(&self, method: &str, target: &str, lines: &str) -> Answer {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: shop.example\r\n{lines}\r\n");
        exchange(self.stand.address, request, PATIENCE).await.unwrap()
    }

    async fn get(&self, target: &str, lines: &str) -> Answer {
        self.ask("GET", target, lines).await
    }

    /// Puts another snapshot in force and waits until it is.
    async fn reload(&self, cache: bool) {
        let version = self.version.fetch_add(1, Ordering::Relaxed) + 1;
        self.stand.control.publish(wanted(version, &self.origin, cache)).unwrap();
        self.stand.facts_where(|facts| facts.snapshot_version == version).await;
    }

    fn asked(&self) -> usize {
        self.origin.asked().len()
    }
}

fn wanted(version: u64, origin: &Origin, cache: bool) -> Snapshot {
    let mut wanted = snapshot(version, &[origin.address]);
    wanted.shops[0].traffic.cache = rules();
    wanted.shops[0].cache = CacheLimits { enabled: cache, ..CacheLimits::default() };
    wanted
}

fn status_of(answer: &Answer) -> &str {
    answer.header("cache-status").unwrap_or_default()
}

fn is_hit(answer: &Answer) -> bool {
    status_of(answer).starts_with("storewarden; hit; ttl=")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fresh_is_asked_for_once() {
    let shop = Shop::open().await;
    let first = shop.get("/a?x=1", "").await;
    assert_eq!(status_of(&first), "storewarden; fwd=miss; stored");
    let second = shop.get("/a?utm_source=mail&x=1", "").await;
    assert!(is_hit(&second), "{second:?}");
    assert_eq!((second.text(), second.status), (first.text(), 200));
    assert_eq!(second.header("age"), Some("0"));
    assert_ne!(second.header("x-request-id"), first.header("x-request-id"));
    assert_eq!(shop.asked(), 1);
    let facts = shop
        .stand
        .facts_where(|facts| facts.shops.first().is_some_and(|shop| shop.cache.hits == 1))
        .await;
    let cache = &facts.shops[0].cache;
    assert_eq!((cache.misses, cache.stored, cache.entries), (1, 1, 1));
    assert!(cache.bytes > 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shop_marks_as_someones_own_is_never_another_visitors() {
    let shop = Shop::open().await;
    for (number, line) in [
        "set-cookie: session=1",
        "cache-control: private",
        "cache-control: no-store",
        "cache-control: no-cache",
        "cache-control: max-age=\"60",
        "vary: cookie",
        "vary: *",
        "vary: accept-language",
        "content-encoding: br",
        "age: 60",
        "expires: 0\r\ncache-control: s-maxage=0",
        "etag: \"1\"\r\netag: \"2\"",
        "cdn-cache-control: no-store",
    ]
    .into_iter()
    .enumerate()
    {
        shop.answers(&format!("{FRESH}{line}\r\n"));
        let target = format!("/{number}");
        let (first, second) = (shop.get(&target, "").await, shop.get(&target, "").await);
        assert_ne!(first.text(), second.text(), "{line}");
        assert!(status_of(&first).starts_with("storewarden; fwd=miss; detail="), "{line}");
    }
    for (number, head) in [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nlast-modified: Mon, 02 Mar 2026 00:00:00 GMT\r\n",
        "HTTP/1.1 302 Found\r\nlocation: /x\r\ncache-control: max-age=60\r\n",
        "HTTP/1.1 500 Oops\r\ncache-control: max-age=60\r\n",
        "HTTP/1.1 403 No\r\ncache-control: max-age=60\r\n",
        // Its end cannot be told from a broken connection.
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\nclose\r\n",
        "HTTP/1.0 200 OK\r\ncache-control: max-age=60\r\nclose\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        shop.answers(head);
        let target = format!("/h{number}");
        let (first, second) = (shop.get(&target, "").await, shop.get(&target, "").await);
        assert_ne!(first.text(), second.text(), "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_who_is_someone_neither_fills_nor_is_served_from_the_cache() {
    let shop = Shop::open().await;
    let common = shop.get("/", "").await;
    assert!(is_hit(&shop.get("/", "Cookie: theme=dark\r\n").await));
    for (number, lines) in [
        "Authorization: Basic eDp5\r\n",
        "Cookie: session=1\r\n",
        "Cookie: theme=dark; session_old=1\r\n",
        "Cookie: theme=dark\r\nCookie: session=1\r\n",
        "X-Preview: 1\r\n",
        "Range: bytes=0-0\r\n",
        "If-Match: \"1\"\r\n",
        "X-HTTP-Method-Override: DELETE\r\n",
        "Accept-Encoding: identity;q=0\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        let own = shop.get("/", lines).await;
        assert_ne!(own.text(), common.text(), "{lines}");
        assert_eq!(status_of(&own), "storewarden; fwd=bypass", "{lines}");
        let target = format!("/{number}");
        let own = shop.get(&target, lines).await;
        let others = shop.get(&target, "").await;
        assert_ne!(own.text(), others.text(), "{lines}");
    }
    for target in ["/checkout", "/checkout/pay", "/CHECKOUT", "/%63heckout", "/a?preview=1"] {
        let (first, second) = (shop.get(target, "").await, shop.get(target, "").await);
        assert_ne!(first.text(), second.text(), "{target}");
    }
    assert_eq!(shop.get("/", "").await.text(), common.text(), "still the one of all");
}

#[tokio::test(flavor = "multi_thread")]
async fn variants_are_kept_apart() {
    let shop = Shop::open().await;
    let variants = [
        "",
        "Cookie: currency=EUR\r\n",
        "Cookie: currency=USD\r\n",
        "X-Region: de\r\n",
        "Accept-Encoding: gzip\r\n",
        "Accept-Encoding: gzip, br\r\n",
    ];
    let mut seen = Vec::new();
    for lines in variants {
        seen.push(shop.get("/a", lines).await.text().to_owned());
    }
    for host in ["other.example", "shop.example:8080"] {
        let request = format!("GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = exchange(shop.stand.address, request, PATIENCE).await.unwrap();
        assert!(answer.text().ends_with(&format!("for {host} by {host}")), "{}", answer.text());
        seen.push(answer.text().to_owned());
    }
    for (lines, first) in variants.iter().zip(&seen) {
        assert_eq!(shop.get("/a", lines).await.text(), first, "{lines}");
    }
    let all: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!((all.len(), shop.asked()), (seen.len(), seen.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_fills_the_cache_with_what_others_should_not_see() {
    let shop = Shop::open().await;
    for (number, lines) in [
        "X-Forwarded-Host: evil.example\r\n",
        "X-Forwarded-Host: evil.example\r\nX-Forwarded-Scheme: http\r\n",
        "X_Forwarded_Host: evil.example\r\n",
        "Forwarded: host=evil.example\r\n",
        "X-Original-URL: /admin\r\n",
        "X-Rewrite-URL: /admin\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("/{number}");
        let planted = shop.get(&target, lines).await;
        assert!(planted.text().ends_with("for shop.example by shop.example"), "{lines}");
    }
    // Named by `Connection`, the header would be part of the key but never reach the shop.
    let lines = "X-Region: de\r\nConnection: x-region\r\n";
    let planted = shop.get("/r", lines).await;
    let real = shop.get("/r", "X-Region: de\r\n").await;
    assert_ne!(planted.text(), real.text());
    let sent = shop.origin.asked();
    let of_shop = ["x-original-url", "x-rewrite-url", "forwarded", "x-forwarded-scheme"];
    assert!(sent.iter().all(|asked| of_shop.iter().all(|name| asked.all(name).is_empty())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_seen_by_the_next_visitor() {
    let shop = Shop::open().await;
    let check = async |method: &str, target: &str, head: &str, dropped: bool| {
        shop.answers(FRESH);
        let before = shop.get("/a", "").await;
        shop.answers(head);
        shop.ask(method, target, "Content-Length: 0\r\n").await;
        shop.answers(FRESH);
        let after = shop.get("/a", "").await;
        assert_eq!(before.text() != after.text(), dropped, "{method} {target} {head}");
    };
    check("POST", "/a", "HTTP/1.1 200 OK\r\n", true).await;
    check("POST", "/a?utm_source=x", "HTTP/1.1 303 See Other\r\nlocation: /b\r\n", true).await;
    check("PUT", "/a", "HTTP/1.1 201 Created\r\n", true).await;
    check("DELETE", "/a", "HTTP/1.1 200 OK\r\n", true).await;
    check("PATCH", "/a", "HTTP/1.1 200 OK\r\n", true).await;
    check("POST", "/a", "HTTP/1.1 422 No\r\n", false).await;
    check("POST", "/a", "HTTP/1.1 500 Oops\r\n", false).await;
    check("POST", "/b", "HTTP/1.1 200 OK\r\n", false).await;
    check("POST", "/b", "HTTP/1.1 303 See Other\r\nlocation: /a\r\n", true).await;
    let absolute = "HTTP/1.1 201 Created\r\ncontent-location: http://shop.example/a\r\n";
    check("POST", "/b", absolute, true).await;
    let elsewhere = "HTTP/1.1 303 See Other\r\nlocation: http://other.example/a\r\n";
    check("POST", "/b", elsewhere, false).await;
    check("OPTIONS", "/a", "HTTP/1.1 200 OK\r\n", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_may_ask_for_a_fresh_one_and_renews_it_for_all() {
    let shop = Shop::open().await;
    let first = shop.get("/a", "").await;
    for lines in ["Cache-Control: no-cache\r\n", "Pragma: no-cache\r\n"] {
        let fresh = shop.get("/a", lines).await;
        assert_ne!(fresh.text(), first.text());
        assert_eq!(status_of(&fresh), "storewarden; fwd=request; stored");
        assert_eq!(shop.get("/a", "").await.text(), fresh.text());
    }
    let now = shop.get("/a", "").await;
    let own = shop.get("/a", "Cache-Control: no-store\r\n").await;
    assert_ne!(own.text(), now.text());
    assert_eq!(shop.get("/a", "").await.text(), now.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn head_and_conditional_requests_are_answered_from_what_is_kept() {
    let shop = Shop::open().await;
    shop.answers(&format!("{FRESH}etag: \"1\"\r\ncontent-type: text/plain\r\n"));
    let whole = shop.get("/a", "").await;
    let asked = "If-None-Match: \"0\", W/\"1\"\r\n";
    let same = shop.get("/a", asked).await;
    assert_eq!((same.status, same.header("etag")), (304, Some("\"1\"")));
    assert!(is_hit(&same) && same.header("content-type").is_none(), "{same:?}");
    assert_eq!(shop.get("/a", "If-None-Match: \"2\"\r\n").await.text(), whole.text());

    let mut stream = TcpStream::connect(shop.stand.address).await.unwrap();
    let head = "HEAD /a HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let length = format!("content-length: {}\r\n", whole.text().len());
    assert!(answer.to_ascii_lowercase().contains(&length), "{answer}");
    assert!(answer.contains("storewarden; hit") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(shop.asked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_was_off_remembers_nothing_from_before() {
    let shop = Shop::open().await;
    let before = shop.get("/a", "").await;
    shop.reload(true).await;
    assert_eq!(shop.get("/a", "").await.text(), before.text(), "a reload costs nothing");
    shop.reload(false).await;
    let off = shop.get("/a", "").await;
    assert_eq!((off.text() == before.text(), off.header("cache-status")), (false, None));
    shop.ask("POST", "/a", "Content-Length: 0\r\n").await;
    shop.reload(true).await;
    assert_ne!(shop.get("/a", "").await.text(), before.text());
}
