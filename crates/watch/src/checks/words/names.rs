//! The reasons of checks of names, of mail and what names say of it, of pings and of heartbeats, in sentences.

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
        "spf_missing" => format!("{} does not say who may send its mail (SPF)", text("name")),
        "spf_several" => format!("{} has several SPF records, so none counts", text("name")),
        "spf_malformed" => {
            format!("the SPF record of {} is wrong at “{}”", text("name"), text("found"))
        }
        "spf_too_many_lookups" => format!(
            "the SPF record of {} asks for more than {} others, so it does not count",
            text("name"),
            text("limit")
        ),
        "spf_lets_everybody" => {
            format!("the SPF record of {} lets everybody send", text("name"))
        }
        "spf_include_missing" => format!(
            "the SPF record of {} rests on that of {}, which has none",
            text("name"),
            text("other")
        ),
        "dkim_missing" => format!("there is no key to sign mail with at {} (DKIM)", text("name")),
        "dkim_several" => format!("there are several DKIM records at {}", text("name")),
        "dkim_malformed" => {
            format!("the DKIM record at {} is wrong: {}", text("name"), text("found"))
        }
        "dkim_revoked" => format!("the DKIM key at {} was revoked", text("name")),
        "dkim_key_short" => {
            format!("the DKIM key at {} has only {} bits", text("name"), text("bits"))
        }
        "dmarc_missing" => {
            format!("there is no rule for forged mail at {} (DMARC)", text("name"))
        }
        "dmarc_several" => {
            format!("there are several DMARC records at {}, so none counts", text("name"))
        }
        "dmarc_malformed" => {
            format!("the DMARC record at {} is wrong: {}", text("name"), text("found"))
        }
        "dmarc_none" => format!("the DMARC record at {} lets forged mail pass", text("name")),
        "listed" => format!("{} is on the block list {}", text("address"), text("name")),
        "block_list_refuses" => {
            format!("the block list {} does not answer this machine", text("name"))
        }
        "block_list_dead" => {
            format!("the block list {} does not know even its own test entry", text("name"))
        }
        "domain_not_registered" => format!("the domain {} is not registered", text("name")),
        "domain_on_hold" => {
            format!("the domain {} is taken out of service ({})", text("name"), text("state"))
        }
        "domain_expired" => format!("the registration of {} has ended", text("name")),
        "domain_expires" => {
            format!("the registration of {} ends in {} days", text("name"), text("days_left"))
        }
        "domain_end_not_told" => {
            format!("the registry does not tell when the registration of {} ends", text("name"))
        }
        "registry_refuses" => format!("the registry answers {}", text("status")),
        "registry_malformed" => {
            format!("what the registry tells cannot be read: {}", text("said"))
        }
        "registry_without_rdap" => format!("no registry that can be asked has {}", text("name")),
        "ping_forbidden" => "this machine’s kernel does not let it ping".to_owned(),
        "ping_unanswered" => format!("{} answers no ping", text("address")),
        "ping_lossy" => {
            format!("{} answers {} of {} pings", text("address"), text("received"), text("sent"))
        }
        "ping_slow" => {
            format!(
                "{} takes longer than {} s for a ping",
                text("address"),
                says.seconds("limit_ms")
            )
        }
        "mail_address_invalid" => format!("{} is no address to write to", text("address")),
        "mail_not_arrived" => {
            format!("the mail did not arrive within {} s", says.seconds("within_ms"))
        }
        "smtp_refused" => {
            format!("the mail server refuses at {}: {}", text("step"), text("said"))
        }
        "imap_refused" => {
            format!("the mailbox’s server refuses at {}: {}", text("step"), text("said"))
        }
        "smtp_malformed" => {
            format!("what the mail server says cannot be read: {}", text("said"))
        }
        "imap_malformed" => {
            format!("what the mailbox’s server says cannot be read: {}", text("said"))
        }
        "starttls_missing" => format!("{} offers no TLS", text("server")),
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
        "spf_missing" => {
            format!("{} sagt nicht, wer seine Mail senden darf (SPF)", text("name"))
        }
        "spf_several" => {
            format!("{} hat mehrere SPF-Einträge, also gilt keiner", text("name"))
        }
        "spf_malformed" => {
            format!("der SPF-Eintrag von {} ist falsch bei „{}“", text("name"), text("found"))
        }
        "spf_too_many_lookups" => format!(
            "der SPF-Eintrag von {} fragt nach mehr als {} anderen, also gilt er nicht",
            text("name"),
            text("limit")
        ),
        "spf_lets_everybody" => format!("der SPF-Eintrag von {} lässt alle senden", text("name")),
        "spf_include_missing" => format!(
            "der SPF-Eintrag von {} stützt sich auf {}, und dort ist keiner",
            text("name"),
            text("other")
        ),
        "dkim_missing" => {
            format!("unter {} steht kein Schlüssel für Unterschriften (DKIM)", text("name"))
        }
        "dkim_several" => format!("unter {} stehen mehrere DKIM-Einträge", text("name")),
        "dkim_malformed" => {
            format!("der DKIM-Eintrag unter {} ist falsch: {}", text("name"), text("found"))
        }
        "dkim_revoked" => {
            format!("der DKIM-Schlüssel unter {} wurde widerrufen", text("name"))
        }
        "dkim_key_short" => {
            format!("der DKIM-Schlüssel unter {} hat nur {} Bits", text("name"), text("bits"))
        }
        "dmarc_missing" => {
            format!("unter {} steht keine Regel für gefälschte Mail (DMARC)", text("name"))
        }
        "dmarc_several" => {
            format!("unter {} stehen mehrere DMARC-Einträge, also gilt keiner", text("name"))
        }
        "dmarc_malformed" => {
            format!("der DMARC-Eintrag unter {} ist falsch: {}", text("name"), text("found"))
        }
        "dmarc_none" => {
            format!("der DMARC-Eintrag unter {} lässt gefälschte Mail durch", text("name"))
        }
        "listed" => format!("{} steht auf der Sperrliste {}", text("address"), text("name")),
        "block_list_refuses" => {
            format!("die Sperrliste {} antwortet dieser Maschine nicht", text("name"))
        }
        "block_list_dead" => {
            format!("die Sperrliste {} kennt nicht einmal ihren Prüfeintrag", text("name"))
        }
        "domain_not_registered" => {
            format!("die Domain {} ist nicht registriert", text("name"))
        }
        "domain_on_hold" => {
            format!("die Domain {} ist stillgelegt ({})", text("name"), text("state"))
        }
        "domain_expired" => format!("die Registrierung von {} ist abgelaufen", text("name")),
        "domain_expires" => format!(
            "die Registrierung von {} läuft in {} Tagen ab",
            text("name"),
            text("days_left")
        ),
        "domain_end_not_told" => format!(
            "die Registrierungsstelle sagt nicht, wann die Registrierung von {} abläuft",
            text("name")
        ),
        "registry_refuses" => format!("die Registrierungsstelle antwortet {}", text("status")),
        "registry_malformed" => {
            format!("was die Registrierungsstelle sagt, ist nicht zu lesen: {}", text("said"))
        }
        "registry_without_rdap" => {
            format!("keine Registrierungsstelle, die sich fragen lässt, hat {}", text("name"))
        }
        "ping_forbidden" => "der Kernel dieser Maschine lässt sie nicht pingen".to_owned(),
        "ping_unanswered" => format!("{} antwortet auf keinen Ping", text("address")),
        "ping_lossy" => format!(
            "{} antwortet auf {} von {} Pings",
            text("address"),
            text("received"),
            text("sent")
        ),
        "ping_slow" => format!(
            "{} braucht für einen Ping länger als {} s",
            text("address"),
            says.seconds("limit_ms")
        ),
        "mail_address_invalid" => format!("an {} lässt sich nicht schreiben", text("address")),
        "mail_not_arrived" => {
            format!("die Mail kam binnen {} s nicht an", says.seconds("within_ms"))
        }
        "smtp_refused" => {
            format!("der Mailserver lehnt ab bei {}: {}", text("step"), text("said"))
        }
        "imap_refused" => {
            format!("der Server des Postfachs lehnt ab bei {}: {}", text("step"), text("said"))
        }
        "smtp_malformed" => {
            format!("was der Mailserver sagt, ist nicht zu lesen: {}", text("said"))
        }
        "imap_malformed" => {
            format!("was der Server des Postfachs sagt, ist nicht zu lesen: {}", text("said"))
        }
        "starttls_missing" => format!("{} bietet kein TLS an", text("server")),
        _ => return None,
    })
}
