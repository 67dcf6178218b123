//! What the facts mean: findings, and the one verdict about a shop. Pure: evidence in, judgement out.
//!
//! Nothing flickers: a check says whether trouble is plain enough to raise a finding, or merely bad
//! enough to keep one that stands; some findings outlast their last sign by a moment. Unknown is
//! judged unknown, never good.

pub(crate) mod backups;
pub(crate) mod checks;
mod databases;
mod evidence;
mod machine;
pub(crate) mod peers;
mod queues;
mod risk;
mod streams;
mod traffic;
mod trends;
mod vanished;
mod verdict;

#[cfg(test)]
mod tests;

pub use evidence::{
    CertificateEvidence, CheckoutEvidence, EdgeEvidence, Evidence, HoldEvidence, InstanceEvidence,
    LogEvidence, MachineEvidence, OrdersEvidence, OrdersSource, ReportEvidence, Streak,
    TrafficEvidence, UpgradeEvidence,
};

use kernel::{Finding, Level, Params, Value, Verdict};
use std::collections::BTreeMap;

/// What was found, and what must be remembered to judge the next second.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    standing: BTreeMap<String, Standing>,
    /// Checkouts that failed since checkout errors were found.
    checkouts_failed: u64,
    /// Checkouts since then.
    checkouts: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Standing {
    finding: Finding,
    /// When a check last said so, and for how long that is enough. A clock that went back makes no
    /// moment a day.
    seen_ms: i64,
    outlasts_ms: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The most urgent first, then the oldest.
    pub findings: Vec<Finding>,
    pub verdict: Verdict,
}

/// What one check says.
#[derive(Debug, Clone, PartialEq)]
struct Sign {
    code: &'static str,
    /// What it is about, when there can be several of the code.
    subject: Option<String>,
    level: Level,
    params: Params,
    /// Plain enough to raise a finding; else it only keeps one that stands.
    raises: bool,
    /// How long the finding outlasts its last sign.
    outlasts_ms: i64,
    /// When it began, where the facts tell; else the moment it was first seen.
    since_ms: Option<i64>,
}

impl Sign {
    fn new(code: &'static str, level: Level) -> Self {
        let params = Params::new();
        let (subject, since_ms) = (None, None);
        Self { code, subject, level, params, raises: true, outlasts_ms: 0, since_ms }
    }

    fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    fn since(mut self, since_ms: i64) -> Self {
        self.since_ms = Some(since_ms);
        self
    }

    fn raised_if(mut self, plain: bool) -> Self {
        self.raises = plain;
        self
    }

    fn outlasting(mut self, milliseconds: i64) -> Self {
        self.outlasts_ms = milliseconds;
        self
    }

    fn id(&self) -> String {
        match &self.subject {
            Some(subject) => format!("{}:{subject}", self.code),
            None => self.code.to_owned(),
        }
    }
}

/// Judges one second of evidence in the light of what was found before.
#[must_use]
pub fn judge(before: &Memory, evidence: &Evidence) -> (Memory, Judgement) {
    let mut memory = before.clone();
    let checkout_stood = memory.standing.contains_key(traffic::CHECKOUT_ERRORS);
    let mut signs = machine::signs(&evidence.machine, evidence.now_ms);
    signs.extend(trends::machine_signs(&evidence.machine, evidence.now_ms));
    signs.extend(peers::signs(&evidence.machine.peers, evidence.now_ms));
    signs.extend(checks::signs(&evidence.machine.checks, evidence.now_ms));
    signs.extend(checks::signs(&evidence.checks, evidence.now_ms));
    signs.extend(queues::signs(&evidence.queues, evidence.queue_waits_at_most_ms));
    signs.extend(traffic::edge_sign(evidence));
    signs.extend(traffic::log_signs(evidence));
    if evidence.edge == EdgeEvidence::Reporting {
        signs.extend(traffic::instance_signs(evidence));
    }
    if evidence.tells_of_visitors() {
        signs.extend(traffic::signs(evidence));
        signs.extend(trends::latency_sign(evidence));
        memory.count_checkouts(checkout_stood, &evidence.checkout);
        let counted = (memory.checkouts_failed, memory.checkouts);
        signs.extend(traffic::checkout_sign(evidence, counted));
    }
    signs.extend(traffic::orders_sign(evidence));
    signs.extend(trends::orders_stopped_sign(evidence));
    signs.extend(traffic::reports_sign(evidence));
    signs.extend(evidence.backups.iter().flat_map(backups::signs));
    let streams = evidence.backups.iter().flat_map(|of| streams::signs(of, evidence.now_ms));
    signs.extend(streams);
    signs.extend(evidence.database.iter().flat_map(databases::signs));
    signs.extend(evidence.backups.iter().flat_map(vanished::signs));
    memory.settle(signs, evidence.now_ms);
    let mut findings = memory.findings();
    risk::tell(&mut findings, evidence);
    let verdict = verdict::verdict(evidence, &findings, memory.checkouts_failed);
    (memory, Judgement { findings, verdict })
}

/// Judges what concerns the machine rather than a shop.
#[must_use]
pub fn judge_machine(
    before: &Memory,
    edge: EdgeEvidence,
    machine: &MachineEvidence,
    now_ms: i64,
) -> (Memory, Vec<Finding>) {
    let mut memory = before.clone();
    let mut signs = machine::signs(machine, now_ms);
    signs.extend(trends::machine_signs(machine, now_ms));
    signs.extend(peers::signs(&machine.peers, now_ms));
    signs.extend(checks::signs(&machine.checks, now_ms));
    signs.extend(traffic::edge_away(edge));
    memory.settle(signs, now_ms);
    let findings = memory.findings();
    (memory, findings)
}

impl Memory {
    fn count_checkouts(&mut self, stood: bool, checkout: &CheckoutEvidence) {
        if stood {
            self.checkouts_failed += checkout.failed_now;
            self.checkouts += checkout.total_now;
        } else {
            self.checkouts_failed = checkout.streak.failed;
            self.checkouts = checkout.streak.total;
        }
    }

    fn settle(&mut self, signs: Vec<Sign>, now_ms: i64) {
        for sign in signs {
            let id = sign.id();
            let stood = self.standing.get(&id).map(|standing| standing.finding.since_ms);
            if stood.is_none() && !sign.raises {
                continue;
            }
            let since_ms = stood.or(sign.since_ms).unwrap_or(now_ms);
            let Sign { level, code, params, outlasts_ms, .. } = sign;
            let finding =
                Finding { id: id.clone(), level, code: code.to_owned(), params, since_ms };
            self.standing.insert(id, Standing { finding, seen_ms: now_ms, outlasts_ms });
        }
        self.standing
            .retain(|_, standing| (now_ms - standing.seen_ms).abs() <= standing.outlasts_ms);
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            self.standing.values().map(|standing| standing.finding.clone()).collect();
        findings.sort_by_key(|finding| (std::cmp::Reverse(finding.level), finding.since_ms));
        findings
    }
}
