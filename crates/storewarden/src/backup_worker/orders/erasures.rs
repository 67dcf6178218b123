//! Who had their data erased, so that it does not come back with an order.

use ring::hmac;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use vault::orders::Difference;

/// Longer ones there are none of (RFC 5321, section 4.5.3.1).
const LONGEST: usize = 320;
/// So much of a hash stands for a person where something must.
const NAMED: usize = 12;

/// The people of a shop who had their data erased.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Erasures {
    /// What addresses are hashed by.
    pub(crate) key: String,
    /// The hash, and when it was asked for.
    pub(crate) people: Vec<(String, i64)>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::backup_worker) struct Erased {
    pub(in crate::backup_worker) at_ms: i64,
    /// Stands for them where something must.
    pub(in crate::backup_worker) named: String,
}

impl Erasures {
    /// Whether one of these people is told of: by an address of the buyer, or by any value of the rows.
    /// What was given again after a time counts no more.
    pub(super) fn of(
        &self,
        addresses: &[String],
        rows: &Difference,
        then_ms: i64,
    ) -> Option<Erased> {
        if self.people.is_empty() {
            return None;
        }
        let values = rows.rows.iter().flat_map(|row| &row.then);
        let values = values.filter_map(|cell| rows.shown(&cell.value));
        let told = addresses.iter().cloned().chain(values);
        told.filter(|text| text.contains('@') && text.len() <= LONGEST)
            .find_map(|address| self.erased(&address, then_ms))
    }

    /// Whether an address is that of a person who had their data erased after a moment.
    pub(in crate::backup_worker) fn erased(&self, address: &str, then_ms: i64) -> Option<Erased> {
        let person = person(&self.key, address);
        let is_it = |one: &&(String, i64)| one.0 == person && one.1 > then_ms;
        let (_, at_ms) = self.people.iter().find(is_it)?;
        Some(Erased { at_ms: *at_ms, named: format!("erased-{}", &person[..NAMED]) })
    }
}

/// What stands for the person with an address: HMAC-SHA-256 (RFC 2104) in hexadecimal. Capital letters and
/// blanks around it make no other person.
pub(crate) fn person(key: &str, address: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let tag = hmac::sign(&key, address.trim().to_lowercase().as_bytes());
    let mut text = String::new();
    for byte in tag.as_ref() {
        write!(text, "{byte:02x}").expect("invariant: a String takes all text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_known_by_their_address_and_only_for_what_was_before() {
        let erasures =
            Erasures { key: "k".into(), people: vec![(person("k", "ann@lamps.example"), 100)] };
        let check = |address: &str, then_ms, expect: Option<i64>| {
            let erased = erasures.erased(address, then_ms).map(|erased| erased.at_ms);
            assert_eq!(erased, expect, "{address} {then_ms}");
        };
        check("ann@lamps.example", 99, Some(100));
        check(" Ann@Lamps.example ", 99, Some(100));
        check("ann@lamps.example", 100, None);
        check("bob@lamps.example", 99, None);
        assert_ne!(person("k", "ann@lamps.example"), person("l", "ann@lamps.example"));
        assert!(!person("k", "ann@lamps.example").contains("ann"));
    }
}
