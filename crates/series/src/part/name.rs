//! Names of parts, which say what a part replaces.

use crate::tier::Tier;
use std::fmt;

/// `TIER-FIRST-LAST.part`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartName {
    pub(crate) tier: Tier,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl PartName {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".part")?;
        let (stem, last) = stem.rsplit_once('-')?;
        let (tier, first) = stem.rsplit_once('-')?;
        let tier = Tier::ALL.into_iter().find(|known| known.name() == tier)?;
        let parsed = Self { tier, first: first.parse().ok()?, last: last.parse().ok()? };
        (parsed.first <= parsed.last && parsed.to_string() == name).then_some(parsed)
    }

    /// Whether this part was made of the other one, among others.
    pub(crate) fn replaces(self, other: Self) -> bool {
        self != other
            && self.tier == other.tier
            && self.first <= other.first
            && other.last <= self.last
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:020}-{:020}.part", self.tier.name(), self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for tier in Tier::ALL {
            let name = PartName { tier, first: 3, last: 12 };
            assert_eq!(PartName::parse(&name.to_string()), Some(name));
        }
        let backwards = "raw-00000000000000000002-00000000000000000001.part";
        for none in ["raw-1-2.part", "raw.part", "day-1-2.part", "", backwards] {
            assert_eq!(PartName::parse(none), None, "{none}");
        }
    }

    #[test]
    fn a_part_replaces_what_it_spans() {
        let name = |first, last| PartName { tier: Tier::Raw, first, last };
        assert!(name(1, 4).replaces(name(2, 4)));
        assert!(!name(1, 4).replaces(name(4, 5)));
        assert!(!name(1, 4).replaces(name(1, 4)));
        assert!(!name(1, 4).replaces(PartName { tier: Tier::Minute, ..name(2, 3) }));
    }
}
