//! Two engines on one store: the younger has the runs, the older writes nothing any more.

use crate::world::{LIMIT, NOON, World, anna, engine, open, plan_of, settled, start, until};
use kernel::plan::{RunState, StepState};
use plan::{EngineError, Moments};
use store::Store;

#[tokio::test(flavor = "multi_thread")]
async fn an_older_engine_writes_nothing_any_more() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let older = engine(&world).await;
    let id = start(&older, plan_of("good1 gate2 good3")).await;
    until(&older, id, RunState::Running).await;
    world.at_gate().await;
    // The other takes over while the first stands in the middle of a step.
    let younger = open(&world, Moments::default()).await;
    for verb in [older.cancel(id, anna()).await, older.undo(id, anna()).await] {
        assert!(verb.is_err(), "{verb:?}");
    }
    let refused = older.start(plan_of("good9"), anna()).await.unwrap_err();
    assert!(matches!(refused, EngineError::Fenced), "{refused}");
    world.set("open", "");
    // It ends its step, finds that the run is not its own, and leaves it.
    older.close(LIMIT).await;
    assert_eq!(younger.run(id).await.unwrap().state, RunState::Running);
    younger.resume_all().await;
    let run = settled(&younger, id).await;
    assert_eq!(run.state, RunState::Done);
    assert_eq!(world.effects(), ["start good1", "start gate2", "start good3"]);
    let epochs: Vec<u64> = world.fences.lock().unwrap().iter().map(|fence| fence.epoch).collect();
    assert_eq!(epochs, [1, 1, 2], "the gate was found done, and only the rest was left to do");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_a_machine_that_is_gone_end_where_they_were() {
    let folder = testkit::folder();
    let world = World::new(folder.path());
    let gone = engine(&world).await;
    let id = start(&gone, plan_of("good1 gate2 good3")).await;
    until(&gone, id, RunState::Running).await;
    world.at_gate().await;
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(plan::leave_runs_behind(&store, NOON + 1).await.unwrap(), 1);
    assert_eq!(plan::leave_runs_behind(&store, NOON + 2).await.unwrap(), 0);
    let run = store.run(id).await.unwrap().unwrap();
    assert_eq!(run.state, RunState::Cancelled);
    let states: Vec<_> = run.steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Done, StepState::Unknown, StepState::Skipped]);
    world.set("open", "");
    gone.close(LIMIT).await;
}
