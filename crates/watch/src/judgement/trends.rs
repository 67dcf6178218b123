//! Checks that compare with what was: answers that became slow, orders that stopped, memory that
//! only grows, a clock that jumped.

use super::{Evidence, MachineEvidence, OrdersSource, Sign};
use kernel::Level;

const MINUTE_MS: i64 = 60_000;

pub(super) const LATENCY_UP: &str = "latency_up";
/// Several times the usual, and long enough for a person to feel it.
const LATENCY_TIMES: f64 = 3.0;
const LATENCY_TIMES_KEEPS: f64 = 2.0;
const LATENCY_MS: f64 = 500.0;
const LATENCY_KEEPS_MS: f64 = 350.0;

/// Nobody is worried by a shorter pause, however many orders were to be expected.
const ORDERS_PAUSE_MS: i64 = 15 * MINUTE_MS;
/// Orders that were to be expected by the hours of past weeks. The chance of none, if orders come
/// independently of one another, is exp(-9.2), one in ten thousand.
const ORDERS_BY_HISTORY: f64 = 9.2;
/// By traffic alone more is asked for: readers who buy nothing come in waves.
const ORDERS_BY_TRAFFIC: f64 = 15.0;
/// By history the traffic of the moment must agree: on a holiday nobody comes.
const ORDERS_TRAFFIC_AGREES: f64 = 5.0;

/// A jump is told for so long.
const JUMP_SHOWN_MS: i64 = 60 * MINUTE_MS;

pub(super) fn latency_sign(evidence: &Evidence) -> Option<Sign> {
    let (now_ms, usual_ms) = evidence.traffic.p95_minute_ms.zip(evidence.traffic.p95_usual_ms)?;
    let above = |times: f64, least_ms: f64| now_ms >= usual_ms * times && now_ms >= least_ms;
    above(LATENCY_TIMES_KEEPS, LATENCY_KEEPS_MS).then(|| {
        Sign::new(LATENCY_UP, Level::Attention)
            .with("p95_ms", now_ms)
            .with("usual_ms", usual_ms)
            .raised_if(above(LATENCY_TIMES, LATENCY_MS))
    })
}

pub(super) fn orders_stopped_sign(evidence: &Evidence) -> Option<Sign> {
    let orders = &evidence.orders;
    if orders.source != OrdersSource::Database || orders.error.is_some() {
        return None;
    }
    let last_order_ms = orders.last_order_ms?;
    if evidence.now_ms - last_order_ms < ORDERS_PAUSE_MS {
        return None;
    }
    let agrees = orders.expected_by_traffic.is_none_or(|count| count >= ORDERS_TRAFFIC_AGREES);
    let by_history = orders.expected_by_history;
    let expected = match (by_history, orders.expected_by_traffic) {
        (Some(count), _) => Some(count).filter(|count| *count >= ORDERS_BY_HISTORY && agrees),
        (None, Some(count)) => Some(count).filter(|count| *count >= ORDERS_BY_TRAFFIC),
        (None, None) => None,
    }?;
    #[expect(clippy::cast_possible_truncation, reason = "a count of orders, shown to a person")]
    let expected = expected.round() as i64;
    let sign = Sign::new("orders_stopped", Level::Attention).since(last_order_ms);
    Some(sign.with("since_ms", last_order_ms).with("expected", expected))
}

pub(super) fn machine_signs(machine: &MachineEvidence, now_ms: i64) -> Vec<Sign> {
    let mut signs = Vec::new();
    if let Some(full_in_ms) = machine.memory_full_in_ms {
        let sign = Sign::new("memory_leaking", Level::Attention);
        signs.push(sign.with("full_in_ms", full_in_ms));
    }
    if let Some((jump_ms, at_ms)) = machine.clock_jump
        && (0..JUMP_SHOWN_MS).contains(&(now_ms - at_ms))
    {
        let sign = Sign::new("clock_off", Level::Attention).with("jump_ms", jump_ms);
        signs.push(sign.since(at_ms));
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judgement::tests::{NOW, with};

    #[test]
    fn slow_is_what_is_several_times_the_usual() {
        let check = |now_ms: f64, usual_ms: Option<f64>, expect: Option<bool>| {
            let evidence = with(|e| {
                (e.traffic.p95_minute_ms, e.traffic.p95_usual_ms) = (Some(now_ms), usual_ms);
            });
            let sign = latency_sign(&evidence);
            assert_eq!(sign.map(|sign| sign.raises), expect, "{now_ms} {usual_ms:?}");
        };
        check(900.0, Some(200.0), Some(true));
        check(450.0, Some(200.0), Some(false));
        check(450.0, Some(20.0), Some(false));
        check(300.0, Some(20.0), None);
        check(900.0, Some(600.0), None);
        check(900.0, None, None);
    }

    #[test]
    fn orders_stopped_when_many_were_to_be_expected() {
        let check = |minutes, history, traffic, expect: bool| {
            let evidence = with(|e| {
                e.orders.last_order_ms = Some(NOW - minutes * MINUTE_MS);
                e.orders.expected_by_history = history;
                e.orders.expected_by_traffic = traffic;
            });
            let found = orders_stopped_sign(&evidence).is_some();
            assert_eq!(found, expect, "{minutes} {history:?} {traffic:?}");
        };
        check(20, None, Some(16.0), true);
        check(10, None, Some(16.0), false);
        check(20, None, Some(14.0), false);
        check(20, None, None, false);
        // At night nobody comes, and nobody came in past weeks.
        check(300, Some(3.0), Some(20.0), false);
        check(60, Some(10.0), Some(8.0), true);
        check(60, Some(10.0), None, true);
        // A holiday.
        check(60, Some(10.0), Some(1.0), false);
        let unreadable = with(|e| {
            e.orders.last_order_ms = Some(NOW - 60 * MINUTE_MS);
            e.orders.expected_by_traffic = Some(99.0);
            e.orders.error = Some("away".into());
        });
        assert_eq!(orders_stopped_sign(&unreadable), None);
    }

    #[test]
    fn a_jump_of_the_clock_is_told_for_an_hour() {
        let found = |now_ms| {
            let clock_jump = Some((-3_600_000, 1_000));
            let machine = MachineEvidence { clock_jump, ..Default::default() };
            !machine_signs(&machine, now_ms).is_empty()
        };
        assert!(found(1_000) && found(3_600_000));
        assert!(!found(3_601_000) && !found(0));
    }
}
