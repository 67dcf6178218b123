//! What a visitor gets when the shop cannot be shown, through a running edge.

use crate::{
    origin::{Origin, Reply, ok},
    stand::{PATIENCE, Stand, snapshot},
};
use testkit::{Answer, exchange, free_port};

const HTML: &str = "Accept: text/html\r\nAccept-Language: de\r\n";

async fn ask(stand: &Stand, line: &str, lines: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
    );
    exchange(stand.address, request, PATIENCE).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trouble_has_its_status_and_its_page() {
    let origin = Origin::start(|asked| {
        if asked.line().contains("/slow") { Reply::Silence } else { Reply::Last(Vec::new()) }
    })
    .await;
    let mut wanted = snapshot(1, &[origin.address]);
    wanted.shops[0].hosts = vec!["shop.example".to_owned()];
    wanted.shops[0].pool.timeouts.response_ms = 100;
    wanted.limits.body_bytes = 10;
    let stand = Stand::start(wanted).await;
    for (line, body, status, expect) in [
        ("POST /broken", "x", 502, "Wir wissen nicht, ob der Shop erhalten hat"),
        ("POST /slow", "x", 504, "Wir wissen nicht, ob der Shop erhalten hat"),
        ("POST /large", "more than ten bytes", 413, "Das war zu groß"),
        ("GET /broken", "", 502, "href=\"\""),
    ] {
        let answer = ask(&stand, line, HTML, body).await;
        assert_eq!(answer.status, status, "{line}");
        assert!(answer.text().contains(expect), "{line}: {}", answer.text());
        assert!(answer.text().contains("Lampenladen"), "{line}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{line}");
        let id = answer.header("x-request-id").unwrap();
        let (start, end) = id[id.len() - 8..].split_at(4);
        assert!(answer.text().contains(&format!("{start}<u>{end}</u>")), "{line}");
    }
    let unknown = "GET / HTTP/1.1\r\nHost: other.example\r\nAccept: text/html\r\n\r\n";
    let answer = exchange(stand.address, unknown, PATIENCE).await.unwrap();
    assert_eq!(answer.status, 404);
    assert!(!answer.text().contains("Lampenladen"), "it belongs to no shop");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_and_people_are_answered_in_their_own_form() {
    let mut wanted = snapshot(1, &[free_port()]);
    wanted.shops[0].pool.hold.max_wait_ms = 50;
    let stand = Stand::start(wanted).await;
    for (lines, kind, expect) in [
        (HTML, "text/html; charset=utf-8", "http-equiv=\"refresh\""),
        ("Accept: application/json\r\n", "application/problem+json", "\"code\":\"held\""),
        ("Accept: */*\r\n", "text/plain; charset=utf-8", "is not answering at this moment"),
    ] {
        let answer = ask(&stand, "GET /", lines, "").await;
        assert_eq!((answer.status, answer.header("content-type")), (503, Some(kind)));
        assert!(answer.text().contains(expect), "{}", answer.text());
        assert!(answer.header("retry-after").is_some());
    }
    let post = ask(&stand, "POST /order", HTML, "x").await;
    assert!(!post.text().contains("refresh"), "a sent form is never sent again by itself");
    assert!(post.text().contains("nicht erreicht"), "{}", post.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_taken_and_thanked_for() {
    let origin = Origin::start(|_| ok("", "hello")).await;
    let stand = Stand::start(snapshot(1, &[origin.address])).await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\nAccept: text/html\r\n";
    let report = "reference=01aryz6s410000000000000000&what=I+paid+%3Cb%3Etwice%3C%2Fb%3E";
    let line = "POST /.well-known/storewarden/report";
    let answer = ask(&stand, line, form, report).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("Thank you"));
    assert_eq!(ask(&stand, line, form, "reference=x&what=y").await.status, 422);
    assert_eq!(ask(&stand, line, "", report).await.status, 415);
    assert_eq!(origin.asked().len(), 0, "the shop hears nothing of it");
    let facts = stand.facts_where(|facts| !facts.reports.is_empty()).await;
    assert_eq!(facts.reports.len(), 1);
    assert_eq!(facts.reports[0].what, "I paid <b>twice</b>");
}
