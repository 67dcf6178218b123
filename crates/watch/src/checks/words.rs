//! Why a check is not as it should be, in sentences: docs/checks.md lists the codes.

use kernel::{Params, Value, config::Language};

mod journeys;
mod names;

/// One sentence without a full stop; a code that this version does not know stands for itself.
#[must_use]
pub fn in_words(language: Language, code: &str, params: &Params) -> String {
    let says = Says(params);
    let words = match language {
        Language::English => english(code, &says),
        Language::German => german(code, &says),
    };
    words.unwrap_or_else(|| code.to_owned())
}

struct Says<'a>(&'a Params);

impl Says<'_> {
    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Texts of others come as they are: without line ends.
    fn text(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(Value::Text(text)) => text.split_whitespace().collect::<Vec<_>>().join(" "),
            Some(Value::Integer(number)) => number.to_string(),
            Some(Value::Number(number)) => number.to_string(),
            None => "?".to_owned(),
        }
    }

    fn seconds(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(Value::Integer(ms)) if ms % 1_000 == 0 => (ms / 1_000).to_string(),
            Some(Value::Integer(ms)) => format!("{}.{}", ms / 1_000, ms % 1_000 / 100),
            _ => "?".to_owned(),
        }
    }
}

fn english(code: &str, says: &Says<'_>) -> Option<String> {
    let text = |name| says.text(name);
    Some(match code {
        "address_invalid" => "its address cannot be used".to_owned(),
        "request_impossible" => format!("it cannot be asked like this: {}", text("said")),
        "resolver_failed" => format!(
            "this machine’s resolver does not tell where {} is: {}",
            text("host"),
            text("said")
        ),
        "no_way" => format!("this machine has no way to {}: {}", text("address"), text("said")),
        "root_unreadable" => {
            format!("the certificates to believe cannot be read: {}", text("said"))
        }
        "script_unreadable" => format!("its script cannot be followed: {}", text("said")),
        "no_authorities" => "this machine believes no certificate authority".to_owned(),
        "body_packed" => format!("its answer came packed ({})", text("encoding")),
        "timed_out" => {
            format!("no answer within {} s ({})", says.seconds("deadline_ms"), text("phase"))
        }
        "name_not_found" => format!("there is no {}", text("host")),
        "address_missing" => format!("{} has no address of {}", text("host"), text("family")),
        "connection_refused" => format!("nobody listens at {}", text("address")),
        "connection_timed_out" => format!("{} does not answer", text("address")),
        "connection_failed" => format!("no connection to {}: {}", text("address"), text("said")),
        "closed_early" => format!("it ended before its answer was whole: {}", text("said")),
        "tls_not_spoken" => "it does not speak TLS there".to_owned(),
        "tls_failed" => format!("no agreement on TLS: {}", text("said")),
        "certificate_expired" => format!("the certificate of {} has ended", text("host")),
        "certificate_not_yet_valid" => {
            format!("the certificate of {} is not valid yet", text("host"))
        }
        "certificate_of_other_name" => {
            format!("the certificate is not for {}, but for {}", text("host"), text("names"))
        }
        "certificate_self_signed" => format!("the certificate of {} signs itself", text("host")),
        "certificate_of_unknown_issuer" => format!(
            "who issued the certificate of {} is not believed ({}); often an intermediate is missing",
            text("host"),
            text("issuer")
        ),
        "certificate_badly_signed" => {
            format!("the certificate of {} was not signed by whom it names", text("host"))
        }
        "certificate_revoked" => format!("the certificate of {} was revoked", text("host")),
        "certificate_invalid" => {
            format!("the certificate of {} is not good: {}", text("host"), text("said"))
        }
        "protocol_not_spoken" => format!("it does not speak {}", text("protocol")),
        "answer_malformed" => format!("its answer is no HTTP: {}", text("said")),
        "status_differs" => format!("it answers {}", text("status")),
        "body_lacks" => format!("“{}” is missing on it", text("text")),
        "body_contains" => format!("“{}” stands on it", text("text")),
        "body_no_json" => "its answer is no JSON".to_owned(),
        "json_differs" => {
            format!("{} is {}, not {}", text("pointer"), text("found"), text("expected"))
        }
        "header_differs" => {
            format!("the header {} is {}, not {}", text("name"), text("found"), text("expected"))
        }
        "body_too_long" => format!("its answer is longer than {} bytes", text("limit_bytes")),
        "too_many_redirects" => format!("it redirects more than {} times", text("limit")),
        "redirect_loop" => "it redirects in a circle".to_owned(),
        "redirect_to_other_scheme" => format!("it redirects to {}", text("scheme")),
        "redirect_to_plain" => "it redirects from https to http".to_owned(),
        "redirect_invalid" => "where it redirects to is no address".to_owned(),
        "banner_differs" => format!("it says “{}”, not “{}”", text("found"), text("expected")),
        _ => return names::english(code, says).or_else(|| journeys::english(code, says)),
    })
}

