//! Random responses and random orders of events against what must hold of every one of them.

use super::*;

/// Header lines of responses; each either forbids keeping, or says how long it is fresh, or neither.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Means {
    Nothing,
    Forbids,
    Fresh(u64),
}

const RESPONSE_LINES: [(&str, &str, Means); 30] = {
    use Means::{Forbids, Fresh, Nothing};
    [
        ("cache-control", "max-age=100", Fresh(100)),
        ("cache-control", "public, max-age=100", Fresh(100)),
        ("cache-control", "s-maxage=\"100\"", Fresh(100)),
        ("expires", "Mon, 02 Mar 2026 00:01:40 GMT", Fresh(100)),
        ("cache-control", "must-revalidate", Nothing),
        ("cache-control", "x=\"no-store\"", Nothing),
        ("content-type", "text/html", Nothing),
        ("etag", "\"1\"", Nothing),
        ("vary", "accept-encoding", Nothing),
        ("date", "Mon, 02 Mar 2026 00:00:00 GMT", Nothing),
        ("link", "</a.css>; rel=preload", Nothing),
        ("set-cookie", "session=1", Forbids),
        ("set-cookie", "", Forbids),
        ("cache-control", "private", Forbids),
        ("cache-control", "PRIVATE, max-age=100", Forbids),
        ("cache-control", "no-store", Forbids),
        ("cache-control", "no-cache", Forbids),
        ("cache-control", "max-age=100, no-cache=\"x\"", Forbids),
        ("cache-control", "max-age=\"100, private", Forbids),
        // Only for caches of one visitor when `s-maxage` stands beside it.
        ("cache-control", "max-age=0", Nothing),
        ("cache-control", "s-maxage=0", Forbids),
        ("cache-control", "s-maxage=-1", Forbids),
        ("vary", "*", Forbids),
        ("vary", "cookie", Forbids),
        ("vary", "accept-encoding, accept-language", Forbids),
        ("content-encoding", "br", Forbids),
        ("content-range", "bytes 0-1/2", Forbids),
        ("age", "100", Forbids),
        ("transfer-encoding", "gzip", Forbids),
        ("cdn-cache-control", "no-store", Forbids),
    ]
};

const REQUEST_LINES: [(&str, &str, Means); 12] = {
    use Means::{Forbids, Nothing};
    [
        ("accept", "text/html", Nothing),
        ("accept-encoding", "gzip", Nothing),
        ("cache-control", "no-cache", Nothing),
        ("user-agent", "x", Nothing),
        ("connection", "keep-alive", Nothing),
        ("cache-control", "no-store", Forbids),
        ("authorization", "Basic x", Forbids),
        ("range", "bytes=0-1", Forbids),
        ("if-match", "\"1\"", Forbids),
        ("connection", "cookie", Forbids),
        ("x-http-method-override", "DELETE", Forbids),
        ("accept-encoding", "identity;q=0", Forbids),
    ]
};

const STATUSES: [(u16, bool); 10] = [
    (200, true),
    (404, true),
    (301, true),
    (200, true),
    (206, false),
    (302, false),
    (304, false),
    (403, false),
    (500, false),
    (503, false),
];

/// How a body ends: its pieces, whether it is committed, and whether that is its true end.
const ENDINGS: [(&[&str], bool, bool); 5] = [
    (&["body"], true, true),
    (&["bo", "dy"], true, true),
    (&["bod"], true, false),
    (&["body", "body"], true, false),
    (&["body"], false, false),
];

/// Chooses up to three lines, every other one of the `harmless` first ones, so that many responses
/// are kept.
fn choose<'a, T>(from: &'a [T], harmless: usize, bytes: &'a [u8]) -> impl Iterator<Item = &'a T> {
    bytes.iter().take(3).map(move |byte| {
        let (half, at) = (byte % 2, usize::from(byte / 2));
        &from[at % if half == 0 { harmless } else { from.len() }]
    })
}

fn lines<'a>(
    chosen: impl Iterator<Item = &'a (&'static str, &'static str, Means)>,
) -> (Vec<(&'static str, &'static str)>, Vec<Means>) {
    chosen.map(|(name, value, means)| ((*name, *value), *means)).unzip()
}

