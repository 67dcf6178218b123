//! `[smtp]`, `[[notify]]`, `[[rule]]` and `[[remedy]]`.

use super::{
    database,
    reader::Wrong,
    section::{Section, Text},
    values,
};
use crate::{
    Level, ShopId,
    config::{
        AlertSettings, ChannelSettings, Language, MuteWindow, NotifySettings, RemedySettings,
        RuleSettings, Secret, ShopSettings, SmtpSecurity, SmtpSettings,
    },
};
use std::path::PathBuf;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Told again so often, until somebody acknowledges.
pub(in crate::config) const REPEAT_MS: u64 = 4 * HOUR;
/// A remedy shows its effect within this.
const VERIFY_MS: u64 = 5 * MINUTE;

/// The plans that a remedy may start.
const ACTIONS: [&str; 3] = ["restart_instance", "free_disk", "renew_certificate"];

const SECURITY: &[(&str, SmtpSecurity)] = &[
    ("tls", SmtpSecurity::Tls),
    ("starttls", SmtpSecurity::StartTls),
    ("none", SmtpSecurity::None),
];
const LANGUAGES: &[(&str, Language)] = &[("en", Language::English), ("de", Language::German)];
const LEVELS: &[(&str, Level)] =
    &[("unknown", Level::Unknown), ("attention", Level::Attention), ("broken", Level::Broken)];
/// Monday first.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

pub(super) fn alerts(root: &Section<'_>, shops: &[ShopSettings]) -> AlertSettings {
    let known: Vec<&ShopId> = shops.iter().map(|shop| &shop.id).collect();
    let smtp = smtp(root.section("smtp"));
    let mut routes: Vec<NotifySettings> = Vec::new();
    for section in root.tables("notify") {
        let at = section.at.clone();
        let Some(route) = route(section, &known) else { continue };
        if matches!(route.channel, ChannelSettings::Email(_)) && smtp.is_none() {
            let message = "mails are asked for, but the file names no mail server";
            root.wrong(at.clone(), message, "add `[smtp]` with `host` and `from`");
        }
        if routes.iter().any(|other| other.name == route.name) {
            let message = format!("there are two `[[notify]]` of the name \"{}\"", route.name);
            root.wrong(at, message, "give each a name of its own");
        }
        routes.push(route);
    }
    let rules = root.tables("rule").into_iter().filter_map(rule).collect();
    let remedies = root.tables("remedy").into_iter().filter_map(|section| remedy(section, &known));
    AlertSettings { rules, smtp, routes, remedies: remedies.collect() }
}

