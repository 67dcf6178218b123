//! Findings as sentences of mails, in English and German, without a full stop. The interface's
//! message files say the same; codes and parameters are the contract between them.

mod english;
mod german;

use super::message::one_line;
use kernel::{Params, Value, config::Language};

/// The parameters of one message, in the way its reader's language shows them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Says<'a> {
    pub(super) params: &'a Params,
    pub(super) language: Language,
    pub(super) now_ms: i64,
}

/// What a finding says; its code where there are no words for it.
pub(super) fn finding(code: &str, says: &Says<'_>) -> String {
    let words = match says.language {
        Language::English => english::finding(code, says),
        Language::German => german::finding(code, says),
    };
    words.unwrap_or_else(|| code.to_owned())
}

/// The words around a finding.
pub(super) fn frame(language: Language, name: &str) -> &'static str {
    match language {
        Language::English => english::frame(name),
        Language::German => german::frame(name),
    }
}

impl Says<'_> {
    fn number(&self, name: &str) -> Option<f64> {
        match self.params.get(name)? {
            Value::Integer(number) => Some(*number as f64),
            Value::Number(number) => Some(*number),
            Value::Text(_) => None,
        }
    }

    fn unknown(&self) -> String {
        frame(self.language, "unknown").to_owned()
    }

    fn text(&self, name: &str) -> String {
        self.params.get(name).map_or_else(|| self.unknown(), one_line)
    }

    fn decimal(&self, number: f64, digits: usize) -> String {
        let text = format!("{number:.digits$}");
        if self.language == Language::German { text.replace('.', ",") } else { text }
    }

    fn share(&self, name: &str) -> String {
        let share = self.number(name);
        share.map_or_else(|| self.unknown(), |s| format!("{} %", self.decimal(s * 100.0, 1)))
    }

    /// Why a check from outside is not as it should be.
    pub(super) fn check_reason(&self) -> String {
        match self.params.get("reason") {
            Some(Value::Text(code)) => crate::checks::in_words(self.language, code, self.params),
            _ => self.unknown(),
        }
    }

    fn seconds(&self, name: &str) -> String {
        let ms = self.number(name);
        ms.map_or_else(|| self.unknown(), |ms| format!("{} s", self.decimal(ms / 1000.0, 1)))
    }

    fn bytes(&self, name: &str) -> String {
        let Some(bytes) = self.number(name) else { return self.unknown() };
        let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
        let (size, unit) = units.into_iter().find(|(s, _)| bytes >= *s).unwrap_or((1.0, "B"));
        format!("{} {unit}", self.decimal(bytes / size, 1))
    }

    /// From now until a time, or since it.
    fn until(&self, name: &str) -> String {
        let Some(Value::Integer(at_ms)) = self.params.get(name) else { return self.unknown() };
        self.length(at_ms - self.now_ms)
    }

    /// A length of time.
    pub(super) fn span(&self, name: &str) -> String {
        let Some(Value::Integer(span_ms)) = self.params.get(name) else { return self.unknown() };
        self.length(*span_ms)
    }

    fn length(&self, span_ms: i64) -> String {
        let seconds = span_ms.unsigned_abs() / 1000;
        let day = if self.language == Language::German { "T" } else { "d" };
        match seconds {
            0..60 => format!("{seconds} s"),
            60..3_600 => format!("{} min", seconds / 60),
            3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
            _ => format!("{} {day} {} h", seconds / 86_400, seconds / 3_600 % 24),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_has_words_in_every_language() {
        let lexicon = include_str!("../../../../docs/LEXICON.md");
        let (_, findings) = lexicon.split_once("\n## Findings").unwrap();
        let (findings, _) = findings.split_once("\n## Verdicts").unwrap();
        let told = findings.lines().filter_map(|line| line.strip_prefix("**")?.split_once("**"));
        let codes: Vec<&str> = told.map(|(code, _)| code).chain(["storm"]).collect();
        assert!(codes.len() > 20, "{codes:?}");
        for code in crate::rules::codes() {
            assert!(codes.contains(&code), "`{code}` does not stand in the lexicon");
        }
        for language in [Language::English, Language::German] {
            let says = Says { params: &Params::new(), language, now_ms: 0 };
            for code in &codes {
                assert_ne!(finding(code, &says), *code, "{language:?}");
            }
        }
    }

    #[test]
    fn numbers_are_written_as_the_language_writes_them() {
        let params = Params::from([
            ("share".to_owned(), 0.0345.into()),
            ("free_bytes".to_owned(), 1_900_000_000_u64.into()),
            ("ends_ms".to_owned(), 93_784_000_i64.into()),
            ("error".to_owned(), "refused\r\nBcc: all@example".into()),
        ]);
        let check = |language, expect: [&str; 4]| {
            let says = Says { params: &params, language, now_ms: 0 };
            let said = [
                says.share("share"),
                says.bytes("free_bytes"),
                says.until("ends_ms"),
                says.text("error"),
            ];
            assert_eq!(said, expect);
        };
        check(Language::English, ["3.5 %", "1.9 GB", "1 d 2 h", "refused Bcc: all@example"]);
        check(Language::German, ["3,5 %", "1,9 GB", "1 T 2 h", "refused Bcc: all@example"]);
    }
}
