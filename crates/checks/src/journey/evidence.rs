//! What is shown of an answer that was not as it should be, without what must not be shown.

use kernel::Value;
use regex::{Captures, Regex};
use std::sync::LazyLock;

use crate::outcome::{Conclusion, Reason};

/// Stands for what was struck out.
const STRUCK: &str = "▒▒▒";
/// Of a body, what is kept.
const KEPT_BYTES: usize = 1024;
/// Shorter values (`1`, `AT`) would tear holes into everything.
const SHORTEST_SECRET_BYTES: usize = 5;

/// Words in the names of what is secret.
const SECRET: &str =
    "pass|pwd|token|secret|nonce|csrf|xsrf|session|cookie|authori[sz]|api_?key|signature|jwt";

fn pattern(written: &str) -> Regex {
    Regex::new(written).expect("invariant: a pattern of ours is one")
}

static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"[A-Za-z0-9._%+\-]+(?:@|%40|&#64;)[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+")
});
/// Also where JSON stands in a text of JSON or in a page.
static JSON: LazyLock<Regex> = LazyLock::new(|| {
    let quote = r#"(?:\\?"|&quot;|')"#;
    let value = r#"(?:[^"'\\&<]|\\[^"]|&[^q])*"#;
    pattern(&format!(r"(?i)({quote}[\w\-.]*(?:{SECRET})[\w\-.]*{quote}\s*[:=]\s*{quote}){value}"))
});
/// What stands in a form is a token or what a customer typed.
static INPUT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)(<input\b[^>]*?\bvalue\s*=\s*)("[^"]*"?|'[^']*'?|[^\s>]+)"#));
static META: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"(?i)<meta\b[^>]*(?:{SECRET})[^>]*>?")));
static PARAMETER: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r#"(?i)\b([\w\-]*(?:{SECRET}|key)[\w\-]*=)[^&\s"'<>;]+"#)));
static BEARER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~\-]{6,}"));
static JWT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\beyJ[A-Za-z0-9_\-]{5,}(?:\.[A-Za-z0-9_\-]+)*"));

/// Whether a variable of that name is never shown.
pub(super) fn is_secret_name(name: &str) -> bool {
    static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(&format!("(?i){SECRET}|key|mail")));
    NAME.is_match(name)
}

/// The beginning of a body, struck out.
pub(super) fn shown(body: &[u8], secrets: &[String]) -> String {
    let struck = strike(&String::from_utf8_lossy(body), secrets);
    let mut end = struck.len().min(KEPT_BYTES);
    while !struck.is_char_boundary(end) {
        end -= 1;
    }
    struck[..end].to_owned()
}

/// Strikes out passwords, tokens, cookies and e-mail addresses: those we know, and what looks like one.
pub(super) fn strike(text: &str, secrets: &[String]) -> String {
    let mut known: Vec<&String> =
        secrets.iter().filter(|secret| secret.len() >= SHORTEST_SECRET_BYTES).collect();
    // A longer one may hold a shorter one, of which the rest would stay.
    known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let mut text = text.to_owned();
    for secret in known {
        text = text.replace(secret.as_str(), STRUCK);
    }
    let after_first = |found: &Captures<'_>| format!("{}{STRUCK}", &found[1]);
    let text = META.replace_all(&text, "<meta ▒▒▒>");
    let text =
        INPUT.replace_all(&text, |found: &Captures<'_>| format!("{}\"{STRUCK}\"", &found[1]));
    let text = JSON.replace_all(&text, after_first);
    let text = PARAMETER.replace_all(&text, after_first);
    let text = BEARER.replace_all(&text, |found: &Captures<'_>| format!("{} {STRUCK}", &found[1]));
    let text = JWT.replace_all(&text, STRUCK);
    EMAIL.replace_all(&text, STRUCK).into_owned()
}

/// A conclusion whose parameters tell nothing that a body would not.
pub(super) fn struck(conclusion: Conclusion, secrets: &[String]) -> Conclusion {
    let of = |mut reason: Reason| {
        for value in reason.params.values_mut() {
            if let Value::Text(text) = value {
                *text = strike(text, secrets);
            }
        }
        reason
    };
    match conclusion {
        Conclusion::Passed => Conclusion::Passed,
        Conclusion::Failed(reason) => Conclusion::Failed(of(reason)),
        Conclusion::Unknown(reason) => Conclusion::Unknown(of(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_struck_out_and_the_rest_stays() {
        let secrets = ["lampenlicht".to_owned(), "AT".to_owned()];
        let check = |text: &str, expect: &str| {
            assert_eq!(strike(text, &secrets), expect, "{text}");
        };
        check("Your cart is empty. AT", "Your cart is empty. AT");
        check("of lampenlicht!", "of ▒▒▒!");
        check("to anna.b+x@shop.example.", "to ▒▒▒.");
        check("to anna%40shop.example", "to ▒▒▒");
        check(r#"{"token":"abc","a":1}"#, r#"{"token":"▒▒▒","a":1}"#);
        check(r#"{"accessToken" : "a\nb"}"#, r#"{"accessToken" : "▒▒▒"}"#);
        check(r#"{\"password\":\"x\"}"#, r#"{\"password\":\"▒▒▒\"}"#);
        check("&quot;csrf&quot;:&quot;x&quot;", "&quot;csrf&quot;:&quot;▒▒▒&quot;");
        check("<input type=hidden name=t value='x y'>", "<input type=hidden name=t value=\"▒▒▒\">");
        check("<meta name=\"csrf-token\" content=\"x\">", "<meta ▒▒▒>");
        check("/reset?token=abc&a=1", "/reset?token=▒▒▒&a=1");
        check("sessionid=abcdef; a=1", "sessionid=▒▒▒; a=1");
        check("Authorization: Bearer abc.def-1", "Authorization: Bearer ▒▒▒");
        check("eyJhbGciOi.eyJzdWI.sig-x end", "▒▒▒ end");
    }

    #[test]
    fn of_a_long_body_the_beginning_is_shown() {
        let body = "ü".repeat(5000);
        let shown = shown(body.as_bytes(), &[]);
        assert!(shown.len() <= KEPT_BYTES && shown.len() > KEPT_BYTES - 2, "{}", shown.len());
        // A secret that the cut would go through is gone before it is cut.
        let body = format!("{}{}", "x".repeat(KEPT_BYTES - 4), "lampenlicht");
        let shown = super::shown(body.as_bytes(), &["lampenlicht".to_owned()]);
        assert!(!shown.contains("lamp"), "{shown}");
    }

    #[test]
    fn no_text_around_a_secret_brings_it_out() {
        bolero::check!().with_type::<(String, String)>().for_each(|(before, after)| {
            let secret = "lampenlicht";
            for text in [format!("{before}{secret}{after}"), format!("{before}anna@shop.example")] {
                let struck = strike(&text, &[secret.to_owned()]);
                assert!(!struck.contains(secret) && !struck.contains("anna@shop"), "{text:?}");
            }
        });
    }
}
