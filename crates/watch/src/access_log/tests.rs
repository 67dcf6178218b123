//! Lines into a shop's picture, and on where it was after a restart.

use super::*;
use crate::live::{Live, Site};
use kernel::{
    LogFormat, RouteClass,
    config::{Known, KnownPlatform, parse},
    snapshot::Check,
};
use std::{collections::HashSet, fs, io::Write as _, path::Path};

/// 22 November 2026, 04:05:00 UTC.
const NOW_MS: i64 = 1_795_320_300_000;

struct Play {
    folder: tempfile::TempDir,
    configuration: Configuration,
    live: Live,
    follower: Follower,
}

fn configuration(log: &Path, format: &str) -> Configuration {
    let known = [("sample", Check::default())];
    let platforms = known.map(|(name, check)| KnownPlatform { name: name.into(), check });
    let known = Known { platforms: &platforms, environment: &|_| None, time_zone: &|_| Ok(()) };
    let text = format!(
        "version = 1\n[shop.lamps]\nplatform = \"sample\"\nhosts = \"lamps.example\"\nfront = false\n\
         logs = \"{}\"\nlog_format = '{format}'\napp = \"127.0.0.1:3001\"\n",
        log.display()
    );
    parse(&text, known).unwrap()
}

impl Play {
    fn new(format: &str, lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("access.log");
        fs::write(&log, lines).unwrap();
        let configuration = configuration(&log, format);
        let mut live = Live::new(NOW_MS);
        live.configure(Site::all(&configuration, &HashSet::new().into_iter().collect()), 1);
        let follower = Self::follower(&configuration, &LogPlaces::default(), i64::MIN);
        Self { folder, configuration, live, follower }
    }

    fn follower(configuration: &Configuration, places: &LogPlaces, from_ms: i64) -> Follower {
        let shop = &configuration.shops[0];
        Follower::open(shop, shop.beside.as_ref().unwrap(), places, from_ms)
    }

    fn shop(&self) -> ShopId {
        self.configuration.shops[0].id.clone()
    }

