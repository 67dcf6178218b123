//! One message, in its reader's language: what happened, in the words of the codes.

use super::words::{Says, finding, frame};
use crate::incidents::{Event, Notice};
use kernel::{
    FindingState, Incident, IncidentState, Level, Params, Value,
    config::{Language, NotifySettings},
};
use serde::{Deserialize, Serialize};

/// Findings that a message names; further ones are counted.
const LISTED: usize = 10;

/// What is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Unique: whoever gets two of the same may pass over one.
    pub dedup: String,
    pub event: Event,
    /// `None`: a test.
    pub subject: Option<Subject>,
    pub level: Level,
    /// One line.
    pub title: String,
    /// Lines.
    pub text: String,
    /// Where the interface shows it, on the machine itself.
    pub link: String,
}

/// The incident that a message is about, for programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    pub id: i64,
    pub shop: Option<String>,
    pub cause: String,
    pub code: String,
    pub state: IncidentState,
    pub params: Params,
    pub opened_ms: i64,
    pub resolved_ms: Option<i64>,
}

impl Message {
    /// The message of a notice. `shop_name` gives people's names of shops, `base` is the
    /// interface's address without a slash at its end.
    #[must_use]
    pub fn of(
        notice: &Notice,
        route: &NotifySettings,
        shop_name: impl Fn(&kernel::ShopId) -> String,
        base: &str,
        now_ms: i64,
    ) -> Self {
        let incident = &notice.incident;
        let language = route.language;
        let says = |params| Says { params, language, now_ms };
        let place = match &incident.shop {
            Some(shop) => shop_name(shop),
            None => frame(language, "machine").to_owned(),
        };
        let sentence = finding(&incident.code, &says(&incident.params));
        let event = match notice.event {
            Event::Opened | Event::Test => String::new(),
            Event::Worsened => format!("{}: ", frame(language, "worsened")),
            Event::Repeated => format!("{}: ", frame(language, "repeated")),
            Event::Resolved => format!("{}: ", frame(language, "resolved")),
        };
        let title = format!("{event}{place}: {sentence}");
        let mut lines = vec![format!("{sentence}.")];
        lines.extend(listed(incident, &shop_name, says));
        let until_ms = incident.resolved_ms.unwrap_or(now_ms);
        let span = Params::from([("span_ms".to_owned(), (until_ms - incident.opened_ms).into())]);
        let lasting = if incident.resolved_ms.is_some() { "lasted" } else { "lasts" };
        lines.push(format!("{} {}.", frame(language, lasting), says(&span).span("span_ms")));
        if let Some(lost) = incident.lost {
            let lost = match language {
                Language::English => lost.to_string(),
                Language::German => lost.to_string().replace('.', ","),
            };
            lines.push(frame(language, "lost").replace("{}", &lost));
        }
        let link = format!("{base}/incidents/{}", incident.id);
        lines.push(String::new());
        lines.push(format!("{} {} · {link}", frame(language, "incident"), incident.id));
        Self {
            dedup: notice.dedup.clone(),
            event: notice.event,
            subject: Some(subject(incident)),
            level: incident.level,
            title,
            text: lines.join("\n"),
            link,
        }
    }

    /// A message that only asks whether it arrives.
    #[must_use]
    pub fn test(route: &NotifySettings, dedup: String, base: &str) -> Self {
        let language = route.language;
        Self {
            dedup,
            event: Event::Test,
            subject: None,
            level: Level::Good,
            title: frame(language, "test").to_owned(),
            text: frame(language, "test_text").replace("{}", &route.name),
            link: format!("{base}/"),
        }
    }
}

/// The findings beside the one that leads, a line each.
fn listed<'a>(
    incident: &'a Incident,
    shop_name: impl Fn(&kernel::ShopId) -> String,
    says: impl Fn(&'a Params) -> Says<'a>,
) -> Vec<String> {
    let others: Vec<_> = incident
        .findings
        .iter()
        .filter(|f| f.state != FindingState::Gone && f.code != incident.code)
        .collect();
    let mut lines: Vec<String> = others
        .iter()
        .take(LISTED)
        .map(|found| {
            let sentence = finding(&found.code, &says(&found.params));
            match found.shop.as_ref().filter(|_| incident.shop.is_none()) {
                Some(shop) => format!("– {}: {sentence}", shop_name(shop)),
                None => format!("– {sentence}"),
            }
        })
        .collect();
    if others.len() > LISTED {
        lines.push(format!("– … {}", others.len() - LISTED));
    }
    lines
}

fn subject(incident: &Incident) -> Subject {
    Subject {
        id: incident.id,
        shop: incident.shop.as_ref().map(|shop| shop.as_str().to_owned()),
        cause: incident.cause.clone(),
        code: incident.code.clone(),
        state: incident.state,
        params: incident.params.clone(),
        opened_ms: incident.opened_ms,
        resolved_ms: incident.resolved_ms,
    }
}

/// A text that came from outside, as one line without anything that moves a cursor.
pub(super) fn one_line(value: &Value) -> String {
    let text = match value {
        Value::Integer(number) => return number.to_string(),
        Value::Number(number) => return format!("{number:.1}"),
        Value::Text(text) => text,
    };
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
