//! Queues of a shop: jobs that are due, and that nobody does.

use super::Sign;
use crate::services::QueueStanding;
use kernel::Level;

/// What is due for longer than the configuration allows; it is kept until half of that is reached.
pub(super) fn signs(queues: &[QueueStanding], at_most_ms: i64) -> impl Iterator<Item = Sign> {
    queues.iter().filter_map(move |queue| {
        let waits_ms = queue.oldest_waiting_ms.filter(|waits_ms| *waits_ms > at_most_ms / 2)?;
        let sign = Sign::new("queue_stuck", Level::Attention).about(queue.queue.as_str());
        let sign = sign.with("queue", queue.queue.as_str()).with("waits_ms", waits_ms);
        let sign = sign.with("at_most_ms", at_most_ms);
        #[expect(clippy::cast_possible_truncation, reason = "counts of jobs")]
        let count = |number: Option<f64>| number.unwrap_or(0.0) as i64;
        let sign = sign.with("waiting", count(queue.waiting)).with("running", count(queue.running));
        Some(sign.raised_if(waits_ms > at_most_ms))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_nobody_does_is_found_and_kept_until_it_is_plainly_over() {
        let queue = |waits_ms| QueueStanding {
            queue: "mails".into(),
            waiting: Some(3.0),
            running: Some(0.0),
            failed: None,
            oldest_waiting_ms: waits_ms,
            oldest_running_ms: None,
        };
        let check = |waits_ms, expect: &[&str]| {
            let queues = [queue(waits_ms)];
            let said: Vec<String> = signs(&queues, 60_000)
                .map(|sign| format!("{} {}", sign.id(), sign.raises))
                .collect();
            assert_eq!(said, expect, "{waits_ms:?}");
        };
        check(None, &[]);
        check(Some(0), &[]);
        check(Some(30_000), &[]);
        check(Some(45_000), &["queue_stuck:mails false"]);
        check(Some(60_001), &["queue_stuck:mails true"]);
    }
}
