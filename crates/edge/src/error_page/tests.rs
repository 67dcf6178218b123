//! What every page must hold to.

use super::*;
use http::header::{ACCEPT, ACCEPT_LANGUAGE};

const METHODS: [Method; 5] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE];

fn brand(name: &str) -> Brand {
    Brand {
        name: name.to_owned(),
        colour: "#c8553d".to_owned(),
        contact: Some("hallo@lampenladen.example".to_owned()),
        currency: "EUR".parse().expect("a currency"),
    }
}

fn asked(accept: &'static str, language: &'static str) -> HeaderMap {
    let lines = [(ACCEPT, accept), (ACCEPT_LANGUAGE, language)];
    lines.map(|(name, value)| (name, HeaderValue::from_static(value))).into_iter().collect()
}

fn body(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).expect("text")
}

fn with_page(check: impl Fn(&Page<'_>)) {
    let (brand, id) = (brand("Lampenladen"), RequestId::new(1_772_287_505_000, 77));
    for trouble in Trouble::ALL {
        for method in &METHODS {
            for class in [RouteClass::Product, RouteClass::Checkout] {
                check(&Page {
                    trouble,
                    brand: (trouble != Trouble::UnknownHost).then_some(&brand),
                    id: &id,
                    unix_ms: 1_772_287_505_000,
                    method,
                    class,
                    retry_after_s: trouble.passes().then_some(5),
                });
            }
        }
    }
}

#[test]
fn nothing_is_repeated_that_may_do_something_twice() {
    with_page(|page| {
        let response = render(page, &asked("text/html", "en"));
        let html = body(&response);
        let may = *page.method == Method::GET && page.trouble.passes();
        assert_eq!(html.contains("href=\"\""), may, "{page:?}");
        let refreshes = may && page.trouble.waits();
        assert_eq!(html.contains("http-equiv=\"refresh\""), refreshes, "{page:?}");
        assert!(!(refreshes && html.contains("<textarea")), "{page:?}");
    });
}

#[test]
fn a_page_promises_only_what_is_known() {
    with_page(|page| {
        for language in ["en", "de"] {
            let response = render(page, &asked("text/plain", language));
            let text = body(&response);
            let unsure =
                ["don’t know whether", "wissen nicht, ob"].iter().any(|t| text.contains(t));
            let promised =
                ["did not reach the shop", "nicht erreicht"].iter().any(|t| text.contains(t));
            let changes = !page.method.is_safe();
            let reached = matches!(page.trouble, Trouble::BrokenOff | Trouble::TimedOut);
            assert_eq!(unsure, changes && page.unsure(), "{page:?}: {text}");
            assert!(!(promised && reached), "{page:?}: {text}");
            assert!(!(promised && unsure), "{page:?}: {text}");
        }
    });
}

#[test]
fn every_page_has_its_reference_and_is_never_kept() {
    with_page(|page| {
        for accept in ["text/html", "application/json", "*/*"] {
            let response = render(page, &asked(accept, "de"));
            assert_eq!(response.status(), page.trouble.status());
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
            assert_eq!(response.headers().contains_key(RETRY_AFTER), page.retry_after_s.is_some());
            let whole = body(&response).contains(page.id.as_str());
            let (start, end) = page.id.reference().split_at(4);
            assert!(whole || body(&response).contains(&format!("{start}<u>{end}</u>")));
        }
    });
}

#[test]
fn what_comes_from_outside_is_escaped() {
    let evil = r#"<script>"'&</title>{shop}"#;
    let mut brand = brand(evil);
    brand.contact = Some("\"><img src=x>".to_owned());
    brand.colour = "red}</style><script>".to_owned();
    let id = RequestId::new(0, 0);
    let page = Page {
        trouble: Trouble::Held,
        brand: Some(&brand),
        id: &id,
        unix_ms: 0,
        method: &Method::GET,
        class: RouteClass::Home,
        retry_after_s: Some(3),
    };
    let response = render(&page, &asked("text/html", "en"));
    let html = body(&response);
    assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    assert!(html.contains("&lt;script&gt;&quot;&#39;&amp;&lt;/title&gt;{shop}"), "{html}");
    assert!(html.contains("--brand:#3a465c;--shade:#3a465c;--on:#fff"), "{html}");
    let thanks = answer_report(
        &brand,
        &Ok(Report { reference: id.to_string(), what: evil.to_owned() }),
        &asked("text/html", "en"),
    );
    assert!(!body(&thanks).contains("<script"));
}

#[test]
fn programs_get_a_problem_document() {
    let id = RequestId::new(1_772_287_505_000, 77);
    let page = Page {
        trouble: Trouble::Full,
        brand: None,
        id: &id,
        unix_ms: 1_772_287_505_000,
        method: &Method::POST,
        class: RouteClass::Cart,
        retry_after_s: Some(10),
    };
    let response = render(&page, &asked("application/json", "en"));
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let document: serde_json::Value = serde_json::from_slice(response.body()).expect("JSON");
    let expect = serde_json::json!({
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "The shop has more visitors at this moment than it can serve at once. What you \
                   sent did not reach the shop: by it nothing was ordered, paid or changed in your \
                   cart.",
        "code": "full",
        "request_id": id.as_str(),
        "time": "2026-02-28T14:05:05Z",
        "retry_after_s": 10,
    });
    assert_eq!(document, expect);
}

#[test]
fn a_report_is_thanked_for_or_sent_back() {
    let check = |report: Result<Report, ReportError>, accept, status: u16, expect: &str| {
        let response = answer_report(&brand("Lampenladen"), &report, &asked(accept, "en"));
        assert_eq!(response.status(), status);
        assert!(body(&response).contains(expect), "{}", body(&response));
    };
    let report = Report { reference: RequestId::new(0, 5).to_string(), what: "x".to_owned() };
    check(Ok(report.clone()), "text/html", 200, "<h1>Thank you</h1>");
    check(Ok(report.clone()), "application/json", 200, "00000000000000000000000005");
    check(Ok(report), "*/*", 200, "noted");
    check(Err(ReportError::Empty), "text/html", 422, "a few words");
    check(Err(ReportError::Form), "application/json", 415, "\"status\":415");
}
