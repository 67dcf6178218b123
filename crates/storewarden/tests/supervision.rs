//! Processes die, are replaced, are reconfigured: visitors notice nothing.

use crate::stand::{LIMIT, Stand, Visitors, get, program};
use std::{fs, os::unix::process::ExitStatusExt, time::Duration};
use testkit::process::{Signal, exists, run_to_end};

#[tokio::test]
async fn a_killed_edge_is_started_again_at_once() {
    let stand = Stand::up().await;
    let old = stand.pid("edge");
    testkit::process::signal(old, Signal::Kill).unwrap();
    stand.until_replaced("edge", old).await;
    stand.until_served(stand.edge).await;
}

#[tokio::test]
async fn the_edge_serves_while_control_is_killed_and_started_again() {
    let stand = Stand::up().await;
    let visitors = Visitors::come(stand.edge);
    for _ in 0..2 {
        let old = stand.pid("control");
        testkit::process::signal(old, Signal::Kill).unwrap();
        stand.until_replaced("control", old).await;
        visitors.until_served(20).await;
    }
    testkit::wait_until("control's answer", LIMIT, async || {
        let answer = get(stand.control, "/api/v1/health").await;
        if answer.as_ref().is_ok_and(|answer| answer.status == 200) { Ok(()) } else { Err(answer) }
    })
    .await;
    visitors.were_all_served().await;
}

#[tokio::test]
async fn an_edge_is_replaced_without_losing_a_request() {
    let mut stand = Stand::up().await;
    let visitors = Visitors::come(stand.edge);
    for _ in 0..3 {
        let old = stand.pid("edge");
        let slow = stand.begin_slow_request().await;
        stand.signal(Signal::User2);
        stand.until_replaced("edge", old).await;
        visitors.until_served(20).await;
        assert!(exists(old), "the old edge left while a request ran: {}", stand.log());
        stand.end_slow_request();
        assert_eq!(slow.await.unwrap().unwrap().body, b"hello");
        stand.until_gone(old).await;
    }
    visitors.were_all_served().await;
}

#[tokio::test]
async fn an_edge_that_cannot_begin_leaves_the_old_one_in_place() {
    let mut stand = Stand::up().await;
    let old = stand.pid("edge");
    let visitors = Visitors::come(stand.edge);
    let text = fs::read_to_string(stand.config()).unwrap();
    let log = stand.folder.path().join("no-such-folder/access.log");
    let broken = text.replace("workers = 2", &format!("access_log = \"{}\"", log.display()));
    fs::write(stand.config(), broken).unwrap();
    stand.signal(Signal::Hangup);
    stand.until_logged("the new edge ended before it served").await;
    visitors.until_served(20).await;
    assert_eq!(stand.pid("edge"), old);
    visitors.were_all_served().await;
}

#[tokio::test]
async fn addresses_come_and_go_with_the_configuration() {
    let mut stand = Stand::up().await;
    let (kept, added) = (stand.edge, testkit::free_port());
    let visitors = Visitors::come(kept);
    stand.configure(&[kept, added]);
    stand.signal(Signal::Hangup);
    stand.until_served(added).await;
    stand.configure(&[kept]);
    stand.signal(Signal::Hangup);
    testkit::wait_until("a closed address", LIMIT, async || match get(added, "/").await {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(()),
        other => Err(other),
    })
    .await;
    visitors.until_served(20).await;
    visitors.were_all_served().await;
}

#[tokio::test]
async fn a_mistake_in_the_configuration_changes_nothing() {
    let mut stand = Stand::up().await;
    let (edge, control) = (stand.pid("edge"), stand.pid("control"));
    let visitors = Visitors::come(stand.edge);
    fs::write(stand.config(), "version = 1\nshop = 7\n").unwrap();
    stand.signal(Signal::Hangup);
    stand.until_logged("the configuration is not valid").await;
    visitors.until_served(20).await;
    assert_eq!((stand.pid("edge"), stand.pid("control")), (edge, control));
    visitors.were_all_served().await;
}

#[tokio::test]
async fn the_edge_outlives_its_supervisor_and_the_next_one_takes_over() {
    let mut stand = Stand::up().await;
    let visitors = Visitors::come(stand.edge);
    for _ in 0..2 {
        let (edge, control) = (stand.pid("edge"), stand.pid("control"));
        let slow = stand.begin_slow_request().await;
        stand.signal(Signal::Kill);
        stand.supervisor().wait().await.unwrap();
        stand.until_gone(control).await;
        visitors.until_served(20).await;
        stand.start();
        stand.until_replaced("edge", edge).await;
        visitors.until_served(20).await;
        stand.end_slow_request();
        assert_eq!(slow.await.unwrap().unwrap().body, b"hello");
        stand.until_gone(edge).await;
    }
    visitors.were_all_served().await;
}

