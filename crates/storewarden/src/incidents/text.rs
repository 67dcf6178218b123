//! Incidents in words: the list, one of them whole with its timeline, and silences.

use super::view::{Entry, Finding, Incident, Silence, Whole};
use crate::{
    moment::Here,
    runs::words,
    table::{Side, table},
    words::finding,
};
use kernel::{Currency, Level, Money, Params, Value};

/// The incidents as a table.
pub(super) fn list(incidents: &[Incident], here: &Here) -> String {
    if incidents.is_empty() {
        return "No incidents.\n".to_owned();
    }
    let row = |incident: &Incident| {
        [
            incident.id.to_string(),
            level(incident.level).to_owned(),
            state(incident),
            incident.shop.clone().unwrap_or_else(|| "–".to_owned()),
            said(&incident.code, &incident.params, incident.opened_ms, here),
            here.moment_ago(incident.opened_ms),
            incident.owner.clone().unwrap_or_else(|| "–".to_owned()),
        ]
    };
    let rows: Vec<[String; 7]> = incidents.iter().map(row).collect();
    let head = [
        ("ID", Side::Right),
        ("LEVEL", Side::Left),
        ("STATE", Side::Left),
        ("SHOP", Side::Left),
        ("WHAT", Side::Left),
        ("OPENED", Side::Left),
        ("OWNER", Side::Left),
    ];
    table(head, &rows)
}

/// An incident in one line: `3 Instance app-1 is down: … (open, 5 min ago)`.
pub(super) fn line(incident: &Incident, here: &Here) -> String {
    let what = said(&incident.code, &incident.params, incident.opened_ms, here);
    let (id, state, ago) = (incident.id, state(incident), here.ago(incident.opened_ms));
    format!("{id} {what} ({state}, {ago})").replace('\n', " ")
}

/// How an incident stands after something was done to it.
pub(super) fn standing(incident: &Incident, here: &Here) -> String {
    let mut text = format!("Incident {} is {}", incident.id, words(&incident.state));
    let acknowledged = incident.acknowledged.as_ref().filter(|_| is_acknowledged(incident));
    if let Some(acknowledged) = acknowledged {
        text.push_str(&format!(" by {}", acknowledged.by));
        if let Some(until_ms) = acknowledged.until_ms {
            text.push_str(&format!(" until {}", here.moment(until_ms)));
        }
    }
    let owner = incident.owner.as_ref().map(|owner| format!("; {owner} looks after it"));
    format!("{text}{}.\n", owner.unwrap_or_default())
}

/// An incident with everything that happened in it.
pub(super) fn whole(whole: &Whole, here: &Here) -> String {
    let Whole { incident, timeline } = whole;
    let what = said(&incident.code, &incident.params, incident.opened_ms, here);
    let shop = incident.shop.as_ref().map(|shop| format!(" at {shop}")).unwrap_or_default();
    let mut text = format!("Incident {}{shop}: {what}\n", incident.id);
    let mut line = |name: &str, said: &str| text.push_str(&format!("  {name:<9} {said}\n"));
    line("level", level(incident.level));
    line("state", &state(incident));
    line("opened", &here.moment_ago(incident.opened_ms));
    if let Some(resolved_ms) = incident.resolved_ms {
        line("resolved", &here.moment_ago(resolved_ms));
    }
    if let Some(resolution) = &incident.resolution {
        line("how", resolution);
    }
    line("owner", incident.owner.as_deref().unwrap_or("nobody yet"));
    if let Some(lost) = lost(incident) {
        line("lost", &format!("about {lost}"));
    }
    for (index, found) in incident.findings.iter().enumerate() {
        line(if index == 0 { "findings" } else { "" }, &finding_line(found, here));
    }
    let rows: Vec<[String; 3]> = timeline.iter().map(|entry| row(entry, here)).collect();
    let head = [("TIME", Side::Left), ("BY", Side::Left), ("WHAT", Side::Left)];
    text.push('\n');
    text.push_str(&table(head, &rows));
    text
}

fn finding_line(found: &Finding, here: &Here) -> String {
    let said = said(&found.code, &found.params, found.since_ms, here);
    let shop = found.shop.as_ref().map(|shop| format!("{shop}: ")).unwrap_or_default();
    let (state, ago) = (words(&found.state), here.ago(found.since_ms));
    format!("{shop}{said} ({state}, since {ago})").replace('\n', " ")
}

fn row(entry: &Entry, here: &Here) -> [String; 3] {
    [here.moment(entry.at_ms), entry.by.clone(), happened(entry, here)]
}

/// What happened, in words; what this version does not know, as it was sent.
fn happened(entry: &Entry, here: &Here) -> String {
    let text = |name: &str| param(&entry.params, name).unwrap_or_else(|| "unknown".to_owned());
    match entry.kind.as_str() {
        "note" => format!("note: {}", text("text")),
        "owned" if entry.params.contains_key("owner") => {
            format!("{} looks after it", text("owner"))
        }
        "owned" => "nobody looks after it in particular".to_owned(),
        "resolved" if entry.params.contains_key("text") => format!("resolved: {}", text("text")),
        "acknowledged" => match entry.params.get("until_ms") {
            Some(Value::Integer(until_ms)) => {
                format!("acknowledged until {}", here.moment(*until_ms))
            }
            _ => "acknowledged".to_owned(),
        },
        "notified" => format!("{} was told ({})", text("route"), words(&text("event"))),
        "notify_failed" => format!("{} could not be told: {}", text("route"), text("error")),
        "remedy_started" => format!("remedy {} was started", words(&text("action"))),
        kind => {
            let params: Vec<String> = entry
                .params
                .keys()
                .filter_map(|name| Some((name, param(&entry.params, name)?)))
                .map(|(name, value)| format!("{} {}", words(name), words(&value)))
                .collect();
            let params = params.join(", ");
            if params.is_empty() { words(kind) } else { format!("{} ({params})", words(kind)) }
        }
    }
}

