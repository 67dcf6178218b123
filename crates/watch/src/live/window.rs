//! The last seconds of one shop's counts, for rates, timings and judgement.

use super::difference::Counts;
use kernel::{Histogram, RouteClass};
use std::collections::VecDeque;

/// How far timings and tables look back.
const SHORT_MS: i64 = 10_000;
/// How far judgement looks back.
const LONG_MS: i64 = 60_000;

/// One tick's worth of counts.
#[derive(Debug)]
struct Second {
    at_ms: i64,
    /// The time the counts cover.
    covered_ms: i64,
    counts: Counts,
}

/// A count of requests and errors judged over the long window, without histograms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) checkouts: u64,
    pub(crate) checkout_errors: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Window {
    short: VecDeque<Second>,
    long: VecDeque<(i64, Tally)>,
}

impl Window {
    /// Takes the counts of a tick. Ticks without facts are not pushed.
    pub(crate) fn push(&mut self, at_ms: i64, covered_ms: i64, counts: Counts) -> Tally {
        let (checkouts, checkout_errors) = counts.checkout();
        let tally = Tally {
            requests: counts.requests(),
            errors: counts.errors(),
            checkouts,
            checkout_errors,
        };
        self.long.push_back((at_ms, tally));
        self.short.push_back(Second { at_ms, covered_ms, counts });
        tally
    }

    /// Forgets what is older than the windows, and what a clock that was set back has not come to yet.
    pub(crate) fn prune(&mut self, now_ms: i64) {
        while self.short.back().is_some_and(|second| second.at_ms > now_ms) {
            self.short.pop_back();
        }
        while self.long.back().is_some_and(|(at_ms, _)| *at_ms > now_ms) {
            self.long.pop_back();
        }
        while self.short.front().is_some_and(|second| second.at_ms <= now_ms - SHORT_MS) {
            self.short.pop_front();
        }
        while self.long.front().is_some_and(|(at_ms, _)| *at_ms <= now_ms - LONG_MS) {
            self.long.pop_front();
        }
    }

    /// All of the short window as one, and the seconds it covers; `None` when it covers nothing.
    pub(crate) fn short(&self) -> Option<(Counts, f64)> {
        let mut sum = Counts::default();
        let mut covered_ms = 0;
        for second in &self.short {
            sum.merge(second.counts.clone());
            covered_ms += second.covered_ms;
        }
        (covered_ms > 0).then_some((sum, covered_ms as f64 / 1000.0))
    }

    /// The sums of the last `span_ms`, up to the long window.
    pub(crate) fn tally(&self, now_ms: i64, span_ms: i64) -> Tally {
        let recent = self.long.iter().filter(|(at_ms, _)| *at_ms > now_ms - span_ms);
        recent.fold(Tally::default(), |sum, (_, tally)| Tally {
            requests: sum.requests + tally.requests,
            errors: sum.errors + tally.errors,
            checkouts: sum.checkouts + tally.checkouts,
            checkout_errors: sum.checkout_errors + tally.checkout_errors,
        })
    }
}

/// Times to the first byte of pages and calls: images and files would hide how the shop feels.
pub(crate) fn page_timings(counts: &Counts) -> Histogram {
    let mut pages = Histogram::default();
    for class in counts.classes.iter().filter(|class| class.class != RouteClass::Asset) {
        pages.merge(&class.first_byte);
    }
    pages
}
