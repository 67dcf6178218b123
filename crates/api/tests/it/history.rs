//! A shop's past over HTTP, out of a store that holds a day.

use super::running::{Running, now_ms};
use serde_json::{Value, json};
use watch::history::{History, Measured, Measurement};

const STEP_MS: i64 = 10_000;
const HOUR_MS: i64 = 3_600_000;
const PATH: &str = "/api/v1/shops/lamps/history";

/// The hour that nobody saw.
const UNSEEN: i64 = 5;

/// Fills the day before a full hour; of every hour, its number is the requests a second. The begin of
/// the day.
fn fill_a_day(history: &History) -> i64 {
    let shop = "lamps".parse().unwrap();
    let until_ms = now_ms().div_euclid(HOUR_MS) * HOUR_MS;
    let from_ms = until_ms - 24 * HOUR_MS;
    for hour in (0..24).filter(|hour| *hour != UNSEEN) {
        let begin_ms = from_ms + hour * HOUR_MS;
        let times = (0..HOUR_MS / STEP_MS).map(|step| begin_ms + step * STEP_MS);
        let measured = times.flat_map(|at_ms| {
            let of = |what, value| Measured::of_shop(&shop, what, at_ms, value);
            [
                of(Measurement::RequestsPerSecond, hour as f64),
                of(Measurement::P95, 250.0),
                of(Measurement::Orders, 3.0),
            ]
        });
        let measured: Vec<Measured> = measured.collect();
        let then_ms = begin_ms + HOUR_MS;
        history.record(&measured, then_ms).unwrap();
        history.maintain(then_ms).unwrap();
    }
    from_ms
}

async fn read(running: &Running, query: &str) -> Value {
    let answer = running.ask_as_machine("GET", &format!("{PATH}?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// One column of a series.
fn points<'a>(history: &'a Value, name: &str, column: &str) -> &'a [Value] {
    let series = history["series"].as_array().unwrap().iter();
    let found = series.clone().find(|one| one["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}"))[column].as_array().unwrap()
}

#[tokio::test]
async fn a_day_is_read_in_steps_that_fit_and_an_unseen_hour_is_a_gap() {
    let running = Running::start().await;
    let from_ms = fill_a_day(&running.state.history);
    let until_ms = from_ms + 24 * HOUR_MS;
    let day = read(&running, &format!("from_ms={from_ms}&until_ms={until_ms}&points=24")).await;
    assert_eq!(day["step_ms"], HOUR_MS);
    assert_eq!((&day["from_ms"], &day["until_ms"]), (&json!(from_ms), &json!(until_ms)));
    let seen = |hour| if hour == UNSEEN { Value::Null } else { json!(hour as f64) };
    let expect: Vec<Value> = (0..24).map(seen).collect();
    for column in ["min", "max", "mean"] {
        assert_eq!(points(&day, "requests_per_second", column), expect, "{column}");
    }
    assert_eq!(points(&day, "p95_ms", "max")[0], 250.0);
    assert_eq!(points(&day, "revenue_minor", "mean")[0], Value::Null);
    // As many points as there may be: still no more, and the whole day.
    let fine = read(&running, &format!("from_ms={from_ms}&until_ms={until_ms}&points=1000")).await;
    assert_eq!((&fine["step_ms"], points(&fine, "orders", "mean").len()), (&json!(120_000), 720));
    assert_eq!(points(&fine, "orders", "mean")[719], 3.0);
    // An hour is fine enough for every sample.
    let hour_ms = from_ms + 20 * HOUR_MS;
    let end_ms = hour_ms + HOUR_MS;
    let hour = read(&running, &format!("from_ms={hour_ms}&until_ms={end_ms}&points=360")).await;
    assert_eq!((&hour["step_ms"], points(&hour, "orders", "mean").len()), (&json!(STEP_MS), 360));
    assert!(points(&hour, "requests_per_second", "mean").iter().all(|mean| *mean == 20.0));
}

#[tokio::test]
async fn without_a_range_it_is_the_last_day_and_of_nothing_all_is_unknown() {
    let running = Running::start().await;
    let day = read(&running, "").await;
    let (from_ms, until_ms) = (day["from_ms"].as_i64().unwrap(), day["until_ms"].as_i64().unwrap());
    assert!(until_ms - from_ms >= 24 * HOUR_MS, "{from_ms}..{until_ms}");
    for series in day["series"].as_array().unwrap() {
        let lowest = series["min"].as_array().unwrap();
        assert!(lowest.len() <= 300 && lowest.iter().all(Value::is_null));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let running = Running::start().await;
    let check = async |path: &str, status: u16, code: &str| {
        let answer = running.ask_as_machine("GET", path).await;
        assert_eq!((answer.status, answer.code_or_nothing().as_str()), (status, code), "{path}");
    };
    check("/api/v1/shops/nobody/history", 404, "not_found").await;
    check(&format!("{PATH}?points=1001"), 422, "range").await;
    check(&format!("{PATH}?points=0"), 422, "range").await;
    check(&format!("{PATH}?from_ms=5&until_ms=5"), 422, "range").await;
    check(&format!("{PATH}?from_ms=soon"), 400, "").await;
    let stranger = running.ask("GET", PATH, &[]).await;
    assert_eq!(stranger.status, 401, "{}", stranger.body);
}

#[tokio::test]
async fn a_store_that_is_held_elsewhere_is_no_answer_and_no_end() {
    let running = Running::start().await;
    let holder = History::new(running.series_folder(), 1);
    holder.maintain(now_ms()).unwrap();
    let answer = running.ask_as_machine("GET", PATH).await;
    assert_eq!((answer.status, answer.error_code().as_str()), (503, "store"));
    drop(holder);
    read(&running, "").await;
}
