//! What visitors wrote from an error page: kept for an hour, so that somebody reads it.

use kernel::facts::VisitorReport;
use std::collections::VecDeque;

/// A report is shown for so long.
const SHOWN_MS: i64 = 60 * 60 * 1000;
/// More are not kept; the edge limits how many come.
const KEPT: usize = 100;

#[derive(Debug, Default)]
pub(crate) struct Reports {
    /// With the edge start they came from, which makes their number unique.
    reports: VecDeque<(u64, VisitorReport)>,
}

impl Reports {
    /// Takes a report of the edge `edge_start`; one that was taken before is passed over.
    pub(crate) fn add(&mut self, edge_start: u64, report: &VisitorReport) {
        let known = |(edge, kept): &(u64, VisitorReport)| {
            *edge == edge_start && kept.number == report.number
        };
        if self.reports.iter().any(known) {
            return;
        }
        // Free text from outside: told as a value, never as part of a line.
        tracing::info!(
            shop = %report.shop,
            reference = ?report.reference,
            what = ?report.what,
            "a visitor reported a problem"
        );
        self.reports.push_back((edge_start, report.clone()));
        if self.reports.len() > KEPT {
            self.reports.pop_front();
        }
    }

    /// How many came in the last hour, and the newest of them.
    pub(crate) fn recent(&self, now_ms: i64) -> Option<(u64, &VisitorReport)> {
        let recent = self.reports.iter().filter(|(_, report)| report.at_ms > now_ms - SHOWN_MS);
        let count = recent.clone().count() as u64;
        let newest = recent.max_by_key(|(_, report)| report.at_ms)?;
        Some((count, &newest.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_once_and_for_an_hour() {
        let mut reports = Reports::default();
        let report = |number, at_ms| VisitorReport {
            number,
            at_ms,
            shop: "lamps".parse().unwrap(),
            reference: format!("r{number}"),
            what: "the cart is empty".into(),
        };
        assert_eq!(reports.recent(0), None);
        for _ in 0..2 {
            reports.add(1, &report(1, 1_000));
            reports.add(1, &report(2, 2_000));
            reports.add(2, &report(1, 3_000));
        }
        let (count, newest) = reports.recent(3_000).unwrap();
        assert_eq!((count, newest.at_ms), (3, 3_000));
        assert_eq!(reports.recent(SHOWN_MS + 2_500).unwrap().0, 1);
        assert_eq!(reports.recent(SHOWN_MS + 3_000), None);
    }
}
