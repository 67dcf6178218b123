//! Numbers in words, as Go and Prometheus write them.

use super::{TemplateError, expression::Content};
use std::fmt::Write as _;

const GREATER: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const GREATER_1024: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const SMALLER: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

/// Go's `%v`: as few digits as say it, with an exponent below 1e-4 and from 1e21 on.
pub(super) fn shortest(value: f64) -> String {
    let Some(text) = usual(value) else { return special(value) };
    let exponent = exponent_of(&format!("{value:e}"));
    if (-4..21).contains(&exponent) { text } else { with_exponent(&format!("{value:e}")) }
}

/// Go's `%.Ng`: so many digits, without zeros at their end.
fn significant(value: f64, digits: usize) -> String {
    if usual(value).is_none() {
        return special(value);
    }
    let digits = digits.max(1);
    let scientific = format!("{value:.*e}", digits - 1);
    let exponent = exponent_of(&scientific);
    if (-4..i32::try_from(digits).unwrap_or(i32::MAX)).contains(&exponent) {
        let after = i32::try_from(digits).unwrap_or(i32::MAX) - 1 - exponent;
        let text = format!("{value:.*}", usize::try_from(after).unwrap_or(0));
        return without_zeros(&text).to_owned();
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    with_exponent(&format!("{}e{exponent}", without_zeros(mantissa)))
}

fn usual(value: f64) -> Option<String> {
    value.is_finite().then(|| value.to_string())
}

fn special(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value > 0.0 => "+Inf".to_owned(),
        _ => "-Inf".to_owned(),
    }
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn exponent_of(scientific: &str) -> i32 {
    scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

/// `1e21` as Go has it: a sign, and two digits at least.
fn with_exponent(scientific: &str) -> String {
    let (mantissa, _) = scientific.split_once('e').unwrap_or((scientific, ""));
    let exponent = exponent_of(scientific);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// 1234567 as 1.235M, 0.0021 as 2.1m.
pub(super) fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return significant(value, 4);
    }
    if value.abs() >= 1.0 { scaled_up(value, 1_000.0, &GREATER) } else { scaled_down(value) }
}

/// 1536 as 1.5ki.
pub(super) fn humanize_1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return significant(value, 4);
    }
    scaled_up(value, 1_024.0, &GREATER_1024)
}

fn scaled_up(mut value: f64, by: f64, prefixes: &[&str]) -> String {
    let mut prefix = "";
    for next in prefixes {
        if value.abs() < by {
            break;
        }
        prefix = next;
        value /= by;
    }
    significant(value, 4) + prefix
}

fn scaled_down(mut value: f64) -> String {
    let mut prefix = "";
    for next in SMALLER {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = next;
        value *= 1_000.0;
    }
    significant(value, 4) + prefix
}

/// Seconds: 7265 as 2h 1m 5s.
pub(super) fn humanize_duration(value: f64) -> String {
    if !value.is_finite() {
        return significant(value, 4);
    }
    if value == 0.0 {
        return "0s".to_owned();
    }
    if value.abs() < 1.0 {
        return scaled_down(value) + "s";
    }
    let (sign, whole) = (if value < 0.0 { "-" } else { "" }, value.abs() as i64);
    let (days, hours) = (whole / 86_400, whole / 3_600 % 24);
    let (minutes, seconds) = (whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => significant(value, 4) + "s",
        (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
        (0, ..) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    }
}

/// 0.123 as 12.3%.
pub(super) fn humanize_percentage(value: f64) -> String {
    significant(value * 100.0, 4) + "%"
}

/// A verb of a format: its decimals, and what kind it is.
enum Piece<'a> {
    Text(&'a str),
    Verb(Option<usize>, char),
}

/// Verbs of a format that is understood.
pub(super) fn verbs(format: &str) -> Result<usize, TemplateError> {
    let pieces = pieces(format)?;
    Ok(pieces.iter().filter(|piece| matches!(piece, Piece::Verb(..))).count())
}

fn pieces(format: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        pieces.push(Piece::Text(before));
        let end = after.find(|letter: char| letter != '.' && !letter.is_ascii_digit());
        let verb = end.and_then(|end| Some((end, after[end..].chars().next()?)));
        let unknown = || TemplateError::Verb(after.chars().take(4).collect());
        let (end, letter) = verb.ok_or_else(unknown)?;
        let decimals = match &after[..end] {
            "" => None,
            "." => Some(0),
            number => {
                Some(number.strip_prefix('.').and_then(|n| n.parse().ok()).ok_or_else(unknown)?)
            }
        };
        match (letter, decimals) {
            ('%', None) => pieces.push(Piece::Text("%")),
            ('v' | 's' | 'd', None) | ('f' | 'e' | 'g', _) if decimals < Some(100) => {
                pieces.push(Piece::Verb(decimals, letter));
            }
            _ => return Err(unknown()),
        }
        rest = &after[end + letter.len_utf8()..];
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// The format was read before, and has as many verbs as there are values.
pub(super) fn printf(format: &str, values: &[Content]) -> String {
    let mut text = String::new();
    let mut values = values.iter();
    for piece in pieces(format).expect("invariant: a format is refused when its template is read") {
        match piece {
            Piece::Text(part) => text += part,
            Piece::Verb(decimals, letter) => {
                let value = values.next().expect("invariant: verbs are counted when it is read");
                let part = formatted(value, decimals, letter);
                write!(text, "{part}").expect("invariant: a string takes all");
            }
        }
    }
    text
}

/// A text where a number is wanted is told as Go tells it.
fn formatted(value: &Content, decimals: Option<usize>, letter: char) -> String {
    let Content::Number(number) = *value else {
        return if matches!(letter, 'v' | 's') {
            value.to_string()
        } else {
            format!("%!{letter}(string={value})")
        };
    };
    if !number.is_finite() {
        return special(number);
    }
    match letter {
        'f' => format!("{number:.*}", decimals.unwrap_or(6)),
        'e' => with_exponent(&format!("{number:.*e}", decimals.unwrap_or(6))),
        'g' => decimals.map_or_else(|| shortest(number), |digits| significant(number, digits)),
        'd' => format!("{number:.0}"),
        _ => shortest(number),
    }
}