    fn write(&self, text: &str) {
        let file = fs::OpenOptions::new().append(true).open(self.folder.path().join("access.log"));
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// One second.
    fn turn(&mut self, now_ms: i64) {
        self.follower.turn(now_ms);
        let mut reading = self.follower.hand_over(now_ms);
        reading.covered_ms = 1_000;
        let shop = self.shop();
        self.live.log_read(&shop, reading);
        self.live.tick(now_ms);
    }

    /// As after a kill: the picture that was written down, and on from there.
    fn again(&mut self) {
        let unsaved = self.live.take_unsaved(true);
        let (_, places) = unsaved.logs.into_iter().next().expect("places to be written down");
        let places = LogPlaces::from_text(&places.to_text());
        self.follower = Self::follower(&self.configuration, &places, i64::MIN);
    }

    fn state(&self) -> crate::state::ShopState {
        self.live.state(&self.shop()).unwrap()
    }
}

fn line(time: &str, request: &str, status: u16, more: &str) -> String {
    format!(
        "10.0.0.1 - - [22/Nov/2026:{time} +0000] \"{request} HTTP/1.1\" {status} 9 \"-\" \"F\"{more}\n"
    )
}

#[test]
fn a_log_gives_what_an_edge_would_and_says_what_it_cannot() {
    let format = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
                  \"$http_referer\" \"$http_user_agent\" $upstream_header_time $upstream_addr";
    let mut play = Play::new(format, "");
    play.turn(NOW_MS);
    let text = [
        line("04:04:59", "GET /", 200, " 0.040 127.0.0.1:3001"),
        line("04:04:59", "GET /product/moon", 200, " 0.080 127.0.0.1:3001"),
        line("04:04:59", "POST /checkout", 502, " 0.100 127.0.0.1:3001"),
        line("04:03:01", "GET /", 200, " 0.001 127.0.0.1:3001"),
        "what nobody understands\n".to_owned(),
    ];
    play.write(&text.concat());
    play.turn(NOW_MS + 1_000);
    let state = play.state();
    let point = state.points.last().unwrap();
    assert_eq!((point.requests_per_second, point.errors_per_second), (3.0, 1.0));
    assert_eq!((point.in_flight, point.held, point.cache_share), (None, None, None));
    assert_eq!((point.checkouts_per_second, point.visitors), (Some(1.0), Some(1)));
    assert!(point.p95_ms.is_some_and(|p95| (90.0..120.0).contains(&p95)), "{point:?}");
    let classes: Vec<_> = state.now.classes.iter().map(|class| class.class).collect();
    assert_eq!(classes, [RouteClass::Home, RouteClass::Product, RouteClass::Checkout]);
    let minutes: Vec<_> = state.minutes.iter().map(|m| (m.at_ms, m.requests, m.errors)).collect();
    let minute = NOW_MS - 60_000;
    assert!(minutes.contains(&(minute, Some(3), Some(1))), "{minutes:?}");
    assert!(minutes.contains(&(minute - 60_000, Some(1), Some(0))), "{minutes:?}");
    let beside = state.now.beside.unwrap();
    assert_eq!((beside.lines, beside.broken), (5, 1));
    assert_eq!((beside.timing.as_deref(), beside.visitors), (Some("first_byte"), true));
    assert!(state.now.hold.is_none() && state.now.cache.is_none());
    let instance = &state.now.instances[0];
    assert_eq!((instance.requests_per_second, instance.in_flight), (Some(1.5), None));
}

#[test]
fn no_line_counts_twice_after_a_restart() {
    let mut play = Play::new("combined", &line("04:04:59", "GET /", 200, ""));
    play.turn(NOW_MS);
    play.again();
    play.write(&line("04:04:59", "GET /", 500, ""));
    play.turn(NOW_MS + 1_000);
    play.again();
    play.turn(NOW_MS + 2_000);
    let minutes = play.state().minutes;
    let seen = minutes.iter().find(|minute| minute.at_ms == NOW_MS - 60_000).unwrap();
    assert_eq!((seen.requests, seen.errors), (Some(2), Some(1)));
    let point = *play.state().points.last().unwrap();
    assert_eq!((point.p95_ms, point.visitors), (None, Some(1)), "the format has no timings");
}

#[test]
fn a_log_that_cannot_be_read_is_unknown_and_no_zero() {
    let mut play = Play::new("combined", &line("04:04:59", "GET /", 200, ""));
    play.turn(NOW_MS);
    assert_eq!(play.state().now.verdict.code, "orders_unknown");
    for text in ["a\n", "b\n"] {
        // Past the minute in which a line was understood.
        play.write(text);
        play.turn(NOW_MS + 61_000);
    }
    let state = play.state();
    assert_eq!(state.now.verdict.code, "logs_unreadable", "{:?}", state.now.verdict);
    assert_eq!(state.now.findings[0].code, "logs_unreadable");
    let before = state.points.len();
    play.live.tick(NOW_MS + 62_000);
    assert_eq!(play.state().points.len(), before, "nothing is known of now");
}

#[test]
fn a_log_of_several_shops_gives_each_its_own_lines() {
    let line = |host: &str| {
        format!(
            "{host}:443 1.1.1.1 - - [22/Nov/2026:04:04:59 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"F\"\n"
        )
    };
    let text = [line("lamps.example"), line("LAMPS.example"), line("other.example")].concat();
    let mut play = Play::new("vhost_combined", &text);
    play.turn(NOW_MS);
    assert_eq!(play.state().now.beside.unwrap().lines, 2);
    assert_eq!(LogFormat::read("vhost_combined").unwrap().timing(), None);
}

#[test]
fn the_past_is_filled_where_nobody_saw_it() {
    let text = [line("04:01:10", "GET /", 200, ""), line("04:02:10", "GET /", 200, "")].concat();
    let mut play = Play::new("combined", &text);
    play.follower = Play::follower(&play.configuration, &LogPlaces::default(), NOW_MS - 3 * 60_000);
    play.turn(NOW_MS);
    let known: Vec<_> = play.state().minutes.iter().filter_map(|m| m.requests).collect();
    assert_eq!(known, [1, 0], "04:01 is known from elsewhere");
}
