//! The part of a line that names its series: read once to know that it is right, and again when somebody wants its labels.

use super::Limits;
use crate::wire::Fault;
use memchr::memchr2;
use std::borrow::Cow;

/// A place in the line and what is wrong there.
pub(super) type At = (usize, Fault);

/// The label that holds the name of a metric.
const METRIC: &str = "__name__";

/// The name and the labels of a series as they stand in a line, known to be well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesText<'a> {
    raw: &'a str,
}

impl<'a> SeriesText<'a> {
    /// As it stands in the line, from the name to the closing brace. The same series of the same exporter reads the same each time, so
    /// this is what to remember a series by without looking at its labels.
    #[must_use]
    pub fn raw(self) -> &'a str {
        self.raw
    }

    /// All labels in their order, the name of the metric as `__name__` among them. A value may be empty, a name may come twice: that is
    /// for whoever makes labels of it to judge. Allocates only where something is escaped.
    pub fn labels(self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        let mut scan = Scan::new(self.raw, false);
        let bare = scan.bare_metric();
        scan.open();
        let inside =
            std::iter::from_fn(move || scan.next().ok().flatten()).map(|part| match part {
                Part::Metric(name) => (Cow::Borrowed(METRIC), name.read()),
                Part::Label { name, value } => (name.read(), value.read()),
            });
        let bare = bare.map(|name| (Cow::Borrowed(METRIC), Cow::Borrowed(name)));
        bare.into_iter().chain(inside)
    }

    /// The name of the metric.
    #[must_use]
    pub fn metric(self) -> Cow<'a, str> {
        self.labels().find(|(name, _)| name == METRIC).map(|(_, value)| value).unwrap_or_default()
    }
}

/// Text that may have escapes in it. As Prometheus has it, an escape that is none stays as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl<'a> Escaped<'a> {
    pub(super) fn read(self) -> Cow<'a, str> {
        unescape(self.0, true)
    }
}

/// `\\` and `\n` read, and `\"` where quotes are escaped.
pub(super) fn unescape(text: &str, with_quotes: bool) -> Cow<'_, str> {
    let Some(first) = text.find('\\') else { return Cow::Borrowed(text) };
    let mut read = String::with_capacity(text.len());
    read.push_str(&text[..first]);
    let mut rest = text[first..].chars();
    while let Some(letter) = rest.next() {
        let after = rest.as_str().as_bytes().first();
        let meant = match (letter, after) {
            ('\\', Some(b'n')) => Some('\n'),
            ('\\', Some(b'\\')) => Some('\\'),
            ('\\', Some(b'"')) if with_quotes => Some('"'),
            _ => None,
        };
        if meant.is_some() {
            rest.next();
        }
        read.push(meant.unwrap_or(letter));
    }
    Cow::Owned(read)
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    Metric(Escaped<'a>),
    Label { name: Escaped<'a>, value: Escaped<'a> },
}

/// Goes over a line, piece by piece.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    line: &'a str,
    pub(super) at: usize,
    /// As OpenMetrics has it: no blanks inside the braces, and a comma between labels.
    is_strict: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(line: &'a str, is_strict: bool) -> Self {
        Self { line, at: 0, is_strict }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.line[self.at..]
    }

    /// What was read so far.
    pub(super) fn before(&self) -> &'a str {
        &self.line[..self.at]
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    pub(super) fn skip(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    /// Spaces and tabs.
    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn blanks_inside(&mut self) {
        if !self.is_strict {
            self.blanks();
        }
    }

    /// A name without quotes.
    pub(super) fn bare_metric(&mut self) -> Option<&'a str> {
        self.name(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
    }

    fn name(&mut self, is_of_name: impl Fn(u8) -> bool) -> Option<&'a str> {
        let bytes = &self.line.as_bytes()[self.at..];
        if bytes.first()?.is_ascii_digit() {
            return None;
        }
        let length = bytes.iter().position(|byte| !is_of_name(*byte)).unwrap_or(bytes.len());
        let name = &self.line[self.at..self.at + length];
        self.at += length;
        (length > 0).then_some(name)
    }

    /// What stands between quotes, from the quote on.
    pub(super) fn quoted(&mut self) -> Result<Escaped<'a>, At> {
        let opened = self.at;
        let bytes = self.line.as_bytes();
        let mut at = opened + 1;
        loop {
            let found = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest));
            let Some(found) = found else { return Err((opened, Fault::Unclosed)) };
            at += found;
            if bytes[at] == b'"' {
                self.at = at + 1;
                return Ok(Escaped(&self.line[opened + 1..at]));
            }
            // An escape is two bytes; when its second is the begin of a letter of several bytes, the rest of them is neither quote nor
            // backslash.
            at += 2;
        }
    }

    /// Opens the braces, blanks before them left out.
    pub(super) fn open(&mut self) -> bool {
        let before = self.at;
        self.blanks_inside();
        let is_open = self.skip(b'{');
        if !is_open {
            self.at = before;
        }
        is_open
    }

    /// What stands next inside the braces; nothing when they close.
    pub(super) fn next(&mut self) -> Result<Option<Part<'a>>, At> {
        self.blanks_inside();
        if self.skip(b'}') {
            return Ok(None);
        }
        let begin = self.at;
        let is_quoted = self.peek() == Some(b'"');
        let name = if is_quoted {
            self.quoted()?
        } else {
            let bare = self.name(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            Escaped(bare.ok_or((begin, Fault::Label))?)
        };
        self.blanks_inside();
        if is_quoted && matches!(self.peek(), Some(b',' | b'}')) {
            self.skip(b',');
            return Ok(Some(Part::Metric(name)));
        }
        if !self.skip(b'=') {
            return Err((self.at, Fault::Equals));
        }
        self.blanks_inside();
        if self.peek() != Some(b'"') {
            return Err((self.at, Fault::LabelValue));
        }
        let value = self.quoted()?;
        self.blanks_inside();
        // Prometheus' reader of text takes labels without a comma between them; OpenMetrics does not.
        if !self.skip(b',') && self.is_strict && self.peek() != Some(b'}') {
            return Err((self.at, Fault::CommaOrBrace));
        }
        Ok(Some(Part::Label { name, value }))
    }

    /// The series at the begin of a line, and whether its labels keep within the limits.
    pub(super) fn series(&mut self, limits: &Limits) -> Result<(SeriesText<'a>, bool), At> {
        let begin = self.at;
        let bare = self.bare_metric();
        let mut has_metric = bare.is_some();
        let mut fits = bare.is_none_or(|name| name.len() <= limits.name_bytes);
        let mut labels = 1;
        if self.open() {
            while let Some(part) = self.next()? {
                match part {
                    Part::Metric(_) if has_metric => return Err((begin, Fault::SecondMetric)),
                    Part::Metric(name) => {
                        has_metric = true;
                        fits &= is_within(name, limits.name_bytes);
                    }
                    Part::Label { name, value } => {
                        labels += 1;
                        fits &= is_within(name, limits.name_bytes);
                        fits &= is_within(value, limits.value_bytes);
                    }
                }
            }
            if !has_metric {
                return Err((begin, Fault::NoMetric));
            }
        } else if !has_metric {
            return Err((begin, Fault::Metric));
        }
        fits &= labels <= limits.labels;
        Ok((SeriesText { raw: &self.line[begin..self.at] }, fits))
    }
}

/// Whether a text is short enough, its escapes read.
fn is_within(text: Escaped<'_>, limit: usize) -> bool {
    text.0.len() <= limit || text.0.len() <= limit * 2 && text.read().len() <= limit
}