fn smtp(section: Section<'_>) -> Option<SmtpSettings> {
    if !section.is_given() {
        return None;
    }
    let required = |key| {
        let text = section.text(key).map(|text| text.value.to_owned());
        if text.is_none() && section.item(key).is_none() {
            section.missing(key, format!("write `{key} = \"…\"`"));
        }
        text
    };
    let security = section.choice("security", SmtpSecurity::Tls, SECURITY);
    let port = match security {
        SmtpSecurity::Tls => 465,
        SmtpSecurity::StartTls => 587,
        SmtpSecurity::None => 25,
    };
    let port = section.number("port", port, 1..=65_535);
    let (host, from) = (required("host"), required("from"));
    let from_at = section.place_of("from");
    if let Some(from) = from.as_deref().filter(|from| !is_mail(from)) {
        let message = format!("`from` is \"{from}\", which is no e-mail address");
        section.wrong(from_at, message, "write one such as \"storewarden@shop.example\"");
    }
    let settings = SmtpSettings {
        host: host.unwrap_or_default(),
        port: u16::try_from(port).unwrap_or(u16::MAX),
        security,
        user: section.text("user").map(|text| text.value.to_owned()),
        password: section.text("password").and_then(|text| password(&section, "password", &text)),
        from: from.unwrap_or_default(),
        root: section.parsed("root", absolute_path),
    };
    if security == SmtpSecurity::None && settings.password.is_some() && !is_local(&settings.host) {
        let message = "the password would travel unencrypted";
        section.wrong(section.place_of("security"), message, "write \"tls\" or \"starttls\"");
    }
    section.finish();
    Some(settings)
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn route(section: Section<'_>, shops: &[&ShopId]) -> Option<NotifySettings> {
    let name = name(&section);
    let channel = channel(&section);
    let repeat = section.text("repeat").filter(|text| text.value == "never").is_none();
    let repeat_ms = repeat.then(|| section.duration("repeat", REPEAT_MS, MINUTE..=30 * DAY));
    let settings = NotifySettings {
        name: name.clone().unwrap_or_default(),
        channel: channel.clone().unwrap_or(ChannelSettings::Email(Vec::new())),
        language: section.choice("language", Language::English, LANGUAGES),
        level: section.choice("level", Level::Unknown, LEVELS),
        shops: shops_of(&section, shops),
        after_ms: section.duration("after", 0, 0..=7 * DAY),
        repeat_ms,
        resolved: section.boolean("resolved").unwrap_or(true),
        mute: mutes(&section),
    };
    section.finish();
    name.and(channel).map(|_| settings)
}

fn name(section: &Section<'_>) -> Option<String> {
    let Some(text) = section.text("name") else {
        if section.item("name").is_none() {
            section.missing("name", "write `name = \"owner\"`: incidents say who was told by it");
        }
        return None;
    };
    // The rules of ids, since it stands in addresses and in the store.
    if let Err(error) = text.value.parse::<ShopId>() {
        let message = format!("`name` \"{}\" {error}", text.value);
        section.wrong(text.at, message, "write one such as \"owner\"");
        return None;
    }
    Some(text.value.to_owned())
}

fn channel(section: &Section<'_>) -> Option<ChannelSettings> {
    let email = section.texts("email", "[\"owner@shop.example\"]");
    let url = |key: &'static str| section.text(key).and_then(|text| url(section, key, &text));
    let (webhook, slack, ntfy) = (url("webhook"), url("slack"), url("ntfy"));
    let token = section.text("token").and_then(|text| password(section, "token", &text));
    let given = ["email", "webhook", "slack", "ntfy"];
    let given = given.iter().filter(|key| section.item(key).is_some()).count();
    if given != 1 {
        let message = if given == 0 {
            format!("{} does not say how to tell anybody", section.name)
        } else {
            format!("{} has several ways to tell", section.name)
        };
        let mend = "write one of `email`, `webhook`, `slack` and `ntfy`";
        section.reader.missing(section.at.clone(), Wrong::new(message, mend));
        return None;
    }
    if let Some(texts) = email {
        section.refuse_empty_list("email", "[\"owner@shop.example\"]");
        for text in texts.iter().filter(|text| !is_mail(text.value)) {
            let message = format!("`email` has \"{}\", which is no e-mail address", text.value);
            section.wrong(text.at.clone(), message, "write one such as \"owner@shop.example\"");
        }
        return Some(ChannelSettings::Email(
            texts.iter().map(|text| text.value.to_owned()).collect(),
        ));
    }
    webhook
        .map(|url| ChannelSettings::Webhook { url, token: token.clone() })
        .or(slack.map(|url| ChannelSettings::Slack { url }))
        .or(ntfy.map(|url| ChannelSettings::Ntfy { url, token }))
}

fn url(section: &Section<'_>, key: &str, text: &Text<'_>) -> Option<Secret> {
    let at = text.at.clone();
    section.checked(key, text, |text| {
        let given = database::variable(text, section.reader.known.environment)?;
        if given.is_none() && key == "slack" {
            let message = "`slack` stands here in clear, and whoever knows it can write there";
            let mend = "write `slack = \"${NAME}\"` and set NAME in Storewarden's environment";
            section.reader.warn(&at, Wrong::new(message, mend));
        }
        let url = given.unwrap_or_else(|| text.to_owned());
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let whole = rest.is_some_and(|rest| !rest.is_empty());
        if whole && !url.contains(char::is_whitespace) {
            return Ok(Secret::new(url));
        }
        // Not shown: what follows the host may be a secret.
        Err(Wrong::new("is no address of the web", "write one that begins with `https://`"))
    })
}

fn password(section: &Section<'_>, key: &str, text: &Text<'_>) -> Option<Secret> {
    section.checked(key, text, |text| {
        let value = database::variable(text, section.reader.known.environment)?;
        let mend =
            format!("write `{key} = \"${{NAME}}\"` and set NAME in Storewarden's environment");
        value.map(Secret::new).ok_or_else(|| Wrong::new("stands here in clear", mend))
    })
}

fn shops_of(section: &Section<'_>, known: &[&ShopId]) -> Vec<ShopId> {
    let texts = section.texts("shops", "[\"lamps\"]").unwrap_or_default();
    let shop = |text: &Text<'_>| {
        let found = known.iter().find(|id| id.as_str() == text.value);
        if found.is_none() {
            let ids: Vec<&str> = known.iter().map(|id| id.as_str()).collect();
            let message = format!("`shops` has \"{}\", which is no shop of this file", text.value);
            section.wrong(text.at.clone(), message, format!("there are {}", values::listed(&ids)));
        }
        found.map(|id| (*id).clone())
    };
    texts.iter().filter_map(shop).collect()
}

