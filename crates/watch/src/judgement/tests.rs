//! Judgement as tables: the state of a moment, and what is said of it.

use super::*;
use crate::ledger_keeper::{DestinationStanding, Failing};
use kernel::{Drain, facts::Health};

const MINUTE: i64 = 60_000;
pub(super) const NOW: i64 = 1_000 * MINUTE;

/// A shop that sells: two instances up, orders coming in.
fn calm() -> Evidence {
    Evidence {
        now_ms: NOW,
        edge: EdgeEvidence::Reporting,
        logs: None,
        instances: vec![instance("app-1", Health::Up), instance("app-2", Health::Up)],
        hold: HoldEvidence { max_wait_ms: 30_000, ..HoldEvidence::default() },
        traffic: TrafficEvidence {
            requests_short: 1_000,
            errors_short: 0,
            requests_long: 2_000,
            errors_long: 0,
            pages: 200,
            p95_ms: Some(120.0),
            p95_minute_ms: None,
            p95_usual_ms: None,
            any_ever: true,
        },
        checkout: CheckoutEvidence::default(),
        orders: OrdersEvidence {
            last_hour: Some(14),
            last_order_ms: Some(NOW - MINUTE),
            mean_minor: Some(5_000),
            mean_gap_ms: Some(4 * MINUTE),
            ..OrdersEvidence::default()
        },
        reports: None,
        backups: None,
        checks: Vec::new(),
        queues: Vec::new(),
        queue_waits_at_most_ms: 900_000,
        database: None,
        machine: MachineEvidence::default(),
        currency: "EUR".into(),
    }
}

fn instance(name: &str, health: Health) -> InstanceEvidence {
    InstanceEvidence {
        name: name.parse().unwrap(),
        health,
        health_since_ms: NOW - 1_000,
        last_error: (health == Health::Down).then(|| "connection refused".into()),
        drained: None,
    }
}

pub(super) fn with(change: impl FnOnce(&mut Evidence)) -> Evidence {
    let mut evidence = calm();
    change(&mut evidence);
    evidence
}

/// So many errors of 1,000 requests, of which half a minute saw half.
fn errors(count: u64) -> Evidence {
    with(|e| {
        (e.traffic.errors_long, e.traffic.requests_long) = (count, 1_000);
        (e.traffic.errors_short, e.traffic.requests_short) = (count / 2, 500);
    })
}

fn codes(judgement: &Judgement) -> Vec<&str> {
    judgement.findings.iter().map(|finding| finding.code.as_str()).collect()
}

