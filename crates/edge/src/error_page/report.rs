//! A visitor's report of what happened, from the form on the page.

use http::StatusCode;

/// Where the form is posted to, on every shop's own host.
pub(crate) const REPORT_PATH: &str = "/.well-known/storewarden/report";
/// A longer form is refused before it is read.
pub(crate) const REPORT_BYTES: usize = 16 * 1024;

/// Most characters of a report's text; the form says so too.
pub(super) const MOST_CHARACTERS: usize = 2_000;
/// Characters of a request's name.
const REFERENCE_LEN: usize = 26;

/// What a visitor wrote. Free text from outside: to be escaped wherever it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// The name of the request that went wrong; well-formed, though not proved to be one of ours.
    pub(crate) reference: String,
    /// 1 to 2,000 characters; no control characters but line ends.
    pub(crate) what: String,
}

/// Why a report is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReportError {
    #[error("the report is not a form")]
    Form,
    #[error("the report is larger than {REPORT_BYTES} bytes")]
    TooLarge,
    #[error("the reference is missing or malformed")]
    Reference,
    #[error("the report says nothing")]
    Empty,
    #[error("the report has more than {MOST_CHARACTERS} characters")]
    TooLong,
}

impl ReportError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Form => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Reference | Self::Empty | Self::TooLong => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

impl Report {
    /// Reads `application/x-www-form-urlencoded` with the fields `reference` and `what`, each once;
    /// others are ignored.
    ///
    /// # Errors
    /// When it is no such form, or a field is not within its limits.
    pub(crate) fn parse(content_type: Option<&str>, body: &[u8]) -> Result<Self, ReportError> {
        let media = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        if !media.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(ReportError::Form);
        }
        if body.len() > REPORT_BYTES {
            return Err(ReportError::TooLarge);
        }
        let (mut reference, mut what) = (None, None);
        for pair in body.split(|byte| *byte == b'&') {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = halves.next().unwrap_or_default();
            let value = halves.next().unwrap_or_default();
            let slot = match name {
                b"reference" => &mut reference,
                b"what" => &mut what,
                _ => continue,
            };
            if slot.replace(decode(value)).is_some() {
                return Err(ReportError::Form);
            }
        }
        let reference =
            reference.filter(|text| is_reference(text)).ok_or(ReportError::Reference)?;
        let what = tidy(&what.unwrap_or_default());
        match what.chars().count() {
            0 => Err(ReportError::Empty),
            1..=MOST_CHARACTERS => Ok(Self { reference, what }),
            _ => Err(ReportError::TooLong),
        }
    }
}

fn is_reference(text: &str) -> bool {
    text.len() == REFERENCE_LEN
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
}

/// Line ends as `\n`, other control characters gone, nothing blank around it.
fn tidy(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    kept.trim().to_owned()
}

/// Percent-decoding with `+` for a space; what is not UTF-8 becomes U+FFFD.
fn decode(value: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded; charset=UTF-8");
    const REFERENCE: &str = "01aryz6s410000000000000000";

    #[test]
    fn a_form_becomes_a_report() {
        let check = |body: &str, expect: Result<&str, ReportError>| {
            let parsed = Report::parse(FORM, body.as_bytes()).map(|report| report.what);
            assert_eq!(parsed, expect.map(str::to_owned), "{body}");
        };
        let form = |what: &str| format!("reference={REFERENCE}&what={what}");
        check(&form("I+paid%21"), Ok("I paid!"));
        check(&form("%C3%A4+%F0%9F%98%80"), Ok("ä 😀"));
        check(&form("a%0D%0Ab%0Dc%00%1B"), Ok("a\nb\nc"));
        check(&form("100%"), Ok("100%"));
        check(&form("%zz%"), Ok("%zz%"));
        check(&form("%FF"), Ok("\u{fffd}"));
        check(&form("x&other=1"), Ok("x"));
        check(&form("+%0A+"), Err(ReportError::Empty));
        check(&form(""), Err(ReportError::Empty));
        check(&form("a&what=b"), Err(ReportError::Form));
        check(&form(&"a".repeat(2_000)), Ok(&"a".repeat(2_000)));
        check(&form(&"a".repeat(2_001)), Err(ReportError::TooLong));
        check(&form(&"a".repeat(REPORT_BYTES)), Err(ReportError::TooLarge));
        check("what=x", Err(ReportError::Reference));
        check("reference=<script>&what=x", Err(ReportError::Reference));
        check("", Err(ReportError::Reference));
        assert_eq!(Report::parse(None, b""), Err(ReportError::Form));
        assert_eq!(Report::parse(Some("text/plain"), b""), Err(ReportError::Form));
    }

    #[test]
    fn no_form_is_too_strange() {
        bolero::check!().for_each(|body: &[u8]| {
            if let Ok(report) = Report::parse(FORM, body) {
                assert!((1..=MOST_CHARACTERS).contains(&report.what.chars().count()));
                assert!(!report.what.contains(|c: char| c.is_control() && c != '\n'));
            }
        });
    }
}
