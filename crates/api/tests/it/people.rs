//! People as they come in, prove who they are, and are managed.

use super::{
    endpoints::hash,
    running::{Answer, Running, TOKEN, now_ms},
};
use kernel::{Grant, Role};
use serde_json::{Value, json};
use std::time::Instant;
use store::{LedgerPaging, PersonChange};

const PASSWORD: &str = "correct horse battery";

/// A browser: what it was told to keep, it sends.
struct Browser<'a> {
    running: &'a Running,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn new(running: &'a Running) -> Self {
        Self { running, cookie: String::new() }
    }

    async fn signed_in(running: &'a Running) -> Self {
        Self { cookie: running.sign_in().await, running }
    }

    async fn tell(&mut self, method: &str, path: &str, body: Value) -> Answer {
        let headers = [("cookie", self.cookie.as_str()), ("sec-fetch-site", "same-origin")];
        let answer = self.running.tell(method, path, &headers, &body).await;
        if let Some(cookie) = answer.header("set-cookie") {
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        answer
    }

    async fn ask(&self, method: &str, path: &str) -> Answer {
        let headers = [("cookie", self.cookie.as_str()), ("sec-fetch-site", "same-origin")];
        self.running.ask(method, path, &headers).await
    }

    async fn me(&self) -> Value {
        self.ask("GET", "/api/v1/me").await.json()
    }

    /// Sets up a second factor; its secret and recovery codes.
    async fn set_up_second_factor(&mut self, password: &str) -> (String, Vec<String>) {
        let begun = self
            .tell("POST", "/api/v1/me/second-factor/begin", json!({ "password": password }))
            .await;
        let begun = begun.json();
        let secret = begun["secret"].as_str().unwrap().to_owned();
        assert!(begun["uri"].as_str().unwrap().starts_with("otpauth://totp/Storewarden:"));
        assert!(begun["qr_svg"].as_str().unwrap().contains("<svg"));
        let wrong = json!({ "code": "000000000" });
        let refused = self.tell("POST", "/api/v1/me/second-factor/confirm", wrong).await;
        assert_eq!((refused.status, refused.error_code().as_str()), (401, "wrong"));
        let code = json!({ "code": code(&secret, 0) });
        let confirmed = self.tell("POST", "/api/v1/me/second-factor/confirm", code).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.body);
        let codes = confirmed.json()["recovery_codes"].as_array().unwrap().clone();
        (secret, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
    }
}

/// The code of an app, some steps from now.
fn code(secret: &str, steps: i64) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_u64, 0);
    for letter in secret.chars() {
        buffer = buffer << 5 | alphabet.find(letter).unwrap() as u64;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits & 0xff) as u8);
        }
    }
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let tag = ring::hmac::sign(&key, &(now_ms() / 30_000 + steps).to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Adds somebody by the owner's browser and accepts the invitation with [`PASSWORD`].
async fn invited<'a>(owner: &mut Browser<'a>, id: &str, grants: Value) -> Browser<'a> {
    let wish = json!({ "id": id, "email": format!("{id}@Lamps.example"), "grants": grants });
    let added = owner.tell("POST", "/api/v1/people", wish).await;
    assert_eq!(added.status, 201, "{}", added.body);
    let url = added.json()["invitation"]["url"].as_str().unwrap().to_owned();
    let (page, token) = url.split_once('#').unwrap();
    assert!(page.ends_with("/invitation"), "{url}");
    let mut browser = Browser::new(owner.running);
    let look = browser.tell("POST", "/api/v1/invitations/look", json!({ "token": token })).await;
    assert_eq!(look.json(), json!({ "id": id, "name": id }));
    let short = json!({ "token": token, "password": "short" });
    let refused = browser.tell("POST", "/api/v1/invitations/accept", short).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (422, "weak_password"));
    let wish = json!({ "token": token, "password": PASSWORD });
    let accepted = browser.tell("POST", "/api/v1/invitations/accept", wish.clone()).await;
    assert_eq!(accepted.status, 200, "{}", accepted.body);
    let again = browser.tell("POST", "/api/v1/invitations/accept", wish).await;
    assert_eq!((again.status, again.error_code().as_str()), (404, "invitation"));
    browser
}

