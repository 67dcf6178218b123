//! Ports: open, shut, and with a greeting.

use crate::stand::{PLENTY, SHORT, Stand, failed, nobody, request, tcp};
use checks::Conclusion;
use tokio::io::AsyncWriteExt;

async fn greeting(said: &'static [u8]) -> Stand {
    Stand::start(move |mut stream| async move {
        for part in said.chunks(3) {
            stream.write_all(part).await.ok();
            stream.flush().await.ok();
        }
        request(&mut stream).await;
    })
    .await
}

#[tokio::test]
async fn an_open_port_passes_and_a_shut_one_is_refused() {
    let stand = greeting(b"").await;
    let outcome = tcp(stand.address.port(), None, PLENTY).await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
    assert!(outcome.seen.address.unwrap().is_loopback());
    let outcome = tcp(nobody().await, None, PLENTY).await;
    assert_eq!(failed(&outcome).code, "connection_refused");
}

#[tokio::test]
async fn a_greeting_is_found_although_it_comes_in_parts() {
    let stand = greeting(b"220-mail.example\r\n220 ESMTP ready\r\n").await;
    let outcome = tcp(stand.address.port(), Some("220 ESMTP"), PLENTY).await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
}

#[tokio::test]
async fn silence_and_another_greeting_are_told_apart() {
    let stand = greeting(b"").await;
    let outcome = tcp(stand.address.port(), Some("220"), SHORT).await;
    assert_eq!(failed(&outcome).code, "timed_out");
    let stand = Stand::start(|mut stream| async move {
        while stream.write_all(b"554 no service \xff\r\n").await.is_ok() {}
    })
    .await;
    let outcome = tcp(stand.address.port(), Some("220"), PLENTY).await;
    assert_eq!(failed(&outcome).code, "banner_differs");
    let kernel::Value::Text(found) = &failed(&outcome).params["found"] else {
        panic!("no text was found");
    };
    assert!(found.starts_with("554 no service") && found.chars().count() == 200, "{found}");
}
