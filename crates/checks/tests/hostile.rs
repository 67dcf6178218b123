//! Answers that nobody should send: each check ends, in time and in little room, and says why.

use crate::stand::{NOW_MS, SHORT, Stand, answer, failed, get, http, request, unknown};
use checks::{Check, Expectation, HttpCheck, Outcome, run};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

async fn shortly(check: HttpCheck) -> Outcome {
    run(&Check::Http(check), NOW_MS, SHORT).await
}

/// Sends `begin`, then `more` again and again until the other side has enough.
async fn endless(begin: &'static str, more: &'static str, pause: Duration) -> Stand {
    Stand::start(move |mut stream| async move {
        request(&mut stream).await;
        let mut sent = stream.write_all(begin.as_bytes()).await;
        while sent.is_ok() {
            tokio::time::sleep(pause).await;
            sent = stream.write_all(more.as_bytes()).await;
        }
    })
    .await
}

#[tokio::test]
async fn an_endless_body_is_read_to_the_limit() {
    let begin = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let stand = endless(begin, "8\r\nlamplamp\r\n", Duration::ZERO).await;
    let outcome = http(HttpCheck { body_limit_bytes: 10_000, ..get(stand.url("/")) }).await;
    assert_eq!(failed(&outcome).code, "body_too_long");
    let read = outcome.seen.http.unwrap().body_bytes;
    assert!((10_001..200_000).contains(&read), "{read}");
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let stand = endless("HTTP/1.1 200 OK\r\n", "x-lamp: 1234567890\r\n", Duration::ZERO).await;
    let outcome = http(get(stand.url("/"))).await;
    assert_eq!(failed(&outcome).code, "answer_malformed");
}

#[tokio::test]
async fn whoever_drips_is_left_at_the_deadline_with_what_was_seen() {
    let drip = Duration::from_millis(50);
    let stand = endless("HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n", "x", drip).await;
    let outcome = shortly(get(stand.url("/"))).await;
    assert_eq!(failed(&outcome).code, "timed_out");
    assert_eq!(failed(&outcome).params["phase"], "transfer".into());
    assert_eq!(outcome.seen.http.unwrap().status, 200);
    let stand = endless("HTTP/1.1 200 OK\r\n", "x", drip).await;
    let outcome = shortly(get(stand.url("/"))).await;
    assert_eq!(failed(&outcome).params["phase"], "processing".into());
    assert!(outcome.took_seconds >= SHORT.as_secs_f64());
    let (phase, seconds) = outcome.phases[2];
    assert!(phase.word() == "processing" && seconds > 0.0);
}

#[tokio::test]
async fn whoever_never_answers_is_left_at_the_deadline() {
    let stand = Stand::start(|mut stream| async move {
        request(&mut stream).await;
        request(&mut stream).await;
    })
    .await;
    let outcome = shortly(get(stand.url("/"))).await;
    assert_eq!(failed(&outcome).code, "timed_out");
    assert_eq!(outcome.seen.http, None);
    let https = format!("https://{}/", stand.address);
    let trust = crate::certificates::authority().trust();
    let outcome = shortly(HttpCheck { trust, ..get(https) }).await;
    assert_eq!(failed(&outcome).params["phase"], "tls".into());
}

#[tokio::test]
async fn a_body_that_comes_packed_is_not_unpacked_and_not_judged() {
    let (stand, _) = Stand::answering(|_| answer(200, "content-encoding: gzip\r\n", "bomb")).await;
    let expectations = vec![Expectation::BodyContains("lamp".into())];
    let outcome = http(HttpCheck { expectations, ..get(stand.url("/")) }).await;
    assert_eq!(unknown(&outcome).code, "body_packed");
    let outcome = http(get(stand.url("/"))).await;
    assert_eq!(outcome.conclusion, checks::Conclusion::Passed);
}

#[tokio::test]
async fn what_is_cut_off_or_no_http_is_told_apart() {
    let check = async |said: &'static [u8], code: &str| {
        let (stand, _) = Stand::answering(|_| said.to_vec()).await;
        assert_eq!(failed(&http(get(stand.url("/"))).await).code, code, "{said:?}");
    };
    check(b"", "closed_early").await;
    check(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "closed_early").await;
    check(b"HTTP/1.1 200 OK\r\n", "closed_early").await;
    check(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "answer_malformed").await;
    check(b"HTTP/1.1 2x0 OK\r\n\r\n", "answer_malformed").await;
    check(b"HTTP/1.1 302 Found\r\nlocation: \xff\r\ncontent-length: 0\r\n\r\n", "status_differs")
        .await;
}

#[tokio::test]
async fn no_answer_makes_it_panic() {
    let mut seed: u64 = 0x5eed;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let well = b"HTTP/1.1 302 Found\r\nlocation: /next?x=1\r\ntransfer-encoding: chunked\r\n\r\n4\r\nlamp\r\n0\r\n\r\n";
    for _ in 0..200 {
        let mut said = well.to_vec();
        for _ in 0..=next() % 4 {
            let at = next() % said.len();
            said[at] = (next() % 256) as u8;
        }
        said.truncate(1 + next() % said.len().max(2));
        let shown = String::from_utf8_lossy(&said).into_owned();
        let (stand, _) = Stand::answering(move |_| said.clone()).await;
        let outcome = http(HttpCheck { redirects: 2, ..get(stand.url("/")) }).await;
        // By whatever reason, but not by the deadline: it all came, and then the end.
        if let checks::Conclusion::Failed(reason) = &outcome.conclusion {
            assert_ne!(reason.code, "timed_out", "{shown}");
        }
        assert!(outcome.phases.len() >= 3, "{shown}");
    }
}
