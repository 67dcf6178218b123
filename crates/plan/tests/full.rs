//! A full disk in the middle of a step: nothing is started, nothing is claimed, nothing is done
//! twice; room brings the run to its end.

use crate::world::{LIMIT, World, anna, engine, plan_of, settled, start, steps_of, until};
use kernel::plan::RunState;
use plan::EngineError;
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};
use store::StoreError;
use testkit::process::{Spawn, run_to_end};

const TEST: &str = "full::a_full_disk_holds_a_run_up_and_room_brings_it_to_its_end";
/// Mounts a small file system at `$1` that only the following process sees, and becomes that.
const ON_A_SMALL_DISK: &str = r#"mount -t tmpfs -o size=2m tmpfs "$1" && shift && exec "$@""#;

/// A command that runs with a mount table of its own; without root, as root of a user namespace.
fn alone(script: &str) -> Spawn {
    let unshare = Spawn::new("unshare").arg("--mount");
    let is_root = testkit::is_root();
    let unshare = if is_root { unshare } else { unshare.args(["--user", "--map-root-user"]) };
    unshare.args(["sh", "-c", script, "sh"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_holds_a_run_up_and_room_brings_it_to_its_end() {
    if let Some(disk) = testkit::role() {
        return fill_in_the_middle(Path::new(&disk)).await;
    }
    let folder = testkit::folder();
    if run_to_end(alone("mount -t tmpfs tmpfs /tmp"), LIMIT).is_err() {
        eprintln!("skipped: this machine lets us mount nothing");
        return;
    }
    let role = folder.path().to_str().unwrap();
    let wrapper = alone(ON_A_SMALL_DISK).arg(folder.path()).arg(testkit::program());
    run_to_end(testkit::this_test_below(wrapper, TEST, role), LIMIT).unwrap();
}

async fn fill_in_the_middle(disk: &Path) {
    let world = World::new(disk);
    let engine = engine(&world).await;
    let id = start(&engine, plan_of("good1 gate2 good3")).await;
    world.at_gate().await;
    let ballast = disk.join("ballast");
    let mut file = File::create(&ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    // Open, it would keep its room.
    drop(file);
    // No room for a new run, and it is said so.
    let refused = loop {
        if let Err(error) = engine.start(plan_of("good9"), anna()).await {
            break error;
        }
    };
    assert!(matches!(refused, EngineError::Store(StoreError::Full(_))), "{refused:?}");
    world.set("open", "");
    testkit::wait_until("the effect", LIMIT, async || {
        let effects = world.effects();
        if effects.last().is_some_and(|last| last == "start gate2") { Ok(()) } else { Err(effects) }
    })
    .await;
    let held_up = engine.run(id).await.unwrap();
    assert_eq!((held_up.state, steps_of(&held_up).as_str()), (RunState::Running, "dip"));
    fs::remove_file(ballast).unwrap();
    assert_eq!(until(&engine, id, RunState::Done).await, settled(&engine, id).await);
    let effects = world.effects();
    assert_eq!(effects[..3], ["start good1", "start gate2", "start good3"]);
    engine.close(LIMIT).await;
}
