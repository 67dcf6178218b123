//! What is known of metrics by name: type, help and unit, of our own and of what others told with theirs.

use super::{History, Measurement, exposition};
use kernel::readings::FamilyKind;
use promql::wire::Kind;
use std::{collections::BTreeMap, sync::PoisonError};

/// Families of others that are remembered; what comes beyond is not.
pub const MOST_FAMILIES: usize = 20_000;
const MOST_HELP_CHARS: usize = 500;

/// What a metric is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyFacts {
    pub kind: Kind,
    /// Empty: not known.
    pub help: String,
    pub unit: String,
}

/// By name. Senders tell it again and again, so it is in memory alone.
pub(super) type Book = BTreeMap<String, FamilyFacts>;

impl History {
    /// What is known of metrics, of one by its name or of all, by name.
    #[must_use]
    pub fn families(&self, name: Option<&str>) -> BTreeMap<String, FamilyFacts> {
        let is_wanted = |known: &str| name.is_none_or(|name| name == known);
        let mut families = BTreeMap::new();
        for what in Measurement::ALL {
            let (name, unit, help) = exposition::told(what);
            let facts =
                FamilyFacts { kind: Kind::Gauge, help: help.to_owned(), unit: unit.to_owned() };
            families.entry(name.to_owned()).or_insert(facts);
        }
        let services = collect::families();
        for family in host::readings::FAMILIES.iter().chain(&services) {
            let kind = match family.kind {
                FamilyKind::Counter => Kind::Counter,
                FamilyKind::Gauge => Kind::Gauge,
            };
            let facts = FamilyFacts { kind, help: family.help.to_owned(), unit: String::new() };
            families.entry(family.name.to_owned()).or_insert(facts);
        }
        families.retain(|name, _| is_wanted(name));
        let book = self.0.families.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, facts) in book.iter().filter(|(name, _)| is_wanted(name)) {
            families.entry(name.clone()).or_insert_with(|| facts.clone());
        }
        families
    }

    /// Remembers what somebody told of a family.
    pub(super) fn note_family(&self, name: &str, kind: Kind, help: &str, unit: &str) {
        let mut book = self.0.families.lock().unwrap_or_else(PoisonError::into_inner);
        if book.len() >= MOST_FAMILIES && !book.contains_key(name) {
            return;
        }
        let help = help.chars().take(MOST_HELP_CHARS).collect();
        book.insert(name.to_owned(), FamilyFacts { kind, help, unit: unit.to_owned() });
    }
}
