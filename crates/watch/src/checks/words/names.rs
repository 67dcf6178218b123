//! The reasons of checks of names and of heartbeats, in sentences.

use super::Says;

pub(super) fn english(code: &str, says: &Says<'_>) -> Option<String> {
    let text = |name| says.text(name);
    Some(match code {
        "name_invalid" => format!("{} is no name that can be asked for", text("name")),
        "dns_alias_elsewhere" => format!(
            "{} is an alias of {}, of which {} knows nothing",
            text("name"),
            text("to"),
            text("server")
        ),
        "record_missing" => format!("{} has no {} record", text("name"), text("record_type")),
        "record_differs" => format!(
            "the {} records of {} are {}, not {}",
            text("record_type"),
            text("name"),
            text("found"),
            text("expected")
        ),
        "record_unexpected" => format!(
            "{} has a {} record that is not expected: {}",
            text("name"),
            text("record_type"),
            text("found")
        ),
        "dns_server_failed" => format!(
            "the name server {} answers {} for {}",
            text("server"),
            text("response_code"),
            text("name")
        ),
        "dns_silent" => {
            format!("the name server {} does not answer for {}", text("server"), text("name"))
        }
        "dns_malformed" => format!(
            "the answer of the name server {} cannot be read: {}",
            text("server"),
            text("said")
        ),
        "dns_not_responsible" => {
            format!("the name server {} is not responsible for {}", text("server"), text("name"))
        }
        "heartbeat_never_seen" => "it never reported".to_owned(),
        "clock_set_back" => "its last report came later than now: a clock was set back".to_owned(),
        "heartbeat_late" => "it should have reported and did not".to_owned(),
        "heartbeat_unfinished" => "it began and did not report its end".to_owned(),
        "heartbeat_failed" => match says.has("exit_code") {
            true => format!("it reported a failure, exit code {}", text("exit_code")),
            false => "it reported a failure".to_owned(),
        },
        _ => return None,
    })
}

pub(super) fn german(code: &str, says: &Says<'_>) -> Option<String> {
    let text = |name| says.text(name);
    Some(match code {
        "name_invalid" => format!("nach {} lässt sich nicht fragen", text("name")),
        "dns_alias_elsewhere" => format!(
            "{} ist ein Alias von {}, und davon weiß {} nichts",
            text("name"),
            text("to"),
            text("server")
        ),
        "record_missing" => format!("{} hat keinen {}-Eintrag", text("name"), text("record_type")),
        "record_differs" => format!(
            "die {}-Einträge von {} sind {}, nicht {}",
            text("record_type"),
            text("name"),
            text("found"),
            text("expected")
        ),
        "record_unexpected" => format!(
            "{} hat einen {}-Eintrag, der nicht erwartet wird: {}",
            text("name"),
            text("record_type"),
            text("found")
        ),
        "dns_server_failed" => format!(
            "der Nameserver {} antwortet {} auf {}",
            text("server"),
            text("response_code"),
            text("name")
        ),
        "dns_silent" => {
            format!("der Nameserver {} antwortet nicht auf {}", text("server"), text("name"))
        }
        "dns_malformed" => format!(
            "die Antwort des Nameservers {} ist nicht zu lesen: {}",
            text("server"),
            text("said")
        ),
        "dns_not_responsible" => {
            format!("der Nameserver {} ist für {} nicht zuständig", text("server"), text("name"))
        }
        "heartbeat_never_seen" => "es hat sich noch nie gemeldet".to_owned(),
        "clock_set_back" => {
            "die letzte Meldung kam später als jetzt: eine Uhr wurde zurückgestellt".to_owned()
        }
        "heartbeat_late" => "es hätte sich melden sollen und hat es nicht getan".to_owned(),
        "heartbeat_unfinished" => "es hat begonnen und sein Ende nicht gemeldet".to_owned(),
        "heartbeat_failed" => match says.has("exit_code") {
            true => format!("es hat einen Fehler gemeldet, Exit-Code {}", text("exit_code")),
            false => "es hat einen Fehler gemeldet".to_owned(),
        },
        _ => return None,
    })
}
