//! What reading Prometheus' formats costs: samples per second of this process' CPU time.
//!
//! `cargo run --release -p promql --example wire_weigh -- [BODY]`, with the body of an exporter in text to read instead of one made up.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use promql::wire::{
    Format, Key, Known,
    remote_write::{Encoder, Entry, Receiver, Version},
    text::{self, Reader},
};
use series::{Labels, Sample, Series, SeriesRef};
use std::{env, error::Error, fmt::Write as _, fs, hint::black_box};

type Failure = Box<dyn Error>;

/// Series of the bodies that are made up.
const SERIES: u64 = 10_000;

/// So much CPU time is measured each.
const ENOUGH_S: f64 = 2.0;

/// When the samples begin, Unix milliseconds.
const FIRST_MS: i64 = 1_795_429_693_425;

/// Clock ticks of /proc/self/stat a second (proc(5), sysconf(3): 100 on Linux, whatever the kernel's own are).
const TICKS_A_SECOND: f64 = 100.0;

fn main() -> Result<(), Failure> {
    let made_up;
    let body = match env::args().nth(1) {
        Some(path) => fs::read_to_string(path)?,
        None => {
            made_up = exposition()?;
            made_up
        }
    };
    weigh("text, labels not looked at", || read_text(&body, Format::Text, false))?;
    weigh("text, every label read", || read_text(&body, Format::Text, true))?;
    if env::args().nth(1).is_none() {
        let body = format!("{body}# EOF\n");
        weigh("OpenMetrics, labels not looked at", || {
            read_text(&body, Format::OpenMetrics, false)
        })?;
    }
    for (name, version) in [("1.0", Version::One), ("2.0", Version::Two)] {
        for samples_a_series in [1, 10] {
            let bodies = requests(version, samples_a_series)?;
            let bytes: usize = bodies.iter().map(Vec::len).sum();
            let mut receiver = Receiver::new(promql::wire::remote_write::Limits::default());
            let named = format!(
                "remote write {name}, {samples_a_series} samples a series, {:.1} bytes a sample",
                bytes as f64 / (SERIES * samples_a_series) as f64
            );
            weigh(&named, || {
                let mut samples = 0;
                for body in &bodies {
                    samples += receiver.read(version, body, look_at)?.samples;
                }
                Ok(samples)
            })?;
        }
    }
    weigh_stored()
}

/// As much of an entry as whoever finds its series has to see.
fn look_at(entry: Entry<'_>) {
    if let Entry::Series { labels, samples } = entry {
        let bytes: usize = labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        black_box((bytes, samples.first().map(|sample| sample.value)));
    }
}

/// The whole way of a request: unpacked, read, its series recognised, its samples appended to a store and committed to disk; and what the
/// store makes of them from time to time.
fn weigh_stored() -> Result<(), Failure> {
    for (name, version) in [("1.0", Version::One), ("2.0", Version::Two)] {
        let folder = env::temp_dir().join(format!("wire-weigh-{}", std::process::id()));
        let mut ingest = Ingest {
            store: Series::open(&folder, series::Limits::default(), FIRST_MS)?,
            known: Known::new(1 << 20),
            receiver: Receiver::new(promql::wire::remote_write::Limits::default()),
            past_ms: 0,
        };
        let bodies = requests(version, 1)?;
        let named = format!("remote write {name}, 1 sample a series, into the store and on disk");
        let weighed = weigh(&named, || {
            let mut samples = 0;
            for body in &bodies {
                samples += ingest.take_in(version, body)?;
            }
            ingest.past_ms += 1_000;
            if ingest.past_ms % 30_000 == 0 {
                ingest.store.condense(FIRST_MS + ingest.past_ms)?;
            }
            Ok(samples)
        });
        drop(ingest);
        fs::remove_dir_all(&folder)?;
        weighed?;
    }
    Ok(())
}

struct Ingest {
    store: Series,
    known: Known<SeriesRef>,
    receiver: Receiver,
    /// How much later than they say samples are.
    past_ms: i64,
}

/// A series that is not known yet.
struct New {
    labels: Vec<(String, String)>,
    samples: Vec<Sample>,
}

