//! Each text once: names and values of labels repeat in thousands of series.

use std::{collections::HashMap, sync::Arc};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Word(u32);

impl Word {
    pub(super) const FIRST: Self = Self(0);
    pub(super) const LAST: Self = Self(u32::MAX);
}

#[derive(Debug, Default)]
pub(super) struct Words {
    texts: Vec<Arc<str>>,
    known: HashMap<Arc<str>, Word>,
}

impl Words {
    pub(super) fn find(&self, text: &str) -> Option<Word> {
        self.known.get(text).copied()
    }

    pub(super) fn text(&self, word: Word) -> &str {
        &self.texts[word.0 as usize]
    }

    pub(super) fn shared(&self, word: Word) -> Arc<str> {
        Arc::clone(&self.texts[word.0 as usize])
    }

    pub(super) fn intern(&mut self, text: &str) -> Word {
        if let Some(word) = self.find(text) {
            return word;
        }
        let text: Arc<str> = text.into();
        let number =
            u32::try_from(self.texts.len()).expect("invariant: below four thousand million");
        self.texts.push(Arc::clone(&text));
        self.known.insert(text, Word(number));
        Word(number)
    }
}
