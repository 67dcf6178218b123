//! What a place is known to have. Pure, but for the list that it begins with.

use super::name::{JournalName, PieceName, SegmentName};
use crate::{
    VaultError,
    storage::{FileKind, FileName, Storage},
};
use std::collections::{BTreeMap, BTreeSet};

/// Of the journals of one key.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// With their bytes.
    segments: BTreeMap<SegmentName, u64>,
    pieces: BTreeSet<PieceName>,
}

impl Known {
    /// # Errors
    /// [`VaultError::Storage`].
    pub(super) fn list(storage: &dyn Storage, mark: u32) -> Result<Self, VaultError> {
        // The pieces first: those that became a segment in between are in that.
        let pieces = storage.list(FileKind::JournalPiece)?.into_iter();
        // One that is not as long as it says was not written by us.
        let pieces = pieces.filter_map(|one| {
            PieceName::of(one.id).filter(|piece| u64::from(piece.bytes) == one.size_bytes)
        });
        let pieces = pieces.filter(|piece| piece.journal.mark == mark).collect();
        let segments = storage.list(FileKind::JournalSegment)?.into_iter();
        let segments = segments.filter_map(|one| Some((SegmentName::of(one.id)?, one.size_bytes)));
        let segments = segments.filter(|(segment, _)| segment.journal.mark == mark).collect();
        Ok(Self { segments, pieces })
    }

    pub(super) fn bytes(&self) -> u64 {
        let pieces: u64 = self.pieces.iter().map(|piece| u64::from(piece.bytes)).sum();
        self.segments.values().sum::<u64>() + pieces
    }

    pub(super) fn bytes_of(&self, journal: JournalName) -> u64 {
        let segments = self.segments.iter().filter(|(segment, _)| segment.journal == journal);
        let pieces = self.pieces.iter().filter(|piece| piece.journal == journal);
        let pieces: u64 = pieces.map(|piece| u64::from(piece.bytes)).sum();
        segments.map(|(_, bytes)| bytes).sum::<u64>() + pieces
    }

    pub(super) fn journals(&self) -> BTreeSet<JournalName> {
        let pieces = self.pieces.iter().map(|piece| piece.journal);
        self.segments.keys().map(|segment| segment.journal).chain(pieces).collect()
    }

    pub(super) fn segments(&self, journal: JournalName) -> impl Iterator<Item = &SegmentName> {
        self.segments.keys().filter(move |segment| segment.journal == journal)
    }

    pub(super) fn pieces(
        &self,
        journal: JournalName,
        number: u64,
    ) -> impl DoubleEndedIterator<Item = &PieceName> {
        self.pieces.range(PieceName::least(journal, number)..PieceName::least(journal, number + 1))
    }

    /// The numbers of logs and segments that anything is there of.
    pub(super) fn numbers(&self, journal: JournalName) -> BTreeSet<u64> {
        let pieces = self.pieces.iter().filter(|piece| piece.journal == journal);
        self.segments(journal).map(|one| one.number).chain(pieces.map(|one| one.number)).collect()
    }

    pub(super) fn newest(&self, journal: JournalName) -> Option<u64> {
        self.numbers(journal).last().copied()
    }

    /// The newest number, and how much of its log is there.
    pub(super) fn ends(&self, journal: JournalName) -> (u64, u64) {
        let newest = self.newest(journal).unwrap_or(0);
        let is_segment = self.segments(journal).any(|segment| segment.number == newest);
        (newest, if is_segment { u64::MAX } else { self.reach(journal, newest) })
    }

    pub(super) fn has_segment(&self, name: &SegmentName) -> bool {
        self.segments.contains_key(name)
    }

    /// Whether another segment has this one's number.
    pub(super) fn has_other_segment(&self, name: &SegmentName) -> bool {
        let mut same = self.segments(name.journal).filter(|one| one.number == name.number);
        same.any(|one| one != name)
    }

    pub(super) fn add_segment(&mut self, name: SegmentName, bytes: u64) {
        self.segments.insert(name, bytes);
    }

    pub(super) fn add_piece(&mut self, name: PieceName) {
        self.pieces.insert(name);
    }

    pub(super) fn remove(&mut self, file: FileName) {
        match file.kind() {
            FileKind::JournalSegment => {
                SegmentName::of(file.id()).map(|segment| self.segments.remove(&segment));
            }
            _ => {
                PieceName::of(file.id()).map(|piece| self.pieces.remove(&piece));
            }
        }
    }

    /// The pieces that a log is put together from, as far as they reach without a hole; longer ones
    /// sooner than the short ones that they stand for.
    pub(super) fn chain(&self, journal: JournalName, number: u64) -> Vec<PieceName> {
        let (mut chain, mut at, mut best) = (Vec::new(), 0, None::<PieceName>);
        for piece in self.pieces(journal, number) {
            if piece.offset > at {
                let Some(taken) = best.take() else { break };
                at = taken.end();
                chain.push(taken);
                if piece.offset > at {
                    break;
                }
            }
            let reach = best.map_or(at, |best| best.end());
            if piece.end() > reach {
                best = Some(*piece);
            }
        }
        chain.extend(best);
        chain
    }

