//! What queries cost: processor seconds over a million samples, from memory and from files.
//!
//! `cargo run --release -p promql --example query_weigh [SERIES [SAMPLES [QUERY]]]`

#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use promql::query::{Query, QueryLimits, Source};
use series::{Labels, Limits, Sample, Series, SeriesRef};
use std::{env, fs, time::Instant};

const BEGIN_MS: i64 = 1_700_000_000_000;
const STEP_MS: i64 = 5_000;
const ROUNDS: u32 = 20;

const QUERIES: [&str; 9] = [
    "sum(rate(requests_total[1m]))",
    "sum by (shop) (rate(requests_total[5m]))",
    "requests_total",
    "count(requests_total)",
    "count by (instance) (requests_total)",
    "max_over_time(requests_total[5m])",
    "avg_over_time(requests_total[5m])",
    "topk(5, rate(requests_total[1m]))",
    "histogram_quantile(0.9, sum by (le) (rate(requests_total[1m])))",
];

fn main() {
    let mut args = env::args().skip(1);
    let mut number =
        |usual: i64| args.next().map_or(usual, |text| text.parse().expect("a whole number"));
    let (series, samples) = (number(1_400), number(720));
    let queries: Vec<String> = match args.next() {
        Some(query) => vec![query],
        None => QUERIES.map(str::to_owned).to_vec(),
    };
    let folder = tempfile::tempdir().expect("a folder for the store");
    let limits = Limits {
        window_ms: i64::MAX / 4,
        head_bytes: 1 << 30,
        waiting_bytes: 1 << 30,
        ..Limits::default()
    };
    let now_ms = BEGIN_MS + samples * STEP_MS;
    let store = Series::open(folder.path(), limits, now_ms).expect("a store");
    fill(&store, (series, samples), now_ms);
    println!("{} samples of {series} series", series * samples);
    for place in ["memory", "files"] {
        if place == "files" {
            let later_ms = now_ms + 3_600_000;
            while store.maintain(later_ms).expect("maintenance").is_worth_another() {}
        }
        for query in &queries {
            weigh(&store, place, query, now_ms);
        }
    }
}

fn fill(store: &Series, (series, samples): (i64, i64), now_ms: i64) {
    let labels: Vec<Labels> = (0..series).map(labels).collect();
    let known: Vec<SeriesRef> = store.series_all(&labels, now_ms).expect("series");
    for tick in 0..samples {
        let batch: Vec<(SeriesRef, Sample)> = (0_i64..)
            .zip(&known)
            .map(|(one, series)| {
                let jitter_ms = (one * 7 + tick * 13) % 11;
                let at_ms = BEGIN_MS + tick * STEP_MS + jitter_ms;
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let value = ((tick * (1 + one % 17)) + one % 5) as f64;
                (*series, Sample { at_ms, value })
            })
            .collect();
        let appended = store.append(&batch, now_ms).expect("room");
        assert_eq!(appended.refused.total(), 0);
        store.commit(appended.ticket).expect("a disk");
    }
}

fn labels(one: i64) -> Labels {
    let pairs = [
        ("shop", format!("shop-{}", one % 20)),
        ("instance", format!("10.0.0.{}:9100", one % 250)),
        ("job", "shop".to_owned()),
        ("le", format!("{}", one % 10)),
        ("path", format!("/path/{one}")),
    ];
    Labels::new("requests_total", pairs).expect("good labels")
}

fn weigh(store: &Series, place: &str, query: &str, now_ms: i64) {
    let parsed = Query::parse(query).expect("a good query");
    let limits = QueryLimits { samples: 1 << 40, ..QueryLimits::default() };
    let source = Source::of(store);
    let range = (BEGIN_MS, now_ms, 4 * STEP_MS);
    let (begun, before) = (Instant::now(), cpu_seconds());
    for _ in 0..ROUNDS {
        let answer = parsed.range(&source, range, &limits).expect("an answer");
        std::hint::black_box(answer);
    }
    let rounds = f64::from(ROUNDS);
    let cpu_ms = (cpu_seconds() - before) / rounds * 1_000.0;
    let wall_ms = begun.elapsed().as_secs_f64() / rounds * 1_000.0;
    println!("{place:6} {cpu_ms:8.1} ms cpu {wall_ms:8.1} ms  {query}");
}

/// Of this process so far.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/schedstat").expect("a Linux kernel");
    let nanoseconds = stat.split_whitespace().next().expect("a number");
    nanoseconds.parse::<f64>().expect("a number") / 1e9
}
