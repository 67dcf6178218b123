//! Distinct visitors of the last five minutes, from the registers that the edges send.

use kernel::facts::{VISITOR_REGISTERS, Visitors, estimate_visitors};
use std::collections::BTreeMap;

/// How many minutes count, the running one included.
const MINUTES: i64 = 5;

/// Registers by minute, merged over frames and edges by maximum.
#[derive(Debug, Default)]
pub(crate) struct VisitorCount {
    minutes: BTreeMap<i64, Box<[u8; VISITOR_REGISTERS]>>,
}

impl VisitorCount {
    pub(crate) fn feed(&mut self, visitors: &Visitors) {
        self.merge(visitors.minute, &visitors.registers);
        self.merge(visitors.minute - 1, &visitors.before);
    }

    fn merge(&mut self, minute: i64, registers: &[(u16, u8)]) {
        if registers.is_empty() {
            return;
        }
        let ranks = self.minutes.entry(minute).or_insert_with(|| Box::new([0; VISITOR_REGISTERS]));
        for (register, rank) in registers {
            if let Some(slot) = ranks.get_mut(usize::from(*register)) {
                *slot = (*slot).max(*rank);
            }
        }
    }

    /// Visitors of the last five minutes up to `now_ms`.
    pub(crate) fn estimate(&mut self, now_ms: i64) -> u64 {
        let oldest = now_ms.div_euclid(60_000) - MINUTES + 1;
        self.minutes.retain(|minute, _| *minute >= oldest);
        let mut union = [0_u8; VISITOR_REGISTERS];
        for ranks in self.minutes.values() {
            for (slot, rank) in union.iter_mut().zip(ranks.iter()) {
                *slot = (*slot).max(*rank);
            }
        }
        let registers: Vec<(u16, u8)> =
            (0_u16..).zip(union).filter(|(_, rank)| *rank > 0).collect();
        estimate_visitors(&registers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitors_of_two_edges_and_two_minutes_are_counted_once_and_forgotten_after_five() {
        let mut count = VisitorCount::default();
        let frame = |minute, registers: &[(u16, u8)]| Visitors {
            minute,
            registers: registers.to_vec(),
            before: vec![],
        };
        count.feed(&frame(100, &[(1, 1), (2, 1)]));
        count.feed(&frame(100, &[(2, 1), (3, 1)]));
        count.feed(&frame(101, &[(1, 1)]));
        assert_eq!(count.estimate(101 * 60_000), 3);
        assert_eq!(count.estimate(104 * 60_000 + 59_999), 3);
        assert_eq!(count.estimate(105 * 60_000), 1);
        assert_eq!(count.estimate(106 * 60_000), 0);
    }
}
