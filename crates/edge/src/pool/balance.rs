//! Who is asked next: pure choices over slots. `enter` takes a place and says whether it got one.

use super::Slot;
use std::hash::{Hash, Hasher};

/// Slot numbers in turn, each as often as its weight, the heavy ones spread (smooth weighted round
/// robin, as nginx does it).
pub(super) fn wheel(slots: &[Slot]) -> Vec<usize> {
    let weights: Vec<i64> = slots.iter().map(|slot| i64::from(slot.weight.max(1))).collect();
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor).max(1);
    let weights: Vec<i64> = weights.iter().map(|weight| weight / divisor).collect();
    let total: i64 = weights.iter().sum();
    let mut current = vec![0_i64; weights.len()];
    let mut wheel = Vec::new();
    for _ in 0..total {
        for (score, weight) in current.iter_mut().zip(&weights) {
            *score += weight;
        }
        let best = (0..current.len()).max_by_key(|index| (current[*index], -(*index as i64)));
        if let Some(best) = best {
            current[best] -= total;
            wheel.push(best);
        }
    }
    wheel
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if a == 0 { b } else { greatest_common_divisor(b % a, a) }
}

/// The slot whose turn it is, else the next on the wheel that lets us in.
pub(super) fn in_turn(
    slots: &[Slot],
    wheel: &[usize],
    turn: usize,
    enter: impl Fn(&Slot) -> bool,
) -> Option<usize> {
    let start = turn % wheel.len().max(1);
    let order = wheel[start..].iter().chain(&wheel[..start]);
    order.copied().find(|index| enter(&slots[*index]))
}

/// The less busy of two drawn ("power of two choices", Mitzenmacher 2001), else whoever lets us in.
pub(super) fn less_busy(
    slots: &[Slot],
    wheel: &[usize],
    turn: usize,
    enter: impl Fn(&Slot) -> bool,
) -> Option<usize> {
    let drawn = |salt: u64| wheel.get(spread(turn as u64 ^ salt) as usize % wheel.len().max(1));
    let (Some(&first), Some(&second)) = (drawn(0), drawn(0x5bd1_e995)) else { return None };
    // Compares load by weight without dividing.
    let busy = |a: &Slot, b: &Slot| {
        u64::from(a.instance.in_flight()) * u64::from(b.weight)
            > u64::from(b.instance.in_flight()) * u64::from(a.weight)
    };
    let (better, other) =
        if busy(&slots[first], &slots[second]) { (second, first) } else { (first, second) };
    [better, other]
        .into_iter()
        .find(|index| enter(&slots[*index]))
        .or_else(|| in_turn(slots, wheel, turn, enter))
}

/// The slot with the highest hash of session and name (rendezvous hashing, Thaler and Ravishankar
/// 1998), else the next highest: a visitor moves only when their instance is away.
pub(super) fn by_session(
    slots: &[Slot],
    session: u64,
    enter: impl Fn(&Slot) -> bool,
) -> Option<usize> {
    let mut ranked: Vec<(u64, usize)> = slots
        .iter()
        .enumerate()
        .map(|(index, slot)| (score(session, slot.instance.name.as_str(), slot.weight), index))
        .collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    ranked.into_iter().map(|(_, index)| index).find(|index| enter(&slots[*index]))
}

/// Weighted rendezvous: −weight / ln(u) with u in (0, 1), as an ordered integer.
fn score(session: u64, name: &str, weight: u32) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    (session, name).hash(&mut hasher);
    let unit = ((hasher.finish() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    // Positive floats order as their bits do.
    (-f64::from(weight.max(1)) / unit.ln()).to_bits()
}

fn spread(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 17
}