impl Ingest {
    fn take_in(&mut self, version: Version, body: &[u8]) -> Result<u64, Failure> {
        let Self { store, known, receiver, past_ms } = self;
        let later = |sample: &Sample| Sample { at_ms: sample.at_ms + *past_ms, ..*sample };
        let mut batch = Vec::new();
        let mut new = Vec::new();
        receiver.read(version, body, |entry| {
            let Entry::Series { labels, samples } = entry else { return };
            if let Some((series, _)) = known.find(Key::Labels(labels)) {
                batch.extend(samples.iter().map(|sample| (series, later(sample))));
                return;
            }
            let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            let samples = samples.iter().map(later).collect();
            new.push(New { labels: labels.collect(), samples });
        })?;
        let labels: Result<Vec<Labels>, _> =
            new.iter().map(|new| Labels::from_pairs(new.labels.clone())).collect();
        let now_ms = FIRST_MS + *past_ms;
        for (new, series) in new.iter().zip(store.series_all(&labels?, now_ms)?) {
            let labels: Vec<(&str, &str)> =
                new.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            known.remember(Key::Labels(&labels), series);
            batch.extend(new.samples.iter().map(|sample| (series, *sample)));
        }
        let appended = store.append(&batch, now_ms)?;
        store.commit(appended.ticket)?;
        Ok(appended.taken)
    }
}

fn read_text(body: &str, format: Format, with_labels: bool) -> Result<u64, Failure> {
    let mut reader = Reader::new(format, text::Limits::default());
    let mut take = |entry: text::Entry<'_>| {
        let text::Entry::Sample(sample) = entry else { return };
        black_box((sample.series.raw(), sample.value));
        if with_labels {
            for label in sample.series.labels() {
                black_box(label);
            }
        }
    };
    // As a socket hands it over.
    for piece in body.as_bytes().chunks(16 << 10) {
        reader.feed(piece, &mut take)?;
    }
    Ok(reader.finish(&mut take)?.samples)
}

fn weigh(name: &str, mut read: impl FnMut() -> Result<u64, Failure>) -> Result<(), Failure> {
    read()?;
    let begun_s = spent_s()?;
    let mut samples = 0;
    let spent = loop {
        samples += read()?;
        let spent = spent_s()? - begun_s;
        if spent >= ENOUGH_S {
            break spent;
        }
    };
    let rate = samples as f64 / spent / 1e6;
    println!("{rate:>7.2} M samples per CPU second: {name}");
    Ok(())
}

/// CPU time of this process, user and system.
fn spent_s() -> Result<f64, Failure> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().ok_or("/proc/self/stat has a name in parentheses")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let [Some(user), Some(system)] = [11, 12].map(|index| fields.get(index)) else {
        return Err("/proc/self/stat has the fields utime and stime".into());
    };
    Ok((user.parse::<f64>()? + system.parse::<f64>()?) / TICKS_A_SECOND)
}

/// Labels as an exporter on a server has them.
fn labels_of(series: u64) -> Vec<(&'static str, String)> {
    vec![
        ("instance", format!("shop-{}.example:9100", series % 50)),
        ("job", "node".to_owned()),
        ("device", format!("eth{}", series % 4)),
        ("method", ["GET", "POST", "PUT", "HEAD"][series as usize % 4].to_owned()),
        ("path", format!("/checkout/step/{series}")),
    ]
}

fn value_of(series: u64, index: u64) -> f64 {
    // A third of them are no whole numbers, as among the metrics of a server.
    let whole = (series * 7_919 + index * 31) % 1_000_000;
    if series.is_multiple_of(3) { whole as f64 / 1_024.0 } else { whole as f64 }
}

fn exposition() -> Result<String, Failure> {
    let mut body = String::new();
    for series in 0..SERIES {
        if series.is_multiple_of(100) {
            let family = series / 100;
            writeln!(body, "# HELP shop_requests_{family} Requests that were answered.")?;
            writeln!(body, "# TYPE shop_requests_{family} gauge")?;
        }
        let labels: Vec<String> =
            labels_of(series).iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let (family, labels) = (series / 100, labels.join(","));
        writeln!(body, "shop_requests_{family}{{{labels}}} {}", value_of(series, 0))?;
    }
    Ok(body)
}

/// All series in requests of 2,000 samples, as Prometheus sends them.
fn requests(version: Version, samples_a_series: u64) -> Result<Vec<Vec<u8>>, Failure> {
    let mut encoder = Encoder::new(version);
    let mut bodies = Vec::new();
    for series in 0..SERIES {
        let labels = Labels::new(&format!("shop_requests_{}", series / 100), labels_of(series))?;
        let sample = |index: u64| Sample {
            at_ms: FIRST_MS + index.cast_signed() * 1_000,
            value: value_of(series, index),
        };
        let samples: Vec<Sample> = (0..samples_a_series).map(sample).collect();
        encoder.push(&labels, &samples, None);
        if encoder.samples() >= 2_000 {
            bodies.push(encoder.take()?);
        }
    }
    if encoder.samples() > 0 {
        bodies.push(encoder.take()?);
    }
    Ok(bodies)
}
