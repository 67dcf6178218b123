//! Which series there are: their labels, found by id, by labels and by conditions. In memory whole, and in one file.
//!
//! It knows nothing of samples.

mod file;
mod words;

pub(crate) use file::CatalogFile;

use crate::{
    labels::Labels,
    matcher::{Matcher, Test},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};
use words::{Word, Words};

/// A series of this opening of the store: where it stands in memory, and the id that makes sure it is still that one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesRef {
    pub(crate) slot: u32,
    pub(crate) id: u32,
}

/// Labels as words: names and values by turns.
type Coded = Arc<[(Word, Word)]>;

#[derive(Debug, Default)]
pub(crate) struct Catalog {
    words: Words,
    /// By slot. A slot is used again once its series was forgotten.
    slots: Vec<Option<(u32, Coded)>>,
    free: Vec<u32>,
    by_labels: HashMap<Coded, u32>,
    by_id: HashMap<u32, u32>,
    /// Slots with this value of this label, ascending. By name first, so that the values of one stand together.
    with_label: BTreeMap<(Word, Word), Vec<u32>>,
    next_id: u32,
}

impl Catalog {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Ids from here on are free.
    pub(crate) fn next_id(&self) -> u32 {
        self.next_id
    }

    /// Never gives out an id up to this one.
    pub(crate) fn pass_over(&mut self, id: u32) {
        self.next_id = self.next_id.max(id.saturating_add(1));
    }

    pub(crate) fn find(&self, labels: &Labels) -> Option<SeriesRef> {
        let coded: Option<Vec<_>> = labels
            .iter()
            .map(|(name, value)| Some((self.words.find(name)?, self.words.find(value)?)))
            .collect();
        let slot = *self.by_labels.get(coded?.as_slice())?;
        self.at(slot)
    }

    pub(crate) fn at(&self, slot: u32) -> Option<SeriesRef> {
        let (id, _) = self.slots.get(slot as usize)?.as_ref()?;
        Some(SeriesRef { slot, id: *id })
    }

    pub(crate) fn by_id(&self, id: u32) -> Option<SeriesRef> {
        self.by_id.get(&id).map(|slot| SeriesRef { slot: *slot, id })
    }

    pub(crate) fn is_known(&self, series: SeriesRef) -> bool {
        self.at(series.slot) == Some(series)
    }

    pub(crate) fn labels(&self, series: SeriesRef) -> Option<Labels> {
        let (id, coded) = self.slots.get(series.slot as usize)?.as_ref()?;
        (*id == series.id).then(|| self.decoded(coded))
    }

    fn decoded(&self, coded: &Coded) -> Labels {
        let text = |word: Word| self.words.shared(word);
        Labels::known(coded.iter().map(|(name, value)| (text(*name), text(*value))).collect())
    }

    /// Puts a series in that is not there yet.
    pub(crate) fn insert(&mut self, id: u32, labels: &Labels) -> SeriesRef {
        let coded: Coded = labels
            .iter()
            .map(|(name, value)| (self.words.intern(name), self.words.intern(value)))
            .collect();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("invariant: ids are as many")
        });
        for label in coded.iter() {
            let slots = self.with_label.entry(*label).or_default();
            if let Err(place) = slots.binary_search(&slot) {
                slots.insert(place, slot);
            }
        }
        self.by_labels.insert(Arc::clone(&coded), slot);
        self.by_id.insert(id, slot);
        self.slots[slot as usize] = Some((id, coded));
        self.pass_over(id);
        SeriesRef { slot, id }
    }

    /// The same without some series: words and lists are made anew, since what is gone should take no memory. The others keep their
    /// slots.
    pub(crate) fn without(&self, forgotten: &BTreeSet<u32>) -> Self {
        let mut kept = Self { next_id: self.next_id, ..Self::default() };
        for slot in &self.slots {
            let living = slot.as_ref().filter(|(id, _)| !forgotten.contains(id));
            // So that it is given this slot and no other.
            kept.free = vec![u32::try_from(kept.slots.len()).expect("invariant: ids are as many")];
            kept.slots.push(None);
            if let Some((id, coded)) = living {
                kept.insert(*id, &self.decoded(coded));
            }
        }
        let is_free = |slot: &u32| kept.slots[*slot as usize].is_none();
        let slots = u32::try_from(kept.slots.len()).expect("invariant: ids are as many");
        kept.free = (0..slots).filter(is_free).collect();
        kept
    }

    /// Series that meet all conditions, by id; all series without a condition.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> Vec<SeriesRef> {
        let mut found: Option<Vec<u32>> = None;
        // What names a value outright narrows most, and costs least.
        let (plain, others): (Vec<_>, Vec<_>) = matchers
            .iter()
            .partition(|matcher| matches!(&matcher.test, Test::Is(value) if !value.is_empty()));
        for matcher in plain.into_iter().chain(others) {
            let slots = self.passing(matcher, found.as_deref());
            if slots.is_empty() {
                return Vec::new();
            }
            found = Some(slots);
        }
        let mut series: Vec<SeriesRef> = match found {
            Some(slots) => slots.into_iter().filter_map(|slot| self.at(slot)).collect(),
            None => self.all().collect(),
        };
        series.sort_by_key(|series| series.id);
        series
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = SeriesRef> {
        self.by_id.iter().map(|(id, slot)| SeriesRef { slot: *slot, id: *id })
    }

    /// The slots among `within`, or among all, that meet one condition; ascending.
    fn passing(&self, matcher: &Matcher, within: Option<&[u32]>) -> Vec<u32> {
        let name = self.words.find(&matcher.label);
        if let (Some(name), Test::Is(value)) = (name, &matcher.test)
            && !value.is_empty()
        {
            let listed =
                self.words.find(value).and_then(|value| self.with_label.get(&(name, value)));
            let listed = listed.map_or(&[][..], Vec::as_slice);
            return match within {
                None => listed.to_vec(),
                Some(within) => within
                    .iter()
                    .copied()
                    .filter(|slot| listed.binary_search(slot).is_ok())
                    .collect(),
            };
        }
        let mut verdicts: HashMap<Option<Word>, bool> = HashMap::new();
        let mut passes = |slot: &u32| {
            let Some(Some((_, coded))) = self.slots.get(*slot as usize) else { return false };
            let value =
                coded.iter().find(|(known, _)| Some(*known) == name).map(|(_, value)| *value);
            let text = || value.map_or("", |value| self.words.text(value));
            *verdicts.entry(value).or_insert_with(|| matcher.test.passes(text()))
        };
        match within {
            Some(within) => within.iter().copied().filter(|slot| passes(slot)).collect(),
            None => {
                let slots = u32::try_from(self.slots.len()).expect("invariant: ids are as many");
                (0..slots).filter(|slot| passes(slot)).collect()
            }
        }
    }

    /// The names of all labels, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let names: BTreeSet<Word> = self.with_label.keys().map(|(name, _)| *name).collect();
        self.sorted(names)
    }

    /// The values of a label, sorted.
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let Some(name) = self.words.find(name) else { return Vec::new() };
        let all = (name, Word::FIRST)..=(name, Word::LAST);
        self.sorted(self.with_label.range(all).map(|((_, value), _)| *value))
    }

    fn sorted(&self, words: impl IntoIterator<Item = Word>) -> Vec<String> {
        let mut texts: Vec<String> =
            words.into_iter().map(|word| self.words.text(word).to_owned()).collect();
        texts.sort();
        texts
    }
}

#[cfg(test)]
mod tests;
