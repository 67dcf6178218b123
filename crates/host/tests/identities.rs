//! Processes that are found again, and never mistaken for one another.

use host::{
    HostError,
    cgroup::Cgroup,
    process::{Identity, Listener, Signal, Spawn, listener, with_environment},
};
use std::{net::TcpListener, time::Duration};

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_process_is_itself_until_it_ends() {
    let mut process = Spawn::new("sleep").arg("60").start().unwrap();
    let identity = Identity::of(process.pid()).unwrap().unwrap();
    assert!(identity.is_running().unwrap());
    let now_ms = 1_700_000_000_000;
    let started_ms = identity.started_ms(now_ms);
    assert!((now_ms - 10_000..=now_ms).contains(&started_ms), "{started_ms}");
    identity.signal(Signal::Kill).unwrap();
    identity.ended().await.unwrap();
    process.wait().await.unwrap();
    assert!(!identity.is_running().unwrap());
    assert_eq!(Identity::of(process.pid()).unwrap(), None);
}

#[tokio::test]
async fn another_process_of_the_same_number_is_never_signalled() {
    let mut process = Spawn::new("sleep").arg("60").start().unwrap();
    let other = Identity::of(process.pid()).unwrap().unwrap();
    let earlier = Identity { started_ticks: other.started_ticks - 1, ..other.clone() };
    let rebooted = Identity { boot: "another life".to_owned(), ..other.clone() };
    for gone in [earlier, rebooted] {
        assert!(matches!(gone.signal(Signal::Kill), Err(HostError::Ended(_))));
        gone.stop(LONG).await.unwrap();
        gone.ended().await.unwrap();
    }
    assert!(other.is_running().unwrap());
    process.stop(LONG).await.unwrap();
}

#[tokio::test]
async fn one_that_is_not_our_child_is_stopped_and_killed_when_it_is_deaf() {
    let script = "trap '' TERM; echo ready > ready; while :; do sleep 0.05; done";
    let folder = tempfile::tempdir().unwrap();
    let spawn = Spawn::new("/bin/sh").args(["-c", script]).directory(folder.path());
    let mut process = spawn.start().unwrap();
    let identity = Identity::of(process.pid()).unwrap().unwrap();
    let waits = tokio::time::Instant::now();
    while !folder.path().join("ready").exists() {
        assert!(waits.elapsed() < LONG, "the script did not start");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    identity.stop(Duration::from_millis(50)).await.unwrap();
    assert!(!process.wait().await.unwrap().success());
}

#[test]
fn whoever_listens_is_found_with_its_command() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let Listener::Process { identity, command } = listener(address).unwrap() else {
        panic!("nobody was found");
    };
    assert_eq!(identity.pid, std::process::id());
    assert_eq!(command, std::env::args().collect::<Vec<_>>());
    drop(socket);
    assert_eq!(listener(address).unwrap(), Listener::Nobody);
}

#[tokio::test]
async fn a_process_is_found_by_what_it_was_given() {
    let mut process = Spawn::new("sleep").arg("60").env("HOST_TEST_MARK", "a1b2").start().unwrap();
    let begins = tokio::time::Instant::now();
    // Between fork and exec it still has our environment.
    let found = loop {
        match with_environment("HOST_TEST_MARK", "a1b2").unwrap() {
            Some(found) => break found,
            None => assert!(begins.elapsed() < LONG, "it was not found"),
        }
    };
    assert_eq!(found.pid, process.pid());
    assert_eq!(with_environment("HOST_TEST_MARK", "a1b").unwrap(), None);
    process.stop(LONG).await.unwrap();
}

#[tokio::test]
async fn what_was_started_in_a_group_is_killed_with_it() {
    let Some(group) = Cgroup::make(&format!("host-test-{}", std::process::id())) else {
        eprintln!("skipped: this user may make no control group here");
        return;
    };
    let script = "setsid sleep 60 & wait";
    group.enter().unwrap();
    let mut process = Spawn::new("/bin/sh").args(["-c", script]).start().unwrap();
    group.leave().unwrap();
    let ended = group.end(LONG);
    let (killed, ended) = tokio::join!(process.wait(), ended);
    assert!(!killed.unwrap().success());
    ended.unwrap();
    assert!(!group.path().exists());
    group.end(LONG).await.unwrap();
}
