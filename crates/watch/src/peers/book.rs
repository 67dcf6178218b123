//! What is known of every peer and page, and what that makes of them. Pure: what was heard and the
//! moment in, how it stands out.

use super::{
    ask::{Answered, Heard},
    witness::{self, Witness},
};
use kernel::config::PeerSettings;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Fewer askings in vain may be the network's hiccup, or our own machine that slept.
const IN_VAIN: u32 = 2;

/// Who was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Peer(String),
    Page { peer: String, url: String },
}

/// How it stands with all of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PeersStanding {
    pub peers: Vec<PeerStanding>,
    /// Nothing off this machine can be reached: what is with peers and pages is unknown. Since when;
    /// null: something can.
    pub cut_off_since_ms: Option<i64>,
}

/// One peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PeerStanding {
    pub name: String,
    /// Where it is asked; null: it asks us, and we do not ask it.
    pub url: Option<String>,
    pub state: PeerState,
    /// When it last answered.
    pub answered_ms: Option<i64>,
    /// Since when its state is what it is: the last answer of a silent one.
    pub since_ms: i64,
    /// From the first byte sent to the last that came.
    pub round_trip_ms: Option<f64>,
    /// Why the last asking was in vain.
    pub error: Option<String>,
    /// What follows is as it said last.
    pub version: Option<String>,
    /// By how much its clock is ahead of ours; as exact as half the round trip.
    pub clock_offset_ms: Option<i64>,
    pub edge_connected: Option<bool>,
    pub incidents_open: Option<u64>,
    pub incidents_broken: Option<u64>,
    pub token_ends_ms: Option<i64>,
    /// Pages of its shops, as seen from here.
    pub pages: Vec<PageStanding>,
}

/// What is known of a peer now. Unknown is no kind of ok.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeerState {
    /// Not asked by us.
    NotAsked,
    Unknown,
    Ok,
    /// Nobody has answered for too long.
    Silent,
    /// Somebody answers, but not as a peer does.
    Refuses,
}

/// A page that is looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PageStanding {
    pub url: String,
    pub state: PageState,
    pub answered_ms: Option<i64>,
    pub since_ms: i64,
    pub round_trip_ms: Option<f64>,
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PageState {
    Unknown,
    Ok,
    Silent,
}

/// Everything that is asked. Steady milliseconds, unless a name says otherwise.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: Vec<Entry>,
    witnesses: Vec<Witness>,
    /// The last look at the witnesses: when, and which could be reached.
    round: Option<(i64, Vec<bool>)>,
}

#[derive(Debug)]
struct Entry {
    settings: PeerSettings,
    line: Line,
    last: Option<Answered>,
    refusal: Option<String>,
    pages: Vec<Page>,
}

#[derive(Debug)]
struct Page {
    url: String,
    line: Line,
    round_trip_ms: Option<f64>,
}

/// How it went with asking one target.
#[derive(Debug, Clone, Default)]
struct Line {
    /// When somebody was there last; until then, when asking began.
    heard_ms: i64,
    /// By the clock; `None`: never.
    answered_wall_ms: Option<i64>,
    /// In vain, one after the other.
    failures: u32,
    first_failure_ms: Option<i64>,
    why: Option<String>,
    /// This machine said by itself that it has no way out.
    own: bool,
}

/// What can be said of a target that has not answered for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overdue {
    Dead,
    /// Nothing else answers either.
    CutOff,
    /// Whether anything else answers is being looked at.
    Open,
}

impl Line {
    fn new(steady_ms: i64) -> Self {
        Self { heard_ms: steady_ms, ..Self::default() }
    }

    fn heard(&mut self, steady_ms: i64) {
        let answered_wall_ms = self.answered_wall_ms;
        *self = Self { answered_wall_ms, ..Self::new(steady_ms) };
    }

    fn failed(&mut self, why: String, own: bool, steady_ms: i64) {
        self.failures += 1;
        self.first_failure_ms.get_or_insert(steady_ms);
        (self.why, self.own) = (Some(why), own);
    }

    fn is_overdue(&self, after_ms: u64, steady_ms: i64) -> bool {
        let after_ms = i64::try_from(after_ms).unwrap_or(i64::MAX);
        self.failures >= IN_VAIN && steady_ms - self.heard_ms >= after_ms
    }

    /// It was reached, and not in vain since.
    fn is_well(&self) -> bool {
        self.failures == 0 && self.answered_wall_ms.is_some()
    }

    fn since_ms(&self, steady_ms: i64, wall_ms: i64) -> i64 {
        wall_ms - (steady_ms - self.heard_ms)
    }
}