#[test]
fn a_moment_is_judged_by_its_worst() {
    let check = |evidence: Evidence, level, verdict: &str, findings: &[&str]| {
        let (_, judgement) = judge(&Memory::default(), &evidence);
        let said = (judgement.verdict.level, judgement.verdict.code.as_str(), codes(&judgement));
        assert_eq!(said, (level, verdict, findings.to_vec()));
    };
    use Level::{Attention, Broken, Good, Unknown};
    check(calm(), Good, "selling", &[]);
    check(with(|e| e.orders.last_order_ms = Some(NOW - 40 * MINUTE)), Good, "selling_quiet", &[]);
    check(with(|e| e.orders.last_hour = Some(0)), Good, "selling_quiet", &[]);
    check(with(|e| e.traffic.any_ever = false), Unknown, "no_traffic_yet", &[]);
    check(
        with(|e| e.edge = EdgeEvidence::Away { since_ms: 5 }),
        Unknown,
        "edge_away",
        &["edge_away"],
    );
    check(
        with(|e| e.orders.error = Some("connection refused".into())),
        Attention,
        "orders_unknown",
        &["orders_unreadable"],
    );
    check(with(|e| e.orders.source = OrdersSource::NoDatabase), Unknown, "orders_unknown", &[]);
    check(with(|e| e.orders.last_hour = None), Unknown, "orders_unknown", &[]);
    check(with(|e| e.orders.last_order_ms = None), Unknown, "orders_unknown", &[]);
    check(
        with(|e| e.instances[1] = instance("app-2", Health::Down)),
        Attention,
        "instance_down",
        &["instance_down"],
    );
    check(
        with(|e| e.instances[1].drained = Some(Drain::default())),
        Good,
        "selling",
        &["instance_draining"],
    );
    let both_down = |e: &mut Evidence| {
        e.instances = vec![instance("app-1", Health::Down), instance("app-2", Health::Down)];
    };
    check(with(both_down), Broken, "down", &["all_down", "instance_down", "instance_down"]);
    check(
        with(|e| {
            both_down(e);
            e.hold.held = 7;
        }),
        Attention,
        "held",
        &["all_down", "instance_down", "instance_down", "holding"],
    );
    check(
        with(|e| {
            both_down(e);
            (e.hold.held, e.hold.turned_away) = (7, 1);
        }),
        Broken,
        "down",
        &["all_down", "instance_down", "instance_down", "holding"],
    );
    check(errors(100), Attention, "errors_up", &["errors_up"]);
    check(with(|e| e.traffic.p95_ms = Some(2_500.0)), Good, "selling", &["slow"]);
    let full = || Some("disk full".to_owned());
    check(with(|e| e.machine.store_error = full()), Good, "selling", &["store_read_only"]);
    check(with(|e| e.machine.log_lines_dropped = 7), Good, "selling", &["access_log_lossy"]);
    let away = |e: &mut Evidence| {
        let (error, since_ms, retry_at_ms) = ("not mounted".to_owned(), NOW, NOW);
        let failing = Some(Failing { since_ms, error, retry_at_ms, failures: 1 });
        let (id, label) = ("/mnt/usb".to_owned(), "/mnt/usb".to_owned());
        let destination = DestinationStanding { id, label, delivered: None, failing };
        e.machine.ledger.destinations = vec![destination];
    };
    check(with(away), Good, "selling", &["checkpoint_undelivered"]);
    let what = store::LedgerBreak::Changed;
    let fault = store::LedgerFault { sequence: 7, what, witness: None };
    let changed = |e: &mut Evidence| e.machine.ledger.broken = Some((fault, NOW));
    check(with(changed), Good, "selling", &["ledger_broken"]);
    let (reference, what) = ("r1".to_owned(), "nothing happens".to_owned());
    let report = ReportEvidence { count: 2, at_ms: NOW, reference, what };
    check(with(|e| e.reports = Some(report)), Good, "selling", &["visitor_reports"]);
}

#[test]
fn an_instance_whose_health_is_unknown_is_not_called_down() {
    let unknown = with(|e| e.instances = vec![instance("app-1", Health::Unknown)]);
    assert_eq!(codes(&judge(&Memory::default(), &unknown).1), [""; 0]);
    let half = with(|e| {
        e.instances = vec![instance("app-1", Health::Unknown), instance("app-2", Health::Down)];
    });
    assert_eq!(codes(&judge(&Memory::default(), &half).1), ["instance_down"]);
}

#[test]
fn the_last_instance_drained_while_the_other_is_down_leaves_nobody() {
    let evidence = with(|e| {
        e.instances = vec![instance("app-1", Health::Draining), instance("app-2", Health::Down)];
        e.instances[0].drained = Some(Drain::default());
    });
    assert_eq!(judge(&Memory::default(), &evidence).1.verdict.code, "down");
}

/// Judges one second after the other and collects whether `code` stood.
fn story(seconds: Vec<Evidence>, code: &str) -> Vec<bool> {
    let mut memory = Memory::default();
    let mut stood = Vec::new();
    for (n, mut evidence) in seconds.into_iter().enumerate() {
        evidence.now_ms = NOW + i64::try_from(n).unwrap() * 1_000;
        let (next, judgement) = judge(&memory, &evidence);
        memory = next;
        stood.push(judgement.findings.iter().any(|finding| finding.code == code));
    }
    stood
}

