//! What is thought of a peer after each of its answers.

use super::*;
use crate::peers::{PeerAnswer, PeerEdge, PeerIncidents};
use kernel::config::{PeerAddress, Secret};

const SECOND: i64 = 1_000;
const WALL: i64 = 1_780_000_000_000;

fn peer(name: &str, pages: &[&str]) -> PeerSettings {
    let (url, token) = (format!("https://{name}.example"), Secret::new("t".into()));
    PeerSettings {
        name: name.to_owned(),
        ask: Some(PeerAddress { url, token }),
        every_ms: 15_000,
        silent_after_ms: 45_000,
        root: None,
        look_at: pages.iter().map(|page| (*page).to_owned()).collect(),
    }
}

fn answer() -> Heard {
    Heard::Answer(Box::new(Answered {
        answer: PeerAnswer {
            version: "0.1.0".into(),
            now_ms: WALL,
            edge: PeerEdge { connected: Some(true) },
            incidents: PeerIncidents::default(),
            token_ends_ms: None,
        },
        round_trip_ms: 12.0,
        clock_offset_ms: 3,
    }))
}

fn nothing() -> Heard {
    Heard::Nothing { why: "refused".into(), own: false }
}

/// A book and its steady time.
struct Story(Book, i64);

impl Story {
    fn of(peers: &[PeerSettings], witnesses: &[&str]) -> Self {
        let configuration: Vec<Witness> =
            witnesses.iter().map(|url| Witness::of(url).unwrap()).collect();
        let mut book = Book::default();
        assert!(book.configure(peers, configuration, 0));
        Self(book, 0)
    }

    fn at(&mut self, seconds: i64) -> &mut Self {
        self.1 = seconds * SECOND;
        self
    }

    fn hear(&mut self, who: &str, heard: Heard) -> &mut Self {
        let target = match who.split_once(' ') {
            Some((peer, url)) => Target::Page { peer: peer.into(), url: url.into() },
            None => Target::Peer(who.into()),
        };
        self.0.hear(&target, heard, self.1, WALL + self.1);
        self
    }

    /// What can be said after askings in vain at 15, 30 and 45 seconds.
    fn in_vain(&mut self, who: &[&str]) -> &mut Self {
        for seconds in [15, 30, 45] {
            self.at(seconds);
            for who in who {
                self.hear(who, nothing());
            }
        }
        self
    }

    fn witnesses(&mut self, reached: &[bool]) -> &mut Self {
        self.0.witnessed(reached.to_vec(), self.1);
        self
    }

    fn expect(&mut self, expect: &str) -> &mut Self {
        let standing = self.0.standing(self.1, WALL + self.1);
        let mut said: Vec<String> = Vec::new();
        for peer in &standing.peers {
            said.push(format!("{} {:?}", peer.name, peer.state));
            said.extend(peer.pages.iter().map(|page| format!("page {:?}", page.state)));
        }
        said.extend(
            standing.cut_off_since_ms.map(|ms| format!("cut off {}", (ms - WALL) / SECOND)),
        );
        assert_eq!(said.join(", "), expect, "at {} s", self.1 / SECOND);
        self
    }
}

#[test]
fn a_peer_is_unknown_until_it_answers_and_silent_when_it_does_not_any_more() {
    let mut story = Story::of(&[peer("b", &[])], &[]);
    story.expect("b Unknown").at(1).hear("b", answer()).expect("b Ok");
    story.at(16).hear("b", nothing()).expect("b Ok").at(31).hear("b", nothing());
    story.at(45).expect("b Ok").at(46).expect("b Silent");
    let silent = story.0.standing(46 * SECOND, WALL + 46 * SECOND).peers.remove(0);
    assert_eq!((silent.since_ms - WALL, silent.answered_ms), (1_000, Some(WALL + 1_000)));
    assert_eq!(silent.error.as_deref(), Some("refused"));
    story.at(61).hear("b", answer()).expect("b Ok");
}

#[test]
fn a_machine_that_slept_calls_nobody_silent_for_one_asking_in_vain() {
    let mut story = Story::of(&[peer("b", &[])], &[]);
    story.at(1).hear("b", answer()).at(4_000).expect("b Ok");
    story.hear("b", nothing()).expect("b Ok").at(4_015).hear("b", nothing()).expect("b Silent");
}

#[test]
fn one_that_refuses_us_is_there() {
    let mut story = Story::of(&[peer("b", &[])], &[]);
    story.at(1).hear("b", Heard::Refusal("it does not know our token".into()));
    story.expect("b Refuses").at(100).expect("b Refuses");
    story.hear("b", answer()).expect("b Ok");
}

#[test]
fn a_dead_peer_is_told_from_a_dead_line_of_our_own() {
    // Another peer answers, or a page of its own does.
    let mut story = Story::of(&[peer("b", &[]), peer("c", &[])], &[]);
    story.at(1).hear("b", answer()).hear("c", answer()).in_vain(&["b"]).at(50);
    story.expect("b Silent, c Ok");
    let page = "https://b.example/";
    let mut story = Story::of(&[peer("b", &[page])], &["https://hooks.example"]);
    story.at(1).hear("b https://b.example/", Heard::Page { round_trip_ms: 1.0 });
    story.in_vain(&["b"]).at(50).expect("b Silent, page Ok");
    // Neither answers, nor does anybody else.
    let mut story = Story::of(&[peer("b", &[]), peer("c", &[])], &[]);
    story.at(1).hear("b", answer()).hear("c", answer()).in_vain(&["b", "c"]).at(50);
    story.expect("b Unknown, c Unknown, cut off 1");
    // A page is where its peer is: both are gone, and we are alone with that.
    let mut story = Story::of(&[peer("b", &[page])], &[]);
    story.in_vain(&["b", "b https://b.example/"]).at(50).expect("b Silent, page Silent");
    // The machine says that it has no way out.
    let mut story = Story::of(&[peer("b", &[])], &[]);
    for seconds in [15, 30, 45] {
        story.at(seconds).hear("b", Heard::Nothing { why: "unreachable".into(), own: true });
    }
    story.at(50).expect("b Unknown, cut off 0");
}

#[test]
fn witnesses_decide_where_nobody_else_does() {
    let start = || {
        let witnesses = ["https://hooks.example", "http://127.0.0.1:25"];
        let mut story = Story::of(&[peer("b", &[])], &witnesses);
        story.at(1).hear("b", answer()).in_vain(&["b"]).at(50);
        assert!(story.0.wants_witnesses());
        story
    };
    start().expect("b Unknown");
    start().witnesses(&[true, false]).expect("b Silent");
    start().witnesses(&[false, false]).expect("b Unknown, cut off 1");
    // What is on this machine says nothing of the way out of it.
    start().witnesses(&[false, true]).expect("b Unknown, cut off 1");
}

#[test]
fn what_is_known_of_a_peer_outlives_a_change_that_does_not_concern_it() {
    let mut story = Story::of(&[peer("b", &[])], &[]);
    story.at(1).hear("b", answer());
    assert!(!story.0.configure(&[peer("b", &[])], Vec::new(), SECOND));
    assert!(story.0.configure(&[peer("b", &[]), peer("c", &[])], Vec::new(), SECOND));
    story.expect("b Ok, c Unknown");
    let silent = PeerSettings { ask: None, ..peer("b", &[]) };
    assert!(story.0.configure(&[silent], Vec::new(), SECOND));
    story.expect("b NotAsked").hear("c", answer()).expect("b NotAsked");
}