impl Entry {
    fn new(settings: PeerSettings, steady_ms: i64) -> Self {
        let page = |url: &String| Page {
            url: url.clone(),
            line: Line::new(steady_ms),
            round_trip_ms: None,
        };
        let pages = settings.look_at.iter().map(page).collect();
        Self { settings, line: Line::new(steady_ms), last: None, refusal: None, pages }
    }

    /// All that is asked of it, with where that is.
    fn lines(&self) -> impl Iterator<Item = (&str, &Line)> {
        let asked = self.settings.ask.as_ref().map(|ask| (ask.url.as_str(), &self.line));
        asked.into_iter().chain(self.pages.iter().map(|page| (page.url.as_str(), &page.line)))
    }
}

impl Book {
    /// Keeps to these from now on; what is known of those that stay as they were is kept. True when
    /// others are to be asked than before.
    pub(super) fn configure(
        &mut self,
        peers: &[PeerSettings],
        witnesses: Vec<Witness>,
        steady_ms: i64,
    ) -> bool {
        if self.witnesses != witnesses {
            (self.witnesses, self.round) = (witnesses, None);
        }
        let same = self.entries.iter().map(|entry| &entry.settings).eq(peers);
        if same {
            return false;
        }
        let mut before = std::mem::take(&mut self.entries);
        for settings in peers {
            let known = before.iter().position(|entry| entry.settings == *settings);
            let known = known.map(|index| before.swap_remove(index));
            self.entries.push(known.unwrap_or_else(|| Entry::new(settings.clone(), steady_ms)));
        }
        true
    }

    /// Notes what came of an asking.
    pub(super) fn hear(&mut self, target: &Target, heard: Heard, steady_ms: i64, wall_ms: i64) {
        let name = match target {
            Target::Peer(name) | Target::Page { peer: name, .. } => name,
        };
        // One that was taken out of the configuration meanwhile.
        let found = self.entries.iter_mut().find(|entry| entry.settings.name == *name);
        let Some(entry) = found else { return };
        let line = match target {
            Target::Peer(_) => &mut entry.line,
            Target::Page { url, .. } => {
                let page = entry.pages.iter_mut().find(|page| page.url == *url);
                let Some(page) = page else { return };
                if let Heard::Page { round_trip_ms } = heard {
                    page.round_trip_ms = Some(round_trip_ms);
                }
                &mut page.line
            }
        };
        match heard {
            Heard::Answer(answered) => {
                line.heard(steady_ms);
                line.answered_wall_ms = Some(wall_ms);
                (entry.last, entry.refusal) = (Some(*answered), None);
            }
            Heard::Page { .. } => {
                line.heard(steady_ms);
                line.answered_wall_ms = Some(wall_ms);
            }
            Heard::Refusal(why) if matches!(target, Target::Peer(_)) => {
                // Since when, the first one says.
                if entry.refusal.is_none() {
                    line.heard(steady_ms);
                }
                (line.failures, line.first_failure_ms) = (0, None);
                entry.refusal = Some(why);
            }
            Heard::Refusal(why) => line.failed(why, false, steady_ms),
            Heard::Nothing { why, own } => line.failed(why, own, steady_ms),
        }
    }

    /// Whether somebody does not answer, so that it matters whether anybody else does.
    pub(super) fn wants_witnesses(&self) -> bool {
        let mut lines = self.entries.iter().flat_map(Entry::lines);
        !self.witnesses.is_empty() && lines.any(|(_, line)| line.failures > 0)
    }

    pub(super) fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Which witnesses could be reached, in their order.
    pub(super) fn witnessed(&mut self, reached: Vec<bool>, steady_ms: i64) {
        // Others by now, when the configuration was changed meanwhile.
        if reached.len() == self.witnesses.len() {
            self.round = Some((steady_ms, reached));
        }
    }