#[tokio::test]
async fn it_ends_in_order_and_lets_running_requests_finish() {
    let mut stand = Stand::up().await;
    let pids = [stand.pid("edge"), stand.pid("control")];
    let slow = stand.begin_slow_request().await;
    stand.signal(Signal::Terminate);
    testkit::wait_until("a closed door", LIMIT, async || {
        tokio::net::TcpStream::connect(stand.edge).await.map_or(Ok(()), Err)
    })
    .await;
    stand.end_slow_request();
    assert_eq!(slow.await.unwrap().unwrap().body, b"hello");
    let status = stand.supervisor().wait().await.unwrap();
    assert_eq!((status.code(), status.signal()), (Some(0), None), "{}", stand.log());
    assert!(!pids.into_iter().any(exists));
}

#[tokio::test]
async fn asked_twice_it_ends_at_once() {
    let mut stand = Stand::up().await;
    let slow = stand.begin_slow_request().await;
    stand.signal(Signal::Interrupt);
    stand.until_logged("stopping").await;
    stand.signal(Signal::Interrupt);
    assert!(stand.supervisor().wait().await.unwrap().success());
    assert!(slow.await.unwrap().is_err());
}

#[tokio::test]
async fn a_second_supervisor_is_refused() {
    let stand = Stand::up().await;
    let state = stand.folder.path().join("state");
    let spawn = program().args(["up", "--config"]).arg(stand.config()).arg("--state").arg(state);
    let error = run_to_end(spawn, LIMIT).unwrap_err().to_string();
    assert!(error.contains(&stand.pid("supervisor").to_string()), "{error}");
}

#[test]
fn mistakes_are_all_told_and_nothing_is_started() {
    let folder = testkit::folder();
    let config = folder.path().join("c.toml");
    fs::write(&config, "version = 1\n[shop.a]\nplatform = \"nothing\"\nhots = []\n").unwrap();
    let state = folder.path().join("state");
    let spawn = program().args(["up", "--config"]).arg(&config).arg("--state").arg(&state);
    let error = run_to_end(spawn, Duration::from_secs(30)).unwrap_err().to_string();
    for part in ["exit status: 3", "c.toml:3:", "c.toml:4:"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!state.exists());
}

#[tokio::test]
async fn a_supervisor_that_leaves_is_followed_by_another_without_losing_a_request() {
    let mut stand = Stand::up().await;
    let visitors = Visitors::come(stand.edge);
    let edge = stand.pid("edge");
    let slow = stand.begin_slow_request().await;
    stand.signal(Signal::User1);
    let left = stand.supervisor().wait().await.unwrap();
    assert!(left.success(), "{left}: {}", stand.log());
    visitors.until_served(20).await;
    // At once, before the edge may have noticed.
    stand.start();
    stand.until_replaced("edge", edge).await;
    visitors.until_served(20).await;
    stand.end_slow_request();
    assert_eq!(slow.await.unwrap().unwrap().body, b"hello");
    visitors.were_all_served().await;
}

/// As systemd keeps them: control and the supervisor of the edge, neither the other's parent.
#[tokio::test]
async fn edge_and_control_are_kept_apart_and_a_reload_reaches_both() {
    let mut stand = Stand::up().await;
    let (config, state) = (stand.config(), stand.folder.path().join("state"));
    let ended = stand.supervisor().stop(LIMIT).await.unwrap();
    assert!(ended.success(), "{ended}");
    let begin = |words: &[&str]| {
        let spawn = program().args(words).arg("--config").arg(&config).arg("--state").arg(&state);
        spawn.output_to(stand.folder.path().join("log")).start().unwrap()
    };
    let mut control = begin(&["control"]);
    let edge = begin(&["up", "--edge-only"]);
    stand.supervisor = Some(edge);
    stand.until_served(stand.edge).await;
    let added = testkit::free_port();
    stand.configure(&[stand.edge, added]);
    control.signal(Signal::Hangup).unwrap();
    stand.until_served(added).await;
    assert!(!state.join("control.pid").exists(), "control is nobody's child here");
    control.stop(LIMIT).await.unwrap();
    stand.until_served(stand.edge).await;
}
