//! Who comes in, and who does not.

use super::running::{Running, TOKEN};

#[tokio::test]
async fn a_link_opens_once_and_makes_a_session_that_can_be_ended() {
    let running = Running::start().await;
    // A body that is announced and then empty is none.
    let bearer = format!("Bearer {TOKEN}");
    let empty = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let link = running.ask("POST", "/api/v1/sign-in-links", &empty).await;
    let url = link.json()["url"].as_str().unwrap().to_owned();
    let path = &url[url.find("/sign-in").unwrap()..];
    let first = running.ask("GET", path, &[]).await;
    let cookie = first.header("set-cookie").unwrap().to_owned();
    assert_eq!(first.status, 303);
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let second = running.ask("GET", path, &[]).await;
    assert_eq!((second.status, second.header("set-cookie")), (403, None));
    assert!(second.body.contains("storewarden sign-in --state DIR"), "{}", second.body);

    let cookie = cookie.split(';').next().unwrap();
    let ours = [("cookie", cookie), ("sec-fetch-site", "same-origin")];
    assert_eq!(running.ask("GET", "/api/v1/shops", &ours).await.status, 200);
    let other = format!("theme=dark; storewarden_session=old; {cookie}");
    assert_eq!(running.ask("GET", "/api/v1/shops", &[("cookie", &other)]).await.status, 200);
    assert_eq!(running.ask("POST", "/api/v1/sign-out", &ours).await.status, 204);
    assert_eq!(running.ask("GET", "/api/v1/shops", &ours).await.status, 401);
}

#[tokio::test]
async fn what_changes_something_must_come_from_our_own_pages() {
    let running = Running::start().await;
    let cookie = running.sign_in().await;
    let origin = format!("http://{}", running.address);
    let drain = "/api/v1/shops/lamps/instances/app-1/drain";
    let check = async |headers: &[(&str, &str)], expect| {
        let headers = [&[("cookie", cookie.as_str())], headers].concat();
        assert_eq!(running.ask("POST", drain, &headers).await.status, expect, "{headers:?}");
    };
    check(&[], 403).await;
    check(&[("origin", "http://evil.example")], 403).await;
    check(&[("sec-fetch-site", "cross-site")], 403).await;
    check(&[("sec-fetch-site", "same-site"), ("origin", &origin)], 403).await;
    check(&[("sec-fetch-site", "same-origin")], 200).await;
    check(&[("origin", &origin)], 200).await;
    assert_eq!(running.ask_as_machine("POST", drain).await.status, 200);
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_refused_even_with_the_token() {
    let running = Running::start().await;
    let check = async |host: &str, expect| {
        let headers = [("host", host), ("authorization", "Bearer a-token-for-tests")];
        let answer = running.ask("GET", "/api/v1/shops", &headers).await;
        assert_eq!(answer.status, expect, "{host}");
        let headers = [("host", host)];
        let page = running.ask("GET", "/", &headers).await;
        assert_eq!(page.status == 421, expect == 421, "{host}");
    };
    check("localhost:8470", 200).await;
    check("[::1]:8470", 200).await;
    check("warden.example", 200).await;
    check("rebound.example:8470", 421).await;
    check("", 421).await;
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_it_safe() {
    let running = Running::start().await;
    for path in
        ["/", "/invitation", "/api/v1/health", "/api/v1/shops", "/sign-in?token=x", "/missing.js"]
    {
        let answer = running.ask("GET", path, &[]).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'self'; script-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert!(answer.header("cache-control").is_some(), "{path}");
    }
}
