//! Previews and acts as the command line prints them.

use super::*;
use kernel::plan::{Approval, OnFailure, Plan, PlanFact, Purpose, RunId, Step};

fn step(act: Act, undo: Undo, timeout_ms: u64) -> Step {
    Step { act, undo, timeout_ms }
}

/// A restart with something of everything that a preview can say.
fn preview() -> Preview {
    let shop = || "lampenladen".parse().unwrap();
    let instance = || "a".parse().unwrap();
    let drain = Act::Drain { shop: shop(), instance: instance() };
    let undrain = Act::Undrain { shop: shop(), instance: instance() };
    let await_healthy = Act::AwaitHealthy { shop: shop(), instance: instance(), within_ms: 90_000 };
    let restart = Act::Restart { shop: shop(), instance: instance() };
    let impossible = Undo::Impossible { reason: "process_is_gone".into() };
    let plan = Plan {
        kind: "restart_instance".parse().unwrap(),
        shop: Some(shop()),
        params: Params::from([("instance".to_owned(), "a".into())]),
        steps: vec![
            step(drain.clone(), Undo::By(undrain.clone()), 30_000),
            step(restart, impossible, 60_500),
            step(await_healthy, Undo::NothingToUndo, 90_000),
            step(undrain, Undo::By(drain), 400),
        ],
        made_at_ms: 0,
        facts: vec![PlanFact { name: "configuration".into(), version: "1".into() }],
        approval: Approval::Needed,
        purpose: Purpose::Change,
        on_failure: OnFailure::Undo,
        window: Some("nightly".parse().unwrap()),
    };
    let condition = |code: &str, holds, params| Condition { code: code.into(), params, holds };
    let other = Params::from([("instance".to_owned(), "a".into())]);
    let mut conditions = vec![
        vec![
            condition("another_instance_healthy", Holds::Yes, other),
            condition("nobody_else_drains", Holds::No, Params::new()),
            condition("checks_are_seen", Holds::Unknown, Params::new()),
        ]
        .into_iter(),
    ];
    let steps = plan.steps.iter().map(|step| StepPreview {
        act: step.act.clone(),
        conditions: conditions.pop().into_iter().flatten().collect(),
        undo: step.undo.clone(),
    });
    Preview {
        steps: steps.collect(),
        impossible_to_undo: vec![1],
        stale: vec!["configuration".into()],
        waits_for: vec![
            WaitsFor::Approval,
            WaitsFor::Window { window: "nightly".parse().unwrap(), opens_at_ms: 1_795_485_600_000 },
            WaitsFor::Freeze {
                freeze: "sale".into(),
                reason: "Black Friday".into(),
                until_ms: 1_796_079_600_000,
            },
            WaitsFor::Never { window: "nightly".parse().unwrap() },
            WaitsFor::Run { run: RunId(7) },
            WaitsFor::Place,
        ],
        hurries_past: vec![WaitsFor::Window {
            window: "nightly".parse().unwrap(),
            opens_at_ms: 1_795_485_600_000,
        }],
        begins_at_ms: None,
        longest_ms: plan.longest_ms(),
        plan,
    }
}

#[test]
fn a_preview_reads_as_it_should() {
    let golden = include_str!("preview.txt");
    let text = preview_text(&preview(), &TimeZone::get("Europe/Berlin").unwrap());
    assert_eq!(text, golden, "if this is better, write it to crates/plan/src/words/preview.txt");
}

#[test]
fn every_act_is_a_sentence() {
    let shop = || "s".parse().unwrap();
    let instance = || "a".parse().unwrap();
    let check = |act: Act, expect: &str| assert_eq!(sentence(&act, &TimeZone::UTC), expect);
    check(Act::Stop { shop: shop(), instance: instance() }, "stop a of s");
    check(Act::Start { shop: shop(), instance: instance() }, "start a of s");
    let deploy =
        |before| Act::Deploy { shop: shop(), instance: instance(), release: "v2".into(), before };
    check(deploy(None), "deploy release v2 on a of s");
    check(deploy(Some("v1".into())), "deploy release v2 on a of s, in place of v1");
    let configuration = Act::ApplyConfiguration {
        text_sha256: "0123456789abcdef".into(),
        text: String::new(),
        before_sha256: "fedc".into(),
        before: String::new(),
    };
    check(configuration, "apply configuration 0123456789ab in place of fedc");
    let old = |what| Act::RemoveOldData { what, older_than_ms: 1_795_485_600_000 };
    check(old(OldData::RunLogs), "remove logs of runs older than 2026-11-24 02:00 UTC");
    check(old(OldData::Minutes), "remove minutes of shops older than 2026-11-24 02:00 UTC");
}

#[test]
fn a_duration_is_told_in_two_units() {
    let check = |milliseconds, expect: &str| assert_eq!(duration(milliseconds), expect);
    check(400, "400 ms");
    check(1_000, "1 s");
    check(1_001, "2 s");
    check(90_000, "1 min 30 s");
    check(3_600_000, "1 h");
    check(3_661_000, "1 h 1 min");
    check(3_601_000, "1 h");
}
