//! Who is told of an incident, and when: by level, shop and route; again until somebody says that
//! they know; not while it is silenced or the route is mute, but then as soon as that ends.

use super::{
    Moment,
    case::{Case, is_urgent},
};
use jiff::{Timestamp, civil::Weekday, tz::TimeZone};
use kernel::{
    Incident, IncidentState, Level, Silence,
    config::{MuteWindow, NotifySettings},
};
use serde::{Deserialize, Serialize};

/// What is not broken is told after this, so that what belongs together is told together.
const GATHER_MS: i64 = 10_000;

/// What one route knows of an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Steady, of the last notice.
    pub(super) steady_ms: i64,
    pub(super) level: Level,
    /// Something happened that must be told at once.
    pub(super) due_now: bool,
    pub(super) of_the_end: bool,
}

/// What a notice says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Opened,
    Worsened,
    /// Nobody has acknowledged it yet.
    Repeated,
    Resolved,
    /// A person asked whether this arrives.
    Test,
}

impl Event {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Worsened => "worsened",
            Self::Repeated => "repeated",
            Self::Resolved => "resolved",
            Self::Test => "test",
        }
    }
}

/// One message to one route.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Unique among all; the other side may use it to pass over what it has already.
    pub dedup: String,
    pub route: String,
    pub event: Event,
    pub incident: Incident,
}

/// The notices that are due, noted as told.
pub(super) fn due(
    case: &mut Case,
    routes: &[NotifySettings],
    silent: bool,
    at: Moment,
) -> Vec<Notice> {
    let mut notices = Vec::new();
    for route in routes {
        let Some(event) = event(case, route, at).filter(|_| !silent && !is_mute(route, at.wall_ms))
        else {
            continue;
        };
        case.memory.notices += 1;
        let (id, number) = (case.incident.id, case.memory.notices);
        let dedup = format!("incident-{id}-{number}-{}-{}", route.name, event.as_str());
        let told = Told {
            steady_ms: at.steady_ms,
            level: case.incident.level,
            due_now: false,
            of_the_end: event == Event::Resolved,
        };
        case.memory.told.insert(route.name.clone(), told);
        let (route, incident) = (route.name.clone(), case.incident.clone());
        notices.push(Notice { dedup, route, event, incident });
    }
    notices
}

/// What this route should be told now, if it may be told anything.
fn event(case: &Case, route: &NotifySettings, at: Moment) -> Option<Event> {
    let incident = &case.incident;
    let told = case.memory.told.get(&route.name);
    if incident.state == IncidentState::Resolved {
        let owed = told.is_some_and(|told| !told.of_the_end);
        return (route.resolved && owed).then_some(Event::Resolved);
    }
    // A storm is of several shops; its findings say which.
    let concerns = |shop| route.shops.contains(shop);
    let shops =
        incident.shop.iter().chain(incident.findings.iter().filter_map(|f| f.shop.as_ref()));
    let wanted = route.shops.is_empty() || shops.into_iter().any(concerns);
    if incident.level < route.level || !wanted {
        return None;
    }
    if let Some(told) = told.filter(|told| incident.level > told.level) {
        let again = told.of_the_end;
        return Some(if again { Event::Opened } else { Event::Worsened });
    }
    if incident.state == IncidentState::Acknowledged {
        return None;
    }
    let Some(told) = told else {
        let after_ms = if case.memory.escalated { 0 } else { milliseconds(route.after_ms) };
        let gather_ms = if is_urgent(incident.level) { 0 } else { GATHER_MS };
        let waited_ms = at.steady_ms - case.memory.alone_steady_ms;
        return (waited_ms >= after_ms.max(gather_ms)).then_some(Event::Opened);
    };
    let repeat = route.repeat_ms.is_some_and(|r| at.steady_ms - told.steady_ms >= milliseconds(r));
    (told.due_now || repeat).then_some(Event::Repeated)
}

fn milliseconds(span_ms: u64) -> i64 {
    i64::try_from(span_ms).unwrap_or(i64::MAX)
}

pub(super) fn is_silenced(incident: &Incident, silences: &[Silence], at: Moment) -> bool {
    silences.iter().any(|silence| {
        let code = silence.code.as_ref();
        (silence.from_ms..silence.until_ms).contains(&at.wall_ms)
            && (silence.shop.is_none() || silence.shop == incident.shop)
            && code.is_none_or(|code| *code == incident.code || *code == incident.cause)
    })
}

/// Whether a route is told nothing at this time.
pub(crate) fn is_mute(route: &NotifySettings, wall_ms: i64) -> bool {
    route.mute.iter().any(|window| lies_in(window, wall_ms))
}

/// A zone that this machine does not know is taken for UTC: better told at the wrong hour than never.
fn lies_in(window: &MuteWindow, wall_ms: i64) -> bool {
    let Ok(now) = Timestamp::from_millisecond(wall_ms) else { return false };
    let zone = TimeZone::get(&window.time_zone).unwrap_or(TimeZone::UTC);
    let local = now.to_zoned(zone);
    let minute =
        u16::try_from(local.hour()).unwrap_or(0) * 60 + u16::try_from(local.minute()).unwrap_or(0);
    let on = |day: Weekday| {
        let index = usize::try_from(day.to_monday_zero_offset()).unwrap_or(0);
        window.days[index]
    };
    let (today, yesterday) = (on(local.weekday()), on(local.weekday().previous()));
    let (from, until) = (window.from_minute, window.until_minute);
    if from < until {
        return today && (from..until).contains(&minute);
    }
    (today && minute >= from) || (yesterday && minute < until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_of_the_week_of_their_own_zone() {
        let check =
            |days: [u8; 7], (from_minute, until_minute), zone: &str, expect: &[(&str, bool)]| {
                let time_zone = zone.to_owned();
                let days = days.map(|day| day == 1);
                let window = MuteWindow { days, from_minute, until_minute, time_zone };
                for (time, mute) in expect {
                    let at: Timestamp = time.parse().unwrap();
                    assert_eq!(lies_in(&window, at.as_millisecond()), *mute, "{window:?} {time}");
                }
            };
        // 2026-01-03 is a Saturday.
        let weekend = [0, 0, 0, 0, 0, 1, 1];
        check(
            weekend,
            (0, 1440),
            "Europe/Berlin",
            &[
                ("2026-01-02T22:59:00Z", false),
                ("2026-01-02T23:00:00Z", true),
                ("2026-01-04T22:59:00Z", true),
                ("2026-01-04T23:00:00Z", false),
            ],
        );
        // Over midnight, from Friday alone, in summer time.
        check(
            [0, 0, 0, 0, 1, 0, 0],
            (22 * 60, 7 * 60),
            "Europe/Berlin",
            &[
                ("2026-07-03T19:59:00Z", false),
                ("2026-07-03T20:00:00Z", true),
                ("2026-07-04T04:59:00Z", true),
                ("2026-07-04T05:00:00Z", false),
                ("2026-07-04T20:00:00Z", false),
            ],
        );
        check([1; 7], (0, 60), "Nowhere/Land", &[("2026-07-03T00:30:00Z", true)]);
    }
}