async fn sign_in(
    browser: &mut Browser<'_>,
    name: &str,
    password: &str,
    code: Option<&str>,
) -> Answer {
    let wish = json!({ "name": name, "password": password, "code": code });
    browser.tell("POST", "/api/v1/sign-in", wish).await
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code_or_nothing())
}

#[tokio::test]
async fn the_first_link_makes_the_owner() {
    let running = Running::start().await;
    let owner = Browser::signed_in(&running).await;
    let me = owner.me().await;
    assert_eq!((me["actor"].as_str(), me["id"].as_str()), (Some("person:owner"), Some("owner")));
    assert_eq!(me["grants"], json!([{ "role": "owner", "shop": null }]));
    assert_eq!(me["permissions"].as_array().unwrap().len(), 10);
    assert_eq!(me["shops"]["lamps"].as_array().unwrap().len(), 10);
    assert_eq!(me["session"]["method"], "link");
    assert_eq!(
        me["second_factor"],
        json!({ "active": false, "missing": false, "recovery_codes": 0 })
    );
    let machine = running.ask_as_machine("GET", "/api/v1/me").await.json();
    assert_eq!((machine["actor"].as_str(), &machine["id"]), (Some("command-line"), &Value::Null));
}

#[tokio::test]
async fn somebody_invited_sees_their_shop_and_no_other() {
    let running = Running::start().await;
    let mut owner = Browser::signed_in(&running).await;
    let here = json!([{ "role": "client", "shop": "lamps" }]);
    let carl = invited(&mut owner, "carl", here).await;
    let shops = carl.ask("GET", "/api/v1/shops").await.json();
    assert_eq!(shops["shops"][0]["id"], "lamps");
    assert_eq!(carl.me().await["shops"], json!({ "lamps": ["see"] }));
    let elsewhere = json!({ "grants": [{ "role": "client", "shop": "lamp" }] });
    let refused = owner.tell("PATCH", "/api/v1/people/carl", elsewhere).await;
    assert_eq!(said(&refused), (404, "not_found".into()));
    assert!(refused.body.contains("did you mean `lamps`?"), "{}", refused.body);
    // A shop that is not there any more.
    let grants = Some(vec![Grant { role: Role::Client, shop: Some("socks".parse().unwrap()) }]);
    let change = PersonChange { grants, ..PersonChange::default() };
    running.state.store.change_person(&"carl".parse().unwrap(), change).await.unwrap();
    let renamed = json!({ "grants": [{ "role": "client", "shop": "socks" }] });
    let changed = owner.tell("PATCH", "/api/v1/people/carl", renamed).await;
    assert_eq!(changed.status, 200, "a role that was had may stay: {}", changed.body);
    // From the next request on, without signing in again.
    assert_eq!(carl.ask("GET", "/api/v1/shops").await.json(), json!({ "shops": [] }));
    assert_eq!(carl.ask("GET", "/api/v1/status").await.json()["shops"], json!([]));
    assert_eq!(said(&carl.ask("GET", "/api/v1/shops/lamps").await), (404, "not_found".into()));
    assert_eq!(owner.ask("DELETE", "/api/v1/people/carl").await.status, 204);
    assert_eq!(said(&carl.ask("GET", "/api/v1/me").await), (401, "unauthenticated".into()));
}

