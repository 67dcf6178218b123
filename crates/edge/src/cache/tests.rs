//! The cache as a whole: what it keeps, what it answers, and what it must never do.

mod judgement;
mod model;

use super::*;
use crate::body::{EdgeBody, Observer, Outcome};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, response::Parts};
use http_body::Body;
use kernel::snapshot::CacheLimits;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

type Lines = [(&'static str, &'static str)];

struct Nobody;

impl Observer for Nobody {
    fn data(&mut self, _: &Bytes) {}
    fn end(self, _: Outcome) {}
}

fn map(lines: &Lines) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    map
}

fn ask(lines: &Lines) -> Ask {
    match Asked::of(&Method::GET, &map(lines), false) {
        Asked::Read(ask) => ask,
        other => panic!("{lines:?} is {other:?}"),
    }
}

fn head(status: u16, headers: HeaderMap) -> Parts {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    *response.headers_mut() = headers;
    response.into_parts().0
}

/// `Mon, 02 Mar 2026 00:00:00 GMT`.
fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_772_409_600)
}

fn limits(memory_bytes: u64, object_bytes: u64) -> CacheLimits {
    CacheLimits { enabled: true, memory_bytes, object_bytes }
}

fn shelf() -> Arc<Shelf> {
    Arc::new(Shelf::new(&limits(1 << 20, 1 << 16)))
}

fn key(address: &str, ask: &Ask) -> Key {
    let mut key = Key::default();
    key.start(true, ask).extend_from_slice(address.as_bytes());
    key
}

/// Keeps a response of `body` under `/address`, with the given lines beside `Content-Length`.
fn keep(shelf: &Arc<Shelf>, address: &str, lines: &Lines, body: &str, now: Instant) -> bool {
    let ask = ask(&[]);
    let ticket = shelf.ticket(&key(address, &ask), address.as_bytes(), address, now);
    let mut headers = map(lines);
    headers.insert("content-length", HeaderValue::from(body.len()));
    match shelf.begin_store(ticket, &ask, &head(200, headers), now, wall()) {
        Ok(mut recorder) => {
            recorder.data(&Bytes::copy_from_slice(body.as_bytes()));
            recorder.commit()
        }
        Err(_) => false,
    }
}

fn answer(
    shelf: &Shelf,
    address: &str,
    lines: &Lines,
    now: Instant,
) -> Result<Response<EdgeBody<Nobody>>, Forward> {
    let ask = ask(lines);
    match shelf.lookup(&key(address, &ask), &ask, now) {
        Lookup::Hit(hit) => Ok(hit.response(&ask, &map(lines))),
        Lookup::Miss(forward) => Err(forward),
    }
}

fn text(response: &Response<EdgeBody<Nobody>>) -> &str {
    match response.body() {
        EdgeBody::Full(bytes) => std::str::from_utf8(bytes).expect("text"),
        EdgeBody::Empty => "",
        EdgeBody::Upstream(_) => panic!("a hit has its body whole"),
    }
}

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

#[test]
fn a_hit_is_what_was_kept_with_its_age() {
    let (shelf, start) = (shelf(), Instant::now());
    let lines = [
        ("cache-control", "max-age=60"),
        ("age", "5"),
        ("content-type", "text/html"),
        ("etag", "\"1\""),
        ("connection", "close, x-hop"),
        ("x-hop", "1"),
        ("x-request-id", "another visitor's"),
    ];
    assert!(keep(&shelf, "/a", &lines, "page", start));
    let hit = answer(&shelf, "/a", &[], start + Duration::from_millis(7_900)).expect("a hit");
    assert_eq!((hit.status(), text(&hit)), (StatusCode::OK, "page"));
    let expect = map(&[
        ("cache-control", "max-age=60"),
        ("content-type", "text/html"),
        ("etag", "\"1\""),
        ("date", "Mon, 02 Mar 2026 00:00:00 GMT"),
        ("content-length", "4"),
        ("age", "12"),
        ("cache-status", "storewarden; hit; ttl=47"),
        ("x-request-id", ""),
    ]);
    assert_eq!(hit.headers(), &expect);
    assert_eq!(
        answer(&shelf, "/a", &[], start + Duration::from_secs(55)).err(),
        Some(Forward::Stale)
    );
    assert_eq!(answer(&shelf, "/b", &[], start).err(), Some(Forward::Miss));
    let wants_fresh = [("cache-control", "no-cache")];
    assert_eq!(answer(&shelf, "/a", &wants_fresh, start).err(), Some(Forward::Request));
}

