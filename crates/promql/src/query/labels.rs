//! Labels while a query is evaluated: shared, and sorted by name.

use promql_parser::label::Labels as Names;
use series::{Labels, METRIC};
use std::sync::Arc;

/// Labels of a series, without empty ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(super) struct LabelSet(Arc<[(Arc<str>, Arc<str>)]>);

impl LabelSet {
    pub(super) fn known(labels: Labels) -> Self {
        Self(labels.shared())
    }

    pub(super) fn of(mut pairs: Vec<(Arc<str>, Arc<str>)>) -> Self {
        pairs.retain(|(_, value)| !value.is_empty());
        pairs.sort();
        Self(pairs.into())
    }

    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.binary_search_by(|(known, _)| (**known).cmp(name));
        found.map_or("", |at| &self.0[at].1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// As it stands at the end.
    pub(super) fn named(self, drops_name: bool) -> Self {
        if drops_name { self.without_name() } else { self }
    }

    pub(super) fn into_pairs(self) -> Arc<[(Arc<str>, Arc<str>)]> {
        self.0
    }

    pub(super) fn keep(&self, is_kept: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(name, _)| is_kept(name)).cloned().collect())
    }

    /// With another value of a label; an empty one takes it away.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let others = self.0.iter().filter(|(known, _)| &**known != name).cloned();
        Self::of(others.chain([(name.into(), value.into())]).collect())
    }

    pub(super) fn without_name(&self) -> Self {
        self.keep(|name| name != METRIC)
    }
}

impl std::fmt::Display for LabelSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

pub(super) fn has(names: &Names, name: &str) -> bool {
    names.labels.iter().any(|known| known == name)
}