    /// How it stands now.
    pub(super) fn standing(&self, steady_ms: i64, wall_ms: i64) -> PeersStanding {
        let mut cut_off = None;
        let mut note = |line: &Line| {
            let since_ms = line.since_ms(steady_ms, wall_ms);
            cut_off = Some(cut_off.map_or(since_ms, |known: i64| known.min(since_ms)));
        };
        let peers = self.entries.iter().map(|entry| {
            let after_ms = entry.settings.silent_after_ms;
            let overdue = |place: &str, line: &Line| {
                line.is_overdue(after_ms, steady_ms).then(|| self.compare(entry, place, line))
            };
            let pages = entry.pages.iter().map(|page| {
                let state = match overdue(&page.url, &page.line) {
                    Some(Overdue::Dead) => PageState::Silent,
                    Some(Overdue::CutOff) => {
                        note(&page.line);
                        PageState::Unknown
                    }
                    None if page.line.answered_wall_ms.is_some() => PageState::Ok,
                    Some(Overdue::Open) | None => PageState::Unknown,
                };
                PageStanding {
                    url: page.url.clone(),
                    state,
                    answered_ms: page.line.answered_wall_ms,
                    since_ms: page.line.since_ms(steady_ms, wall_ms),
                    round_trip_ms: page.round_trip_ms,
                    error: page.line.why.clone(),
                }
            });
            let pages = pages.collect();
            let url = entry.settings.ask.as_ref().map(|ask| ask.url.clone());
            let state = match (&url, url.as_ref().and_then(|url| overdue(url, &entry.line))) {
                (None, _) => PeerState::NotAsked,
                (_, Some(Overdue::Dead)) => PeerState::Silent,
                (_, Some(Overdue::CutOff)) => {
                    note(&entry.line);
                    PeerState::Unknown
                }
                (_, Some(Overdue::Open)) => PeerState::Unknown,
                (_, None) if entry.refusal.is_some() => PeerState::Refuses,
                (_, None) if entry.last.is_some() => PeerState::Ok,
                (_, None) => PeerState::Unknown,
            };
            entry.standing(url, state, entry.line.since_ms(steady_ms, wall_ms), pages)
        });
        PeersStanding { peers: peers.collect(), cut_off_since_ms: cut_off }
    }

    /// Holds a target that does not answer against everything else that is asked.
    fn compare(&self, own: &Entry, place: &str, line: &Line) -> Overdue {
        // What is on this machine says nothing of the way out of it.
        let near = witness::is_local(place);
        let telling = |other: &str| near || !witness::is_local(other);
        let lines = || {
            let all = self.entries.iter().flat_map(|entry| {
                entry.lines().map(move |(place, line)| (std::ptr::eq(entry, own), place, line))
            });
            all.filter(|(_, other, _)| telling(other))
        };
        // Who refuses us is there as well.
        let refuses = |entry: &Entry| entry.refusal.is_some() && entry.line.failures == 0;
        let refused = self.entries.iter().any(|entry| {
            let place = entry.settings.ask.as_ref().map(|ask| ask.url.as_str());
            !std::ptr::eq(entry, own) && refuses(entry) && place.is_some_and(telling)
        });
        if refused || lines().any(|(_, _, line)| line.is_well()) {
            return Overdue::Dead;
        }
        let first_ms = line.first_failure_ms.unwrap_or(i64::MAX);
        let witnesses = || self.witnesses.iter().filter(|one| near || !one.is_local());
        let round = self.round.as_ref().filter(|(at_ms, _)| *at_ms >= first_ms);
        match round {
            Some((_, reached)) => {
                let mut all = self.witnesses.iter().zip(reached);
                if all.any(|(one, reached)| *reached && (near || !one.is_local())) {
                    return Overdue::Dead;
                }
            }
            None if witnesses().next().is_some() => return Overdue::Open,
            None => {}
        }
        // The pages of a peer are where it is: that they are gone too says nothing of us.
        let others = lines().any(|(is_own, _, line)| !is_own && line.failures > 0);
        let alone = !others && witnesses().next().is_none();
        if alone && !line.own { Overdue::Dead } else { Overdue::CutOff }
    }
}

impl Entry {
    fn standing(
        &self,
        url: Option<String>,
        state: PeerState,
        since_ms: i64,
        pages: Vec<PageStanding>,
    ) -> PeerStanding {
        let last = self.last.as_ref();
        let answer = last.map(|last| &last.answer);
        PeerStanding {
            name: self.settings.name.clone(),
            url,
            state,
            answered_ms: self.line.answered_wall_ms,
            since_ms,
            round_trip_ms: last.map(|last| last.round_trip_ms),
            error: self.line.why.clone().or_else(|| self.refusal.clone()),
            version: answer.map(|answer| answer.version.clone()),
            clock_offset_ms: last.map(|last| last.clock_offset_ms),
            edge_connected: answer.and_then(|answer| answer.edge.connected),
            incidents_open: answer.and_then(|answer| answer.incidents.open),
            incidents_broken: answer.and_then(|answer| answer.incidents.broken),
            token_ends_ms: answer.and_then(|answer| answer.token_ends_ms),
            pages,
        }
    }
}

#[cfg(test)]
mod tests;
