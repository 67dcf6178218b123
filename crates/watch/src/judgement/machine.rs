//! Checks of what concerns the machine: disks, our own records, certificates, configuration.

use super::{CertificateEvidence, MachineEvidence, Sign, UpgradeEvidence};
use crate::ledger_keeper::{DestinationStanding, LedgerStanding};
use kernel::Level;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const GIGABYTE: u64 = 1_000_000_000;
/// A certificate that a person must replace is announced this long before its end.
const ENDING_MS: i64 = 21 * DAY_MS;
/// One that we renew should have been renewed long before this.
const RENEWAL_LATE_MS: i64 = 7 * DAY_MS;

pub(super) fn signs(machine: &MachineEvidence, now_ms: i64) -> Vec<Sign> {
    let mut signs: Vec<Sign> = machine.disks.iter().filter_map(disk_sign).collect();
    if let Some(error) = &machine.store_error {
        signs.push(Sign::new("store_read_only", Level::Attention).with("error", error.as_str()));
    }
    if machine.log_lines_dropped > 0 {
        let sign = Sign::new("access_log_lossy", Level::Attention);
        signs.push(sign.with("dropped", machine.log_lines_dropped));
    }
    if let Some(error) = &machine.configuration_error {
        let sign = Sign::new("configuration_rejected", Level::Attention);
        signs.push(sign.with("error", error.as_str()));
    }
    if let Some((route, error)) = &machine.notify_failing {
        let sign = Sign::new("notify_failing", Level::Attention).about(route.as_str());
        signs.push(sign.with("route", route.as_str()).with("error", error.as_str()));
    }
    signs.extend(machine.upgrade_taken_back.as_ref().map(upgrade_sign));
    signs.extend(ledger_signs(&machine.ledger));
    signs.extend(machine.certificates.iter().flat_map(|c| certificate_signs(c, now_ms)));
    signs
}

fn upgrade_sign(upgrade: &UpgradeEvidence) -> Sign {
    Sign::new("upgrade_taken_back", Level::Attention)
        .with("version", upgrade.version.as_str())
        .with("runs", upgrade.runs.as_str())
        .with("error", upgrade.error.as_str())
        .since(upgrade.at_ms)
}

fn ledger_signs(ledger: &LedgerStanding) -> Vec<Sign> {
    let broken = ledger.broken.as_ref().map(|(fault, since_ms)| {
        let sign = Sign::new("ledger_broken", Level::Broken).since(*since_ms);
        sign.with("sequence", fault.sequence).with("what", fault.what.code())
    });
    let failing = |to: &DestinationStanding| {
        let failing = to.failing.as_ref()?;
        let sign = Sign::new("checkpoint_undelivered", Level::Attention).about(to.label.as_str());
        let sign = sign.with("to", to.label.as_str()).with("error", failing.error.as_str());
        Some(sign.since(failing.since_ms))
    };
    broken.into_iter().chain(ledger.destinations.iter().filter_map(failing)).collect()
}

/// Raised below 5 % and 10 GB, kept below 7 % and 14 GB; broken below 1 % and 1 GB.
fn disk_sign((path, free, total): &(String, u64, u64)) -> Option<Sign> {
    let share = *free as f64 / (*total).max(1) as f64;
    let below = |part: f64, bytes: u64| share < part && *free < bytes;
    let level = if below(0.01, GIGABYTE) { Level::Broken } else { Level::Attention };
    below(0.07, 14 * GIGABYTE).then(|| {
        Sign::new("disk_nearly_full", level)
            .about(path.as_str())
            .with("path", path.as_str())
            .with("free_bytes", *free)
            .raised_if(below(0.05, 10 * GIGABYTE))
    })
}

fn certificate_signs(certificate: &CertificateEvidence, now_ms: i64) -> Vec<Sign> {
    let host = certificate.host.as_str();
    let mut signs = Vec::new();
    if let Some(error) = &certificate.error {
        let served = certificate.ends_ms.is_some_and(|ends_ms| ends_ms > now_ms);
        let level = if served { Level::Attention } else { Level::Broken };
        let sign = Sign::new("certificate_failed", level).about(host);
        signs.push(sign.with("host", host).with("error", error.as_str()));
    }
    let early = if certificate.renews { RENEWAL_LATE_MS } else { ENDING_MS };
    if let Some(ends_ms) = certificate.ends_ms.filter(|ends_ms| ends_ms - now_ms < early) {
        let level = if ends_ms - now_ms < DAY_MS { Level::Broken } else { Level::Attention };
        let sign = Sign::new("certificate_ending", level).about(host);
        signs.push(sign.with("host", host).with("ends_ms", ends_ms));
    }
    signs
}
