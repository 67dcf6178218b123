//! The end of a domain, told by a registry of the test.

use crate::stand::{NOW_MS, PLENTY, SHORT, Stand, answer, failed, nobody, request, unknown};
use checks::{Check, Conclusion, DomainCheck, Outcome, Trust, readings, run};
use kernel::readings::Readings;

fn check(bootstrap: String) -> Check {
    let trust = Trust::of(Vec::new());
    Check::Domain(DomainCheck {
        domain: "Shop.example".to_owned(),
        bootstrap,
        days_left: 30,
        trust,
    })
}

async fn asked(status: u16, told: &'static str) -> Outcome {
    let (stand, requests) = Stand::answering(move |request| {
        let host = request.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        if request.starts_with("GET /dns.json ") {
            let list = format!(r#"{{"services":[[["example"],["http://{host}/rdap"]]]}}"#);
            return answer(200, "", &list);
        }
        if request.starts_with("GET /rdap/") {
            let place = format!("location: http://{host}/other/domain/shop.example\r\n");
            return answer(302, &place, "");
        }
        assert!(request.starts_with("GET /other/domain/shop.example "), "{request}");
        assert!(request.contains("accept: application/rdap+json"), "{request}");
        answer(status, "", told)
    })
    .await;
    let check = check(stand.url("/dns.json"));
    let outcome = run(&check, NOW_MS, PLENTY).await;
    assert_eq!(requests.lock().unwrap().len(), 3);
    outcome
}

#[tokio::test]
async fn the_end_of_a_domain_is_told_and_judged() {
    let long = asked(
        200,
        r#"{"ldhName":"shop.example","events":[{"eventAction":"expiration","eventDate":"2026-06-01T00:00:00Z"}]}"#,
    )
    .await;
    assert_eq!(long.conclusion, Conclusion::Passed);
    assert_eq!(long.seen.domain_expiry_ms, Some(1_780_272_000_000));
    let mut told = Readings::new();
    readings(&check(String::new()), &long, &[], &mut told);
    let expiry = told.value("probe_domain_expiry_timestamp_seconds", &[]);
    assert_eq!(expiry, Some(1_780_272_000.0));
    let soon = asked(
        200,
        r#"{"ldhName":"shop.example","events":[{"eventAction":"expiration","eventDate":"2026-01-11T12:00:00Z"}]}"#,
    )
    .await;
    assert_eq!(failed(&soon).code, "domain_expires");
    assert_eq!(failed(&soon).params["days_left"], 10_i64.into());
    let gone = asked(404, "{}").await;
    assert_eq!(failed(&gone).code, "domain_not_registered");
}

#[tokio::test]
async fn a_registry_that_refuses_or_talks_nonsense_says_nothing_of_the_domain() {
    assert_eq!(unknown(&asked(429, "").await).code, "registry_refuses");
    assert_eq!(unknown(&asked(200, "<html>").await).code, "registry_malformed");
    assert_eq!(
        unknown(&asked(200, r#"{"ldhName":"bank.example"}"#).await).code,
        "registry_malformed"
    );
    let without = asked(200, r#"{"ldhName":"shop.example","events":[]}"#).await;
    assert_eq!(unknown(&without).code, "domain_end_not_told");
}

#[tokio::test]
async fn a_list_that_does_not_come_says_nothing_of_the_domain() {
    let url = format!("http://127.0.0.1:{}/dns.json", nobody().await);
    let outcome = run(&check(url), NOW_MS, PLENTY).await;
    assert_eq!(unknown(&outcome).code, "connection_refused");
    let silent = Stand::start(|mut stream| async move {
        request(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let outcome = run(&check(silent.url("/dns.json")), NOW_MS, SHORT).await;
    assert_eq!(unknown(&outcome).code, "timed_out");
    let (other, _) = Stand::answering(|_| answer(200, "", r#"{"services":[]}"#)).await;
    let outcome = run(&check(other.url("/dns.json")), NOW_MS, PLENTY).await;
    assert_eq!(unknown(&outcome).code, "registry_without_rdap");
}
