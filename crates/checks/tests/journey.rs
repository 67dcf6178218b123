//! Journeys through a small shop with cookies, tokens against forgery and a cart, and through ones that misbehave.

use crate::stand::{NOW_MS, PLENTY, SHORT, Stand, answer, request};
use checks::{
    Conclusion, Reason, Trust,
    journey::{Journey, Placed, Placing, Script, ScriptError, Variables, Walk, readings, walk},
};
use kernel::readings::Readings;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const EMAIL: &str = "anna.muster@shop.example";
const PASSWORD: &str = "lampenlicht-7";

/// What the shop does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// It does not know the visitor any more at the checkout.
    ForgetsVisitors,
    /// Its forms come without a token.
    NoToken,
    /// It takes the order, and its page of thanks fails.
    FailsAfterPlacing,
    /// It takes the order, and never answers.
    SilentAfterPlacing,
    /// It refuses to cancel.
    KeepsOrders,
}

#[derive(Debug, Default)]
struct Memory {
    carts: Vec<String>,
    orders: usize,
    cancelled: usize,
}

const SCRIPT: &str = r#"
format = 1
name = "small"
title = "Small shop"

[variables.email]
about = "E-mail address"

[variables.staff_password]
about = "Password of the staff"

[[step]]
name = "product"
path = "/product/lamp"
expect.contains = ["Lamp"]
capture.csrf = { field = "csrf" }

[[step]]
name = "add_to_cart"
path = "/cart/add"
form = { csrf = "{csrf}", product = "lamp & shade" }
expect.path = "/cart"
expect.contains = ["1 lamp"]

[[step]]
name = "checkout"
path = "/checkout"
json = { email = "{email}", walk = "{at_ms}" }
expect.json = [{ pointer = "/open", equals = true }, { pointer = "/problem", exists = false }]
capture.cart = { json = "/cart" }

[[step]]
name = "place"
path = "/place/{cart}"
form = { csrf = "{csrf}" }
places = true
capture.order = { regex = "Order <b>([A-Z0-9-]+)</b>" }

[[step]]
name = "thanks"
path = "/thanks/{order}"

[[step]]
name = "cancel"
path = "/cancel/{order}"
form = { password = "{staff_password}" }
cancels = true
expect.contains = ["cancelled"]
"#;

