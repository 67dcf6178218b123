//! A body that comes in pieces, read line by line.

use super::{
    SeriesText,
    line::{Entry, Line, read},
};
use crate::wire::{Fault, Format, Kind, WireError};
use memchr::memchr;

/// How much is taken from an exporter.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a body.
    pub body_bytes: u64,
    /// Bytes of a line.
    pub line_bytes: usize,
    /// Samples of a body, those that are left out included.
    pub samples: u64,
    /// Labels of a series, the name of the metric among them.
    pub labels: usize,
    /// Bytes of the name of a metric or label.
    pub name_bytes: usize,
    /// Bytes of the value of a label.
    pub value_bytes: usize,
}

/// What the metrics store keeps of a series at most; and bodies and lines some hundred times as large as those of a usual exporter.
impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 << 20,
            line_bytes: 128 << 10,
            samples: 500_000,
            labels: 40,
            name_bytes: 200,
            value_bytes: 2_048,
        }
    }
}

/// What came of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    pub bytes: u64,
    /// Samples that were handed on.
    pub samples: u64,
    /// Samples that tell when a counter, histogram or summary of OpenMetrics began (`_created`): read and left out.
    pub created: u64,
    /// Samples that were left out because their labels are too many or too long.
    pub oversized: u64,
    /// The begin of the first of them, as it stands in the text.
    pub first_oversized: Option<String>,
}

/// Reads a body as it comes.
///
/// It holds no more than the one line that is not whole yet. What was handed on before an error is right as far as it goes, but a part of a
/// whole: as Prometheus does, whoever collects drops it all.
#[derive(Debug)]
pub struct Reader {
    format: Format,
    limits: Limits,
    /// The begin of the line that the last piece broke off in.
    partial: Vec<u8>,
    line: u64,
    taken: Taken,
    /// The family of OpenMetrics whose `_created` are times of begin.
    began: Option<String>,
    has_ended: bool,
    failed: Option<WireError>,
}

impl Reader {
    #[must_use]
    pub fn new(format: Format, limits: Limits) -> Self {
        Self {
            format,
            limits,
            partial: Vec::new(),
            line: 0,
            taken: Taken::default(),
            began: None,
            has_ended: false,
            failed: None,
        }
    }

    /// Takes the next piece of the body, of any length, and hands on what its whole lines say.
    ///
    /// # Errors
    /// [`WireError`] with line and column; the body is to be dropped. The same comes again from every later call.
    pub fn feed(&mut self, piece: &[u8], mut take: impl FnMut(Entry<'_>)) -> Result<(), WireError> {
        self.stand()?;
        let fed = self.feed_lines(piece, &mut take);
        self.keep(fed)
    }

    /// Takes the end of the body, and the last line if no line feed ends it.
    ///
    /// # Errors
    /// As [`Reader::feed`]; and [`WireError::NoEnd`], when OpenMetrics was not whole.
    pub fn finish(mut self, mut take: impl FnMut(Entry<'_>)) -> Result<Taken, WireError> {
        self.stand()?;
        if !self.partial.is_empty() {
            let last = std::mem::take(&mut self.partial);
            self.read_line(&last, &mut take)?;
        }
        if self.format == Format::OpenMetrics && !self.has_ended {
            return Err(WireError::NoEnd);
        }
        Ok(self.taken)
    }

    fn stand(&self) -> Result<(), WireError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn keep(&mut self, done: Result<(), WireError>) -> Result<(), WireError> {
        self.failed = done.as_ref().err().cloned();
        done
    }

    fn feed_lines(
        &mut self,
        piece: &[u8],
        take: &mut impl FnMut(Entry<'_>),
    ) -> Result<(), WireError> {
        self.taken.bytes += piece.len() as u64;
        if self.taken.bytes > self.limits.body_bytes {
            return Err(WireError::BodyTooLong { limit: self.limits.body_bytes });
        }
        let mut rest = piece;
        if !self.partial.is_empty() {
            let Some(end) = memchr(b'\n', rest) else { return self.hold(rest) };
            self.hold(&rest[..end])?;
            rest = &rest[end + 1..];
            let mut line = std::mem::take(&mut self.partial);
            self.read_line(&line, take)?;
            line.clear();
            self.partial = line;
        }
        while let Some(end) = memchr(b'\n', rest) {
            self.read_line(&rest[..end], take)?;
            rest = &rest[end + 1..];
        }
        self.hold(rest)
    }

    /// Keeps a piece of a line for when the rest comes.
    fn hold(&mut self, part: &[u8]) -> Result<(), WireError> {
        if self.partial.len() + part.len() > self.limits.line_bytes {
            return Err(self.too_long());
        }
        self.partial.extend_from_slice(part);
        Ok(())
    }

    fn too_long(&self) -> WireError {
        WireError::Text {
            line: self.line + 1,
            column: self.limits.line_bytes + 1,
            fault: Fault::LineTooLong,
        }
    }

    fn read_line(
        &mut self,
        line: &[u8],
        take: &mut impl FnMut(Entry<'_>),
    ) -> Result<(), WireError> {
        if line.len() > self.limits.line_bytes {
            return Err(self.too_long());
        }
        self.line += 1;
        let at = |(offset, fault)| WireError::Text { line: self.line, column: offset + 1, fault };
        if self.has_ended {
            return Err(at((0, Fault::AfterEnd)));
        }
        match read(line, self.format, &self.limits).map_err(at)? {
            Line::Nothing => {}
            Line::End => self.has_ended = true,
            Line::Oversized(series) => {
                self.count()?;
                self.taken.oversized += 1;
                let begin = || series.raw().chars().take(100).collect();
                self.taken.first_oversized.get_or_insert_with(begin);
            }
            Line::Entry(Entry::Sample(sample)) => {
                self.count()?;
                if self.is_created(sample.series) {
                    self.taken.created += 1;
                } else {
                    self.taken.samples += 1;
                    take(Entry::Sample(sample));
                }
            }
            Line::Entry(entry) => {
                self.follow(&entry);
                take(entry);
            }
        }
        Ok(())
    }

    fn count(&self) -> Result<(), WireError> {
        let limit = self.limits.samples;
        if self.taken.samples + self.taken.created + self.taken.oversized == limit {
            return Err(WireError::TooManySamples { limit });
        }
        Ok(())
    }

    /// Remembers a family whose samples may tell when they began.
    fn follow(&mut self, entry: &Entry<'_>) {
        if self.format == Format::Text {
            return;
        }
        if let Entry::Type { family, kind } = entry {
            let has_begin = matches!(kind, Kind::Counter | Kind::Histogram | Kind::Summary);
            self.began = has_begin.then(|| family.clone().into_owned());
        }
    }

    fn is_created(&self, series: SeriesText<'_>) -> bool {
        let Some(family) = &self.began else { return false };
        // Most samples are told apart here, without a look at their labels.
        if !series.raw().contains("_created") {
            return false;
        }
        let metric = series.metric();
        metric.strip_suffix("_created").is_some_and(|stem| stem == family)
    }
}
