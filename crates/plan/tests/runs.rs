//! How runs end: well, badly, cancelled, taken back, and not to be told.

use crate::world::{
    LIMIT, World, anna, engine, is_not_now, plan_of, settled, start, steps_of, until,
};
use kernel::{
    Params,
    plan::{
        CauseCode, Holds, OnFailure, Plan, PlanFact, Reason, Run, RunHappening, RunState, StepState,
    },
};
use plan::EngineError;
use std::{sync::atomic::Ordering, time::Duration};
use store::{LedgerFilter, LedgerPaging, Store};

/// Starts a plan in a world of its own and waits until it settles.
async fn run_of(names: &str, on_failure: OnFailure) -> (Run, Vec<String>) {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let engine = engine(&world).await;
    let mut plan = plan_of(names);
    plan.on_failure = on_failure;
    let id = start(&engine, plan).await;
    let run = settled(&engine, id).await;
    engine.close(LIMIT).await;
    (run, world.effects())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_as_its_steps_do() {
    let check = async |names: &str, state: RunState, steps: &str, effects: &[&str]| {
        let (run, done) = run_of(names, OnFailure::Undo).await;
        assert_eq!((run.state, steps_of(&run).as_str()), (state, steps), "{names}: {run:?}");
        assert_eq!(done, effects, "{names}");
    };
    let (done, failed, undone) = (RunState::Done, RunState::Failed, RunState::Undone);
    check("good1 good2", done, "dd", &["start good1", "start good2"]).await;
    check("halves1", done, "d", &["start halves1/1", "start halves1/2"]).await;
    check("flaky1", done, "d", &["start flaky1"]).await;
    // It took too long, but a look finds that it was done; or that it was not.
    check("hangs1 good2", done, "dd", &["start hangs1", "start good2"]).await;
    check("stalls1 good2", failed, "fs", &[]).await;
    check("fails1 good2", failed, "fs", &[]).await;
    check("closed1", failed, "f", &[]).await;
    check("murky1", failed, "f", &[]).await;
    check("good1 fails2", undone, "uf", &["start good1", "stop good1"]).await;
    check("good1 closed2", undone, "uf", &["start good1", "stop good1"]).await;
    let effects = ["start good1", "start good2", "stop good2", "stop good1"];
    check("good1 good2 fails3 good4", undone, "uufs", &effects).await;
    // What was left in part, or cannot be verified, is taken back too.
    let effects = ["start breaks1/1", "stop breaks1/1", "stop breaks1/2"];
    check("breaks1", undone, "u", &effects).await;
    check("unverified1", undone, "u", &["start unverified1", "stop unverified1"]).await;
    // What cannot be taken back stays, and is said.
    let effects = ["start good1", "start good2", "stop good1"];
    check("good1 good2:! fails3", RunState::UndoFailed, "udf", &effects).await;
    check("good1 good2:- fails3", undone, "udf", &effects).await;
    check("dark1 good2", RunState::Stuck, "?p", &[]).await;
}

#[tokio::test]
async fn a_cause_says_what_went_wrong() {
    let check = async |names: &str, code: CauseCode, step: usize, message: &str| {
        let (run, _) = run_of(names, OnFailure::Undo).await;
        let cause = run.cause.unwrap();
        assert_eq!((cause.code, cause.step), (code, Some(step)), "{names}");
        assert_eq!(cause.message.as_deref(), Some(message), "{names}");
    };
    check("good1 fails2", CauseCode::StepFailed, 1, "it fails").await;
    check("stalls1", CauseCode::TimedOut, 0, "it took longer than 50 ms").await;
    check("closed1", CauseCode::ConditionNotMet, 0, "is open (after 0)").await;
    check("murky1", CauseCode::ConditionUnknown, 0, "is open (after 0)").await;
    check("unverified1", CauseCode::NotVerified, 0, "it is not there").await;
    check("dark1", CauseCode::Unknown, 0, "it went dark; no light").await;
}

#[tokio::test]
async fn what_cannot_be_told_says_so_by_a_code() {
    let (run, _) = run_of("dark1", OnFailure::Undo).await;
    let expect = Some(Reason::new("no_light", []));
    assert_eq!((run.cause.unwrap().reason, run.steps[0].reason.clone()), (expect.clone(), expect));
}

#[tokio::test]
async fn a_plan_that_says_so_leaves_what_was_done() {
    let (run, effects) = run_of("good1 fails2 good3", OnFailure::Stop).await;
    assert_eq!((run.state, steps_of(&run).as_str()), (RunState::Failed, "dfs"));
    assert_eq!(effects, ["start good1"]);
}

#[tokio::test]
async fn steps_that_do_not_need_one_another_are_all_done_and_the_run_fails_by_the_first() {
    let check = async |names: &str, steps: &str, state, first: Option<usize>| {
        let (run, _) = run_of(names, OnFailure::GoOn).await;
        assert_eq!((run.state, steps_of(&run).as_str()), (state, steps), "{names}");
        assert_eq!(run.cause.and_then(|cause| cause.step), first, "{names}");
    };
    check("good1 good2", "dd", RunState::Done, None).await;
    check("good1 fails2 good3", "dfd", RunState::Failed, Some(1)).await;
    check("fails1 good2 fails3", "fdf", RunState::Failed, Some(0)).await;
    check("good1 fails2", "df", RunState::Failed, Some(1)).await;
}

#[tokio::test]
async fn a_done_run_is_taken_back_once() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let engine = engine(&world).await;
    let id = start(&engine, plan_of("good1 good2")).await;
    assert_eq!(settled(&engine, id).await.state, RunState::Done);
    engine.undo(id, anna()).await.unwrap();
    let run = until(&engine, id, RunState::Undone).await;
    assert_eq!(run.cause.unwrap().by, Some(anna()));
    assert_eq!(world.effects(), ["start good1", "start good2", "stop good2", "stop good1"]);
    assert!(is_not_now(&engine.undo(id, anna()).await));
    assert!(is_not_now(&engine.cancel(id, anna()).await));
    assert!(is_not_now(&engine.approve(id, anna()).await));
}

