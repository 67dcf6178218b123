//! `[[plan.window]]`, `[[plan.freeze]]` and `[[plan.rule]]`: when changes may be made.

use super::{
    reader::Wrong,
    section::{Section, Text},
    shop::{time_zone, zone_is_known},
    values,
};
use crate::{
    ShopId, WindowName,
    calendar::{CalendarError, Freeze, Recurrence, Window},
    config::{PlanRule, PlanSettings, ShopSettings},
    plan::{PLAN_KINDS, PlanKind},
};
use std::ops::Range;

/// How long a window of a rule is open.
pub(in crate::config) const OPEN_MS: u64 = 2 * 60 * MINUTE;

const MINUTE: u64 = 60_000;
const WEEK: u64 = 7 * 24 * 60 * MINUTE;
/// A day after which no freeze begins.
const LAST_DAY: &str = "9999-12-30";
/// In a rule: no window. Where somebody names a window: none, whatever the rules say.
const NO_WINDOWS: [&str; 2] = ["any", "now"];

pub(super) fn plan(section: Section<'_>, shops: &[ShopSettings]) -> PlanSettings {
    let mut settings = PlanSettings::default();
    for table in section.tables("window") {
        let (reader, at) = (table.reader, table.at.clone());
        let Some(window) = window(table) else { continue };
        if settings.windows.iter().any(|other| other.name == window.name) {
            let message =
                format!("there are two `[[plan.window]]` of the name \"{}\"", window.name);
            reader.wrong(at, Wrong::new(message, "give each a name of its own"));
        }
        settings.windows.push(window);
    }
    for table in section.tables("freeze") {
        let (reader, at) = (table.reader, table.at.clone());
        let Some(freeze) = freeze(table, shops) else { continue };
        if settings.freezes.iter().any(|other| other.name == freeze.name) {
            let message =
                format!("there are two `[[plan.freeze]]` of the name \"{}\"", freeze.name);
            reader.wrong(at, Wrong::new(message, "give each a name of its own"));
        }
        settings.freezes.push(freeze);
    }
    for table in section.tables("rule") {
        settings.rules.extend(rule(table, shops, &settings.windows));
    }
    section.finish();
    settings
}

/// `windows` are those that could be read: of others, more was said already.
fn rule(section: Section<'_>, shops: &[ShopSettings], windows: &[Window]) -> Option<PlanRule> {
    let kinds = section.texts("kinds", "[\"rolling_redeploy\"]").unwrap_or_default();
    let kinds = kinds.into_iter().filter_map(|text| known_kind(&section, &text)).collect();
    let shop = section.text("shop");
    let known = shop.as_ref().and_then(|text| known_shop(&section, text, shops));
    let window = needed(&section, "window", "nightly").and_then(|text| {
        if text.value == NO_WINDOWS[0] {
            return Some(None);
        }
        let found = windows.iter().find(|window| window.name.as_str() == text.value);
        if found.is_none() {
            let mut names: Vec<&str> = windows.iter().map(|window| window.name.as_str()).collect();
            names.push(NO_WINDOWS[0]);
            let mend = match values::nearest(text.value, names.iter().copied()) {
                Some(near) => format!("is \"{near}\" meant?"),
                None => format!("there are {}", values::listed(&names)),
            };
            let message = format!("`window` is \"{}\", which there is not", text.value);
            section.wrong(text.at, message, mend);
        }
        found.map(|window| Some(window.name.clone()))
    });
    let is_whole = shop.is_some() == known.is_some();
    section.finish();
    window.filter(|_| is_whole).map(|window| PlanRule { kinds, shop: known, window })
}

fn known_kind(section: &Section<'_>, text: &Text<'_>) -> Option<PlanKind> {
    if PLAN_KINDS.contains(&text.value) {
        return text.value.parse().ok();
    }
    let mend = match values::nearest(text.value, PLAN_KINDS) {
        Some(near) => format!("is \"{near}\" meant?"),
        None => format!("there are {}", values::listed(&PLAN_KINDS)),
    };
    let message = format!("`kinds` has \"{}\", which there is not", text.value);
    section.wrong(text.at.clone(), message, mend);
    None
}