fn reply(asked: &str, flaw: Flaw, memory: &mut Memory) -> Vec<u8> {
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    let line = head.lines().next().unwrap();
    let path = line.split(' ').nth(1).unwrap();
    let cookie = head.lines().find_map(|line| line.strip_prefix("cookie: ")).unwrap_or_default();
    let is_known = cookie.contains("visitor=visitor-4711");
    let has_token = body.contains("csrf=token%2B%26%22") && cookie.contains("csrf=half-two");
    match path {
        "/product/lamp" => {
            let cookies = "set-cookie: visitor=visitor-4711; HttpOnly\r\n\
                           set-cookie: csrf=half-two; Path=/\r\nset-cookie: ad=1\r\n";
            let name = if flaw == Flaw::NoToken { "other" } else { "csrf" };
            let field = format!("<input type=hidden name=\"{name}\" value=\"token+&amp;&quot;\">");
            answer(200, cookies, &format!("<h1>Lamp</h1>{field} for {EMAIL}"))
        }
        "/cart/add" if is_known && has_token && body.contains("product=lamp+%26+shade") => {
            memory.carts.push("cart-1".to_owned());
            answer(303, "location: ../cart\r\nset-cookie: ad=; Max-Age=0\r\n", "")
        }
        "/cart" if is_known && !cookie.contains("ad=") => {
            answer(200, "", &format!("{} lamp", memory.carts.len()))
        }
        "/checkout" if flaw == Flaw::ForgetsVisitors => {
            let told = format!("Hello {EMAIL}, token=abcdef of visitor-4711. Your cart is empty.");
            answer(500, "", &told)
        }
        "/checkout" if is_known && body.contains(&NOW_MS.to_string()) => {
            answer(200, "", r#"{"open":true,"problem":null,"cart":17}"#)
        }
        "/place/17" if is_known && has_token => {
            memory.orders += 1;
            answer(200, "", "<p>Order <b>L-100</b></p>")
        }
        "/thanks/L-100" if flaw == Flaw::FailsAfterPlacing => answer(500, "", "oh"),
        "/thanks/L-100" => answer(200, "", "thanks"),
        "/cancel/L-100" if flaw == Flaw::KeepsOrders => answer(200, "", "no"),
        "/cancel/L-100" if body.contains(PASSWORD) => {
            memory.cancelled += 1;
            answer(200, "", "cancelled")
        }
        _ => answer(403, "", "Forbidden"),
    }
}

async fn small_shop(flaw: Flaw) -> (Stand, Arc<Mutex<Memory>>) {
    let memory = Arc::new(Mutex::new(Memory::default()));
    let known = Arc::clone(&memory);
    let stand = Stand::start(move |mut stream| {
        let known = Arc::clone(&known);
        async move {
            let Some(asked) = request(&mut stream).await else { return };
            let said = reply(&asked, flaw, &mut known.lock().unwrap());
            if flaw == Flaw::SilentAfterPlacing && asked.starts_with("POST /place/") {
                // Until whoever asked has gone.
                request(&mut stream).await;
                return;
            }
            if stream.write_all(&said).await.is_ok() {
                stream.shutdown().await.ok();
            }
        }
    })
    .await;
    (stand, memory)
}

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn journey(stand: &Stand, script: &str, placing: Placing) -> Journey {
    Journey {
        script: Script::parse(script).unwrap(),
        base: stand.url(""),
        variables: variables(&[("email", EMAIL)]),
        trust: Trust::of(Vec::new()),
        placing,
    }
}

fn placing() -> Placing {
    Placing::With(variables(&[("staff_password", PASSWORD)]))
}

fn names(walk: &Walk) -> Vec<&str> {
    walk.steps.iter().map(|step| step.name.as_str()).collect()
}

#[track_caller]
fn failed(walk: &Walk) -> &Reason {
    match &walk.conclusion {
        Conclusion::Failed(reason) => reason,
        other => panic!("not failed: {other:?}"),
    }
}

async fn walked(script: &str, said: Vec<u8>) -> Walk {
    let (stand, _) = Stand::answering(move |_| said.clone()).await;
    walk(&journey(&stand, script, Placing::Before), NOW_MS, PLENTY).await
}

fn one_step(rest: &str) -> String {
    let head = "format = 1\nname = \"one\"\ntitle = \"One\"\n";
    format!("{head}[[step]]\nname = \"only\"\npath = \"/a/b\"\n{rest}")
}

#[tokio::test]
async fn cookies_and_tokens_are_kept_and_nothing_is_placed() {
    let (stand, memory) = small_shop(Flaw::None).await;
    let walk = walk(&journey(&stand, SCRIPT, Placing::Before), NOW_MS, PLENTY).await;
    assert_eq!(walk.conclusion, Conclusion::Passed, "{walk:?}");
    assert_eq!(names(&walk), ["product", "add_to_cart", "checkout"]);
    assert!(walk.steps.iter().all(|step| step.status == Some(200)), "{walk:?}");
    assert_eq!((walk.placed, walk.evidence, walk.at_ms), (None, None, NOW_MS));
    let memory = memory.lock().unwrap();
    assert_eq!((memory.carts.len(), memory.orders, memory.cancelled), (1, 0, 0));
}

#[tokio::test]
async fn what_is_placed_is_cancelled_and_told() {
    let (stand, memory) = small_shop(Flaw::None).await;
    let walk = walk(&journey(&stand, SCRIPT, placing()), NOW_MS, PLENTY).await;
    assert_eq!(walk.conclusion, Conclusion::Passed, "{walk:?}");
    assert_eq!(walk.placed, Some(Placed { order: Some("L-100".into()), is_cancelled: true }));
    let memory = memory.lock().unwrap();
    assert_eq!((memory.orders, memory.cancelled), (1, 1));
}

#[tokio::test]
async fn it_cancels_also_when_a_later_step_fails() {
    let (stand, memory) = small_shop(Flaw::FailsAfterPlacing).await;
    let walk = walk(&journey(&stand, SCRIPT, placing()), NOW_MS, PLENTY).await;
    assert_eq!(failed(&walk).code, "status_differs");
    assert_eq!(walk.evidence.as_ref().unwrap().step, "thanks");
    assert_eq!(names(&walk).last(), Some(&"cancel"));
    assert_eq!(walk.placed, Some(Placed { order: Some("L-100".into()), is_cancelled: true }));
    assert_eq!(memory.lock().unwrap().cancelled, 1);
}

#[tokio::test]
async fn an_order_that_nobody_answered_to_is_not_told_as_none() {
    let (stand, memory) = small_shop(Flaw::SilentAfterPlacing).await;
    let walk = walk(&journey(&stand, SCRIPT, placing()), NOW_MS, SHORT).await;
    assert_eq!(failed(&walk).code, "timed_out");
    assert_eq!(walk.placed, Some(Placed { order: None, is_cancelled: false }));
    // Without a code there is nothing to cancel by, which is told of that step.
    let last = walk.steps.last().unwrap();
    assert!(matches!(&last.conclusion, Conclusion::Unknown(reason)
        if last.name == "cancel" && reason.code == "variable_missing"));
    assert_eq!(memory.lock().unwrap().orders, 1);
}

#[tokio::test]
async fn an_order_that_was_not_cancelled_is_a_failure() {
    let (stand, _) = small_shop(Flaw::KeepsOrders).await;
    let walk = walk(&journey(&stand, SCRIPT, placing()), NOW_MS, PLENTY).await;
    assert_eq!(failed(&walk).code, "body_lacks");
    assert_eq!(walk.placed, Some(Placed { order: Some("L-100".into()), is_cancelled: false }));
}

#[tokio::test]
async fn nobody_places_without_the_key_for_cancelling() {
    let (stand, memory) = small_shop(Flaw::None).await;
    let bare = Placing::With(Variables::new());
    let walk = walk(&journey(&stand, SCRIPT, bare), NOW_MS, PLENTY).await;
    let Conclusion::Unknown(reason) = &walk.conclusion else { panic!("{walk:?}") };
    assert_eq!(reason.code, "variable_missing");
    assert!(walk.steps.is_empty() && memory.lock().unwrap().carts.is_empty());
}

#[tokio::test]
async fn evidence_shows_what_was_said_and_no_secret() {
    let (stand, _) = small_shop(Flaw::ForgetsVisitors).await;
    let walk = walk(&journey(&stand, SCRIPT, Placing::Before), NOW_MS, PLENTY).await;
    assert_eq!(failed(&walk).code, "status_differs");
    let evidence = walk.evidence.unwrap();
    assert_eq!((evidence.step.as_str(), evidence.status), ("checkout", Some(500)));
    assert_eq!(evidence.body, "Hello ▒▒▒, token=▒▒▒ of ▒▒▒. Your cart is empty.");
}

#[tokio::test]
async fn a_form_without_its_token_stops_the_journey() {
    let (stand, memory) = small_shop(Flaw::NoToken).await;
    let walk = walk(&journey(&stand, SCRIPT, Placing::Before), NOW_MS, PLENTY).await;
    assert_eq!(failed(&walk).code, "capture_missing");
    assert_eq!(names(&walk), ["product"]);
    let body = walk.evidence.unwrap().body;
    assert!(body.contains("<h1>Lamp</h1>") && !body.contains("token+"), "{body}");
    assert!(memory.lock().unwrap().carts.is_empty());
}

#[tokio::test]
async fn answers_are_held_against_what_is_expected() {
    async fn check(rest: &str, said: Vec<u8>, expect: &str) {
        let walk = walked(&one_step(rest), said).await;
        let code = match &walk.conclusion {
            Conclusion::Passed => "passed",
            Conclusion::Failed(reason) | Conclusion::Unknown(reason) => reason.code,
        };
        assert_eq!(code, expect, "{rest}");
    }
    let json = |body: &str| answer(200, "", body);
    check("expect.status = [404]", answer(404, "", ""), "passed").await;
    check("expect.status = [404]", json(""), "status_differs").await;
    check("expect.lacks = [\"Fatal\"]", json("Fatal error"), "body_contains").await;
    check("expect.json = [{pointer=\"/a\", equals=1}]", json("{\"a\":2}"), "json_differs").await;
    check("expect.json = [{pointer=\"/a\", exists=true}]", json("{}"), "json_differs").await;
    check("expect.json = [{pointer=\"/a\", exists=true}]", json("<html>"), "body_no_json").await;
    check("graphql.query = \"{a}\"", json("{\"data\":{}}"), "passed").await;
    check("graphql.query = \"{a}\"", json("{\"errors\":[{}]}"), "graphql_errors").await;
    check("graphql.query = \"{a}\"", json("<html>"), "body_no_json").await;
    check("capture.a = { json = \"/a\" }", json("{\"a\":{}}"), "capture_missing").await;
    check("capture.a = { cookie = \"a\" }", json("{}"), "capture_missing").await;
    let packed = answer(200, "content-encoding: gzip\r\n", "x");
    check("expect.contains = [\"x\"]", packed.clone(), "body_packed").await;
    check("", packed, "passed").await;
    let away = answer(302, "location: http://other.example/\r\n", "");
    check("", away, "leads_elsewhere").await;
    let here = |url: &str| answer(302, &format!("location: {url}\r\n"), "");
    check("", here("/a/b"), "redirect_loop").await;
    check("", here("ftp://127.0.0.1/"), "redirect_to_other_scheme").await;
}

#[tokio::test]
async fn a_shop_that_leads_ever_on_is_left() {
    let count = Arc::new(Mutex::new(0));
    let (stand, asked) = Stand::answering(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        answer(302, &format!("location: /{count}\r\nset-cookie: c{count}=1\r\n"), "")
    })
    .await;
    let journey = journey(&stand, &one_step(""), Placing::Before);
    let walk = walk(&journey, NOW_MS, PLENTY).await;
    assert_eq!(failed(&walk).code, "too_many_redirects");
    assert!(asked.lock().unwrap().len() < 20);
}