#[tokio::test]
async fn cancelling_stops_in_the_step_where_it_can_and_takes_back_what_was_done() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let engine = engine(&world).await;
    let id = start(&engine, plan_of("good1 gate2 good3")).await;
    world.at_gate().await;
    engine.cancel(id, anna()).await.unwrap();
    let run = until(&engine, id, RunState::Undone).await;
    assert_eq!(steps_of(&run), "ufs");
    let cause = run.cause.unwrap();
    assert_eq!((cause.code, cause.by), (CauseCode::Cancelled, Some(anna())));
    assert_eq!(world.effects(), ["start good1", "stop good1"]);
}

#[tokio::test]
async fn cancelling_ends_the_tries_of_a_step_that_fails_for_now() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let engine = engine(&world).await;
    let id = start(&engine, plan_of("good1 never2")).await;
    testkit::wait_until("a try", LIMIT, async || {
        let log = engine.log(id).await.unwrap();
        if log.contains("start never2") { Ok(()) } else { Err(log) }
    })
    .await;
    engine.cancel(id, anna()).await.unwrap();
    let run = until(&engine, id, RunState::Undone).await;
    assert_eq!((steps_of(&run).as_str(), run.cause.unwrap().code), ("uf", CauseCode::Cancelled));
}

#[tokio::test]
async fn a_condition_that_is_unknown_for_a_moment_is_asked_again() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let engine = engine(&world).await;
    let id = start(&engine, plan_of("good1 dawning2")).await;
    testkit::wait_until("the step before", LIMIT, async || {
        let run = engine.run(id).await.unwrap();
        if steps_of(&run) == "dp" { Ok(()) } else { Err(run.state) }
    })
    .await;
    world.set("light", "");
    assert_eq!(settled(&engine, id).await.state, RunState::Done);
    // Whoever cancels need not wait for it.
    std::fs::remove_file(world.folder.join("light")).unwrap();
    let id = start(&engine, plan_of("good3 dawning4")).await;
    testkit::wait_until("the step before", LIMIT, async || {
        let run = engine.run(id).await.unwrap();
        if steps_of(&run) == "dp" { Ok(()) } else { Err(run.state) }
    })
    .await;
    engine.cancel(id, anna()).await.unwrap();
    let run = settled(&engine, id).await;
    assert_eq!((run.state, steps_of(&run).as_str()), (RunState::Undone, "us"));
}