#[tokio::test]
async fn people_are_refused_with_a_reason() {
    let running = Running::start().await;
    let mut owner = Browser::signed_in(&running).await;
    invited(&mut owner, "bert", json!([])).await;
    let mut check = async |method: &str, path: &str, body: Value, status, code: &str| {
        let answer = owner.tell(method, path, body).await;
        assert_eq!(said(&answer), (status, code.to_owned()), "{method} {path}: {}", answer.body);
    };
    let people = "/api/v1/people";
    let of = |id: &str| json!({ "id": id, "grants": [] });
    check("POST", people, of("bert"), 409, "taken").await;
    check("POST", people, of("Bert"), 422, "body").await;
    let address = json!({ "id": "carl", "email": "BERT@lamps.example", "grants": [] });
    check("POST", people, address, 409, "taken").await;
    let address = json!({ "id": "carl", "email": "carl", "grants": [] });
    check("POST", people, address, 422, "email").await;
    let name = json!({ "id": "carl", "name": " ", "grants": [] });
    check("POST", people, name, 422, "name").await;
    let role = json!({ "id": "carl", "grants": [{ "role": "king", "shop": null }] });
    check("POST", people, role, 422, "body").await;
    check("POST", people, json!({ "id": "carl", "grants": [], "more": 1 }), 422, "body").await;
    check("DELETE", "/api/v1/people/owner", json!({}), 409, "last_owner").await;
    let less = json!({ "grants": [{ "role": "operator", "shop": null }] });
    check("PATCH", "/api/v1/people/owner", less, 409, "last_owner").await;
    check("PATCH", "/api/v1/people/carl", json!({}), 404, "not_found").await;
    check("POST", "/api/v1/people/NO/invite", json!({}), 404, "not_found").await;
    check("POST", "/api/v1/sign-in-links", json!({ "person": "bert" }), 403, "link_for_another")
        .await;
    let weak = json!({ "new": "short" });
    check("POST", "/api/v1/me/password", weak, 422, "weak_password").await;
    check("POST", "/api/v1/me/recovery-codes", json!({}), 409, "no_second_factor").await;
    let code = json!({ "code": "123456" });
    check("POST", "/api/v1/me/second-factor/confirm", code, 409, "not_begun").await;
}

#[tokio::test]
async fn a_password_and_a_code_let_in_and_neither_alone() {
    let running = Running::start().await;
    let mut owner = Browser::signed_in(&running).await;
    let mut anna = invited(&mut owner, "anna", json!([{ "role": "operator", "shop": null }])).await;
    let mut browser = Browser::new(&running);
    assert_eq!(sign_in(&mut browser, " Anna ", PASSWORD, None).await.status, 200);
    assert_eq!(browser.me().await["session"]["method"], "password");
    assert_eq!(sign_in(&mut browser, "anna@lamps.example", PASSWORD, None).await.status, 200);

    let (secret, recovery) = anna.set_up_second_factor(PASSWORD).await;
    assert_eq!(recovery.len(), 10);
    let mut stranger = Browser::new(&running);
    let mut check = async |password: &str, code: Option<&str>, status, expect: &str| {
        let answer = sign_in(&mut stranger, "anna", password, code).await;
        assert_eq!(said(&answer), (status, expect.to_owned()), "{code:?}");
    };
    check(PASSWORD, None, 401, "second_factor_needed").await;
    check("wrong password", None, 401, "wrong").await;
    check("wrong password", Some(&code(&secret, 1)), 401, "wrong").await;
    check(PASSWORD, Some("123 456"), 401, "wrong").await;
    let next = code(&secret, 1);
    check(PASSWORD, Some(&next), 200, "").await;
    // A code is good once, and so is a recovery code.
    check(PASSWORD, Some(&next), 401, "wrong").await;
    check(PASSWORD, Some(&code(&secret, 0)), 401, "wrong").await;
    check(PASSWORD, Some(&recovery[4].to_uppercase()), 200, "").await;
    check(PASSWORD, Some(&recovery[4]), 401, "wrong").await;
    let me = stranger.me().await;
    assert_eq!(me["session"]["method"], "recovery_code");
    assert_eq!(me["second_factor"]["recovery_codes"], 9);

    // What makes the account weaker wants the password again.
    for path in ["second-factor/remove", "second-factor/begin", "recovery-codes"] {
        let answer = anna.tell("POST", &format!("/api/v1/me/{path}"), json!({})).await;
        assert_eq!(said(&answer), (401, "wrong".into()), "{path}");
    }
    let password = json!({ "password": PASSWORD });
    let made = anna.tell("POST", "/api/v1/me/recovery-codes", password.clone()).await;
    assert_eq!(made.json()["recovery_codes"].as_array().unwrap().len(), 10);
    let removed = anna.tell("POST", "/api/v1/me/second-factor/remove", password).await;
    assert_eq!(removed.status, 204);
    assert_eq!(sign_in(&mut stranger, "anna", PASSWORD, None).await.status, 200);
}

