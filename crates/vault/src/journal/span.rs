//! What lies in a journal between two places: from a dump's on, up to a moment.

use super::{Entry, Mark, Reader, Version, part::Part};
use crate::VaultError;
use databases::changes::Position;
use std::cmp::Ordering;

/// From where on, and up to when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span<'a> {
    /// Nothing that was committed at this place or before; `None`: wherever it was.
    pub(crate) after: Option<&'a Position>,
    /// Nothing that was committed before that, or after it; unix milliseconds.
    pub(crate) from_ms: i64,
    pub(crate) until_ms: i64,
}

impl Span<'_> {
    fn is_over(&self, position: &Position) -> bool {
        let order = self.after.and_then(|after| position.order(after));
        order.is_some_and(Ordering::is_le)
    }

    fn has(&self, version: &Version) -> bool {
        version.committed_ms >= self.from_ms && !self.is_over(&version.position)
    }
}

impl Reader {
    /// When the last transaction at this place or before it was committed; `None`: there is none.
    pub(crate) fn moment_at(&self, place: &Position) -> Result<Option<i64>, VaultError> {
        let mut moment = None;
        for part in self.parts() {
            let is_before =
                |position: &Position| position.order(place).is_some_and(Ordering::is_le);
            if part.summary.transactions > 0
                && part.summary.position.as_ref().is_some_and(is_before)
            {
                moment = Some(part.summary.last_ms);
                continue;
            }
            for (number, _) in blocks(part) {
                let mut is_behind = false;
                part.each(
                    &self.key,
                    number,
                    |_| true,
                    |version| {
                        match is_before(&version.position) {
                            true => moment = Some(version.committed_ms),
                            false => is_behind = true,
                        }
                        Ok(())
                    },
                )?;
                if is_behind {
                    return Ok(moment);
                }
            }
        }
        Ok(moment)
    }

    /// Gives everything of a span to `take`, in its order.
    pub(crate) fn walk(
        &self,
        span: &Span<'_>,
        mut take: impl FnMut(Entry) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        for part in self.parts() {
            let summary = &part.summary;
            let is_over = summary.position.as_ref().is_some_and(|place| span.is_over(place));
            if is_over || summary.transactions > 0 && summary.last_ms < span.from_ms {
                continue;
            }
            if summary.first_ms.is_some_and(|first_ms| first_ms > span.until_ms) {
                return Ok(());
            }
            self.walk_part(part, span, &mut take)?;
        }
        Ok(())
    }

    fn walk_part(
        &self,
        part: &Part,
        span: &Span<'_>,
        take: &mut dyn FnMut(Entry) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let in_time = |mark: &&Mark| (span.from_ms..=span.until_ms).contains(&mark.committed_ms);
        let mut marks = part.summary.marks.iter().filter(in_time).peekable();
        // A mark without a place, as older programs wrote them, is over when a later version is.
        let mut over = 0;
        let is_taken = |mark: &Mark, over| match &mark.position {
            Some(position) => !span.is_over(position),
            None => mark.sequence > over,
        };
        for (number, block) in blocks(part) {
            if block.first_ms > span.until_ms {
                break;
            }
            if block.last_ms < span.from_ms {
                continue;
            }
            part.each(
                &self.key,
                number,
                |_| true,
                |version| {
                    if version.committed_ms > span.until_ms {
                        return Ok(());
                    }
                    if !span.has(&version) {
                        over = version.sequence;
                        return Ok(());
                    }
                    let order = (version.sequence, version.place);
                    while let Some(mark) = marks.next_if(|mark| (mark.sequence, mark.place) < order)
                    {
                        if is_taken(mark, over) {
                            take(Entry::Mark(mark.clone()))?;
                        }
                    }
                    take(Entry::Version(version))
                },
            )?;
        }
        marks
            .filter(|mark| is_taken(mark, over))
            .try_for_each(|mark| take(Entry::Mark(mark.clone())))
    }
}

/// Those that have versions, with their numbers.
fn blocks(part: &Part) -> impl Iterator<Item = (u32, &super::part::Block)> {
    (0..).zip(&part.summary.blocks).filter(|(_, block)| !block.tables.is_empty())
}
