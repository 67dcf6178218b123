//! Checks of other Storewardens, and of pages that are looked at from here.

use super::Sign;
use crate::peers::{PageStanding, PageState, PeerStanding, PeerState, PeersStanding};
use kernel::Level;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Two clocks are told apart beyond what the way may take, by so much; kept beyond half of it.
const CLOCK_MS: i64 = 10_000;
/// A token that ends within this is to be made anew.
const TOKEN_MS: i64 = 14 * DAY_MS;

pub(super) fn signs(standing: &PeersStanding, now_ms: i64) -> Vec<Sign> {
    let cut_off = standing.cut_off_since_ms.map(|since_ms| {
        let sign = Sign::new("nothing_reachable", Level::Broken).since(since_ms);
        sign.with("since_ms", since_ms)
    });
    let peers = standing.peers.iter().flat_map(|peer| {
        let pages = peer.pages.iter().filter_map(page_sign);
        let own = [state_sign(peer), clock_sign(peer), token_sign(peer, now_ms)];
        own.into_iter().flatten().chain(pages)
    });
    cut_off.into_iter().chain(peers).collect()
}

fn state_sign(peer: &PeerStanding) -> Option<Sign> {
    let (code, level) = match peer.state {
        PeerState::Silent => ("peer_silent", Level::Broken),
        PeerState::Refuses => ("peer_refuses", Level::Attention),
        PeerState::NotAsked | PeerState::Unknown | PeerState::Ok => return None,
    };
    let error = peer.error.as_deref().unwrap_or("unknown");
    let sign = about(code, level, peer).with("error", error);
    Some(sign.with("since_ms", peer.since_ms).since(peer.since_ms))
}

fn clock_sign(peer: &PeerStanding) -> Option<Sign> {
    let offset_ms = peer.clock_offset_ms.filter(|_| peer.state == PeerState::Ok)?;
    #[expect(clippy::cast_possible_truncation, reason = "seconds at most")]
    let way_ms = peer.round_trip_ms.unwrap_or(0.0) as i64 / 2;
    let beyond_ms = offset_ms.abs() - way_ms;
    (beyond_ms > CLOCK_MS / 2).then(|| {
        let sign = about("peer_clock_off", Level::Attention, peer);
        sign.with("offset_ms", offset_ms).raised_if(beyond_ms > CLOCK_MS)
    })
}

fn token_sign(peer: &PeerStanding, now_ms: i64) -> Option<Sign> {
    let ends_ms = peer.token_ends_ms.filter(|ends_ms| ends_ms - now_ms < TOKEN_MS)?;
    Some(about("peer_token_ending", Level::Attention, peer).with("ends_ms", ends_ms))
}

fn page_sign(page: &PageStanding) -> Option<Sign> {
    (page.state == PageState::Silent).then(|| {
        let sign = Sign::new("page_unreachable", Level::Broken).about(page.url.as_str());
        let sign = sign.with("url", page.url.as_str()).with("since_ms", page.since_ms);
        sign.with("error", page.error.as_deref().unwrap_or("unknown")).since(page.since_ms)
    })
}

fn about(code: &'static str, level: Level, peer: &PeerStanding) -> Sign {
    Sign::new(code, level).about(peer.name.as_str()).with("peer", peer.name.as_str())
}

/// Whether something is not known that these checks would tell: what they do not find is not gone.
pub(crate) fn is_blind(standing: &PeersStanding) -> bool {
    let unknown = |peer: &PeerStanding| {
        let pages = peer.pages.iter().any(|page| page.state == PageState::Unknown);
        peer.state == PeerState::Unknown || pages
    };
    standing.peers.iter().any(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(state: PeerState) -> PeerStanding {
        PeerStanding {
            name: "b".into(),
            url: Some("https://b.example".into()),
            state,
            answered_ms: Some(1_000),
            since_ms: 1_000,
            round_trip_ms: Some(2_000.0),
            error: None,
            version: None,
            clock_offset_ms: Some(0),
            edge_connected: None,
            incidents_open: None,
            incidents_broken: None,
            token_ends_ms: None,
            pages: Vec::new(),
        }
    }

    #[test]
    fn what_is_known_of_a_peer_becomes_findings() {
        let check = |peer: PeerStanding, expect: &[&str]| {
            let standing = PeersStanding { peers: vec![peer], cut_off_since_ms: None };
            let said: Vec<String> = signs(&standing, 0)
                .iter()
                .map(|sign| format!("{} {}", sign.id(), sign.raises))
                .collect();
            assert_eq!(said, expect);
        };
        check(peer(PeerState::Ok), &[]);
        check(peer(PeerState::Unknown), &[]);
        check(peer(PeerState::Silent), &["peer_silent:b true"]);
        check(peer(PeerState::Refuses), &["peer_refuses:b true"]);
        let off =
            |offset_ms| PeerStanding { clock_offset_ms: Some(offset_ms), ..peer(PeerState::Ok) };
        // A second of the way there is no clock's.
        check(off(6_000), &[]);
        check(off(-8_000), &["peer_clock_off:b false"]);
        check(off(12_000), &["peer_clock_off:b true"]);
        let silent = PeerStanding { state: PeerState::Silent, ..off(12_000) };
        check(silent, &["peer_silent:b true"]);
        let token = |ends_ms| PeerStanding { token_ends_ms: Some(ends_ms), ..peer(PeerState::Ok) };
        check(token(15 * DAY_MS), &[]);
        check(token(13 * DAY_MS), &["peer_token_ending:b true"]);
        let page = |state| PageStanding {
            url: "https://b.example/".into(),
            state,
            answered_ms: None,
            since_ms: 1,
            round_trip_ms: None,
            error: None,
        };
        let looks = |state| PeerStanding { pages: vec![page(state)], ..peer(PeerState::Ok) };
        check(looks(PageState::Ok), &[]);
        check(looks(PageState::Silent), &["page_unreachable:https://b.example/ true"]);
    }

    #[test]
    fn what_is_unknown_ends_nothing() {
        let standing = |state| PeersStanding { peers: vec![peer(state)], cut_off_since_ms: None };
        for (state, expect) in [
            (PeerState::Ok, false),
            (PeerState::Silent, false),
            (PeerState::NotAsked, false),
            (PeerState::Unknown, true),
        ] {
            assert_eq!(is_blind(&standing(state)), expect, "{state:?}");
        }
        let cut_off = PeersStanding { cut_off_since_ms: Some(5), ..standing(PeerState::Unknown) };
        assert_eq!(signs(&cut_off, 0)[0].code, "nothing_reachable");
    }
}
