//! Prometheus' own API over HTTP, as Grafana, promtool and other Prometheuses ask and send.

use super::{
    endpoints::hash,
    running::{Answer, Running, now_ms},
};
use kernel::{Actor, Permission, Scope, ShopId};
use promql::wire::remote_write::{Encoder, Version};
use serde_json::{Value, json};
use series::{Labels, Sample};
use std::collections::BTreeSet;
use store::TokenRecord;
use watch::history::{Measured, Measurement};

const API: &str = "/prometheus/api/v1";
const STEP_MS: i64 = 10_000;
const HOUR_MS: i64 = 3_600_000;

/// An hour of requests that rise by one a sample, of two shops; its begin.
fn fill(running: &Running) -> i64 {
    let end_ms = now_ms().div_euclid(STEP_MS) * STEP_MS;
    let begin_ms = end_ms - HOUR_MS;
    let mut measured = Vec::new();
    for (shop, factor) in [("lamps", 1.0), ("socks", 10.0)] {
        let shop: ShopId = shop.parse().unwrap();
        measured.extend((0..=HOUR_MS / STEP_MS).map(|step| {
            let (at_ms, value) = (begin_ms + step * STEP_MS, step as f64 * factor);
            Measured::of_shop(&shop, Measurement::RequestsPerSecond, at_ms, value)
        }));
    }
    running.state.history.record(&measured, end_ms).unwrap();
    begin_ms
}

async fn token(running: &Running, permission: Permission, shops: Option<&[&str]>) -> String {
    let name = format!("{permission}-{}", shops.map_or(0, <[&str]>::len)).replace('_', "-");
    let shops: Option<BTreeSet<ShopId>> =
        shops.map(|shops| shops.iter().map(|shop| shop.parse().unwrap()).collect());
    let record = TokenRecord {
        name: name.parse().unwrap(),
        scope: Scope { permissions: [permission].into(), shops },
        made_by: Actor::CommandLine,
        created_ms: now_ms(),
        expires_ms: now_ms() + HOUR_MS,
        used_ms: None,
    };
    running.state.store.add_token(record, hash(&name)).await.unwrap();
    format!("Bearer {name}")
}