#[test]
fn findings_do_not_flicker_at_their_threshold() {
    let seconds = [19, 20, 19, 20, 6, 4, 19].map(errors).to_vec();
    assert_eq!(story(seconds, "errors_up"), [false, true, true, true, true, false, false]);
    let held = |count| with(|e| e.hold.held = count);
    let seconds = [0, 3, 0, 0, 4, 0, 0, 0, 0].map(held).to_vec();
    assert_eq!(
        story(seconds, "holding"),
        [false, true, true, true, true, true, true, false, false]
    );
    let queued = |count| with(|e| e.hold.queued = count);
    assert_eq!(story([9, 10, 1, 0].map(queued).to_vec(), "holding"), [false, true, true, true]);
    let disk = |free| with(|e| e.machine.disks = vec![("/".into(), free, 100_000_000_000)]);
    let seconds = [6_000_000_000, 4_900_000_000, 6_900_000_000, 7_100_000_000].map(disk).to_vec();
    assert_eq!(story(seconds, "disk_nearly_full"), [false, true, true, false]);
}

#[test]
fn an_upgrade_that_took_itself_back_is_told_with_both_versions() {
    let upgrade = UpgradeEvidence {
        at_ms: NOW - 5_000,
        version: "0.2.0".into(),
        runs: "0.1.0".into(),
        error: "it ended".into(),
    };
    let evidence = with(|e| e.machine.upgrade_taken_back = Some(upgrade));
    let judgement = judge(&Memory::default(), &evidence).1;
    assert_eq!(codes(&judgement), ["upgrade_taken_back"]);
    let finding = &judgement.findings[0];
    assert_eq!((finding.level, finding.since_ms), (Level::Attention, NOW - 5_000));
    let said = |name: &str| finding.params[name].clone();
    assert_eq!([said("version"), said("runs")], ["0.2.0".into(), "0.1.0".into()]);
}

fn failing(failed: u64, total: u64) -> CheckoutEvidence {
    CheckoutEvidence {
        failed_now: 1,
        total_now: 1,
        streak: Streak { since_ms: NOW - 2_000, failed, total },
        failed_short: failed,
        total_short: total,
        failed_long: failed,
        total_long: total,
        good_since_failure: 0,
        last_failure_ms: Some(NOW),
    }
}

#[test]
fn a_failing_checkout_is_broken_and_says_what_it_costs() {
    let mut memory = Memory::default();
    for (n, expect_failed) in [(3, 3_i64), (4, 4), (5, 5)] {
        let evidence = with(|e| e.checkout = failing(n, 6));
        let (next, judgement) = judge(&memory, &evidence);
        memory = next;
        let verdict = judgement.verdict;
        assert_eq!((verdict.level, verdict.code.as_str()), (Level::Broken, "checkout_failing"));
        assert_eq!(verdict.params["failed"], expect_failed.into());
        assert_eq!(verdict.params["lost_minor"], (expect_failed * 5_000).into());
        assert_eq!(verdict.params["since_ms"], (NOW - 2_000).into());
    }
    let unpriced = with(|e| {
        e.checkout = failing(3, 6);
        e.orders.mean_minor = None;
    });
    let (_, judgement) = judge(&Memory::default(), &unpriced);
    assert_eq!(judgement.verdict.params.get("lost_minor"), None);
}

