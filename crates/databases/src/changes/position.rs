//! Places in a server's log of changes, and which of two comes first.

use crate::dump::Position;
use std::{cmp::Ordering, fmt};

impl Position {
    /// Which of the two comes first in the server's log; `None` when they are places in different
    /// logs, or one of them is none.
    #[must_use]
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Lsn { lsn }, Self::Lsn { lsn: other }) => {
                Some(lsn_number(lsn)?.cmp(&lsn_number(other)?))
            }
            (
                Self::Binlog { file, offset, .. },
                Self::Binlog { file: other, offset: other_offset, .. },
            ) => {
                let (name, number) = file_number(file)?;
                let (other_name, other_number) = file_number(other)?;
                (name == other_name).then(|| (number, offset).cmp(&(other_number, other_offset)))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lsn { lsn } => f.write_str(lsn),
            Self::Binlog { file, offset, .. } => write!(f, "{file}:{offset}"),
        }
    }
}

/// `16/B374D848` as the number it is (PostgreSQL manual, 8.20).
pub(crate) fn lsn_number(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let part = |text| u32::from_str_radix(text, 16).ok();
    Some(u64::from(part(high)?) << 32 | u64::from(part(low)?))
}

pub(super) fn lsn(number: u64) -> Position {
    Position::Lsn { lsn: format!("{:X}/{:X}", number >> 32, number & 0xffff_ffff) }
}

/// `mysqld-bin.000042`: files of a binary log are numbered.
fn file_number(name: &str) -> Option<(&str, u64)> {
    let (name, number) = name.rsplit_once('.')?;
    Some((name, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_ordered_where_they_are_of_one_log() {
        let check = |a: &Position, b: &Position, expect: Option<Ordering>| {
            assert_eq!(a.order(b), expect, "{a} {b}");
            assert_eq!(b.order(a), expect.map(Ordering::reverse), "{b} {a}");
        };
        let at = |file: &str, offset| Position::Binlog { file: file.into(), offset, gtid: None };
        check(&lsn(0x16_b374_d848), &lsn(0x1_0000_0000), Some(Ordering::Greater));
        check(&lsn(7), &lsn(7), Some(Ordering::Equal));
        check(&at("m.000009", 900), &at("m.000010", 4), Some(Ordering::Less));
        check(&at("m.999999", 4), &at("m.1000000", 4), Some(Ordering::Less));
        check(&at("m.000009", 4), &at("n.000009", 4), None);
        check(&at("m", 4), &at("m", 4), None);
        check(&lsn(7), &at("m.000009", 4), None);
    }

    #[test]
    fn an_lsn_is_written_as_postgresql_writes_it() {
        assert_eq!(lsn(0x16_b374_d848).to_string(), "16/B374D848");
        assert_eq!(lsn_number("16/B374D848"), Some(0x16_b374_d848));
        assert_eq!(lsn_number("16"), None);
    }
}