fn mutes(section: &Section<'_>) -> Vec<MuteWindow> {
    let example = "[\"Sat,Sun 00:00-24:00 Europe/Berlin\"]";
    let texts = section.texts("mute", example).unwrap_or_default();
    let known = section.reader.known;
    let read = |text: &str| {
        let window = mute(text)?;
        let zone = super::shop::zone_is_known(known, &window.time_zone);
        zone.map_err(|wrong| Wrong {
            message: format!("has a zone that {}", wrong.message),
            ..wrong
        })?;
        Ok(window)
    };
    texts.iter().filter_map(|text| section.checked("mute", text, read)).collect()
}

/// `Sat,Sun 00:00-24:00 Europe/Berlin`, `Mon-Fri 22:00-07:00`, `daily 03:00-04:00 UTC`.
fn mute(text: &str) -> Result<MuteWindow, Wrong> {
    let wrong = |why: &str| {
        let mend = "write days, hours and a time zone: \"Sat,Sun 00:00-24:00 Europe/Berlin\"";
        Wrong::new(format!("has \"{text}\", {why}"), mend)
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let [days, hours, zone] = words.as_slice() else {
        return Err(wrong("which is not three words"));
    };
    let (from, until) = hours.split_once('-').ok_or_else(|| wrong("whose hours are none"))?;
    let minutes = minute(from).filter(|from| *from < 1440).zip(minute(until));
    let (from_minute, until_minute) = minutes.ok_or_else(|| wrong("whose hours are none"))?;
    Ok(MuteWindow {
        days: days_of(days).ok_or_else(|| wrong("whose days are none"))?,
        from_minute,
        until_minute: if until_minute == 0 { 1440 } else { until_minute },
        time_zone: (*zone).to_owned(),
    })
}

fn days_of(text: &str) -> Option<[bool; 7]> {
    if text.eq_ignore_ascii_case("daily") {
        return Some([true; 7]);
    }
    let day = |word: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(word));
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // `Fri-Mon` goes over the end of the week.
        let length = (last + 7 - first) % 7;
        for offset in 0..=length {
            days[(first + offset) % 7] = true;
        }
    }
    Some(days)
}

/// `07:30` as minutes since midnight, up to `24:00`.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let whole = hours.len() == 2 && minutes.len() == 2;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours * 60 + minutes;
    (whole && minutes < 60 && minute <= 1440).then_some(minute)
}

fn rule(section: Section<'_>) -> Option<RuleSettings> {
    let on = code(&section);
    let longest = 7 * DAY;
    let optional = |key| section.item(key).map(|_| section.duration(key, 0, 0..=longest));
    let settings = RuleSettings {
        on: on.clone().unwrap_or_default(),
        enabled: section.boolean("enabled").unwrap_or(true),
        for_ms: optional("for"),
        keep_ms: optional("keep"),
    };
    section.finish();
    on.map(|_| settings)
}