fn window(section: Section<'_>) -> Option<Window> {
    let name = needed(&section, "name", "nightly").and_then(|text| {
        section.checked("name", &text, |text| {
            text.parse::<WindowName>().map_err(|error| {
                Wrong::new(format!("is \"{text}\", which {error}"), "write one such as \"nightly\"")
            })
        })
    });
    let name = name.filter(|name| {
        let is_taken = NO_WINDOWS.contains(&name.as_str());
        if is_taken {
            let message = format!("`name` is \"{name}\", which means no window");
            section.wrong(section.place_of("name"), message, "write one such as \"nightly\"");
        }
        !is_taken
    });
    let (when, rule) = (section.text("when"), section.text("rule"));
    let since = section.parsed("since", |text| {
        let mend = "write a day such as \"2026-01-05\"";
        text.parse().map_err(|error| Wrong::new(format!("is no day: {error}"), mend))
    });
    let from = section.text("from");
    let open_ms = section.duration("for", OPEN_MS, MINUTE..=WEEK);
    let zone = time_zone(&section);
    let read = match (when, rule) {
        (Some(when), None) => {
            let parts = ["since", "from", "for", "time_zone"];
            for key in parts.into_iter().filter(|key| section.item(key).is_some()) {
                let message = format!("`{key}` stands beside `when`, which says it all");
                section.wrong(section.place_of(key), message, "leave one of them out");
            }
            let window = name
                .and_then(|name| placed(&section, "when", &when, Window::read(name, when.value)));
            window.filter(|window| zone_at_end(&section, &when, &window.time_zone))
        }
        (None, Some(rule)) => {
            let days = placed(&section, "rule", &rule, Recurrence::read(rule.value, since));
            let from = match from {
                None => needed(&section, "from", "03:00"),
                given => given,
            };
            // The rule is right by now, so that what is wrong is the time of day.
            days.and(name).zip(from).and_then(|(name, from)| {
                let (rule, minutes) = (rule.value, open_ms / MINUTE);
                let read = Window::from_rule(name, rule, since, from.value, minutes, zone);
                placed(&section, "from", &from, read)
            })
        }
        (Some(_), Some(rule)) => {
            section.wrong(rule.at, "`rule` stands beside `when`", "leave one of them out");
            None
        }
        (None, None) => {
            // One that is no text was told already.
            if section.item("when").is_none() && section.item("rule").is_none() {
                let mend = "write `when = \"Tue,Thu 03:00-05:00 Europe/Berlin\"`, or a `rule`";
                section.missing("when", mend);
            }
            None
        }
    };
    section.finish();
    read
}

fn freeze(section: Section<'_>, shops: &[ShopSettings]) -> Option<Freeze> {
    let name = needed(&section, "name", "black-friday");
    let reason = needed(&section, "reason", "the busiest days of the year");
    let from = needed(&section, "from", "2026-11-26");
    let until = needed(&section, "until", "2026-11-30 12:00");
    let zone = time_zone(&section);
    let shop = section.text("shop").and_then(|text| known_shop(&section, &text, shops));
    let read = |name: &str, reason: &str, span| {
        Freeze::read(name.to_owned(), reason.to_owned(), span, zone.clone(), shop.clone())
    };
    let freeze = from.zip(until).and_then(|(from, until)| {
        // By itself first, so that what is wrong afterwards is the end.
        placed(&section, "from", &from, read("", "", (from.value, LAST_DAY)))?;
        let (name, reason) = (name?, reason?);
        let read = read(name.value, reason.value, (from.value, until.value));
        placed(&section, "until", &until, read)
    });
    section.finish();
    freeze
}

fn known_shop(section: &Section<'_>, text: &Text<'_>, shops: &[ShopSettings]) -> Option<ShopId> {
    let found = shops.iter().find(|shop| shop.id.as_str() == text.value);
    if found.is_none() {
        let ids: Vec<&str> = shops.iter().map(|shop| shop.id.as_str()).collect();
        let message = format!("`shop` is \"{}\", which is no shop of this file", text.value);
        section.wrong(text.at.clone(), message, format!("there are {}", values::listed(&ids)));
    }
    found.map(|shop| shop.id.clone())
}

/// A text that must be there, and not be empty.
fn needed<'a>(section: &Section<'a>, key: &'static str, example: &str) -> Option<Text<'a>> {
    let mend = format!("write `{key} = \"{example}\"`");
    match section.text(key) {
        Some(text) if text.value.trim().is_empty() => {
            section.wrong(text.at, format!("`{key}` is empty"), mend);
            None
        }
        None if section.item(key).is_none() => {
            section.missing(key, mend);
            None
        }
        given => given,
    }
}

/// What was read, or its mistake at the very characters that are wrong.
fn placed<T>(
    section: &Section<'_>,
    key: &str,
    text: &Text<'_>,
    read: Result<T, CalendarError>,
) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(CalendarError { at, message, mend }) => {
            section.wrong(within(text, at), format!("`{key}`: {message}"), mend);
            None
        }
    }
}

/// Whether the zone that a `when` ends in exists.
fn zone_at_end(section: &Section<'_>, when: &Text<'_>, zone: &str) -> bool {
    let Err(wrong) = zone_is_known(section.reader.known, zone) else { return true };
    let at = when.value.rfind(zone).map_or(0, |byte| when.value[..byte].chars().count());
    section.wrong(within(when, at), format!("the zone of `when` {}", wrong.message), wrong.mend);
    false
}

/// The place of a character of a text, in the file.
fn within(text: &Text<'_>, character: usize) -> Range<usize> {
    // With escapes or other quotes the text is not as it stands; then the whole of it is meant.
    if text.at.len() != text.value.len() + 2 {
        return text.at.clone();
    }
    let before: usize = text.value.chars().take(character).map(char::len_utf8).sum();
    text.at.start + 1 + before..text.at.end
}