#[test]
fn a_failing_checkout_is_mended_by_good_ones_not_by_silence() {
    let silence = CheckoutEvidence {
        failed_now: 0,
        total_now: 0,
        streak: Streak::default(),
        failed_short: 0,
        total_short: 0,
        failed_long: 0,
        total_long: 0,
        ..failing(0, 0)
    };
    let good = CheckoutEvidence { good_since_failure: 3, ..silence };
    let once = |checkout: CheckoutEvidence| with(|e| e.checkout = checkout);
    let story_of = |seconds: Vec<CheckoutEvidence>| {
        story(seconds.into_iter().map(once).collect(), "checkout_errors")
    };
    assert_eq!(story_of(vec![failing(2, 6), silence]), [false, false], "two failed");
    assert_eq!(story_of(vec![failing(3, 20), silence]), [false, false], "few of many failed");
    let streak = Streak { since_ms: NOW, failed: 3, total: 6 };
    let sudden = CheckoutEvidence { streak, ..failing(3, 200) };
    assert_eq!(story_of(vec![sudden, silence]), [true, true], "not until a minute shows it");
    assert_eq!(story_of(vec![failing(3, 3), silence, silence, good]), [true, true, true, false]);
    let still = CheckoutEvidence { failed_short: 1, total_short: 10, ..good };
    assert_eq!(story_of(vec![failing(3, 3), still, good]), [true, true, false]);
}

#[test]
fn certificates_and_configuration_concern_the_machine() {
    let day = 24 * 60 * MINUTE;
    let check = |ends_ms, error: Option<&str>, renews, expect: &[(&str, Level)]| {
        let machine = MachineEvidence {
            certificates: vec![CertificateEvidence {
                shop: "lamps".parse().unwrap(),
                host: "shop.example".into(),
                serial: None,
                ends_ms,
                error: error.map(Into::into),
                renews,
            }],
            ..MachineEvidence::default()
        };
        let edge = EdgeEvidence::Reporting;
        let (_, findings) = judge_machine(&Memory::default(), edge, &machine, NOW);
        let found: Vec<_> = findings.iter().map(|f| (f.code.as_str(), f.level)).collect();
        assert_eq!(found, expect);
    };
    check(Some(NOW + 60 * day), None, true, &[]);
    check(Some(NOW + 20 * day), None, true, &[]);
    check(Some(NOW + 20 * day), None, false, &[("certificate_ending", Level::Attention)]);
    check(Some(NOW + day / 2), None, true, &[("certificate_ending", Level::Broken)]);
    check(None, Some("refused"), true, &[("certificate_failed", Level::Broken)]);
    check(Some(NOW + 60 * day), Some("x"), true, &[("certificate_failed", Level::Attention)]);
}

#[test]
fn a_finding_keeps_its_beginning() {
    let evidence = with(|e| e.hold.held = 1);
    let (memory, first) = judge(&Memory::default(), &evidence);
    let mut later = evidence.clone();
    later.now_ms += 60_000;
    // A minute without a look is no break when the facts say the same: the finding begins anew
    // only when it had ended.
    let (_, second) = judge(&memory, &later);
    assert_eq!(first.findings[0].since_ms, second.findings[0].since_ms);
}

#[test]
fn an_instance_that_takes_connections_and_says_nothing_hangs() {
    let evidence = with(|e| {
        e.instances[0].health = Health::Down;
        e.instances[0].last_error = Some("no answer to the health check within 2s".into());
    });
    let (_, judgement) = judge(&Memory::default(), &evidence);
    assert_eq!(codes(&judgement), ["instance_down", "instance_hung"]);
}

#[test]
fn a_clock_that_goes_back_makes_no_moment_a_day() {
    let day_ms = 86_400_000;
    let mut memory = Memory::default();
    let brief = Sign::new("holding", Level::Attention).outlasting(10_000);
    memory.settle(vec![brief, Sign::new("instance_down", Level::Attention)], day_ms);
    let codes = |memory: &Memory| -> Vec<String> {
        memory.findings().into_iter().map(|finding| finding.code).collect()
    };
    assert_eq!(codes(&memory), ["holding", "instance_down"]);
    memory.settle(Vec::new(), day_ms - 5_000);
    assert_eq!(codes(&memory), ["holding"]);
    memory.settle(Vec::new(), 0);
    assert!(codes(&memory).is_empty());
}
