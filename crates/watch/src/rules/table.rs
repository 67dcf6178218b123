//! The rule of every code of findings: the defaults by which a fresh installation alerts, and what
//! the configuration changes of them.

use kernel::config::RuleSettings;
use std::collections::{BTreeMap, BTreeSet};

/// Where a finding comes from: while that tells nothing, a finding that is not there is not gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// What the edge reports.
    Edge,
    /// The shop's database.
    Orders,
    /// Samples of the machine.
    Host,
    /// Other Storewardens, and pages as seen from here.
    Peers,
    /// What is tried from outside.
    Checks,
    /// Whoever has the shop's queues.
    Queues,
    /// What repositories of backups list.
    Backups,
    /// Ourselves: always there.
    Own,
}

/// How one code of findings becomes an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// It must hold so long to fire.
    pub for_ms: i64,
    /// It must be gone so long to be over.
    pub keep_ms: i64,
    pub source: Source,
}

/// A code, the seconds it must hold and those it must be gone, and where it comes from. Judgement
/// has its own thresholds to raise and to keep a finding; these are on top of them. Of an instance the
/// edge has seen several good answers in a row before it is not down any more.
type Line = (&'static str, u32, u32, Source);

const TABLE: &[Line] = &[
    ("all_down", 5, 10, Source::Edge),
    ("instance_down", 30, 10, Source::Edge),
    ("instance_hung", 30, 10, Source::Edge),
    ("holding", 30, 10, Source::Edge),
    ("checkout_errors", 0, 120, Source::Edge),
    ("errors_up", 30, 300, Source::Edge),
    ("slow", 120, 300, Source::Edge),
    ("latency_up", 120, 300, Source::Edge),
    ("orders_stopped", 30, 60, Source::Orders),
    ("orders_unreadable", 300, 120, Source::Own),
    ("logs_unreadable", 60, 60, Source::Own),
    ("log_lines_broken", 120, 300, Source::Edge),
    ("visitor_reports", 0, 60, Source::Own),
    ("edge_away", 15, 60, Source::Own),
    ("disk_nearly_full", 60, 600, Source::Host),
    ("memory_leaking", 300, 1_800, Source::Host),
    ("certificate_ending", 0, 60, Source::Own),
    ("certificate_failed", 0, 60, Source::Own),
    ("clock_off", 0, 60, Source::Own),
    ("store_read_only", 30, 120, Source::Own),
    ("access_log_lossy", 60, 300, Source::Own),
    ("configuration_rejected", 300, 10, Source::Own),
    ("notify_failing", 0, 60, Source::Own),
    ("upgrade_taken_back", 0, 0, Source::Own),
    ("ledger_broken", 0, 60, Source::Own),
    ("checkpoint_undelivered", 3_600, 60, Source::Own),
    ("backup_failed", 0, 10, Source::Backups),
    ("backup_late", 0, 10, Source::Backups),
    // A first one takes its time.
    ("backup_missing", 21_600, 10, Source::Backups),
    ("backup_unknown", 300, 60, Source::Own),
    ("backup_damaged", 0, 60, Source::Own),
    ("drill_failed", 0, 10, Source::Own),
    ("drill_short", 0, 10, Source::Own),
    ("drill_unknown", 0, 10, Source::Own),
    ("drill_late", 0, 60, Source::Own),
    // A first one waits for a first backup, and takes its time.
    ("drill_missing", 21_600, 60, Source::Own),
    ("sheet_untried", 0, 60, Source::Own),
    // How far behind is too far says the configuration.
    ("stream_behind", 5, 10, Source::Own),
    ("stream_stopped", 0, 10, Source::Own),
    ("stream_refused", 60, 10, Source::Own),
    // A process that ends is started again.
    ("stream_unknown", 30, 10, Source::Own),
    ("stream_gap", 0, 10, Source::Own),
    ("orders_vanished", 0, 10, Source::Own),
    ("confirmations_without_order", 0, 10, Source::Own),
    ("stream_copy_behind", 5, 10, Source::Own),
    // A machine that starts anew is back by then.
    ("stream_copy_failing", 60, 10, Source::Own),
    // Sessions are looked at once a minute, and have waited for one then.
    ("database_waits", 0, 90, Source::Own),
    ("database_connections", 60, 90, Source::Own),
    ("database_replica", 60, 90, Source::Own),
    // Two looks in a row have failed then.
    ("replica_stopped", 0, 90, Source::Own),
    ("database_numbers", 0, 60, Source::Own),
    ("database_unknown", 300, 60, Source::Own),
    // Silence has lasted for its own time before it is found.
    ("peer_silent", 0, 60, Source::Peers),
    ("peer_refuses", 30, 60, Source::Peers),
    ("peer_clock_off", 60, 300, Source::Peers),
    ("peer_token_ending", 0, 60, Source::Peers),
    ("page_unreachable", 0, 60, Source::Peers),
    ("nothing_reachable", 0, 60, Source::Own),
    // So many in a row have failed then.
    ("check_failing", 0, 10, Source::Checks),
    // Queues are asked once a minute.
    ("queue_stuck", 0, 90, Source::Queues),
    ("check_unknown", 300, 10, Source::Checks),
    ("check_certificate_ending", 0, 60, Source::Checks),
];

/// Of a code that stands in no table.
const OTHER: Rule = Rule { for_ms: 60_000, keep_ms: 300_000, source: Source::Own };

/// What somebody asked for and therefore knows.
const QUIET: [&str; 1] = ["instance_draining"];

/// The rules in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    changed: BTreeMap<String, RuleSettings>,
}

impl Rules {
    /// The defaults, with what the configuration says of them; the last word on a code counts.
    #[must_use]
    pub fn new(settings: &[RuleSettings]) -> Self {
        Self { changed: settings.iter().map(|rule| (rule.on.clone(), rule.clone())).collect() }
    }

    /// All that alert by a rule of their own, by code.
    #[must_use]
    pub fn all(&self) -> Vec<(String, Rule)> {
        let known = TABLE.iter().map(|line| line.0);
        let codes: BTreeSet<&str> = known.chain(self.changed.keys().map(String::as_str)).collect();
        codes.into_iter().filter_map(|code| Some((code.to_owned(), self.rule(code)?))).collect()
    }

    /// The rule of a code; `None` when such findings never alert.
    #[must_use]
    pub fn rule(&self, code: &str) -> Option<Rule> {
        let own = TABLE.iter().find(|line| line.0 == code).map_or(OTHER, |line| Rule {
            for_ms: i64::from(line.1) * 1_000,
            keep_ms: i64::from(line.2) * 1_000,
            source: line.3,
        });
        let Some(changed) = self.changed.get(code) else {
            return (!QUIET.contains(&code)).then_some(own);
        };
        let span = |changed: Option<u64>, own| {
            changed.map_or(own, |ms| i64::try_from(ms).unwrap_or(i64::MAX))
        };
        changed.enabled.then(|| Rule {
            for_ms: span(changed.for_ms, own.for_ms),
            keep_ms: span(changed.keep_ms, own.keep_ms),
            source: own.source,
        })
    }
}

/// The codes that a fresh installation alerts on.
#[cfg(test)]
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|line| line.0)
}