#[tokio::test]
async fn an_endless_body_is_left_at_the_limit() {
    let stand = Stand::start(|mut stream| async move {
        request(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        let part = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
        let mut sent = stream.write_all(&head).await;
        while sent.is_ok() {
            sent = stream.write_all(&part).await;
        }
    })
    .await;
    let journey = journey(&stand, &one_step(""), Placing::Before);
    let walk = walk(&journey, NOW_MS, PLENTY).await;
    assert_eq!(failed(&walk).code, "body_too_long");
    let evidence = walk.evidence.unwrap();
    assert_eq!((evidence.status, evidence.body.as_str()), (Some(200), ""));
}

#[tokio::test]
async fn a_shop_that_is_silent_ends_by_the_deadline() {
    let stand =
        Stand::start(|mut stream| async move { while request(&mut stream).await.is_some() {} })
            .await;
    let journey = journey(&stand, &one_step(""), Placing::Before);
    let walk = walk(&journey, NOW_MS, Duration::from_millis(300)).await;
    assert_eq!(failed(&walk).code, "timed_out");
    assert_eq!(walk.steps[0].status, None);
}

#[tokio::test]
async fn a_path_of_the_base_stands_before_those_of_the_script() {
    let (stand, asked) = Stand::answering(|_| answer(200, "", "")).await;
    let mut journey = journey(&stand, &one_step("form = { a = \"1\" }"), Placing::Before);
    journey.base = stand.url("/shop/");
    assert_eq!(walk(&journey, NOW_MS, PLENTY).await.conclusion, Conclusion::Passed);
    let asked = asked.lock().unwrap();
    assert!(asked[0].starts_with("POST /shop/a/b HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked[0].contains(&format!("origin: http://{}\r\n", stand.address)), "{asked:?}");
}

#[tokio::test]
async fn a_walk_becomes_metrics_and_unknown_is_none_of_them() {
    let (stand, _) = small_shop(Flaw::ForgetsVisitors).await;
    let mut journey = journey(&stand, SCRIPT, Placing::Before);
    let shop = ("shop", "lamps");
    let told = |walk: &Walk| {
        let mut into = Readings::new();
        readings(walk, &[shop], &mut into);
        into
    };
    let readings = told(&walk(&journey, NOW_MS, PLENTY).await);
    assert_eq!(readings.value("storewarden_journey_success", &[shop]), Some(0.0));
    assert_eq!(readings.value("storewarden_journey_steps_passed", &[shop]), Some(2.0));
    let step = [shop, ("step", "checkout")];
    assert!(readings.value("storewarden_journey_step_duration_seconds", &step).is_some());
    journey.variables.clear();
    let readings = told(&walk(&journey, NOW_MS, PLENTY).await);
    assert_eq!(readings.value("storewarden_journey_success", &[shop]), None);
    assert_eq!(readings.value("storewarden_journey_steps_passed", &[shop]), Some(0.0));
}

#[test]
fn a_journey_shows_no_variable() {
    let script = Script::of_platform("oscar").unwrap();
    let journey = Journey {
        script,
        base: "https://shop.example/secret-path".into(),
        variables: variables(&[("email", EMAIL)]),
        trust: Trust::of(Vec::new()),
        placing: placing(),
    };
    let shown = format!("{journey:?}");
    assert!(shown.contains("https://shop.example"), "{shown}");
    for secret in [EMAIL, PASSWORD, "secret-path"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(matches!(Script::parse("format"), Err(ScriptError::Unreadable(_))));
}