#[tokio::test]
async fn whoever_guesses_waits_longer_and_longer_and_the_machine_never() {
    let running = Running::start().await;
    let mut owner = Browser::signed_in(&running).await;
    invited(&mut owner, "anna", json!([])).await;
    let mut stranger = Browser::new(&running);
    for name in ["anna", "nobody"] {
        let mut guesses = 0_u32;
        // A slow machine may take longer for one guess than the first wait: then the next is longer.
        let (answered, answer) = loop {
            let answer = sign_in(&mut stranger, name, "a guess, not a password", None).await;
            if guesses >= 5 && answer.status == 429 {
                break (Instant::now(), answer);
            }
            assert_eq!(said(&answer), (401, "wrong".into()), "guess {guesses}");
            guesses += 1;
            assert!(guesses < 12, "nobody makes {name} wait");
        };
        let wait = answer.json()["error"]["retry_after_ms"].as_i64().unwrap();
        assert!((1..=1_000 << (guesses - 5)).contains(&wait), "{wait} after {guesses}");
        let answer = sign_in(&mut stranger, name, PASSWORD, None).await;
        if answered.elapsed().as_millis() < wait.unsigned_abs().into() {
            assert_eq!(said(&answer), (429, "throttled".into()), "the same for both");
        }
    }
    let link = json!({ "person": "anna" });
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str())];
    let link = running.tell("POST", "/api/v1/sign-in-links", &headers, &link).await.json();
    assert_eq!(link["person"], "anna");
}

#[tokio::test]
async fn sessions_are_seen_and_ended_by_their_person_and_by_owners() {
    let running = Running::start().await;
    let mut owner = Browser::signed_in(&running).await;
    let mut anna = invited(&mut owner, "anna", json!([])).await;
    let mut second = Browser::new(&running);
    let mut third = Browser::new(&running);
    for browser in [&mut second, &mut third] {
        assert_eq!(sign_in(browser, "anna", PASSWORD, None).await.status, 200);
    }
    let listed = anna.ask("GET", "/api/v1/sessions").await.json();
    let listed = listed["sessions"].as_array().unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(listed.iter().filter(|session| session["is_current"] == true).count(), 1);
    assert_eq!(
        said(&anna.ask("GET", "/api/v1/sessions?person=owner").await),
        (403, "forbidden".into())
    );
    let seen = owner.ask("GET", "/api/v1/sessions?person=anna").await.json();
    assert_eq!(seen["sessions"].as_array().unwrap().len(), 3);

    let owners = owner.me().await["session"]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/sessions/{owners}");
    assert_eq!(said(&anna.ask("DELETE", &path).await), (404, "not_found".into()));
    let id = second.me().await["session"]["id"].as_str().unwrap().to_owned();
    assert_eq!(owner.ask("DELETE", &format!("/api/v1/sessions/{id}")).await.status, 204);
    assert_eq!(second.ask("GET", "/api/v1/me").await.status, 401);
    let change = json!({ "current": PASSWORD, "new": "another long password" });
    assert_eq!(anna.tell("POST", "/api/v1/me/password", change).await.status, 204);
    assert_eq!(third.ask("GET", "/api/v1/me").await.status, 401, "a new password ends the others");
    assert_eq!(anna.ask("GET", "/api/v1/me").await.status, 200);
    assert_eq!(sign_in(&mut third, "anna", "another long password", None).await.status, 200);
    assert_eq!(anna.ask("DELETE", "/api/v1/sessions").await.status, 204);
    assert_eq!(third.ask("GET", "/api/v1/me").await.status, 401);

    let reset = owner.tell("POST", "/api/v1/people/anna/reset", json!({})).await;
    assert!(reset.json()["url"].as_str().unwrap().contains("/invitation#"), "{}", reset.body);
    assert_eq!(anna.ask("GET", "/api/v1/me").await.status, 401);
    let refused = sign_in(&mut third, "anna", "another long password", None).await;
    assert_eq!(said(&refused), (401, "wrong".into()));
}

