//! The server's own log as it came, read again from one place in it to another, without a hole.

use super::{
    Reader,
    log::Reading,
    part::{Kind, Part, piece},
    record::{Record, Records},
    seal::damaged,
    view::View,
};
use crate::{VaultError, crypto::Key};
use databases::changes::{Position, RawEvent};
use std::cmp::Ordering;

/// Where the events of a file begin (MariaDB manual, "Binary log files": four bytes of magic).
const FIRST: u64 = 4;
/// From where on, and up to where, in the server's log.
#[derive(Debug, Clone, Default)]
pub struct RawSpan {
    /// `None`: from the first that is there.
    pub after: Option<Position>,
    /// `None`: up to the last.
    pub until: Option<Position>,
}

/// How far it was read.
struct Walk<'a> {
    span: &'a RawSpan,
    last: Option<Position>,
}

impl Reader {
    /// Gives the server's log to `take`, event for event in its order; answers where it ends.
    ///
    /// # Errors
    /// [`VaultError::RawGap`] when not all of the span is there; [`VaultError::DamagedJournal`];
    /// [`VaultError::File`]; what `take` answers.
    pub fn raw(
        &self,
        span: &RawSpan,
        take: &mut dyn FnMut(RawEvent<'_>) -> Result<(), VaultError>,
    ) -> Result<Option<Position>, VaultError> {
        let mut walk = Walk { span, last: span.after.clone() };
        for part in self.parts() {
            let is_over = |end: &Position| walk.is_over(end);
            if part.summary.position.as_ref().is_some_and(is_over) {
                continue;
            }
            walk.part(&self.key, part, take)?;
        }
        walk.reached()
    }
}

impl Walk<'_> {
    fn is_over(&self, position: &Position) -> bool {
        let after = self.span.after.as_ref();
        after.and_then(|after| position.order(after)).is_some_and(Ordering::is_le)
    }

    fn part(
        &mut self,
        key: &Key,
        part: &Part,
        take: &mut dyn FnMut(RawEvent<'_>) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let odd = |offset| damaged(&part.path, offset, "the server's log in it is odd");
        let mut file = None;
        if let Kind::Log { .. } = &part.kind {
            let reading = Reading::of(&part.file, key, &part.path, part.number, part.bytes)?;
            let outcomes = reading.raw_outcomes()?;
            let mut over = 0;
            reading.each(|offset, view| {
                let View::Other(record) = view else { return Ok(()) };
                match record {
                    Record::RawFile(named) => file = Some(named),
                    Record::Raw { event } if outcomes.get(over) == Some(&true) => {
                        let file = file.as_ref().ok_or_else(|| odd(offset))?;
                        self.take(RawEvent { file, bytes: &event }, take)?;
                    }
                    Record::Commit { .. } | Record::Reached { .. } | Record::Abandoned => over += 1,
                    _ => {}
                }
                Ok(())
            })?;
            return Ok(());
        }
        let blocks = &part.summary.raw;
        for (at, block) in blocks.iter().enumerate() {
            let next = blocks.get(at + 1).map(|next| place(&next.file, next.begins));
            if next.is_some_and(|next| self.is_over(&next)) {
                continue;
            }
            let (offset, bytes) = (block.offset, block.bytes);
            let text = piece(&part.file, key, &part.path, part.number, offset, bytes)?;
            for record in Records(&text) {
                match record.map_err(|_| odd(offset))? {
                    Record::RawFile(named) => file = Some(named),
                    Record::Raw { event } => {
                        let file = file.as_ref().ok_or_else(|| odd(offset))?;
                        self.take(RawEvent { file, bytes: &event }, take)?;
                    }
                    _ => return Err(odd(offset)),
                }
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        event: RawEvent<'_>,
        take: &mut dyn FnMut(RawEvent<'_>) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let (begins, ends) = (event.begins(), event.ends());
        let end = place(&event.file.name, ends);
        let until = self.span.until.as_ref();
        let is_later = until.and_then(|until| end.order(until)).is_some_and(Ordering::is_gt);
        if self.is_over(&end) || is_later {
            return Ok(());
        }
        let follows = match &self.last {
            None => true,
            Some(last) => follows(last, &event, begins),
        };
        if !follows {
            return Err(self.gap(&format!("from {}", place(&event.file.name, begins))));
        }
        self.last = Some(end);
        take(event)
    }

    fn reached(self) -> Result<Option<Position>, VaultError> {
        let is_short = |until: &Position| {
            let last = self.last.as_ref().and_then(|last| last.order(until));
            last.is_none_or(Ordering::is_lt)
        };
        match self.span.until.as_ref().filter(|until| is_short(until)) {
            Some(_) => Err(self.gap("no further")),
            None => Ok(self.last),
        }
    }

    fn gap(&self, next: &str) -> VaultError {
        let last = self.last.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        VaultError::RawGap { last, next: next.to_owned() }
    }
}

/// Whether nothing lies between a place and an event, but for what the server does not tell.
fn follows(last: &Position, event: &RawEvent<'_>, begins: u64) -> bool {
    let Position::Binlog { file, offset, .. } = last else { return false };
    if *file == event.file.name {
        return if event.is_between() { begins == *offset } else { begins >= *offset };
    }
    let number = |name: &str| name.rsplit_once('.').and_then(|(_, number)| number.parse().ok());
    let (last, next): (Option<u64>, Option<u64>) = (number(file), number(&event.file.name));
    begins == FIRST && last.zip(next).is_some_and(|(last, next)| next == last + 1)
}

fn place(file: &str, offset: u64) -> Position {
    Position::Binlog { file: file.to_owned(), offset, gtid: None }
}