#[tokio::test]
async fn a_person_decides_what_nobody_can_tell() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let engine = engine(&world).await;
    // Looking again without light changes nothing; a person's word does.
    let id = start(&engine, plan_of("good1 dark2 good3")).await;
    assert_eq!(settled(&engine, id).await.state, RunState::Stuck);
    let revision = engine.retry(id, anna()).await.unwrap().revision;
    let run = testkit::wait_until("the same again", LIMIT, async || {
        let run = engine.run(id).await.unwrap();
        let is_at_rest = run.state == RunState::Stuck && run.revision > revision;
        if is_at_rest { Ok(run) } else { Err(run.state) }
    })
    .await;
    assert_eq!((run.state, steps_of(&run).as_str()), (RunState::Stuck, "d?p"));
    engine.declare(id, true, anna()).await.unwrap();
    assert_eq!(steps_of(&until(&engine, id, RunState::Done).await), "ddd");
    // Ended as it stands.
    let id = start(&engine, plan_of("dark1 good9")).await;
    assert_eq!(settled(&engine, id).await.state, RunState::Stuck);
    engine.give_up(id, anna()).await.unwrap();
    let run = until(&engine, id, RunState::Failed).await;
    assert_eq!((steps_of(&run).as_str(), run.cause.unwrap().code), ("?s", CauseCode::GivenUp));
    // With light, it is seen that it was not done; it fails again, and that is now known.
    let id = start(&engine, plan_of("dark1 good9")).await;
    assert_eq!(settled(&engine, id).await.state, RunState::Stuck);
    world.set("light", "");
    engine.retry(id, anna()).await.unwrap();
    assert_eq!(steps_of(&until(&engine, id, RunState::Failed).await), "fs");
    assert_eq!(world.effects(), ["start good1", "start good3"]);
}

#[tokio::test]
async fn what_can_be_told_again_goes_on_by_itself() {
    let folder = testkit::folder();
    let mut world = World::new(folder.path());
    world.look_again = Duration::from_millis(20);
    let engine = engine(&world).await;
    let id = start(&engine, plan_of("good1 dark2 good3")).await;
    assert_eq!(settled(&engine, id).await.state, RunState::Stuck);
    world.set("light", "");
    // It is seen that it was not done, is done once more, and fails: that is known now, and taken back.
    assert_eq!(steps_of(&until(&engine, id, RunState::Undone).await), "ufs");
    assert!(world.ledger().await.contains(&"run_retried".to_owned()));
    // Looks that tell nothing leave no trace.
    let folder = testkit::folder();
    let mut world = World::new(folder.path());
    world.look_again = Duration::from_millis(20);
    let engine = self::engine(&world).await;
    let id = start(&engine, plan_of("dark1")).await;
    let stuck = settled(&engine, id).await;
    testkit::wait_until("some looks", LIMIT, async || {
        let looks = world.looks.load(Ordering::Relaxed);
        if looks > 2 { Ok(()) } else { Err(looks) }
    })
    .await;
    assert_eq!(engine.run(id).await.unwrap().revision, stuck.revision);
}

#[tokio::test]
async fn a_plan_older_than_its_facts_is_refused() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    world.set("moon", "new");
    let engine = engine(&world).await;
    let mut plan = plan_of("good1");
    plan.facts = vec![PlanFact { name: "moon".into(), version: "full".into() }];
    let stale = engine.start(plan.clone(), anna()).await.unwrap_err();
    assert!(matches!(&stale, EngineError::Stale { facts } if facts == &["moon"]), "{stale}");
    plan.facts[0].version = "new".into();
    plan.approval = kernel::plan::Approval::Needed;
    let id = start(&engine, plan).await;
    world.set("moon", "half");
    engine.approve(id, anna()).await.unwrap();
    let run = until(&engine, id, RunState::Failed).await;
    assert_eq!((steps_of(&run).as_str(), run.cause.unwrap().code), ("s", CauseCode::Stale));
    assert!(world.effects().is_empty());
}

