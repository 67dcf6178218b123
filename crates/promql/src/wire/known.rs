//! What was looked up for the series of one sender, so that the next round of the same series looks nothing up.

use super::text::SeriesText;
use std::collections::HashMap;

/// What a series is recognised by: as its sender writes it, which it does the same way each time. Another order of the same labels is
/// another key, and looked up by itself.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    Text(SeriesText<'a>),
    /// What [`SeriesText::raw`] said.
    Raw(&'a str),
    Labels(&'a [(&'a str, &'a str)]),
}

/// Whether a series came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// In an earlier round, and now the first time in this one.
    Again,
    /// In this round already. In one answer of an exporter that is a duplicate, of which Prometheus keeps the first unless it has a time of
    /// its own; in remote write it is nothing special.
    ThisRound,
}

/// Things looked up by series, of one exporter or one sender: both write what they like, and must not meet.
///
/// A round is one answer of an exporter, or some time of a sender. What did not come in a round is forgotten at its end and given back,
/// for a staleness marker.
#[derive(Debug)]
pub struct Known<T> {
    by_key: HashMap<Box<[u8]>, Slot<T>>,
    round: u64,
    most: usize,
    /// Room for the key that is asked for.
    key: Vec<u8>,
}

#[derive(Debug)]
struct Slot<T> {
    found: T,
    round: u64,
}

impl<T: Copy> Known<T> {
    /// Remembers so many at most: what comes beyond is not remembered, and so neither recognised nor given back when it is gone.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { by_key: HashMap::new(), round: 0, most, key: Vec::new() }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// What was looked up for a series, and whether it came in this round before. It has come, from now on.
    pub fn find(&mut self, key: Key<'_>) -> Option<(T, Seen)> {
        key.write(&mut self.key);
        let slot = self.by_key.get_mut(self.key.as_slice())?;
        let seen = if slot.round == self.round { Seen::ThisRound } else { Seen::Again };
        slot.round = self.round;
        Some((slot.found, seen))
    }

    /// Remembers what was looked up for a series that came in this round. False when there is no room for it.
    pub fn remember(&mut self, key: Key<'_>, found: T) -> bool {
        key.write(&mut self.key);
        let slot = Slot { found, round: self.round };
        if let Some(known) = self.by_key.get_mut(self.key.as_slice()) {
            *known = slot;
            return true;
        }
        let has_room = self.by_key.len() < self.most;
        if has_room {
            self.by_key.insert(self.key.as_slice().into(), slot);
        }
        has_room
    }

    /// Ends the round: forgets what did not come in it, and hands that over.
    pub fn end_round(&mut self, mut gone: impl FnMut(T)) {
        let round = self.round;
        self.by_key.retain(|_, slot| {
            let came = slot.round == round;
            if !came {
                gone(slot.found);
            }
            came
        });
        self.round += 1;
    }

    /// Forgets everything, for when what was looked up does not hold any more.
    pub fn clear(&mut self) {
        self.by_key.clear();
    }
}

/// No byte of UTF-8, so it parts texts that may hold anything (RFC 3629, section 1).
const BETWEEN: u8 = 0xff;

impl Key<'_> {
    fn write(self, to: &mut Vec<u8>) {
        to.clear();
        match self {
            Self::Text(series) => to.extend_from_slice(series.raw().as_bytes()),
            Self::Raw(raw) => to.extend_from_slice(raw.as_bytes()),
            Self::Labels(labels) => {
                for (name, value) in labels {
                    to.extend_from_slice(name.as_bytes());
                    to.push(BETWEEN);
                    to.extend_from_slice(value.as_bytes());
                    to.push(BETWEEN);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(known: &mut Known<u32>) -> Vec<u32> {
        let mut gone = Vec::new();
        known.end_round(|found| gone.push(found));
        gone.sort_unstable();
        gone
    }

    #[test]
    fn a_series_is_recognised_in_its_round_and_in_the_next_and_given_back_when_it_is_gone() {
        let mut known = Known::new(10);
        let [a, b] = [[("a", "1")], [("b", "1")]];
        assert_eq!(known.find(Key::Labels(&a)), None);
        assert!(known.remember(Key::Labels(&a), 1));
        assert!(known.remember(Key::Labels(&b), 2));
        assert_eq!(known.find(Key::Labels(&a)), Some((1, Seen::ThisRound)));
        assert_eq!(gone(&mut known), []);
        assert_eq!(known.find(Key::Labels(&a)), Some((1, Seen::Again)));
        assert_eq!(known.find(Key::Labels(&a)), Some((1, Seen::ThisRound)));
        assert_eq!(gone(&mut known), [2], "b did not come");
        assert_eq!(gone(&mut known), [1], "then a did not either");
        assert!(known.is_empty());
    }

    #[test]
    fn labels_never_run_into_one_another() {
        let mut known = Known::new(10);
        let mut keys = [
            vec![("a", "bc")],
            vec![("ab", "c")],
            vec![("a", "b"), ("c", "")],
            vec![("a", ""), ("b", "c")],
            vec![],
        ];
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(known.find(Key::Labels(key)), None, "{key:?}");
            assert!(known.remember(Key::Labels(key), index));
        }
        keys.reverse();
        for (index, key) in keys.iter().rev().enumerate() {
            assert_eq!(known.find(Key::Labels(key)), Some((index, Seen::ThisRound)));
        }
    }

    #[test]
    fn beyond_its_room_nothing_is_remembered() {
        let mut known = Known::new(1);
        assert!(known.remember(Key::Labels(&[("a", "1")]), 1));
        assert!(!known.remember(Key::Labels(&[("b", "1")]), 2));
        assert!(known.remember(Key::Labels(&[("a", "1")]), 3), "what is known is replaced");
        assert_eq!(known.find(Key::Labels(&[("b", "1")])), None);
        assert_eq!(known.len(), 1);
        assert_eq!(gone(&mut known), []);
        known.clear();
        assert!(known.is_empty());
    }
}
