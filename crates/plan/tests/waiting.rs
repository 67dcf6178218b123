//! What runs wait for: approval, windows, freezes, one another.

use crate::world::{
    LIMIT, NOON, World, anna, engine, open_with, plan_of, settled, start, steps_of, until,
};
use kernel::{
    calendar::{Freeze, Window},
    plan::{Approval, CauseCode, RunId, RunState, WaitsFor},
};
use plan::{Calendar, Engine, EngineError, Moments};
use std::sync::atomic::Ordering;

fn nightly() -> Calendar {
    let window = Window::read("nightly".parse().unwrap(), "daily 03:00-05:00 UTC").unwrap();
    Calendar::new(vec![window], Vec::new()).unwrap()
}

async fn waits_for(engine: &Engine, run: RunId) -> Vec<WaitsFor> {
    testkit::wait_until("something to wait for", LIMIT, async || {
        let waits = engine.live(run).map(|live| live.waits).unwrap_or_default();
        if waits.is_empty() { Err("nothing") } else { Ok(waits) }
    })
    .await
}

#[tokio::test]
async fn a_run_that_needs_approval_does_nothing_without_it() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let engine = engine(&world).await;
    let mut plan = plan_of("good1");
    plan.approval = Approval::Needed;
    let (approved, cancelled) = (start(&engine, plan.clone()).await, start(&engine, plan).await);
    assert_eq!(settled(&engine, approved).await.state, RunState::AwaitingApproval);
    assert_eq!(waits_for(&engine, approved).await, [WaitsFor::Approval]);
    engine.cancel(cancelled, anna()).await.unwrap();
    let run = until(&engine, cancelled, RunState::Cancelled).await;
    assert_eq!((steps_of(&run).as_str(), run.cause.unwrap().code), ("s", CauseCode::Cancelled));
    assert!(world.effects().is_empty());
    engine.approve(approved, anna()).await.unwrap();
    let run = until(&engine, approved, RunState::Done).await;
    assert_eq!(run.approved_by, Some(anna()));
}

#[tokio::test]
async fn a_run_waits_for_its_window_over_a_restart() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let first = open_with(&world, Moments::default(), nightly()).await;
    first.resume_all().await;
    let mut plan = plan_of("good1");
    plan.window = Some("nightly".parse().unwrap());
    let id = start(&first, plan.clone()).await;
    let opens_at_ms = NOON + 15 * 3_600_000;
    let window = WaitsFor::Window { window: "nightly".parse().unwrap(), opens_at_ms };
    assert_eq!(waits_for(&first, id).await, std::slice::from_ref(&window));
    let preview = first.preview(plan).await.unwrap();
    assert_eq!(preview.waits_for, [window]);
    first.close(LIMIT).await;
    let second = open_with(&world, Moments::default(), nightly()).await;
    assert_eq!(second.resume_all().await, 1);
    waits_for(&second, id).await;
    assert!(world.effects().is_empty());
    world.now_ms.store(opens_at_ms, Ordering::Relaxed);
    // As the configuration's next reload would.
    second.set_calendar(nightly());
    let run = until(&second, id, RunState::Done).await;
    assert_eq!(run.began_at_ms, Some(opens_at_ms));
}

#[tokio::test]
async fn a_person_may_hurry_a_run_with_a_reason() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let times = ("2026-11-20", "2026-11-30");
    let freeze = Freeze::read("sale".into(), "Black Friday".into(), times, "UTC".into(), None);
    let calendar = Calendar::new(Vec::new(), vec![freeze.unwrap()]).unwrap();
    let engine = open_with(&world, Moments::default(), calendar).await;
    engine.resume_all().await;
    let id = start(&engine, plan_of("good1")).await;
    assert!(matches!(waits_for(&engine, id).await[..], [WaitsFor::Freeze { .. }]));
    engine.hurry(id, anna(), "the shop is down".into()).await.unwrap();
    let run = until(&engine, id, RunState::Done).await;
    assert_eq!(run.hurried.unwrap().reason, "the shop is down");
}

#[tokio::test]
async fn a_window_that_is_unknown_or_too_short_is_refused() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let engine = open_with(&world, Moments::default(), nightly()).await;
    let mut plan = plan_of("good1");
    plan.window = Some("daily".parse().unwrap());
    let refused = engine.start(plan.clone(), anna()).await.unwrap_err();
    assert!(matches!(refused, EngineError::NoWindow { .. }), "{refused}");
    plan.window = Some("nigthly".parse().unwrap());
    let refused = engine.start(plan.clone(), anna()).await.unwrap_err();
    assert!(refused.to_string().ends_with("is `nightly` meant?"), "{refused}");
    plan.window = Some("nightly".parse().unwrap());
    plan.steps[0].timeout_ms = 2 * 3_600_000 + 1;
    let refused = engine.start(plan, anna()).await.unwrap_err();
    assert!(matches!(refused, EngineError::TooLong { .. }), "{refused}");
}

#[tokio::test]
async fn a_plan_may_begin_at_once_past_its_window_with_a_reason_that_the_ledger_keeps() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let engine = open_with(&world, Moments::default(), nightly()).await;
    engine.resume_all().await;
    let mut plan = plan_of("good1");
    plan.window = Some("nightly".parse().unwrap());
    // Longer than the window is ever open.
    plan.steps[0].timeout_ms = 3 * 3_600_000;
    assert!(engine.is_held_back(&plan));
    let preview = engine.preview_at_once(plan.clone()).await.unwrap();
    assert_eq!((preview.waits_for, preview.begins_at_ms), (Vec::new(), Some(NOON)));
    assert!(matches!(preview.hurries_past[..], [WaitsFor::Never { .. }]));
    assert_eq!(engine.windows(&plan)[0].begins_at_ms, None);
    plan.steps[0].timeout_ms = 1_000;
    let opens_at_ms = NOON + 15 * 3_600_000;
    assert_eq!(engine.windows(&plan)[0].begins_at_ms, Some(opens_at_ms));
    assert_eq!(engine.preview(plan.clone()).await.unwrap().begins_at_ms, Some(opens_at_ms));
    let id = engine.start_at_once(plan, anna(), "the shop is down".into()).await.unwrap();
    let run = until(&engine, id, RunState::Done).await;
    assert_eq!(run.hurried.unwrap().reason, "the shop is down");
    let kinds = world.ledger().await;
    assert_eq!(kinds[..2], ["run_started", "run_hurried"]);
}

#[tokio::test]
async fn two_runs_never_act_on_one_shop_at_once_and_the_second_says_whom_it_waits_for() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let engine = engine(&world).await;
    let first = start(&engine, plan_of("gate1 good2")).await;
    until(&engine, first, RunState::Running).await;
    let second = start(&engine, plan_of("good3")).await;
    assert_eq!(waits_for(&engine, second).await, [WaitsFor::Run { run: first }]);
    let preview = engine.preview(plan_of("good4")).await.unwrap();
    assert_eq!(preview.waits_for, [WaitsFor::Run { run: first }]);
    world.set("open", "");
    settled(&engine, second).await;
    assert_eq!(world.effects(), ["start gate1", "start good2", "start good3"]);
}