/// The silences as a table.
pub(super) fn silences(silences: &[Silence], here: &Here) -> String {
    if silences.is_empty() {
        return "No silences.\n".to_owned();
    }
    let row = |silence: &Silence| {
        [
            silence.id.to_string(),
            silence.shop.clone().unwrap_or_else(|| "every shop, and the machine".to_owned()),
            silence.code.as_deref().map_or_else(|| "everything".to_owned(), words),
            here.moment(silence.from_ms),
            here.moment_ago(silence.until_ms),
            silence.by.clone(),
            silence.comment.clone(),
        ]
    };
    let rows: Vec<[String; 7]> = silences.iter().map(row).collect();
    let head = [
        ("ID", Side::Right),
        ("SHOP", Side::Left),
        ("OF", Side::Left),
        ("FROM", Side::Left),
        ("UNTIL", Side::Left),
        ("BY", Side::Left),
        ("COMMENT", Side::Left),
    ];
    table(head, &rows)
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Good => "good",
        Level::Unknown => "unknown",
        Level::Attention => "attention",
        Level::Broken => "broken",
    }
}

fn state(incident: &Incident) -> String {
    let by = incident.acknowledged.as_ref().filter(|_| is_acknowledged(incident));
    let by = by.map(|acknowledged| format!(" by {}", acknowledged.by));
    format!("{}{}", words(&incident.state), by.unwrap_or_default())
}

/// One that was acknowledged before it was resolved, is not any more.
fn is_acknowledged(incident: &Incident) -> bool {
    incident.state == "acknowledged"
}

fn said(code: &str, params: &Params, since_ms: i64, here: &Here) -> String {
    let (id, level) = (code.to_owned(), Level::Unknown);
    let found =
        kernel::Finding { id, level, code: code.to_owned(), params: params.clone(), since_ms };
    let said = finding(&found, here.now_ms);
    if said == code { words(code) } else { said }
}

fn lost(incident: &Incident) -> Option<Money> {
    let currency: Currency = incident.currency.as_ref()?.parse().ok()?;
    Some(Money { minor: incident.lost_minor?, currency })
}

fn param(params: &Params, name: &str) -> Option<String> {
    Some(match params.get(name)? {
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use serde_json::json;

    fn here() -> Here {
        Here { now_ms: 600_000, zone: TimeZone::UTC }
    }

    fn down() -> serde_json::Value {
        json!({
            "id": 3, "shop": "lamps", "cause": "instances", "state": "acknowledged",
            "level": "attention", "code": "instance_down",
            "params": { "instance": "app-1", "error": "connection refused" },
            "opened_ms": 0, "resolved_ms": null, "owner": "Anna",
            "acknowledged": { "by": "person:anna", "at_ms": 60_000, "until_ms": null },
            "resolution": null, "lost_minor": 1250, "currency": "EUR",
            "findings": [{
                "shop": "lamps", "id": "instance_down:app-1", "code": "instance_down",
                "level": "attention", "params": { "instance": "app-1", "error": "x" },
                "since_ms": 0, "state": "firing",
            }],
        })
    }

    #[test]
    fn an_incident_is_told_with_what_happened_in_it() {
        let mut value = down();
        value["timeline"] = json!([
            { "at_ms": 0, "by": "storewarden", "kind": "opened",
              "params": { "code": "instance_down" } },
            { "at_ms": 1_000, "by": "storewarden", "kind": "notified",
              "params": { "route": "mail", "event": "opened" } },
            { "at_ms": 60_000, "by": "person:anna", "kind": "note", "params": { "text": "on it" } },
        ]);
        let expect = "\
Incident 3 at lamps: Instance app-1 is down: connection refused
  level     attention
  state     acknowledged by person:anna
  opened    1970-01-01 00:00 UTC (10 min ago)
  owner     Anna
  lost      about 12.50 EUR
  findings  lamps: Instance app-1 is down: x (firing, since 10 min ago)

TIME                     BY           WHAT
1970-01-01 00:00:00 UTC  storewarden  opened (code instance down)
1970-01-01 00:00:01 UTC  storewarden  mail was told (opened)
1970-01-01 00:01:00 UTC  person:anna  note: on it
";
        assert_eq!(whole(&serde_json::from_value(value).unwrap(), &here()), expect);
    }

    #[test]
    fn incidents_are_listed_a_line_each() {
        let incident: Incident = serde_json::from_value(down()).unwrap();
        let expect = "\
ID  LEVEL      STATE                        SHOP   WHAT                                         OPENED                             OWNER
 3  attention  acknowledged by person:anna  lamps  Instance app-1 is down: connection refused  1970-01-01 00:00 UTC (10 min ago)  Anna
";
        let tidy = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(tidy(&list(std::slice::from_ref(&incident), &here())), tidy(expect));
        assert_eq!(list(&[], &here()), "No incidents.\n");
        assert_eq!(
            standing(&incident, &here()),
            "Incident 3 is acknowledged by person:anna; Anna looks after it.\n"
        );
    }

    #[test]
    fn a_silence_says_what_it_covers() {
        let silence: Silence = serde_json::from_value(json!({
            "id": 1, "shop": null, "code": "slow", "from_ms": 0, "until_ms": 4_200_000,
            "comment": "sale", "by": "command-line",
        }))
        .unwrap();
        let said = silences(&[silence], &here());
        assert!(said.contains("every shop, and the machine  slow"), "{said}");
        assert!(said.contains("(in 1 h 0 min)  command-line  sale"), "{said}");
    }
}
