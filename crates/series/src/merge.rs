//! Makes one part of several: small blocks become large ones, large ones are copied as they are.

use crate::{
    block::{Row, Span, TimesEncoder, WANTED_ROWS},
    error::SeriesError,
    gather::{DamageCount, in_order},
    part::{Closing, Entry, Part, PartName, PartWriter},
    tier::Tier,
};
use std::{iter::Peekable, path::Path, sync::Arc, vec};

/// Blocks of as many rows are copied: encoding them again would hardly make them smaller.
const COPIED_ROWS: u32 = 256;

/// The name of what neighbours are merged into.
pub(crate) fn merged_name(inputs: &[Arc<Part>]) -> Option<PartName> {
    let (first, last) = (inputs.first()?, inputs.last()?);
    Some(PartName { tier: first.name.tier, first: first.name.first, last: last.name.last })
}

/// Merges neighbours, oldest first, into one part in the folder; `None` when no row could be read.
pub(crate) fn merge<R: Row>(
    folder: &Path,
    inputs: &[Arc<Part>],
    damage: &DamageCount,
) -> Result<Option<Part>, SeriesError> {
    let Some(name) = merged_name(inputs) else { return Ok(None) };
    let level = inputs.iter().map(|part| part.level).max().unwrap_or(0);
    let mut writer = PartWriter::create(folder, name, level.saturating_add(1))?;
    let mut times = TimesEncoder::default();
    let mut walks: Vec<Walk> =
        inputs.iter().map(|part| Walk::new(part, damage)).collect::<Result<_, _>>()?;
    while let Some(id) = walks.iter_mut().filter_map(Walk::next_id).min() {
        let mut blocks = Vec::new();
        for (age, walk) in walks.iter_mut().enumerate() {
            for entry in walk.take(id, damage)? {
                blocks.push(Input { age, part: Arc::clone(&walk.part), entry });
            }
        }
        Series { id, writer: &mut writer, times: &mut times, damage }.merge::<R>(blocks)?;
    }
    if writer.is_empty() {
        return Ok(None);
    }
    writer.finish(closing(inputs)).map(Some)
}

fn closing(inputs: &[Arc<Part>]) -> Closing {
    let closings = || inputs.iter().map(|part| part.footer.closing);
    Closing {
        log_from: closings().map(|closing| closing.log_from).max().unwrap_or(0),
        rolled_until_ms: closings().map(|closing| closing.rolled_until_ms).max().unwrap_or(0),
        late_from_ms: closings().map(|closing| closing.late_from_ms).min().unwrap_or(i64::MAX),
        seen: closings().map(|closing| closing.seen).max().unwrap_or(0),
    }
}

/// Goes through the index of a part.
#[derive(Debug)]
struct Walk {
    part: Arc<Part>,
    page: usize,
    entries: Peekable<vec::IntoIter<Entry>>,
}

impl Walk {
    fn new(part: &Arc<Part>, damage: &DamageCount) -> Result<Self, SeriesError> {
        let mut walk =
            Self { part: Arc::clone(part), page: 0, entries: Vec::new().into_iter().peekable() };
        walk.turn_page(damage)?;
        Ok(walk)
    }

    fn next_id(&mut self) -> Option<u32> {
        self.entries.peek().map(|entry| entry.id)
    }

    /// Until there is an entry or the end.
    fn turn_page(&mut self, damage: &DamageCount) -> Result<(), SeriesError> {
        while self.entries.peek().is_none() && self.page < self.part.pages() {
            let read = self.part.page(self.page);
            self.page += 1;
            let entries = damage.sift(&self.part, read)?.unwrap_or_default();
            self.entries = entries.into_iter().peekable();
        }
        Ok(())
    }

    fn take(&mut self, id: u32, damage: &DamageCount) -> Result<Vec<Entry>, SeriesError> {
        let mut taken = Vec::new();
        while let Some(entry) = self.entries.next_if(|entry| entry.id == id) {
            taken.push(entry);
            self.turn_page(damage)?;
        }
        Ok(taken)
    }
}

/// A block that goes into the merge.
#[derive(Debug, Clone)]
struct Input {
    /// Later ones hold against earlier ones.
    age: usize,
    part: Arc<Part>,
    entry: Entry,
}

impl Input {
    /// Whether its samples stand there as they came, which takes several times the room.
    fn is_young(&self) -> bool {
        self.part.level == 0 && self.part.name.tier == Tier::Raw
    }
}

/// One series on its way into the new part.
#[derive(Debug)]
struct Series<'a> {
    id: u32,
    writer: &'a mut PartWriter,
    times: &'a mut TimesEncoder,
    damage: &'a DamageCount,
}

impl Series<'_> {
    fn merge<R: Row>(&mut self, mut blocks: Vec<Input>) -> Result<(), SeriesError> {
        blocks.sort_by_key(|input| (input.entry.span.from_ms, input.age));
        let mut run: Vec<Input> = Vec::new();
        // How far the blocks so far reach: a later one that begins before it overlaps one of them.
        let mut reached_ms = i64::MIN;
        for (index, input) in blocks.iter().enumerate() {
            let span = input.entry.span;
            let next_ms = blocks.get(index + 1).map_or(i64::MAX, |next| next.entry.span.from_ms);
            let stands_alone = span.from_ms > reached_ms && span.until_ms < next_ms;
            reached_ms = reached_ms.max(span.until_ms);
            if stands_alone && span.rows >= COPIED_ROWS && !input.is_young() {
                self.write_run::<R>(std::mem::take(&mut run))?;
                self.copy(input)?;
            } else {
                run.push(input.clone());
            }
        }
        self.write_run::<R>(run)
    }

    fn copy(&mut self, input: &Input) -> Result<(), SeriesError> {
        match self.damage.sift(&input.part, input.part.block(&input.entry))? {
            Some(block) => self.writer.add(self.id, input.entry.span, &block),
            None => Ok(()),
        }
    }

    /// Reads blocks that follow or overlap one another, and writes their rows in blocks of about the same size.
    fn write_run<R: Row>(&mut self, mut run: Vec<Input>) -> Result<(), SeriesError> {
        run.sort_by_key(|input| (input.age, input.entry.span.from_ms));
        let mut rows: Vec<R> = Vec::new();
        for input in &run {
            let read = input.part.rows::<R>(&input.entry);
            rows.extend(self.damage.sift(&input.part, read)?.unwrap_or_default());
        }
        let rows = in_order(rows);
        let blocks = rows.len().div_ceil(WANTED_ROWS).max(1);
        for rows in rows.chunks(rows.len().div_ceil(blocks).max(1)) {
            let span = Span::of(rows).expect("invariant: chunks are not empty");
            self.writer.add(self.id, span, &R::encode(rows, self.times))?;
        }
        Ok(())
    }
}
