//! What is measured now, as Prometheus fetches it.

use super::{
    endpoints::hash,
    running::{Running, now_ms},
};
use host::facts::HostSample;
use kernel::{Actor, Permission, Scope};
use promql::wire::{
    Format,
    text::{Entry, Limits, Reader},
};
use store::TokenRecord;
use watch::orders::OrdersReading;

const MINUTE_MS: i64 = 60_000;

/// Two orders in each of the last minutes, and half of the memory used.
fn measure(running: &Running) {
    let now_ms = now_ms();
    let minute_ms = now_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
    running.state.watch.with(|live| {
        let reading = OrdersReading {
            at_ms: now_ms,
            minutes: (-5..=1).map(|at| (minute_ms + at * MINUTE_MS, 2, 1_990)).collect(),
            ..OrdersReading::default()
        };
        live.orders_read(&"lamps".parse().unwrap(), &reading);
        live.host_sample(HostSample {
            at_ms: now_ms,
            memory_used_bytes: Some(1 << 30),
            memory_total_bytes: Some(2 << 30),
            ..HostSample::default()
        });
    });
    running.tick();
}

/// Every series with its value, in the page's order.
fn read(text: &str, format: Format) -> Vec<(String, f64)> {
    let mut reader = Reader::new(format, Limits::default());
    let mut samples = Vec::new();
    let mut take = |entry: Entry<'_>| {
        if let Entry::Sample(sample) = entry {
            samples.push((sample.series.raw().to_owned(), sample.value));
        }
    };
    reader.feed(text.as_bytes(), &mut take).unwrap();
    reader.finish(&mut take).unwrap();
    samples
}

#[tokio::test]
async fn what_is_known_now_is_told_in_both_texts_and_the_rest_left_out() {
    let running = Running::start().await;
    measure(&running);
    let machine = ("authorization", "Bearer a-token-for-tests");
    for (accept, format) in [
        ("*/*", Format::Text),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", Format::OpenMetrics),
    ] {
        let answer = running.ask("GET", "/metrics", &[machine, ("accept", accept)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("content-type"), Some(format.content_type()));
        let samples = read(&answer.body, format);
        let value = |series: &str| samples.iter().find(|one| one.0 == series).map(|one| one.1);
        assert_eq!(value(r#"storewarden_shop_last_minute_orders{shop="lamps"}"#), Some(2.0));
        assert_eq!(
            value(r#"storewarden_shop_last_minute_revenue_minor{shop="lamps"}"#),
            Some(1_990.0)
        );
        assert_eq!(value("storewarden_machine_memory_ratio"), Some(0.5));
        assert!(samples.iter().any(|one| one.0.starts_with("storewarden_build_info{version=")));
        // No edge has told anything.
        assert!(!answer.body.contains("storewarden_shop_requests_per_second"));
    }
}

#[tokio::test]
async fn everybody_is_told_their_shops_alone() {
    let running = Running::start().await;
    measure(&running);
    for (name, shop, has) in [("here", "lamps", true), ("elsewhere", "socks", false)] {
        let token = TokenRecord {
            name: name.parse().unwrap(),
            scope: Scope {
                permissions: [Permission::See].into(),
                shops: Some([shop.parse().unwrap()].into()),
            },
            made_by: Actor::CommandLine,
            created_ms: now_ms(),
            expires_ms: now_ms() + MINUTE_MS,
            used_ms: None,
        };
        let secret = format!("secret-of-{name}");
        running.state.store.add_token(token, hash(&secret)).await.unwrap();
        let bearer = format!("Bearer {secret}");
        let answer = running.ask("GET", "/metrics", &[("authorization", &bearer)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body.contains("storewarden_shop_last_minute_orders"), has, "{name}");
        assert!(!answer.body.contains("storewarden_machine_memory_ratio"), "{name}");
    }
    assert_eq!(running.ask("GET", "/metrics", &[]).await.status, 401);
}
