//! `[smtp]`, `[[notify]]`, `[[rule]]` and `[[remedy]]` in words. Secrets are not shown.

use super::{Rows, Section, ms};
use crate::{
    Level,
    config::{
        AlertSettings, ChannelSettings, Language, MuteWindow, NotifySettings, RemedySettings,
        RuleSettings, SmtpSecurity, SmtpSettings,
    },
};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

pub(super) fn sections(alerts: &AlertSettings) -> Vec<Section> {
    let mut sections: Vec<Section> = alerts.smtp.iter().map(smtp).collect();
    sections.extend(alerts.routes.iter().map(route));
    sections.extend(alerts.rules.iter().map(rule));
    sections.extend(alerts.remedies.iter().map(remedy));
    sections
}

fn smtp(smtp: &SmtpSettings) -> Section {
    let mut rows = Rows::default();
    rows.put("host", format!("{}:{}", smtp.host, smtp.port), false, "takes our mails");
    let (word, meaning) = match smtp.security {
        SmtpSecurity::Tls => ("tls", "encrypted from the first byte"),
        SmtpSecurity::StartTls => ("starttls", "plain, then encrypted, or not at all"),
        SmtpSecurity::None => ("none", "in plain"),
    };
    rows.put("security", word.to_owned(), smtp.security == SmtpSecurity::Tls, meaning);
    let user = smtp.user.clone().unwrap_or_else(|| "none".to_owned());
    rows.put("user", user, smtp.user.is_none(), "signs in there");
    rows.put("from", smtp.from.clone(), false, "the mails' sender");
    rows.section("[smtp]", "")
}

fn route(route: &NotifySettings) -> Section {
    let mut rows = Rows::default();
    let (key, value) = match &route.channel {
        ChannelSettings::Email(addresses) => ("email", addresses.join(", ")),
        // Their addresses may hold a secret.
        ChannelSettings::Webhook { url, .. } => ("webhook", host_of(url.reveal())),
        ChannelSettings::Slack { url } => ("slack", host_of(url.reveal())),
        ChannelSettings::Ntfy { url, .. } => ("ntfy", host_of(url.reveal())),
    };
    rows.put(key, value, false, "is told of incidents");
    let level = match route.level {
        Level::Broken => "broken",
        Level::Attention => "attention",
        Level::Unknown | Level::Good => "unknown",
    };
    rows.put("level", level.to_owned(), level == "unknown", "and worse");
    let language = match route.language {
        Language::English => "en",
        Language::German => "de",
    };
    rows.put("language", language.to_owned(), language == "en", "");
    let shops: Vec<&str> = route.shops.iter().map(crate::ShopId::as_str).collect();
    let shown = if shops.is_empty() { "all".to_owned() } else { shops.join(", ") };
    rows.put("shops", shown, shops.is_empty(), "");
    rows.put("after", ms(&route.after_ms), route.after_ms == 0, "if nobody acknowledged by then");
    let repeat = route.repeat_ms.map_or_else(|| "never".to_owned(), |repeat_ms| ms(&repeat_ms));
    let default = route.repeat_ms == Some(super::super::outer::REPEAT_MS);
    rows.put("repeat", repeat, default, "until somebody acknowledges");
    let resolved = route.resolved.to_string();
    rows.put("resolved", resolved, route.resolved, "whether the end is told");
    rows.list("mute", false, route.mute.iter().map(|mute| (window(mute), "silent".to_owned())));
    rows.section("[[notify]]", &route.name)
}

/// `https://hooks.example/…`
pub(super) fn host_of(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "…".to_owned() };
    let place = rest.split(['/', '?']).next().unwrap_or_default();
    let host = place.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/…")
}

fn window(mute: &MuteWindow) -> String {
    let days: Vec<&str> =
        DAYS.iter().zip(mute.days).filter(|(_, given)| *given).map(|(day, _)| *day).collect();
    let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let (from, until) = (time(mute.from_minute), time(mute.until_minute));
    format!("{} {from}-{until} {}", days.join(","), mute.time_zone)
}

fn rule(rule: &RuleSettings) -> Section {
    let mut rows = Rows::default();
    rows.put("on", rule.on.clone(), false, "the finding it is about");
    let meaning = "whether it opens incidents";
    rows.put("enabled", rule.enabled.to_string(), rule.enabled, meaning);
    let shown = |span: Option<u64>| span.map_or_else(|| "the rule's own".to_owned(), |s| ms(&s));
    rows.put("for", shown(rule.for_ms), rule.for_ms.is_none(), "it holds so long before it fires");
    let meaning = "it is gone so long before it is over";
    rows.put("keep", shown(rule.keep_ms), rule.keep_ms.is_none(), meaning);
    rows.section("[[rule]]", "")
}

fn remedy(remedy: &RemedySettings) -> Section {
    let mut rows = Rows::default();
    rows.put("on", remedy.on.clone(), false, "the finding it is about");
    rows.put("do", remedy.action.clone(), false, "without asking anybody");
    let limit = format!("{} in {}", remedy.at_most, ms(&remedy.within_ms));
    rows.put("at_most", limit, false, "and a person is told instead");
    rows.put("verify", ms(&remedy.verify_ms), false, "the finding is gone by then");
    rows.section("[[remedy]]", "")
}