#[tokio::test]
async fn a_preview_says_what_would_be_and_does_nothing() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let engine = engine(&world).await;
    let mut plan = plan_of("good1 closed2:! good3");
    plan.facts = vec![PlanFact { name: "moon".into(), version: "full".into() }];
    let preview = engine.preview(plan).await.unwrap();
    let conditions: Vec<_> = preview.steps.iter().map(|step| step.conditions[0].holds).collect();
    assert_eq!(conditions, [Holds::Yes, Holds::No, Holds::Yes]);
    let after: Vec<_> =
        preview.steps.iter().map(|step| step.conditions[0].params["after"].clone()).collect();
    assert_eq!(after, [0_i64.into(), 1_i64.into(), 2_i64.into()]);
    assert_eq!(preview.impossible_to_undo, [1]);
    assert_eq!(preview.stale, ["moon"]);
    assert_eq!(preview.longest_ms, 60_000);
    assert!(!preview.may_start());
    assert!(world.effects().is_empty());
    let mut nobodys = plan_of("good1");
    nobodys.steps[0].act =
        kernel::plan::Act::RemoveOldData { what: kernel::plan::OldData::Minutes, older_than_ms: 0 };
    let refused = engine.preview(nobodys).await.unwrap_err();
    assert!(matches!(refused, EngineError::NoPerformer(_)), "{refused}");
}

#[tokio::test]
async fn whoever_watches_sees_states_steps_progress_and_lines() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let engine = engine(&world).await;
    let mut events = engine.subscribe();
    let id = start(&engine, plan_of("good1 halves2")).await;
    settled(&engine, id).await;
    let (mut states, mut steps, mut lines, mut shares) = (vec![], vec![], vec![], vec![]);
    while let Ok(event) = events.try_recv() {
        assert_eq!(event.run, id);
        match event.what {
            RunHappening::State { state, .. } => states.push(state),
            RunHappening::Step { step, state, .. } => steps.push((step, state)),
            RunHappening::Line { step, text } => lines.push((step, text)),
            RunHappening::Progress { share, .. } => shares.push(share.unwrap()),
            RunHappening::Waits { .. } => {}
        }
    }
    assert_eq!(states, [RunState::Waiting, RunState::Running, RunState::Done]);
    let (intended, done) = (StepState::Intended, StepState::Done);
    assert_eq!(steps, [(0, intended), (0, done), (1, intended), (1, done)]);
    assert_eq!(lines, [(0, "start good1".to_owned()), (1, "start halves2".to_owned())]);
    assert_eq!(shares, [0.5, 0.5, 1.0]);
    let log = engine.log(id).await.unwrap();
    let expect =
        "2026-11-22T12:00:00.000Z 1 start good1\n2026-11-22T12:00:00.000Z 2 start halves2\n";
    assert_eq!(log, expect);
    assert_eq!(engine.log(kernel::plan::RunId(99)).await.unwrap(), "");
    assert_eq!(engine.live(id), None);
}

#[tokio::test]
async fn the_ledger_is_told_of_every_deed_and_of_the_end() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let engine = engine(&world).await;
    let params = Params::from([("instance".to_owned(), "good1".into())]);
    let id = start(&engine, Plan { params, ..plan_of("good1 fails2") }).await;
    assert_eq!(settled(&engine, id).await.state, RunState::Undone);
    let store = Store::open(&world.folder).unwrap();
    let paging = LedgerPaging::OldestFirst { after: 0 };
    let page = store.ledger(paging, 100, LedgerFilter::default()).await.unwrap();
    let kinds: Vec<_> = page.records.iter().map(|record| record.kind.as_str()).collect();
    let expect =
        ["run_started", "run_began", "step_done", "step_failed", "step_undone", "run_ended"];
    assert_eq!(kinds, expect);
    assert!(page.records.iter().all(|of| of.subject.as_deref() == Some("run:1")));
    let started = serde_json::to_string(&page.records[0].params).unwrap();
    assert_eq!(started, r#"{"instance":"good1","plan":"start_instances","steps":2}"#);
}

#[tokio::test]
async fn a_clock_that_goes_back_confuses_nobody() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let engine = engine(&world).await;
    let id = start(&engine, plan_of("good1 gate2 good3")).await;
    world.at_gate().await;
    world.now_ms.fetch_sub(3_600_000, Ordering::Relaxed);
    world.set("open", "");
    let run = settled(&engine, id).await;
    assert_eq!(run.state, RunState::Done);
    let ends: Vec<_> = run.steps.iter().map(|step| step.ended_at_ms.unwrap()).collect();
    assert!(ends.is_sorted() && run.ended_at_ms >= run.began_at_ms, "{run:?}");
    assert_eq!(world.effects(), ["start good1", "start gate2", "start good3"]);
}