#[test]
fn head_gets_the_head_and_who_has_it_gets_304() {
    let (shelf, start) = (shelf(), Instant::now());
    let lines = [FRESH, ("etag", "\"1\""), ("content-type", "text/css"), ("set-x", "1")];
    assert!(keep(&shelf, "/a", &lines, "page", start));
    let ask = Ask { head: true, ..ask(&[]) };
    let Lookup::Hit(hit) = shelf.lookup(&key("/a", &ask), &ask, start) else { panic!("no hit") };
    let response = hit.response::<Nobody>(&ask, &HeaderMap::new());
    assert_eq!(response.body().size_hint().exact(), Some(0));
    assert_eq!(response.headers()["content-length"], "4");

    let asked = [("if-none-match", "W/\"1\"")];
    let response = answer(&shelf, "/a", &asked, start).expect("a hit");
    assert_eq!((response.status(), text(&response)), (StatusCode::NOT_MODIFIED, ""));
    let mut names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["age", "cache-control", "cache-status", "date", "etag"]);
    let asked = [("if-none-match", "\"2\"")];
    assert_eq!(text(&answer(&shelf, "/a", &asked, start).expect("a hit")), "page");
}

#[test]
fn a_body_that_is_not_the_announced_one_is_never_kept() {
    let (shelf, start, ask) = (shelf(), Instant::now(), ask(&[]));
    let check = |announced: Option<&'static str>, pieces: &[&'static str], expect: bool| {
        let ticket = shelf.ticket(&key("/a", &ask), b"/a", "/a", start);
        let length = announced.map(|length| ("content-length", length));
        let lines: Vec<_> = [FRESH]
            .into_iter()
            .chain([length.unwrap_or(("transfer-encoding", "chunked"))])
            .collect();
        let mut recorder = shelf
            .begin_store(ticket, &ask, &head(200, map(&lines)), start, wall())
            .expect("it may be kept");
        for piece in pieces {
            recorder.data(&Bytes::from_static(piece.as_bytes()));
        }
        assert_eq!(recorder.commit(), expect, "{announced:?} {pieces:?}");
        shelf.purge("");
    };
    check(Some("4"), &["pa", "ge"], true);
    check(Some("5"), &["page"], false);
    check(Some("3"), &["page"], false);
    check(Some("0"), &[], true);
    check(None, &["pa", "", "ge"], true);
    let too_large: &'static str = "x".repeat(1 << 15).leak();
    check(None, &[too_large, too_large], true);
    check(None, &[too_large, too_large, "x"], false);
}

#[test]
fn a_recorder_that_is_dropped_leaves_nothing_and_gives_its_room_back() {
    let (shelf, start, ask) = (shelf(), Instant::now(), ask(&[]));
    let piece = Bytes::from(vec![0; 1 << 16]);
    let begin = |shelf: &Arc<Shelf>| {
        let ticket = shelf.ticket(&key("/a", &ask), b"/a", "/a", start);
        let lines = map(&[FRESH, ("transfer-encoding", "chunked")]);
        shelf.begin_store(ticket, &ask, &head(200, lines), start, wall()).expect("may be kept")
    };
    // All recorders together may hold a quarter of the memory: four of these.
    let mut recorders: Vec<_> = (0..5).map(|_| begin(&shelf)).collect();
    recorders.iter_mut().for_each(|recorder| recorder.data(&piece));
    assert!(!recorders.pop().expect("the fifth").commit(), "the fifth had no room");
    drop(recorders);
    assert_eq!(answer(&shelf, "/a", &[], start).err(), Some(Forward::Miss));
    let mut recorder = begin(&shelf);
    recorder.data(&piece);
    assert!(recorder.commit());
}

#[test]
fn a_change_drops_all_variants_and_what_is_under_way() {
    let (shelf, start) = (shelf(), Instant::now());
    let plain = ask(&[]);
    let gzip = ask(&[("accept-encoding", "gzip")]);
    let begin = |ask: &Ask| {
        let ticket = shelf.ticket(&key("h\0/a\0cookie", ask), b"h\0/a", "/a", start);
        let lines = map(&[FRESH, ("content-length", "0")]);
        shelf.begin_store(ticket, ask, &head(200, lines), start, wall()).expect("may be kept")
    };
    let is_hit =
        |ask: &Ask| matches!(shelf.lookup(&key("h\0/a\0cookie", ask), ask, start), Lookup::Hit(_));
    assert!(begin(&plain).commit() && begin(&gzip).commit());
    assert!(is_hit(&plain) && is_hit(&gzip));
    let under_way = begin(&plain);
    // Whichever variant's key the change comes with.
    shelf.invalidate(b"h\0/a\0other cookie");
    assert!(!is_hit(&plain) && !is_hit(&gzip));
    assert!(!under_way.commit());
    assert!(!is_hit(&plain));
    assert_eq!((shelf.facts().entries, shelf.facts().bytes), (0, 0));
    assert!(begin(&plain).commit());
    shelf.invalidate(b"h\0/b");
    assert!(is_hit(&plain));
}