    /// Up to which byte of a log all is there.
    pub(super) fn reach(&self, journal: JournalName, number: u64) -> u64 {
        self.chain(journal, number).last().map_or(0, PieceName::end)
    }

    pub(super) fn last_piece(&self, journal: JournalName, number: u64) -> Option<PieceName> {
        self.pieces(journal, number).max_by_key(|piece| piece.end()).copied()
    }

    /// The short ones among those that a log is put together from, as long as they follow one another.
    pub(super) fn short(&self, journal: JournalName, number: u64, bytes: u64) -> Vec<PieceName> {
        let mut short = self.chain(journal, number);
        let is_long = |piece: &PieceName| u64::from(piece.bytes) >= bytes;
        let begin = short.iter().rposition(is_long).map_or(0, |last| last + 1);
        short.drain(..begin);
        short
    }

    /// What there is no use for any more: what is older than the oldest file here, and pieces of what is
    /// a segment there.
    pub(super) fn over(&self, journal: JournalName, oldest: u64) -> Vec<FileName> {
        let segments = self.segments(journal);
        let old = segments.filter(|one| one.number < oldest).map(SegmentName::file);
        let sealed: BTreeSet<u64> = self.segments(journal).map(|one| one.number).collect();
        let pieces = self.pieces.iter().filter(|piece| {
            piece.journal == journal && (piece.number < oldest || sealed.contains(&piece.number))
        });
        old.chain(pieces.map(PieceName::file)).collect()
    }

    /// All of the journals that ended before a moment, since another had begun by then, but those that
    /// are here.
    pub(super) fn superseded(&self, before_ms: i64, here: &BTreeSet<i64>) -> Vec<FileName> {
        let journals = self.journals();
        let is_over = |journal: JournalName| {
            let next = journals.iter().find(|next| next.begun_ms > journal.begun_ms);
            !here.contains(&journal.begun_ms) && next.is_some_and(|next| next.begun_ms < before_ms)
        };
        let segments = self.segments.keys().filter(|one| is_over(one.journal));
        let pieces = self.pieces.iter().filter(|one| is_over(one.journal));
        segments.map(SegmentName::file).chain(pieces.map(PieceName::file)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Id;

    const JOURNAL: JournalName = JournalName { mark: 1, begun_ms: 100 };

    fn known(pieces: &[(u64, u64, usize)]) -> Known {
        let mut known = Known::default();
        for (number, offset, bytes) in pieces {
            known.add_piece(PieceName::new(JOURNAL, *number, *offset, &vec![0; *bytes]));
        }
        known
    }

    #[test]
    fn a_log_is_put_together_up_to_the_first_hole() {
        let check = |pieces: &[(u64, usize)], expect: &[(u64, u64)]| {
            let pieces: Vec<_> = pieces.iter().map(|(from, bytes)| (7, *from, *bytes)).collect();
            let chain = known(&pieces).chain(JOURNAL, 7);
            let chain: Vec<_> = chain.iter().map(|piece| (piece.offset, piece.end())).collect();
            assert_eq!(chain, expect, "{pieces:?}");
        };
        check(&[], &[]);
        check(&[(5, 5)], &[]);
        check(&[(0, 5), (5, 5)], &[(0, 5), (5, 10)]);
        check(&[(0, 5), (6, 5)], &[(0, 5)]);
        check(&[(0, 5), (5, 5), (10, 5), (0, 15)], &[(0, 15)]);
        check(&[(0, 5), (0, 10), (5, 5), (10, 2)], &[(0, 10), (10, 12)]);
        check(&[(0, 5), (3, 7), (4, 3)], &[(0, 5), (3, 10)]);
        check(&[(0, 5), (5, 5), (12, 1), (10, 1)], &[(0, 5), (5, 10), (10, 11)]);
    }

    #[test]
    fn short_pieces_are_those_after_the_last_long_one() {
        let known = known(&[(7, 0, 90), (7, 90, 5), (7, 95, 5), (8, 0, 5)]);
        let short = known.short(JOURNAL, 7, 50);
        assert_eq!(short.iter().map(|piece| piece.offset).collect::<Vec<_>>(), [90, 95]);
        assert_eq!(known.short(JOURNAL, 9, 50), []);
    }

    #[test]
    fn only_what_is_elsewhere_or_too_old_is_over() {
        let mut known = known(&[(3, 0, 5), (4, 0, 5), (5, 0, 5)]);
        let segment = |number| SegmentName::new(JOURNAL, number, &Id::of(&[9]));
        for number in [1, 2, 4] {
            known.add_segment(segment(number), 10);
        }
        let over = known.over(JOURNAL, 2);
        let piece = PieceName::new(JOURNAL, 4, 0, &[0; 5]).file();
        assert_eq!(over, [segment(1).file(), piece]);
        assert_eq!(known.bytes(), 45);
        assert_eq!(known.superseded(1_000, &BTreeSet::new()), [], "no other has begun");
        let next = JournalName { begun_ms: 500, ..JOURNAL };
        known.add_segment(SegmentName::new(next, 1, &Id::of(&[9])), 10);
        assert_eq!(known.superseded(500, &BTreeSet::new()), [], "it may have gone on until then");
        assert_eq!(known.superseded(501, &[100].into()), [], "it is here");
        assert_eq!(known.superseded(501, &BTreeSet::new()).len(), 6);
    }
}
