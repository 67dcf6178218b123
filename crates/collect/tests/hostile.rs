//! Servers that lie, never end, or say nothing: nothing is told of them but that they do not answer.

use crate::{
    recorded::record,
    server::{Answer, Server, check, collector, recorded, told, told_within},
};
use collect::{CollectError, StatusPage, Target};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

async fn refused(target: Target, up: &str, is: fn(&CollectError) -> bool) {
    let (outcome, readings) = told(&mut collector(target)).await;
    let error = outcome.unwrap_err();
    assert!(is(&error), "{error:?}");
    check(&readings, &format!("{up} 0"));
    assert_eq!(readings.len(), 2, "{readings:?}");
}

fn is_long(error: &CollectError) -> bool {
    matches!(error, CollectError::TooLong { .. })
}

fn is_odd(error: &CollectError) -> bool {
    matches!(error, CollectError::Odd { .. })
}

#[tokio::test]
async fn redis_that_means_no_good() {
    let check = async |answer: Option<Answer>, is| {
        let server = Server::start(move |_| answer.clone()).await;
        refused(Target::Redis { place: server.place(), login: None }, "redis_up", is).await;
    };
    check(Answer::endless("+x"), is_long).await;
    check(Answer::endless(":1"), is_long).await;
    check(Answer::of("$999999999999\r\n"), is_long).await;
    check(Answer::of("$-1\r\n"), is_odd).await;
    check(Answer::of(":7\r\n"), is_odd).await;
    check(Answer::of("*0\r\n"), is_odd).await;
    check(Answer::of("*1000000000\r\n"), is_odd).await;
    check(Answer::last("*1\r\n*1\r\n*1\r\n"), is_odd).await;
    check(Answer::of("$99999999999999999999999999\r\n"), is_odd).await;
    check(Answer::last("$100\r\nredis_version:7"), is_odd).await;
    check(Answer::last("$4\r\nabcd\r\n"), is_odd).await;
    check(Answer::last("HTTP/1.1 400 Bad Request\r\n"), is_odd).await;
    check(Answer::last(""), is_odd).await;
    let info = |lines: &str| {
        let text = format!("redis_version:7\r\n{lines}");
        Answer::of(format!("${}\r\n{text}\r\n", text.len()))
    };
    check(info("used_memory:1\r\nused_memory:2\r\n"), is_odd).await;
    let databases: String = (0..20_000).map(|number| format!("db{number}:keys=1\r\n")).collect();
    check(info(&databases), is_odd).await;
    check(Answer::of("-NOAUTH Authentication required.\r\n"), |error| {
        matches!(error, CollectError::Refused { said, .. } if said == "NOAUTH Authentication required.")
    })
    .await;
}

#[tokio::test]
async fn a_pool_that_means_no_good() {
    let check = async |answer: Option<Answer>, is| {
        let server = Server::start(move |_| answer.clone()).await;
        let page = StatusPage::FastCgi { place: server.place(), path: "/status".into() };
        refused(Target::PhpFpm(page), "phpfpm_up", is).await;
    };
    check(Answer::endless(record(6, &[b'x'; 60_000], 0)), is_long).await;
    check(Answer::endless(record(6, &[], 0)), is_long).await;
    check(Answer::last(record(3, &[0; 8], 0)), is_odd).await;
    check(Answer::last("HTTP/1.1 400 Bad Request\r\n"), is_odd).await;
    let mut page = record(6, b"Content-type: text/html\r\n\r\n<html>", 0);
    page.extend(record(3, &[0; 8], 0));
    check(Answer::last(page), is_odd).await;
}

#[tokio::test]
async fn a_page_that_never_ends_and_one_that_is_another() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let endless = Server::start(move |_| {
        Answer::endless(format!(
            "{head}{}",
            format!("400\r\n{}\r\n", "x".repeat(1024)).repeat(2048)
        ))
    })
    .await;
    let target = Target::Nginx { url: endless.url("/") };
    refused(target, "nginx_up", |error| matches!(error, CollectError::Http(_))).await;
    let other = Server::start(|_| Answer::http("200 OK", "<html>Welcome to nginx!")).await;
    refused(Target::Nginx { url: other.url("/") }, "nginx_up", is_odd).await;
    let page = StatusPage::Http { url: other.url("/") };
    refused(Target::PhpFpm(page), "phpfpm_up", is_odd).await;
}

#[tokio::test]
async fn one_that_falls_silent_leaves_nothing_of_what_it_said() {
    let silent = Arc::new(AtomicBool::new(false));
    let is_silent = Arc::clone(&silent);
    let server = Server::start(move |_| {
        let info = recorded("redis-7.0-primary.txt");
        let says = !is_silent.load(Ordering::Relaxed);
        says.then(|| Answer::of(format!("${}\r\n{info}\r\n", info.len())))?
    })
    .await;
    let mut collector = collector(Target::Redis { place: server.place(), login: None });
    let (outcome, readings) = told(&mut collector).await;
    outcome.unwrap();
    assert!(readings.len() > 30, "{readings:?}");
    silent.store(true, Ordering::Relaxed);
    let (outcome, readings) = told_within(&mut collector, Duration::from_millis(50)).await;
    assert!(matches!(outcome, Err(CollectError::Deadline { .. })), "{outcome:?}");
    check(&readings, "redis_up 0");
    assert_eq!(readings.len(), 2, "{readings:?}");
    let seconds = [("instance", server.address.as_str()), ("service", "redis")];
    assert!(readings.value("storewarden_collector_seconds", &seconds).unwrap() >= 0.05);
    silent.store(false, Ordering::Relaxed);
    let (outcome, readings) = told(&mut collector).await;
    outcome.unwrap();
    check(&readings, "redis_up 1\nredis_db_keys{db=\"db0\"} 2");
}

#[tokio::test]
async fn where_nobody_listens() {
    let address = testkit::free_port().to_string();
    let place = collect::Place::Tcp(address.clone());
    let is = |error: &CollectError| matches!(error, CollectError::Ask { .. });
    refused(Target::Redis { place, login: None }, "redis_up", is).await;
    let url = format!("http://{address}/nginx_status");
    refused(Target::Nginx { url }, "nginx_up", |error| matches!(error, CollectError::Http(_)))
        .await;
}

#[tokio::test]
async fn none_waits_for_one_that_is_silent() {
    let silent = Server::start(|_| None).await;
    let info = recorded("redis-7.0-primary.txt");
    let server = Server::start(move |_| Answer::of(format!("${}\r\n{info}\r\n", info.len()))).await;
    let target = |server: &Server| Target::Redis { place: server.place(), login: None };
    let mut collectors =
        [collector(target(&silent)), collector(target(&server)), collector(target(&silent))];
    let mut readings = kernel::readings::Readings::new();
    let deadline = Duration::from_secs(2);
    let outcomes = collect::collect_all(&mut collectors, deadline, &mut readings).await;
    let is_up: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(is_up, [false, true, false], "{outcomes:?}");
    for (server, expect) in [(&silent, 0.0), (&server, 1.0)] {
        let instance = [("instance", server.address.as_str())];
        assert_eq!(readings.value("redis_up", &instance), Some(expect));
    }
}
