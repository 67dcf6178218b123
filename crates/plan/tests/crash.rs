//! An engine that dies at every moment of every step, forwards and in undo: whoever comes after it
//! brings the run to the same end, with every effect once.

use crate::world::{LIMIT, World, anna, engine, open, plan_of, settled, start, steps_of, until};
use kernel::plan::{RunId, RunState};
use plan::{Moments, Point};
use std::{os::unix::process::ExitStatusExt, path::Path};

const FORWARDS: &str = "good1 halves2 good3";
/// SIGABRT: it died where it should, and not of a panic.
const ABORTED: i32 = 6;
const BACK: &str = "good1 halves2 good3 fails4";

/// What the process is to do that dies: `FOLDER|PLAN|MOMENT`. A moment `in:PART` is in the middle
/// of an effect.
async fn live_until_it_dies(role: &str) {
    let mut parts = role.split('|');
    let (folder, plan, moment) =
        (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let mut world = World::new(Path::new(folder));
    let moments = match moment.strip_prefix("in:") {
        Some(part) => {
            world.dies_in = Some(part.to_owned());
            Moments::default()
        }
        None => Moments::dying_at(moment).unwrap(),
    };
    let engine = open(&world, moments).await;
    if engine.run(RunId(1)).await.is_err() {
        start(&engine, plan_of(plan)).await;
    }
    engine.resume_all().await;
    settled(&engine, RunId(1)).await;
    engine.close(LIMIT).await;
}

async fn die(folder: &Path, plan: &str, moment: &str) {
    let role = format!("{}|{plan}|{moment}", folder.display());
    let name = "crash::whoever_comes_after_a_crash_ends_the_run_with_every_effect_once";
    let mut process = testkit::this_test(name, &role).start().unwrap();
    let end = process.wait().await.unwrap();
    assert_eq!(end.signal(), Some(ABORTED), "{plan} at {moment}");
}

/// The run dies at each of the moments in turn, each time in another process; then it ends here.
async fn check(plan: &str, moments: &[&str]) {
    let folder = testkit::folder();
    for moment in moments {
        die(folder.path(), plan, moment).await;
    }
    let world = World::new(folder.path());
    let engine = engine(&world).await;
    let run = settled(&engine, RunId(1)).await;
    engine.close(LIMIT).await;
    let forwards = ["start good1", "start halves2/1", "start halves2/2", "start good3"];
    let back = ["stop good3", "stop halves2/1", "stop halves2/2", "stop good1"];
    if plan == FORWARDS {
        assert_eq!((run.state, steps_of(&run).as_str()), (RunState::Done, "ddd"), "{moments:?}");
        assert_eq!(world.effects(), forwards, "{moments:?}");
    } else {
        let expect = (RunState::Undone, "uuuf");
        assert_eq!((run.state, steps_of(&run).as_str()), expect, "{moments:?}");
        assert_eq!(world.effects(), [forwards, back].concat(), "{moments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_after_a_crash_ends_the_run_with_every_effect_once() {
    if let Some(role) = testkit::role() {
        return live_until_it_dies(&role).await;
    }
    for step in 0..3 {
        for point in Point::ALL {
            let moment = format!("{step}:{}", point.code());
            check(FORWARDS, &[&moment]).await;
            check(BACK, &[&format!("{moment}:undo")]).await;
        }
    }
    // The step that fails, and never was done.
    for point in [Point::BeforeIntent, Point::AfterIntent] {
        check(BACK, &[&format!("3:{}", point.code())]).await;
    }
    // In the middle of an act: after its effect, and after half of it.
    for part in ["good1", "halves2/1", "halves2/2", "good3"] {
        check(FORWARDS, &[&format!("in:start {part}")]).await;
        check(BACK, &[&format!("in:stop {part}")]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_ends_whoever_does_it_is_left_to_a_person() {
    let folder = testkit::folder();
    die(folder.path(), FORWARDS, "1:after_intent").await;
    for _ in 0..5 {
        // The moment before the next intent never comes: the step is done again and again.
        die(folder.path(), FORWARDS, "1:after_effect").await;
        forget_effect(folder.path());
    }
    let world = World::new(folder.path());
    let engine = engine(&world).await;
    let run = settled(&engine, RunId(1)).await;
    assert_eq!((run.state, steps_of(&run).as_str()), (RunState::Stuck, "d?p"));
    assert_eq!(run.cause.unwrap().message.unwrap(), "5 times the program ended in it");
    // A person has mended what it was.
    engine.retry(RunId(1), anna()).await.unwrap();
    assert_eq!(steps_of(&until(&engine, RunId(1), RunState::Done).await), "ddd");
    engine.close(LIMIT).await;
}

/// As if the act had not come so far.
fn forget_effect(folder: &Path) {
    std::fs::write(folder.join("effects"), "start good1\n").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_survives_one_crash_after_the_other() {
    for point in Point::ALL {
        let (now, next) = (format!("1:{}", point.code()), format!("2:{}", point.code()));
        check(FORWARDS, &["0:after_effect", &now, &next]).await;
        let (now, last) = (format!("{now}:undo"), format!("0:{}:undo", point.code()));
        check(BACK, &["in:start halves2/1", "2:after_intent:undo", &now, &last]).await;
    }
}