fn german(code: &str, says: &Says<'_>) -> Option<String> {
    let text = |name| says.text(name);
    Some(match code {
        "address_invalid" => "die Adresse ist nicht zu gebrauchen".to_owned(),
        "request_impossible" => format!("so lässt sich nicht fragen: {}", text("said")),
        "resolver_failed" => format!(
            "die Namensauflösung dieser Maschine sagt nicht, wo {} ist: {}",
            text("host"),
            text("said")
        ),
        "no_way" => {
            format!("von dieser Maschine führt kein Weg zu {}: {}", text("address"), text("said"))
        }
        "root_unreadable" => {
            format!("die Zertifikate, denen zu glauben wäre, sind nicht zu lesen: {}", text("said"))
        }
        "script_unreadable" => format!("dem Skript lässt sich nicht folgen: {}", text("said")),
        "no_authorities" => "diese Maschine glaubt keiner Zertifizierungsstelle".to_owned(),
        "body_packed" => format!("die Antwort kam gepackt ({})", text("encoding")),
        "timed_out" => {
            format!("keine Antwort binnen {} s ({})", says.seconds("deadline_ms"), text("phase"))
        }
        "name_not_found" => format!("{} gibt es nicht", text("host")),
        "address_missing" => {
            format!("{} hat keine Adresse der Art {}", text("host"), text("family"))
        }
        "connection_refused" => format!("an {} hört niemand", text("address")),
        "connection_timed_out" => format!("{} antwortet nicht", text("address")),
        "connection_failed" => format!("keine Verbindung zu {}: {}", text("address"), text("said")),
        "closed_early" => format!("die Antwort brach ab: {}", text("said")),
        "tls_not_spoken" => "dort wird kein TLS gesprochen".to_owned(),
        "tls_failed" => format!("keine Einigung über TLS: {}", text("said")),
        "certificate_expired" => format!("das Zertifikat von {} ist abgelaufen", text("host")),
        "certificate_not_yet_valid" => {
            format!("das Zertifikat von {} gilt noch nicht", text("host"))
        }
        "certificate_of_other_name" => {
            format!("das Zertifikat ist nicht für {}, sondern für {}", text("host"), text("names"))
        }
        "certificate_self_signed" => {
            format!("das Zertifikat von {} hat sich selbst unterschrieben", text("host"))
        }
        "certificate_of_unknown_issuer" => format!(
            "dem Aussteller des Zertifikats von {} wird nicht geglaubt ({}); oft fehlt ein Zwischenzertifikat",
            text("host"),
            text("issuer")
        ),
        "certificate_badly_signed" => {
            format!("das Zertifikat von {} hat nicht unterschrieben, wen es nennt", text("host"))
        }
        "certificate_revoked" => format!("das Zertifikat von {} wurde widerrufen", text("host")),
        "certificate_invalid" => {
            format!("das Zertifikat von {} ist nicht gut: {}", text("host"), text("said"))
        }
        "protocol_not_spoken" => format!("dort wird kein {} gesprochen", text("protocol")),
        "answer_malformed" => format!("die Antwort ist kein HTTP: {}", text("said")),
        "status_differs" => format!("die Antwort ist {}", text("status")),
        "body_lacks" => format!("„{}“ fehlt darauf", text("text")),
        "body_contains" => format!("„{}“ steht darauf", text("text")),
        "body_no_json" => "die Antwort ist kein JSON".to_owned(),
        "json_differs" => {
            format!("{} ist {}, nicht {}", text("pointer"), text("found"), text("expected"))
        }
        "header_differs" => format!(
            "die Kopfzeile {} ist {}, nicht {}",
            text("name"),
            text("found"),
            text("expected")
        ),
        "body_too_long" => format!("die Antwort ist länger als {} Bytes", text("limit_bytes")),
        "too_many_redirects" => format!("sie leitet öfter als {} Mal weiter", text("limit")),
        "redirect_loop" => "sie leitet im Kreis weiter".to_owned(),
        "redirect_to_other_scheme" => format!("sie leitet zu {} weiter", text("scheme")),
        "redirect_to_plain" => "sie leitet von https zu http weiter".to_owned(),
        "redirect_invalid" => "wohin sie weiterleitet, ist keine Adresse".to_owned(),
        "banner_differs" => {
            format!("dort heißt es „{}“, nicht „{}“", text("found"), text("expected"))
        }
        _ => return names::german(code, says).or_else(|| journeys::german(code, says)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of docs/checks.md is the list.
    #[test]
    fn every_reason_has_words_in_every_language() {
        let page = include_str!("../../../../docs/checks.md");
        // That of the fields of a journey is another one.
        let table = page.lines().skip_while(|line| !line.starts_with("| Code |")).skip(2);
        let rows = table.take_while(|line| line.starts_with("| `"));
        let cell = rows.filter_map(|row| row.split('|').nth(1));
        let codes: Vec<&str> = cell.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
        assert!(codes.len() > 90, "{codes:?}");
        for language in [Language::English, Language::German] {
            for code in &codes {
                assert_ne!(in_words(language, code, &Params::new()), *code, "{language:?}");
            }
        }
    }

    #[test]
    fn a_reason_is_told_with_its_parameters() {
        let params = Params::from([
            ("deadline_ms".to_owned(), 2_500_i64.into()),
            ("phase".to_owned(), "connect".into()),
            ("said".to_owned(), "a\r\nb".into()),
        ]);
        let check = |language, code, expect: &str| {
            assert_eq!(in_words(language, code, &params), expect);
        };
        check(Language::English, "timed_out", "no answer within 2.5 s (connect)");
        check(Language::German, "closed_early", "die Antwort brach ab: a b");
        check(Language::English, "of_a_newer_version", "of_a_newer_version");
    }
}
