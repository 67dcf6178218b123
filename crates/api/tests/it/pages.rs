//! The interface, or the page that says that it was not built.

use super::running::Running;

#[tokio::test]
async fn every_page_of_the_interface_is_its_index() {
    let running = Running::start().await;
    let index = running.ask("GET", "/", &[]).await;
    assert_eq!(index.status, 200);
    assert!(index.header("content-type").unwrap().starts_with("text/html"));
    let page = running.ask("GET", "/shops/lamps", &[]).await;
    assert_eq!((page.status, page.body), (200, index.body.clone()));
    match index.header("etag") {
        Some(tag) => {
            assert_eq!(index.header("cache-control"), Some("no-cache"));
            let again = running.ask("GET", "/", &[("if-none-match", tag)]).await;
            assert_eq!((again.status, again.body.as_str()), (304, ""));
        }
        None => {
            assert!(index.body.contains("was not built"), "{}", index.body);
            assert!(index.body.contains("cargo xtask demo"), "{}", index.body);
        }
    }
}

#[tokio::test]
async fn a_missing_file_is_missing() {
    let running = Running::start().await;
    for path in
        ["/assets/gone-123.js", "/favicon-of-yesterday.ico", "/../Cargo.toml", "/.gitkeep2.x"]
    {
        assert_eq!(running.ask("GET", path, &[]).await.status, 404, "{path}");
    }
    assert_eq!(running.ask("POST", "/", &[]).await.status, 405);
}
