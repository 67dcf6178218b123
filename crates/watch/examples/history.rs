//! Fills a history with so many series, of as many shops as it takes, every ten seconds of the last hours up to now.
//!
//! `cargo run --release -p watch --example history FOLDER SERIES HOURS`.

use kernel::ShopId;
use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};
use watch::history::{History, Measured, Measurement};

const STEP_MS: i64 = 10_000;
/// What is measured of every shop that has visitors.
const OF_A_SHOP: [Measurement; 9] = [
    Measurement::RequestsPerSecond,
    Measurement::ErrorsPerSecond,
    Measurement::P50,
    Measurement::P95,
    Measurement::P99,
    Measurement::CacheShare,
    Measurement::Visitors,
    Measurement::InFlight,
    Measurement::Held,
];
/// How often the history is kept tidy, in steps.
const STEPS_PER_MAINTENANCE: i64 = 6;

/// A value that wanders, as measured ones do: seldom the one before, never far from it.
fn value(series: usize, step: i64) -> f64 {
    let wave = (f64::from(u32::try_from(step).unwrap_or(0)) / 40.0).sin();
    let noise = (series.wrapping_mul(2_654_435_761) ^ usize::try_from(step).unwrap_or(0)) % 97;
    (f64::from(u32::try_from(noise).unwrap_or(0)) + 50.0 * wave).round() / 4.0 + 100.0
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("a folder"));
    let mut number = || arguments.next().and_then(|text| text.parse().ok()).expect("a number");
    let (series, hours): (usize, usize) = (number(), number());
    let shops = series.div_ceil(OF_A_SHOP.len());
    let ids: Vec<ShopId> =
        (0..shops).map(|shop| format!("past-{shop}").parse().expect("a shop's name")).collect();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let steps = i64::try_from(hours).unwrap_or(1) * 3_600_000 / STEP_MS;
    let history = History::new(folder, shops);
    for step in 0..steps {
        let at_ms = (now_ms / STEP_MS - steps + step) * STEP_MS;
        let all: Vec<Measured> = ids
            .iter()
            .flat_map(|id| OF_A_SHOP.map(|what| (id, what)))
            .take(series)
            .enumerate()
            .map(|(place, (id, what))| Measured::of_shop(id, what, at_ms, value(place, step)))
            .collect();
        history.record(&all, at_ms).expect("it is written");
        if step % STEPS_PER_MAINTENANCE == 0 {
            history.maintain(at_ms).expect("it is tidied");
        }
    }
}