fn remedy(section: Section<'_>, shops: &[&ShopId]) -> Option<RemedySettings> {
    let on = code(&section);
    let action = section.parsed("do", action);
    if action.is_none() && section.item("do").is_none() {
        section.missing("do", "write what is to be done: `do = \"restart_instance\"`");
    }
    let (at_most, within_ms) = section.parsed("at_most", at_most).unwrap_or((2, HOUR));
    let settings = RemedySettings {
        on: on.clone().unwrap_or_default(),
        action: action.clone().unwrap_or_default(),
        at_most,
        within_ms,
        verify_ms: section.duration("verify", VERIFY_MS, 10 * SECOND..=DAY),
        shops: shops_of(&section, shops),
    };
    section.finish();
    on.and(action).map(|_| settings)
}

/// What may be done without asking.
fn action(text: &str) -> Result<String, Wrong> {
    if ACTIONS.contains(&text) {
        return Ok(text.to_owned());
    }
    let message = format!("is \"{text}\", which is nothing that can be done without asking");
    Err(Wrong::new(message, format!("write one of {}", values::listed(&ACTIONS))))
}

/// The code of a finding. Which there are, the kernel does not know.
fn code(section: &Section<'_>) -> Option<String> {
    let Some(text) = section.text("on") else {
        if section.item("on").is_none() {
            section.missing("on", "write the finding it is about: `on = \"instance_down\"`");
        }
        return None;
    };
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if text.value.is_empty() || !text.value.chars().all(fits) {
        let message = format!("`on` is \"{}\", which is no finding's code", text.value);
        section.wrong(text.at, message, "write one such as \"instance_down\"");
        return None;
    }
    Some(text.value.to_owned())
}

/// `2 in 1h`.
fn at_most(text: &str) -> Result<(u32, u64), Wrong> {
    let read = || {
        let (count, span) = text.split_once(" in ")?;
        let count = count.trim().parse().ok().filter(|count| (1..=1_000).contains(count))?;
        let span = values::duration(span.trim()).filter(|ms| (MINUTE..=30 * DAY).contains(ms))?;
        Some((count, span))
    };
    read().ok_or_else(|| {
        let mend = "write how often in how long: \"2 in 1h\"";
        Wrong::new(format!("is \"{text}\", which is no such limit"), mend)
    })
}

fn is_mail(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
        && !text.contains(char::is_whitespace)
}

fn absolute_path(text: &str) -> Result<PathBuf, Wrong> {
    let path = PathBuf::from(text);
    if path.is_absolute() {
        return Ok(path);
    }
    Err(Wrong::new(
        format!("is \"{text}\", which is no path from the root"),
        format!("write it from the root, such as \"/etc/{text}\""),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_the_week_are_read() {
        let check = |text: &str, expect: Option<(&str, u16, u16)>| {
            let read = mute(text).ok().map(|window| {
                let days = window.days.map(|day| if day { 'x' } else { '-' });
                (days.iter().collect::<String>(), window.from_minute, window.until_minute)
            });
            let expect = expect.map(|(days, from, until)| (days.to_owned(), from, until));
            assert_eq!(read, expect, "{text}");
        };
        check("Sat,Sun 00:00-24:00 Europe/Berlin", Some(("-----xx", 0, 1440)));
        check("Mon-Fri 22:00-07:30 UTC", Some(("xxxxx--", 1320, 450)));
        check("fri-mon 22:00-00:00 UTC", Some(("x---xxx", 1320, 1440)));
        check("daily 3:00-04:00 UTC", None);
        check("daily 03:00-04:60 UTC", None);
        check("daily 24:00-01:00 UTC", None);
        check("Tag 03:00-04:00 UTC", None);
        check("daily 03:00-04:00", None);
    }

    #[test]
    fn limits_are_read() {
        for (text, expect) in [
            ("2 in 1h", Some((2, HOUR))),
            ("1 in 30m", Some((1, 30 * MINUTE))),
            ("0 in 1h", None),
            ("2 in 1s", None),
            ("2", None),
        ] {
            assert_eq!(at_most(text).ok(), expect, "{text}");
        }
    }
}
