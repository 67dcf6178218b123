//! What is told of shops, and what can be done to them.

use super::running::Running;
use serde_json::json;

#[tokio::test]
async fn a_shop_is_told_whole_and_unknown_is_null() {
    let running = Running::start().await;
    running.tick();
    let list = running.ask_as_machine("GET", "/api/v1/shops").await.json();
    assert_eq!(list["shops"][0]["id"], "lamps");
    assert_eq!(list["shops"][0]["verdict"]["level"], "unknown");
    let shop = running.ask_as_machine("GET", "/api/v1/shops/lamps").await.json();
    assert_eq!(shop["verdict"]["code"], "edge_away");
    assert_eq!(shop["addresses"], json!(["http://127.0.0.1:8080/"]));
    assert_eq!(shop["instances"][1]["name"], "app-2");
    assert_eq!(shop["instances"][1]["health"], "unknown");
    for unknown in ["last_hour", "today", "revenue_today_minor", "read_at_ms"] {
        assert!(shop["orders"][unknown].is_null(), "{unknown}");
    }
    assert!(shop["edge"]["connections"].is_null() && shop["cache"]["entries"].is_null());
    assert_eq!(shop["points"], json!([]));
    assert_eq!(shop["edge"]["wanted_version"], 1);
    let status = running.ask_as_machine("GET", "/api/v1/status").await.json();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["shops"][0]["id"], "lamps");
    assert!(status["shops"][0].get("points").is_none());
    assert_eq!(status["findings"][0]["code"], "edge_away");
}

#[tokio::test]
async fn what_is_not_there_is_not_found_in_one_shape() {
    let running = Running::start().await;
    let check = async |method: &str, path: &str, status, code: &str| {
        let answer = running.ask_as_machine(method, path).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (status, code), "{path}");
        assert!(answer.json()["error"]["message"].is_string());
    };
    check("GET", "/api/v1/shops/socks", 404, "not_found").await;
    check("GET", "/api/v1/shops/N%20O", 404, "not_found").await;
    check("GET", "/api/v1/shops/socks/events", 404, "not_found").await;
    check("POST", "/api/v1/shops/lamps/instances/app-9/drain", 404, "not_found").await;
    check("POST", "/api/v1/shops/socks/instances/app-1/undrain", 404, "not_found").await;
    check("GET", "/api/v2/shops", 404, "not_found").await;
    check("DELETE", "/api/v1/shops", 405, "method_not_allowed").await;
}

#[tokio::test]
async fn a_refused_configuration_is_told_line_by_line() {
    let running = Running::start().await;
    let answer = running.ask_as_machine("POST", "/api/v1/reload").await;
    assert_eq!((answer.status, answer.error_code().as_str()), (422, "configuration"));
    let details = &answer.json()["error"]["details"];
    assert_eq!(details[0], "shop.toml:3:5: unknown key `hots`; did you mean `hosts`?");
}

#[tokio::test]
async fn a_drain_answers_the_instance() {
    let running = Running::start().await;
    let path = "/api/v1/shops/lamps/instances/app-2/drain";
    let answer = running.ask_as_machine("POST", path).await;
    assert_eq!((answer.status, answer.json()["name"].as_str()), (200, Some("app-2")));
}
