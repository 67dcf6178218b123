//! Plans within their limits, what they claim, and how they look as JSON.

use super::*;

fn shop() -> ShopId {
    "lampenladen".parse().unwrap()
}

fn drain() -> Act {
    Act::Drain { shop: shop(), instance: "a".parse().unwrap() }
}

fn undrain() -> Act {
    Act::Undrain { shop: shop(), instance: "a".parse().unwrap() }
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        kind: "restart_instance".parse().unwrap(),
        shop: Some(shop()),
        params: Params::new(),
        steps,
        made_at_ms: 1,
        facts: Vec::new(),
        approval: Approval::NotNeeded,
        purpose: Purpose::Change,
        on_failure: OnFailure::Undo,
        window: None,
    }
}

fn step(act: Act, undo: Undo, timeout_ms: u64) -> Step {
    Step { act, undo, timeout_ms }
}

#[test]
fn a_kind_is_snake_case() {
    let check = |text: &str, expect: bool| {
        assert_eq!(text.parse::<PlanKind>().is_ok(), expect, "{text:?}");
    };
    check("restart_instance", true);
    check("a1", true);
    check("", false);
    check("1a", false);
    check("_a", false);
    check("Restart", false);
    check("re-start", false);
    check(&"a".repeat(64), false);
}

#[test]
fn a_plan_has_steps_and_every_step_a_deadline() {
    let good = step(drain(), Undo::By(undrain()), 1000);
    assert_eq!(plan(vec![good.clone()]).check(), Ok(()));
    assert_eq!(plan(Vec::new()).check(), Err(PlanError::Steps(0)));
    let endless = step(drain(), Undo::NothingToUndo, 0);
    let expect = PlanError::Timeout { step: 1, timeout_ms: 0 };
    assert_eq!(plan(vec![good, endless]).check(), Err(expect));
}

#[test]
fn an_act_and_its_code_say_the_same() {
    let texts = Act::ApplyConfiguration {
        text_sha256: "b".into(),
        text: "new".into(),
        before_sha256: "a".into(),
        before: "old".into(),
    };
    let old = Act::RemoveOldData { what: OldData::RunLogs, older_than_ms: 5 };
    let ordered = Act::OrderCertificate { shop: shop(), hosts: vec!["shop.example".into()] };
    let served = Act::ServeCertificate { shop: shop(), before: None };
    let restored = Act::RestoreCertificate { shop: shop(), serial: Some("0a:1b".into()) };
    for act in [drain(), undrain(), texts, old, ordered, served, restored] {
        let json = serde_json::to_value(&act).unwrap();
        assert_eq!(json["act"], act.code());
        assert_eq!(serde_json::from_value::<Act>(json).unwrap(), act);
    }
}

#[test]
fn a_plan_survives_its_json() {
    let whole = plan(vec![
        step(drain(), Undo::By(undrain()), 1000),
        step(undrain(), Undo::Impossible { reason: "data_is_gone".into() }, 5),
        step(undrain(), Undo::NothingToUndo, 5),
    ]);
    let json = serde_json::to_string(&whole).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), whole);
}

#[test]
fn what_cannot_be_told_may_have_words_alone() {
    let check = |json: &str, expect: Failed| {
        assert_eq!(serde_json::from_str::<Probe>(json).unwrap(), Probe::from(expect), "{json}");
    };
    check(r#"{"probe":"unknown","why":"it is dark"}"#, Failed::new("it is dark"));
    check(
        r#"{"probe":"unknown","why":"it is dark","reason":{"code":"dark","params":{}}}"#,
        Failed::for_now("it is dark").because("dark", []),
    );
}

#[test]
fn a_plan_that_takes_itself_back_leaves_nothing_to_undo() {
    let restart = || {
        let (shop, instance) = (shop(), "a".parse().unwrap());
        step(Act::Restart { shop, instance }, Undo::NothingToUndo, 1)
    };
    let out = || step(drain(), Undo::By(undrain()), 1);
    let back = || step(undrain(), Undo::By(drain()), 1);
    let gone = || step(drain(), Undo::Impossible { reason: "data_is_gone".into() }, 1);
    let check = |steps: Vec<Step>, expect: bool| {
        assert_eq!(plan(steps.clone()).takes_itself_back(), expect, "{steps:?}");
    };
    check(vec![restart()], true);
    check(vec![out(), restart(), back()], true);
    check(vec![out(), restart()], false);
    check(vec![out(), back(), out()], false);
    check(vec![gone()], false);
}

#[test]
fn a_plan_claims_each_subject_once_and_rather_alone() {
    let configuration = Act::ApplyConfiguration {
        text_sha256: String::new(),
        text: String::new(),
        before_sha256: String::new(),
        before: String::new(),
    };
    let both = plan(vec![
        step(drain(), Undo::By(undrain()), 1),
        step(configuration.clone(), Undo::NothingToUndo, 1),
    ]);
    let instances = Claim { subject: Subject::Instances { shop: shop() }, shared: false };
    let alone = Claim { subject: Subject::Configuration, shared: false };
    let shared = Claim { subject: Subject::Configuration, shared: true };
    assert_eq!(both.claims(), [alone.clone(), instances.clone()]);
    let one = plan(vec![step(drain(), Undo::By(undrain()), 1)]);
    assert_eq!(one.claims(), [shared.clone(), instances.clone()]);
    assert!(instances.conflicts_with(&instances));
    assert!(alone.conflicts_with(&shared));
    assert!(!shared.conflicts_with(&shared));
    assert!(!shared.conflicts_with(&instances));
}
