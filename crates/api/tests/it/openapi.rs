//! The API's document, committed: a change to the API is seen in review, and the interface's types
//! are made from it.

use super::running::Running;
use std::path::Path;

const MEND: &str = "UPDATE_GOLDEN=1 cargo nextest run -p api openapi";

#[test]
fn openapi_is_as_committed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let mut document = serde_json::to_string_pretty(&api::openapi()).unwrap();
    document.push('\n');
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == document, "docs/openapi.json is not what the API is now; run: {MEND}");
}

#[tokio::test]
async fn openapi_is_served() {
    let running = Running::start().await;
    let served = running.ask_as_machine("GET", "/api/v1/openapi.json").await;
    assert_eq!(served.status, 200);
    assert_eq!(served.json(), serde_json::to_value(api::openapi()).unwrap());
}