#[test]
fn an_older_answer_gives_way_when_the_shop_now_says_something_else() {
    let (shelf, start) = (shelf(), Instant::now());
    let check = |status: u16, line: (&'static str, &'static str), stays: bool| {
        shelf.purge("");
        assert!(keep(&shelf, "/a", &[FRESH], "old", start));
        let ask = ask(&[("cache-control", "no-cache")]);
        let ticket = shelf.ticket(&key("/a", &ask), b"/a", "/a", start);
        let lines = map(&[line, ("content-length", "0")]);
        let refused = shelf.begin_store(ticket, &ask, &head(status, lines), start, wall());
        assert!(refused.is_err());
        assert_eq!(answer(&shelf, "/a", &[], start).is_ok(), stays, "{status} {line:?}");
    };
    check(200, ("cache-control", "no-store"), false);
    check(302, FRESH, false);
    check(403, FRESH, false);
    check(500, FRESH, true);
    check(503, FRESH, true);
    check(304, FRESH, true);
}

#[test]
fn a_late_answer_does_not_take_the_place_of_a_newer_one() {
    let (shelf, start, ask) = (shelf(), Instant::now(), ask(&[]));
    let begin = |body: &'static str, at: Instant| {
        let ticket = shelf.ticket(&key("/a", &ask), b"/a", "/a", at);
        let lines = map(&[FRESH, ("transfer-encoding", "chunked")]);
        let recorder = shelf.begin_store(ticket, &ask, &head(200, lines), at, wall());
        let mut recorder = recorder.expect("may be kept");
        recorder.data(&Bytes::from_static(body.as_bytes()));
        recorder
    };
    let (old, new) = (begin("old", start), begin("new", start + Duration::from_secs(1)));
    assert!(new.commit());
    assert!(!old.commit());
    let later = start + Duration::from_secs(2);
    assert_eq!(text(&answer(&shelf, "/a", &[], later).expect("a hit")), "new");
}

#[test]
fn a_shop_keeps_to_its_room_and_to_what_is_asked_for() {
    let start = Instant::now();
    let shelf = Arc::new(Shelf::new(&limits(64 * 1024, 8 * 1024)));
    let body = "x".repeat(2_000);
    for n in 0..1_000 {
        assert!(keep(&shelf, &format!("/{n}"), &[FRESH], &body, start));
        assert!(answer(&shelf, "/0", &[], start).is_ok(), "asked for all the time, gone at {n}");
        assert!(shelf.facts().bytes <= 64 * 1024);
    }
    let facts = shelf.facts();
    assert!(facts.entries > 20 && facts.stored == 1_000, "{facts:?}");
    shelf.limit(&limits(8 * 1024, 4 * 1024));
    assert!(shelf.facts().bytes <= 8 * 1024);
    shelf.limit(&CacheLimits { enabled: false, ..limits(8 * 1024, 4 * 1024) });
    assert_eq!(shelf.facts().entries, 0);
    assert!(!keep(&shelf, "/a", &[FRESH], "x", start));
}

#[test]
fn variants_of_one_address_have_a_limit() {
    let (shelf, start, ask) = (shelf(), Instant::now(), ask(&[]));
    for n in 0..200 {
        let key = key(&format!("h\0/a\0{n}"), &ask);
        let ticket = shelf.ticket(&key, b"h\0/a", "/a", start);
        let lines = map(&[FRESH, ("content-length", "0")]);
        let recorder = shelf.begin_store(ticket, &ask, &head(200, lines), start, wall());
        assert!(recorder.expect("may be kept").commit());
    }
    assert_eq!(shelf.facts().entries, 64);
    shelf.invalidate(b"h\0/a");
    assert_eq!(shelf.facts().entries, 0);
}

#[test]
fn other_rules_begin_with_an_empty_shelf() {
    let (cache, start) = (Cache::new(), Instant::now());
    let shop: ShopId = "lampenladen".parse().expect("a name");
    let (limits, rules) = (limits(1 << 20, 1 << 16), CacheRules::default());
    let first = cache.shelf(&shop, &limits, &rules);
    assert!(keep(&first, "/a/b", &[FRESH], "x", start));
    assert!(Arc::ptr_eq(&first, &cache.shelf(&shop, &limits, &rules)));
    assert_eq!(cache.purge(&shop, "/b"), 0);
    assert_eq!(cache.purge(&shop, "/a"), 1);
    assert!(keep(&first, "/a/b", &[FRESH], "x", start));
    let stricter = CacheRules { bypass_cookies: vec!["session".to_owned()], ..rules };
    let second = cache.shelf(&shop, &limits, &stricter);
    assert_eq!(answer(&second, "/a/b", &[], start).err(), Some(Forward::Miss));
    cache.retain(|_| false);
    assert!(!Arc::ptr_eq(&second, &cache.shelf(&shop, &limits, &stricter)));
}