#[tokio::test]
async fn where_a_second_factor_is_demanded_nothing_else_can_be_done_before() {
    let running = Running::start_demanding_second_factors().await;
    let mut owner = Browser::signed_in(&running).await;
    let answer = owner.ask("GET", "/api/v1/shops").await;
    assert_eq!(said(&answer), (403, "second_factor_missing".into()));
    assert_eq!(owner.me().await["second_factor"]["missing"], true);
    owner.set_up_second_factor("").await;
    assert_eq!(owner.ask("GET", "/api/v1/shops").await.status, 200);
    let client = invited(&mut owner, "carl", json!([{ "role": "client", "shop": null }])).await;
    assert_eq!(client.ask("GET", "/api/v1/shops").await.status, 200, "clients do no harm");
}

#[tokio::test]
async fn a_token_does_what_it_is_for_until_it_is_revoked() {
    let running = Running::start().await;
    let mut owner = Browser::signed_in(&running).await;
    let mut make = async |wish: Value| owner.tell("POST", "/api/v1/tokens", wish).await;
    let wish = json!({ "name": "deploy", "permissions": ["see"], "shops": ["lamps"], "days": 1 });
    let made = make(wish.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let token = made.json()["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("storewarden_") && token.len() == 55, "{token}");
    assert_eq!(said(&make(wish).await), (409, "taken".into()));
    for bad in [
        json!({ "name": "a", "permissions": [] }),
        json!({ "name": "a", "permissions": ["see"], "shops": [] }),
        json!({ "name": "a", "permissions": ["manage_people"] }),
        json!({ "name": "a", "permissions": ["see"], "days": 0 }),
        json!({ "name": "a", "permissions": ["see"], "days": 367 }),
    ] {
        assert_eq!(said(&make(bad.clone()).await), (422, "scope".into()), "{bad}");
    }
    let strange = make(json!({ "name": "a", "permissions": ["see"], "shops": ["lmaps"] })).await;
    assert_eq!(said(&strange), (404, "not_found".into()));
    assert!(strange.body.contains("did you mean `lamps`?"), "{}", strange.body);
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(running.ask("GET", "/api/v1/shops/lamps", &headers).await.status, 200);
    let me = running.ask("GET", "/api/v1/me", &headers).await.json();
    assert_eq!(
        (me["actor"].as_str(), &me["shops"]),
        (Some("token:deploy"), &json!({ "lamps": ["see"] }))
    );
    let listed = owner.ask("GET", "/api/v1/tokens").await;
    assert!(!listed.body.contains(&token) && listed.json()["tokens"][0]["used_ms"].is_i64());
    assert_eq!(owner.ask("DELETE", "/api/v1/tokens/deploy").await.status, 204);
    assert_eq!(running.ask("GET", "/api/v1/shops/lamps", &headers).await.status, 401);
    assert_eq!(
        said(&owner.ask("DELETE", "/api/v1/tokens/deploy").await),
        (404, "not_found".into())
    );
}

#[tokio::test]
async fn another_site_can_sign_nobody_in() {
    let running = Running::start().await;
    let wish = json!({ "name": "anna", "password": PASSWORD });
    for path in ["/api/v1/sign-in", "/api/v1/invitations/accept", "/api/v1/invitations/look"] {
        for header in [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")] {
            let answer = running.tell("POST", path, &[header], &wish).await;
            assert_eq!(said(&answer), (403, "cross_origin".into()), "{path} {header:?}");
        }
    }
    // Nor does a form of another site get through, which cannot send JSON.
    let form = [("content-type", "text/plain"), ("sec-fetch-site", "same-origin")];
    let answer = running.ask("POST", "/api/v1/sign-in", &form).await;
    assert_eq!(said(&answer), (422, "body".into()));
}

#[tokio::test]
async fn the_ledger_knows_what_was_done_and_names_nobody() {
    let running = Running::start().await;
    let mut owner = Browser::signed_in(&running).await;
    let mut anna =
        invited(&mut owner, "anna", json!([{ "role": "client", "shop": "lamps" }])).await;
    anna.set_up_second_factor(PASSWORD).await;
    owner.tell("POST", "/api/v1/people/anna/reset", json!({})).await;
    owner.tell("POST", "/api/v1/tokens", json!({ "name": "ci", "permissions": ["see"] })).await;
    owner.ask("DELETE", "/api/v1/tokens/ci").await;
    owner.ask("DELETE", "/api/v1/people/anna").await;
    owner.ask("POST", "/api/v1/sign-out").await;
    let page =
        running.state.store.ledger(LedgerPaging::OldestFirst { after: 0 }, 100, Default::default());
    let records = page.await.unwrap().records;
    let kinds: Vec<&str> = records.iter().map(|record| record.kind.as_str()).collect();
    let expect = [
        "sign_in_link_made",
        "signed_in",
        "person_added",
        "person_invited",
        "signed_in",
        "second_factor_set_up",
        "credentials_reset",
        "person_invited",
        "token_made",
        "token_revoked",
        "person_removed",
        "signed_out",
    ];
    assert_eq!(kinds, expect);
    let text = format!("{records:?}");
    assert!(!text.contains("anna"), "{text}");
    assert_eq!(records[2].params["roles"], "client@lamps".into());
}

#[tokio::test]
async fn no_answer_holds_a_secret_that_is_not_its_receivers() {
    let running = Running::start().await;
    let mut owner = Browser::signed_in(&running).await;
    let mut anna = invited(&mut owner, "anna", json!([{ "role": "owner", "shop": null }])).await;
    let (secret, codes) = anna.set_up_second_factor(PASSWORD).await;
    let made = json!({ "name": "ci", "permissions": ["see"] });
    let made = owner.tell("POST", "/api/v1/tokens", made).await.json();
    let token = made["token"].as_str().unwrap().to_owned();
    let cookie = anna.cookie.split_once('=').unwrap().1.to_owned();
    let mut planted = vec![PASSWORD.to_owned(), secret, token, cookie, TOKEN.to_owned()];
    planted.extend(codes);
    for endpoint in api::endpoints().iter().filter(|endpoint| endpoint.method == "GET") {
        let path = endpoint.path.replace("{shop}", "lamps");
        if path.contains('{') || path.ends_with("/events") {
            continue;
        }
        let answer = anna.ask("GET", &path).await;
        for secret in &planted {
            assert!(!answer.body.contains(secret.as_str()), "{path} tells a secret");
        }
    }
    // Nor what lies in the store.
    let hashes: Vec<String> = planted.iter().map(|one| format!("{:?}", hash(one))).collect();
    let people = format!("{:?}", running.state.store.credentials("anna").await.unwrap());
    assert!(planted.iter().chain(&hashes).all(|one| !people.contains(one.as_str())), "{people}");
}
