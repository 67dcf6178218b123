//! Answers that come: judged, followed, measured.

use crate::stand::{PLENTY, Stand, answer, failed, get, http, nobody, unknown};
use checks::{AddressFamily, Check, Conclusion, Expectation, HttpCheck, Phase, readings};
use http::{HeaderMap, Method};
use kernel::readings::Readings;

#[tokio::test]
async fn a_request_arrives_whole_and_its_answer_is_measured() {
    let (stand, asked) =
        Stand::answering(|_| answer(200, "x-shop: open\r\n", r#"{"open":true}"#)).await;
    let name = "x-shop".parse().unwrap();
    let value = "open".to_owned();
    let check = Check::Http(HttpCheck {
        method: Method::POST,
        headers: HeaderMap::from_iter([("x-key".parse().unwrap(), "k".parse().unwrap())]),
        body: "hello".into(),
        expectations: vec![
            Expectation::JsonEquals { pointer: "/open".into(), value: true.into() },
            Expectation::HeaderEquals { name, value },
        ],
        ..get(stand.url("/health?deep=1"))
    });
    let outcome = checks::run(&check, 7, PLENTY).await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
    let asked = asked.lock().unwrap().pop().unwrap();
    assert!(asked.starts_with("POST /health?deep=1 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("x-key: k\r\n") && asked.ends_with("\r\n\r\nhello"), "{asked}");
    assert!(asked.contains(&format!("host: {}\r\n", stand.address)), "{asked}");
    let phases: Vec<Phase> = outcome.phases.iter().map(|(phase, _)| *phase).collect();
    let expect = [Phase::Resolve, Phase::Connect, Phase::Processing, Phase::Transfer];
    assert_eq!((outcome.at_ms, phases.as_slice()), (7, expect.as_slice()));
    let sum: f64 = outcome.phases.iter().map(|(_, seconds)| seconds).sum();
    assert!(sum > 0.0 && sum <= outcome.took_seconds);

    let mut told = Readings::new();
    readings(&check, &outcome, &[("check", "front")], &mut told);
    let value = |name: &str| told.value(name, &[("check", "front")]);
    assert_eq!(value("probe_success"), Some(1.0));
    assert_eq!(value("probe_http_status_code"), Some(200.0));
    assert_eq!(value("probe_http_version"), Some(1.1));
    assert_eq!(value("probe_http_ssl"), Some(0.0));
    assert_eq!(value("probe_http_content_length"), Some(13.0));
    assert_eq!(value("probe_http_uncompressed_body_length"), Some(13.0));
    assert_eq!(value("probe_ip_protocol"), Some(4.0));
    assert_eq!(value("probe_duration_seconds"), Some(outcome.took_seconds));
    assert_eq!(value("probe_ssl_earliest_cert_expiry"), None);
    let phase = [("check", "front"), ("phase", "connect")];
    assert!(told.value("probe_http_duration_seconds", &phase).is_some());
    let phase = [("check", "front"), ("phase", "tls")];
    assert_eq!(told.value("probe_http_duration_seconds", &phase), None);
}

#[tokio::test]
async fn an_answer_that_is_not_as_it_should_be_fails_with_the_reason() {
    let (stand, _) = Stand::answering(|_| answer(503, "", "Fatal error")).await;
    let outcome = http(get(stand.url("/"))).await;
    assert_eq!(failed(&outcome).code, "status_differs");
    assert_eq!(failed(&outcome).params["status"], 503_i64.into());
    let accepted = |expectation: Expectation| HttpCheck {
        expected_status: vec![200..=204, 503..=503],
        expectations: vec![expectation],
        ..get(stand.url("/"))
    };
    let outcome = http(accepted(Expectation::BodyLacks("Fatal".into()))).await;
    assert_eq!(failed(&outcome).code, "body_contains");
    let outcome = http(accepted(Expectation::BodyContains("Fatal".into()))).await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
}

#[tokio::test]
async fn what_could_not_be_tried_is_unknown_and_has_no_success() {
    let check = Check::Http(get("no address".into()));
    let outcome = checks::run(&check, 0, PLENTY).await;
    assert_eq!(unknown(&outcome).code, "address_invalid");
    let mut told = Readings::new();
    readings(&check, &outcome, &[], &mut told);
    assert_eq!(told.value("probe_success", &[]), None);
    assert!(told.value("probe_duration_seconds", &[]).is_some());
}

#[tokio::test]
async fn nobody_there_and_no_address_of_the_family_are_told_apart() {
    let port = nobody().await;
    let outcome = http(get(format!("http://127.0.0.1:{port}/"))).await;
    assert_eq!(failed(&outcome).code, "connection_refused");
    let family = AddressFamily::V6;
    let outcome = http(HttpCheck { family, ..get(format!("http://127.0.0.1:{port}/")) }).await;
    assert_eq!(failed(&outcome).code, "address_missing");
}

fn away(asked: &str) -> Vec<u8> {
    let path = asked.split(' ').nth(1).unwrap();
    let to = |status, to: &str| answer(status, &format!("location: {to}\r\n"), "");
    match path {
        "/shop/old" => to(301, "../new?x=1"),
        "/new?x=1" => answer(200, "", "here"),
        "/order" => to(303, "/new?x=1"),
        "/keep" => to(307, "/new?x=1"),
        "/file" => to(302, "file:///etc/passwd"),
        "/round" => to(302, "/about"),
        "/about" => to(302, "/round"),
        path => {
            let count: u32 = path.trim_start_matches('/').parse().unwrap();
            to(302, &format!("/{}", count + 1))
        }
    }
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_allowed() {
    let (stand, asked) = Stand::answering(away).await;
    let follow = |path: &str, redirects| HttpCheck { redirects, ..get(stand.url(path)) };
    let outcome = http(follow("/shop/old", 3)).await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
    assert_eq!(outcome.seen.redirects, 1);
    let code = async |path: &str, redirects| failed(&http(follow(path, redirects)).await).code;
    assert_eq!(code("/shop/old", 0).await, "status_differs");
    assert_eq!(code("/file", 3).await, "redirect_to_other_scheme");
    assert_eq!(code("/round", 9).await, "redirect_loop");
    assert_eq!(code("/0", 4).await, "too_many_redirects");
    asked.lock().unwrap().clear();
    assert_eq!(code("/0", usize::MAX).await, "too_many_redirects");
    assert_eq!(asked.lock().unwrap().len(), 21);
}

#[tokio::test]
async fn an_order_is_not_placed_again_where_the_answer_says_see_other() {
    let (stand, asked) = Stand::answering(away).await;
    let post = |path: &str| HttpCheck {
        method: Method::POST,
        body: "lamp".into(),
        redirects: 2,
        ..get(stand.url(path))
    };
    assert_eq!(http(post("/order")).await.conclusion, Conclusion::Passed);
    assert_eq!(http(post("/keep")).await.conclusion, Conclusion::Passed);
    let asked = asked.lock().unwrap();
    let is_order = |at: usize| asked[at].starts_with("POST ") && asked[at].ends_with("lamp");
    assert!(is_order(0) && asked[1].starts_with("GET ") && !asked[1].ends_with("lamp"));
    assert!(is_order(2) && is_order(3));
}

#[tokio::test]
async fn secrets_stay_with_the_place_they_were_meant_for() {
    let (other, asked_there) = Stand::answering(|_| answer(200, "", "")).await;
    let to = other.url("/landed");
    let (stand, asked) =
        Stand::answering(move |_| answer(302, &format!("location: {to}\r\n"), "")).await;
    let headers = ["authorization", "cookie", "x-api-key", "host"];
    let headers = headers.map(|name| (name.parse().unwrap(), "shop.example".parse().unwrap()));
    let headers = HeaderMap::from_iter(headers);
    let check = HttpCheck { headers, redirects: 1, ..get(stand.url("/path-with-key")) };
    assert!(!format!("{check:?}").contains("path-with-key"));
    let outcome = http(check).await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
    assert!(asked.lock().unwrap()[0].contains("x-api-key: shop.example"));
    let there = asked_there.lock().unwrap()[0].clone();
    assert!(!there.contains("shop.example"), "{there}");
    assert!(there.contains(&format!("host: {}", other.address)), "{there}");
}
