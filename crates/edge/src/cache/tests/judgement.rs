//! Tables of responses: kept for how long, or why not.

use super::*;
use crate::cache::judgement::{Exchange, Refusal, judge};

const LENGTH: (&str, &str) = ("content-length", "3");
/// The moment of [`wall`].
const NOW: &str = "Mon, 02 Mar 2026 00:00:00 GMT";

/// The time left when it comes, in seconds.
fn judged(status: u16, lines: &Lines) -> Result<u64, Refusal> {
    let exchange = Exchange { delay: Duration::ZERO, received: wall() };
    let ask = ask(&[("accept-encoding", "gzip")]);
    judge(&ask, &head(status, map(lines)), exchange, 1_000)
        .map(|freshness| (freshness.lifetime - freshness.age).as_secs())
}

fn check(lines: &Lines, expect: Result<u64, Refusal>) {
    let lines: Vec<_> = [LENGTH].into_iter().chain(lines.iter().copied()).collect();
    assert_eq!(judged(200, &lines), expect, "{lines:?}");
}

#[test]
fn freshness_is_explicit_or_there_is_none() {
    use Refusal::{Ambiguous, Forbidden, NoFreshness, Stale};
    check(&[], Err(NoFreshness));
    check(&[("last-modified", NOW), ("etag", "\"1\"")], Err(NoFreshness));
    check(&[("cache-control", "public")], Err(NoFreshness));
    check(&[("cache-control", "max-age=60")], Ok(60));
    check(&[("cache-control", "max-age=60, s-maxage=9")], Ok(9));
    check(&[("cache-control", "s-maxage=0, max-age=60")], Err(Stale));
    check(&[("cache-control", "s-maxage=x, max-age=60")], Err(NoFreshness));
    check(&[("cache-control", "max-age=60"), ("cache-control", "max-age=61")], Err(NoFreshness));
    check(&[("cache-control", "max-age=60"), ("age", "20")], Ok(40));
    check(&[("cache-control", "max-age=60"), ("age", "60")], Err(Stale));
    check(&[("cache-control", "max-age=60"), ("age", "-1")], Err(Ambiguous));
    check(&[("cache-control", "max-age=60"), ("age", "1"), ("age", "1")], Err(Ambiguous));
    let old = ("date", "Sun, 01 Mar 2026 23:59:30 GMT");
    check(&[("cache-control", "max-age=60"), old], Ok(30));
    check(&[("cache-control", "max-age=60"), old, ("age", "50")], Ok(10));
    check(&[("cache-control", "max-age=60"), ("date", "Mon, 02 Mar 2026 01:00:00 GMT")], Ok(60));
    check(&[("cache-control", "max-age=60"), ("date", "now")], Err(Ambiguous));
    let expires = ("expires", "Mon, 02 Mar 2026 00:01:40 GMT");
    check(&[expires], Ok(100));
    check(&[expires, ("date", NOW)], Ok(100));
    // 130 s from its own date, 30 of which are over.
    check(&[expires, old], Ok(100));
    check(&[expires, ("cache-control", "max-age=5")], Ok(5));
    check(&[expires, ("cache-control", "no-cache")], Err(Forbidden));
    check(&[expires, ("pragma", "no-cache")], Err(Forbidden));
    check(&[("expires", "0")], Err(NoFreshness));
    check(&[("expires", NOW)], Err(Stale));
    check(&[("expires", "Sun, 01 Mar 2026 00:00:00 GMT")], Err(Stale));
    check(&[expires, expires], Err(Ambiguous));
}

#[test]
fn what_is_one_visitors_own_is_never_kept() {
    let check = |line: (&'static str, &'static str), expect: Refusal| {
        check(&[("cache-control", "public, max-age=60"), line], Err(expect));
    };
    check(("set-cookie", "a=1"), Refusal::SetCookie);
    check(("cache-control", "private"), Refusal::Forbidden);
    check(("cache-control", "Private=\"x-a\""), Refusal::Forbidden);
    check(("cache-control", "no-store"), Refusal::Forbidden);
    check(("cache-control", "no-cache=\"set-cookie\""), Refusal::Forbidden);
    check(("cdn-cache-control", "no-store"), Refusal::Forbidden);
    check(("surrogate-control", "no-store"), Refusal::Forbidden);
    check(("vary", "*"), Refusal::Vary);
    check(("vary", "Cookie"), Refusal::Vary);
    check(("vary", "Accept-Encoding, User-Agent"), Refusal::Vary);
    check(("content-encoding", "br"), Refusal::Encoding);
    check(("content-encoding", "deflate"), Refusal::Encoding);
    check(("content-range", "bytes 0-2/9"), Refusal::Status);
}

#[test]
fn an_encoding_that_all_with_the_key_can_read_is_kept() {
    check(&[FRESH, ("vary", "accept-encoding"), ("content-encoding", "gzip")], Ok(60));
    check(&[FRESH, ("vary", "Accept-Encoding, accept-encoding,")], Ok(60));
}

#[test]
fn a_body_has_a_certain_end() {
    let check = |lines: &Lines, expect: Result<u64, Refusal>| {
        let lines: Vec<_> = [FRESH].into_iter().chain(lines.iter().copied()).collect();
        assert_eq!(judged(200, &lines), expect, "{lines:?}");
    };
    check(&[LENGTH], Ok(60));
    check(&[("transfer-encoding", "chunked")], Ok(60));
    check(&[], Err(Refusal::Ambiguous));
    check(&[("transfer-encoding", "gzip, chunked")], Err(Refusal::Ambiguous));
    check(&[LENGTH, ("transfer-encoding", "chunked")], Err(Refusal::Ambiguous));
    check(&[LENGTH, LENGTH], Err(Refusal::Ambiguous));
    check(&[("content-length", "1000")], Ok(60));
    check(&[("content-length", "1001")], Err(Refusal::TooLarge));
    check(&[("content-length", "99999999999999999999999")], Err(Refusal::TooLarge));
}

#[test]
fn some_statuses_are_kept() {
    for status in 200..=599 {
        let kept = [200, 203, 300, 301, 308, 404, 410].contains(&status);
        let expect = if kept { Ok(60) } else { Err(Refusal::Status) };
        assert_eq!(judged(status, &[FRESH, LENGTH]), expect, "{status}");
    }
}

#[test]
fn the_time_a_response_took_is_part_of_its_age() {
    let exchange = Exchange { delay: Duration::from_secs(7), received: wall() };
    let lines = map(&[FRESH, LENGTH, ("age", "3")]);
    let freshness = judge(&ask(&[]), &head(200, lines), exchange, 1_000).expect("fresh");
    assert_eq!(freshness.age, Duration::from_secs(10));
}