fn encoded(text: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let one =
        |byte: u8| if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

fn question(params: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    pairs.join("&")
}

async fn ask(running: &Running, path: &str, params: &[(&str, &str)]) -> Answer {
    let path = format!("{API}/{path}?{}", question(params));
    running.ask_as_machine("GET", &path).await
}

async fn data(running: &Running, path: &str, params: &[(&str, &str)]) -> Value {
    let answer = ask(running, path, params).await;
    assert_eq!(answer.status, 200, "{path} {params:?}: {}", answer.body);
    let mut answer = answer.json();
    assert_eq!(answer["status"], "success");
    answer["data"].take()
}

#[tokio::test]
async fn queries_are_answered_at_a_moment_and_over_a_range() {
    let running = Running::start().await;
    let begin_ms = fill(&running);
    let seconds = |ms: i64| format!("{}", ms / 1_000);
    let (begin, end) = (seconds(begin_ms), seconds(begin_ms + HOUR_MS));
    let lamps = r#"storewarden_shop_requests_per_second{shop="lamps"}"#;
    let found = data(&running, "query", &[("query", lamps), ("time", &end)]).await;
    let metric = json!({"__name__": "storewarden_shop_requests_per_second", "shop": "lamps"});
    let at: i64 = end.parse().unwrap();
    let expected = json!({
        "resultType": "vector", "result": [{"metric": metric, "value": [at, "360"]}],
    });
    assert_eq!(found, expected);
    let range = [
        ("query", "sum(storewarden_shop_requests_per_second)"),
        ("start", &begin),
        ("end", &end),
        ("step", "20m"),
    ];
    let found = data(&running, "query_range", &range).await;
    let at: i64 = begin.parse().unwrap();
    let values =
        json!([[at, "0"], [at + 1_200, "1320"], [at + 2_400, "2640"], [at + 3_600, "3960"]]);
    assert_eq!(
        found,
        json!({"resultType": "matrix", "result": [{"metric": {}, "values": values}]})
    );
    // As Grafana asks, by a form.
    let body = question(&range);
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", "Bearer a-token-for-tests"),
    ];
    let path = format!("{API}/query_range");
    let answer = running.hand_in("POST", &path, &form, body.as_bytes()).await;
    assert_eq!((answer.status, &answer.json()["data"]), (200, &found));
    assert_eq!(
        data(&running, "query", &[("query", "1/0"), ("time", "1.5")]).await,
        json!({"resultType": "scalar", "result": [1.5, "+Inf"]})
    );
    assert_eq!(data(&running, "query", &[("query", r#""a\"b""#)]).await["result"][1], "a\"b");
    let first = ask(
        &running,
        "query",
        &[("query", "storewarden_shop_requests_per_second"), ("limit", "1")],
    )
    .await
    .json();
    assert_eq!(first["data"]["result"].as_array().unwrap().len(), 1);
    assert_eq!(first["warnings"], json!(["results truncated due to limit"]));
}

#[tokio::test]
async fn what_is_no_question_is_refused_as_prometheus_does() {
    let running = Running::start().await;
    let check = async |path: &str, params: &[(&str, &str)], status: u16, kind: &str, says: &str| {
        let answer = ask(&running, path, params).await;
        let body = answer.json();
        assert_eq!((answer.status, body["errorType"].as_str()), (status, Some(kind)), "{body}");
        assert!(body["error"].as_str().unwrap().contains(says), "{body}");
    };
    check("query", &[], 400, "bad_data", "\"query\" is missing").await;
    check("query", &[("query", "sum(")], 400, "bad_data", "`sum(` is no query").await;
    check("query", &[("query", "up"), ("time", "soon")], 400, "bad_data", "\"soon\"").await;
    check("query", &[("query", "limitk(1, up)")], 400, "bad_data", "experimental").await;
    check("query_range", &[("query", "up")], 400, "bad_data", "\"start\" is missing").await;
    let none = [("query", "up"), ("start", "10"), ("end", "5"), ("step", "1")];
    check("query_range", &none, 400, "bad_data", "a range from").await;
    let fine = [("query", "up"), ("start", "0"), ("end", "100000"), ("step", "1")];
    check("query_range", &fine, 400, "bad_data", "steps are more than").await;
    check(
        "query",
        &[("query", "vector(1) + on() group_left() vector(1)"), ("timeout", "0.001x")],
        400,
        "bad_data",
        "valid duration",
    )
    .await;
    check("series", &[], 400, "bad_data", "match[]").await;
    check("series", &[("match[]", "sum(up)")], 400, "bad_data", "a selector is wanted").await;
    assert_eq!(running.ask("GET", &format!("{API}/query?query=1"), &[]).await.status, 401);
}

#[tokio::test]
async fn series_labels_and_families_are_listed() {
    let running = Running::start().await;
    let begin_ms = fill(&running);
    let metric = "storewarden_shop_requests_per_second";
    let series =
        data(&running, "series", &[("match[]", metric), ("match[]", r#"{shop="socks"}"#)]).await;
    assert_eq!(
        series,
        json!([{"__name__": metric, "shop": "lamps"}, {"__name__": metric, "shop": "socks"}])
    );
    let before = format!("{}", begin_ms / 1_000 - 60);
    assert_eq!(data(&running, "series", &[("match[]", metric), ("end", &before)]).await, json!([]));
    assert_eq!(data(&running, "labels", &[]).await, json!(["__name__", "shop"]));
    assert_eq!(data(&running, "label/shop/values", &[]).await, json!(["lamps", "socks"]));
    assert_eq!(data(&running, "label/shop/values", &[("limit", "1")]).await, json!(["lamps"]));
    let told = data(&running, "metadata", &[("metric", metric)]).await;
    let expected = json!([{"type": "gauge", "help": "Requests of visitors, mean of ten seconds.", "unit": ""}]);
    assert_eq!(told[metric], expected);
    assert_eq!(data(&running, "status/buildinfo", &[]).await["application"], "storewarden");
    assert_eq!(data(&running, "query_exemplars", &[]).await, json!([]));
    assert_eq!(data(&running, "targets", &[]).await["activeTargets"], json!([]));
    assert_eq!(data(&running, "alerts", &[]).await["alerts"], json!([]));
    let rules = data(&running, "rules", &[]).await;
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    let stopped = rules.iter().find(|rule| rule["name"] == "orders_stopped").unwrap();
    assert_eq!((&stopped["state"], &stopped["duration"]), (&json!("inactive"), &json!(30.0)));
}

#[tokio::test]
async fn everybody_reads_the_series_of_their_shops_alone() {
    let running = Running::start().await;
    fill(&running);
    let lamps = token(&running, Permission::See, Some(&["lamps"])).await;
    let headers = [("authorization", lamps.as_str())];
    let path =
        format!("{API}/query?{}", question(&[("query", "count by (shop) ({__name__=~\".+\"})")]));
    let answer = running.ask("GET", &path, &headers).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    let found = answer["data"]["result"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["metric"], json!({"shop": "lamps"}));
    let path = format!("{API}/label/shop/values");
    assert_eq!(running.ask("GET", &path, &headers).await.json()["data"], json!(["lamps"]));
}

/// A series as a field of a request of remote write 1.0, written by hand: the encoder refuses what is to be refused here.
fn written(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> Vec<u8> {
    let field = |tag: u8, body: &[u8]| {
        assert!(body.len() < 128);
        [&[tag, u8::try_from(body.len()).unwrap()], body].concat()
    };
    let mut series = Vec::new();
    for (name, value) in labels {
        let label = [field(0x0a, name.as_bytes()), field(0x12, value.as_bytes())].concat();
        series.extend(field(0x0a, &label));
    }
    for (at_ms, value) in samples {
        let mut sample = vec![0x09];
        sample.extend(value.to_le_bytes());
        sample.push(0x10);
        let mut rest = at_ms.cast_unsigned();
        while rest >= 0x80 {
            sample.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        sample.push(u8::try_from(rest).unwrap());
        series.extend(field(0x12, &sample));
    }
    field(0x0a, &series)
}

#[tokio::test]
async fn what_is_sent_by_remote_write_is_read_back_and_the_rest_complained_of() {
    let running = Running::start().await;
    let now_ms = now_ms();
    let sender = token(&running, Permission::SendMetrics, None).await;
    let send = async |version: Version, body: Vec<u8>| {
        let headers = [
            ("authorization", sender.as_str()),
            ("content-type", version.content_type()),
            ("content-encoding", "snappy"),
        ];
        running.hand_in("POST", &format!("{API}/write"), &headers, &body).await
    };
    for (round, version) in [(0, Version::One), (1, Version::Two)] {
        for again in 0..2 {
            let mut encoder = Encoder::new(version);
            for host in ["a", "b"] {
                let labels = Labels::new("temperature_celsius", [("host", host)]).unwrap();
                let at_ms = now_ms - 60_000 + round * 20_000 + again * 10_000;
                let sample = Sample { at_ms, value: at_ms as f64 };
                encoder.push(&labels, &[sample], None);
            }
            let answer = send(version, encoder.take().unwrap()).await;
            assert_eq!(answer.status, 204, "{}", answer.body);
            assert_eq!(answer.header("x-prometheus-remote-write-samples-written"), Some("2"));
        }
    }
    let found =
        data(&running, "query", &[("query", "count_over_time(temperature_celsius[5m])")]).await;
    let counts: Vec<&Value> =
        found["result"].as_array().unwrap().iter().map(|row| &row["value"][1]).collect();
    assert_eq!(counts, ["4", "4"]);
    // What can never be taken is told, and the rest is there.
    let fine = [("__name__", "kept"), ("host", "c")];
    let unfit = [("__name__", "no name"), ("host", "c")];
    let message = [
        written(&unfit, &[(now_ms, 7.0)]),
        written(&fine, &[(now_ms - 5 * HOUR_MS, 7.0), (now_ms, 7.0)]),
    ];
    let packed = snap::raw::Encoder::new().compress_vec(&message.concat()).unwrap();
    let answer = send(Version::One, packed).await;
    assert_eq!(answer.status, 400);
    for says in ["`no name` is no name of a metric", "1 samples are older than two hours"] {
        assert!(answer.body.contains(says), "{}", answer.body);
    }
    assert_eq!(answer.header("x-prometheus-remote-write-samples-written"), Some("1"));
    assert_eq!(data(&running, "query", &[("query", "kept")]).await["result"][0]["value"][1], "7");
    assert_eq!(send(Version::One, b"nonsense".to_vec()).await.status, 400);
    let headers = [("authorization", sender.as_str()), ("content-type", "text/plain")];
    assert_eq!(running.hand_in("POST", &format!("{API}/write"), &headers, b"").await.status, 415);
    // It may send and nothing else.
    let asks = [("authorization", sender.as_str())];
    assert_eq!(running.ask("GET", &format!("{API}/query?query=1"), &asks).await.status, 403);
}
