//! One line of either text.

use super::{
    Limits, SeriesText,
    labels::{At, Part, Scan, unescape},
    number,
};
use crate::wire::{Fault, Format, Kind};
use std::borrow::Cow;

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry<'a> {
    /// What a family is about, escapes read. May be empty.
    Help {
        family: Cow<'a, str>,
        text: Cow<'a, str>,
    },
    /// What a family measures. It holds for the samples after it whose names are the family's, with or without an ending of the type.
    Type {
        family: Cow<'a, str>,
        kind: Kind,
    },
    /// What a family is measured in; empty says: in nothing.
    Unit {
        family: Cow<'a, str>,
        unit: &'a str,
    },
    Sample(TextSample<'a>),
}

/// A value of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextSample<'a> {
    pub series: SeriesText<'a>,
    /// A NaN is Prometheus' plain one, whatever was written.
    pub value: f64,
    /// Unix milliseconds; none when the exporter left the time to whoever reads.
    pub at_ms: Option<i64>,
}

/// A line as it was understood.
#[derive(Debug)]
pub(super) enum Line<'a> {
    /// Blank, or a comment.
    Nothing,
    /// `# EOF` of OpenMetrics.
    End,
    Entry(Entry<'a>),
    /// A sample whose labels are too many or too long.
    Oversized(SeriesText<'a>),
}

/// A line without its line feed.
pub(super) fn read<'a>(line: &'a [u8], format: Format, limits: &Limits) -> Result<Line<'a>, At> {
    let is_open = format == Format::OpenMetrics;
    if !is_open && is_comment(line) {
        return Ok(Line::Nothing);
    }
    let line = std::str::from_utf8(line).map_err(|error| (error.valid_up_to(), Fault::Utf8))?;
    if let Some(cut) = line.strip_suffix('\r') {
        return Err((cut.len(), Fault::CarriageReturn));
    }
    let mut scan = Scan::new(line, is_open);
    if !is_open {
        scan.blanks();
    }
    match scan.peek() {
        None if is_open => Err((0, Fault::Blank)),
        None => Ok(Line::Nothing),
        Some(b'#') => metadata(scan, is_open),
        Some(_) => sample(scan, is_open, limits),
    }
}

/// Whether a line of text is a comment to pass over, of whatever bytes it may be.
fn is_comment(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let Some(text) = line.strip_prefix(b"#") else { return false };
    let word = text.trim_ascii_start();
    let is_metadata = word.len() < text.len()
        && [b"HELP".as_slice(), b"TYPE"].iter().any(|known| {
            word.strip_prefix(*known).is_some_and(|rest| matches!(rest.first(), Some(b' ' | b'\t')))
        });
    !is_metadata
}

fn metadata(mut scan: Scan<'_>, is_open: bool) -> Result<Line<'_>, At> {
    scan.skip(b'#');
    if is_open {
        if !scan.skip(b' ') {
            return Err((0, Fault::Comment));
        }
        if scan.rest() == "EOF" {
            return Ok(Line::End);
        }
    } else {
        scan.blanks();
    }
    let begin = scan.at;
    let word = scan.bare_metric().unwrap_or_default();
    if is_open && !matches!(word, "HELP" | "TYPE" | "UNIT") {
        return Err((begin, Fault::Comment));
    }
    blank(&mut scan, is_open);
    let name_at = scan.at;
    let family = if scan.peek() == Some(b'"') {
        scan.quoted()?.read()
    } else {
        Cow::Borrowed(scan.bare_metric().ok_or((name_at, Fault::Metric))?)
    };
    let text_at = scan.at;
    let has_blank = blank(&mut scan, is_open);
    if !has_blank && !scan.rest().is_empty() {
        return Err((text_at, Fault::Metric));
    }
    let rest = scan.rest();
    let entry = match word {
        "HELP" => Entry::Help { family, text: unescape(rest, is_open) },
        "TYPE" => {
            let kind = Kind::of_word(rest.trim_end()).ok_or((scan.at, Fault::Type))?;
            Entry::Type { family, kind }
        }
        _ => {
            let ends = family.strip_suffix(rest).is_some_and(|stem| stem.ends_with('_'));
            if !rest.is_empty() && !ends {
                return Err((scan.at, Fault::Unit));
            }
            Entry::Unit { family, unit: rest }
        }
    };
    Ok(Line::Entry(entry))
}

/// What parts two words: one space in OpenMetrics, any blanks in text.
fn blank(scan: &mut Scan<'_>, is_open: bool) -> bool {
    if is_open {
        return scan.skip(b' ');
    }
    let before = scan.at;
    scan.blanks();
    scan.at > before
}

fn sample<'a>(mut scan: Scan<'a>, is_open: bool, limits: &Limits) -> Result<Line<'a>, At> {
    let (series, fits) = scan.series(limits)?;
    let has_blank = blank(&mut scan, is_open);
    let is_parted = has_blank || series.raw().ends_with('}') && !is_open;
    if !is_parted || scan.rest().is_empty() {
        return Err((scan.at, Fault::NoValue));
    }
    let value_at = scan.at;
    let value = number::value(word(&mut scan)).ok_or((value_at, Fault::Value))?;
    let mut at_ms = None;
    if blank(&mut scan, is_open) && !matches!(scan.peek(), None | Some(b'#')) {
        let time_at = scan.at;
        let time = word(&mut scan);
        let read = if is_open { number::seconds(time) } else { number::milliseconds(time) };
        at_ms = Some(read.ok_or((time_at, Fault::Time))?);
        blank(&mut scan, is_open);
    }
    match scan.peek() {
        None if is_open && scan.before().ends_with(' ') => {
            return Err((scan.at, Fault::Trailing));
        }
        None => {}
        Some(b'#') if is_open => exemplar(&mut scan)?,
        Some(b'#') => return Err((scan.at, Fault::ExemplarInText)),
        Some(_) => return Err((scan.at, Fault::Trailing)),
    }
    Ok(if fits {
        Line::Entry(Entry::Sample(TextSample { series, value, at_ms }))
    } else {
        Line::Oversized(series)
    })
}

/// Up to the next blank.
fn word<'a>(scan: &mut Scan<'a>) -> &'a str {
    let rest = scan.rest();
    let end = rest.bytes().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(rest.len());
    scan.at += end;
    &rest[..end]
}

/// An exemplar is checked and then forgotten: nothing here keeps one.
fn exemplar(scan: &mut Scan<'_>) -> Result<(), At> {
    let begin = scan.at;
    let fault = (begin, Fault::Exemplar);
    if !(scan.skip(b'#') && scan.skip(b' ') && scan.skip(b'{')) {
        return Err(fault);
    }
    while let Some(part) = scan.next()? {
        if matches!(part, Part::Metric(_)) {
            return Err(fault);
        }
    }
    if !scan.skip(b' ') {
        return Err(fault);
    }
    number::value(word(scan)).ok_or(fault)?;
    if scan.skip(b' ') {
        number::seconds(word(scan)).ok_or(fault)?;
    }
    if scan.rest().is_empty() { Ok(()) } else { Err((scan.at, Fault::Trailing)) }
}