#[test]
fn nothing_forbidden_is_ever_answered_from_the_cache() {
    let mut kept = 0_u32;
    bolero::check!().with_type::<(Vec<u8>, Vec<u8>, u8, u8, u8)>().for_each(
        |(response, request, status, ending, wait)| {
            let shelf = shelf();
            let start = Instant::now();
            let (request, request_means) = lines(choose(&REQUEST_LINES, 5, request));
            let (mut response, response_means) = lines(choose(&RESPONSE_LINES, 11, response));
            let (status, status_allows) = STATUSES[usize::from(*status) % STATUSES.len()];
            let (pieces, commits, whole) = ENDINGS[usize::from(*ending) % ENDINGS.len()];
            response.push(("content-length", "4"));
            let forbidden = request_means.contains(&Means::Forbids)
                || response_means.contains(&Means::Forbids)
                || !response_means.iter().any(|means| matches!(means, Means::Fresh(_)))
                || !status_allows
                || !whole;
            if let Asked::Read(ask) = Asked::of(&Method::GET, &map(&request), false) {
                let ticket = shelf.ticket(&key("/a", &ask), b"/a", "/a", start);
                let head = head(status, map(&response));
                let recorder = shelf.begin_store(ticket, &ask, &head, start, wall());
                if let Ok(mut recorder) = recorder {
                    pieces.iter().for_each(|p| recorder.data(&Bytes::from_static(p.as_bytes())));
                    let _ = commits && recorder.commit();
                }
            }
            let now = start + Duration::from_secs(u64::from(*wait));
            for coding in ["gzip", "identity"] {
                let hit = answer(&shelf, "/a", &[("accept-encoding", coding)], now);
                let Ok(hit) = hit else { continue };
                kept += 1;
                let about = format!("{status} {request:?} {response:?} after {wait} s");
                assert!(!forbidden, "{about}");
                assert!(*wait < 100, "stale: {about}");
                assert_eq!(text(&hit), "body", "{about}");
                assert_eq!(hit.headers()["age"], wait.to_string(), "{about}");
                assert!(!hit.headers().contains_key("set-cookie"), "{about}");
            }
        },
    );
    assert!(kept > 0, "nothing was ever kept: the test shows nothing");
}

/// One request on its way.
enum Fetch {
    Sent(Ticket, Ask),
    Answered(Recorder),
}

/// Four addresses, each in two variants. The shop's content of an address is its version.
struct World {
    shelf: Arc<Shelf>,
    now: Instant,
    version: [u64; 4],
    /// What a hit must show at least: the version when a change was last answered.
    floor: [u64; 4],
    fetches: Vec<(usize, Fetch)>,
}

impl World {
    fn ask(variant: usize) -> Ask {
        if variant.is_multiple_of(2) { ask(&[]) } else { ask(&[("accept-encoding", "gzip")]) }
    }

    fn step(&mut self, what: u8, which: u8) {
        let variant = usize::from(which) % 8;
        let address = variant / 2;
        let uri = format!("h\0/{address}");
        let some_fetch =
            (!self.fetches.is_empty()).then(|| usize::from(which) % self.fetches.len().max(1));
        match (what % 8, some_fetch) {
            (0 | 1, _) => {
                let ask = Self::ask(variant);
                let ticket = self.shelf.ticket(&key(&uri, &ask), uri.as_bytes(), &uri, self.now);
                self.fetches.push((address, Fetch::Sent(ticket, ask)));
            }
            (2 | 3, Some(at)) => self.go_on(at),
            // The shop changes; the answer that says so is still on its way.
            (4, _) => self.version[address] += 1,
            (5, _) => {
                self.shelf.invalidate(uri.as_bytes());
                self.floor[address] = self.version[address];
            }
            (6, _) if which == 0 => {
                self.shelf.purge("");
                self.floor = self.version;
            }
            (6, _) => self.now += Duration::from_millis(u64::from(which)),
            _ => self.look(variant, address, &uri),
        }
        let facts = self.shelf.facts();
        assert!(facts.bytes <= 6_000 && facts.entries <= 8, "{facts:?}");
        assert_eq!(facts.entries == 0, facts.bytes == 0, "{facts:?}");
    }

    /// The request is answered, or its answer ends.
    fn go_on(&mut self, at: usize) {
        let (address, fetch) = self.fetches.swap_remove(at);
        match fetch {
            Fetch::Sent(ticket, ask) => {
                let lines = map(&[FRESH, ("transfer-encoding", "chunked")]);
                let head = head(200, lines);
                let Ok(mut recorder) =
                    self.shelf.begin_store(ticket, &ask, &head, self.now, wall())
                else {
                    return;
                };
                let body = format!("{:0400}", self.version[address]);
                recorder.data(&Bytes::from(body));
                self.fetches.push((address, Fetch::Answered(recorder)));
            }
            Fetch::Answered(recorder) => {
                recorder.commit();
            }
        }
    }

    fn look(&self, variant: usize, address: usize, uri: &str) {
        let ask = Self::ask(variant);
        let Lookup::Hit(hit) = self.shelf.lookup(&key(uri, &ask), &ask, self.now) else { return };
        let response = hit.response::<Nobody>(&ask, &HeaderMap::new());
        let shown: u64 = text(&response).parse().expect("a version");
        assert!(shown >= self.floor[address], "{shown} is older than {}", self.floor[address]);
        assert!(shown <= self.version[address]);
    }
}

#[test]
fn no_order_of_events_shows_what_was_changed_before() {
    bolero::check!().with_type::<Vec<(u8, u8)>>().for_each(|steps| {
        let mut world = World {
            shelf: Arc::new(Shelf::new(&limits(6_000, 1_000))),
            now: Instant::now(),
            version: [0; 4],
            floor: [0; 4],
            fetches: Vec::new(),
        };
        for (what, which) in steps {
            world.step(*what, *which);
        }
    });
}
