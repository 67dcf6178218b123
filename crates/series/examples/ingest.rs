//! Takes in a recording as control would, one commit after another, for `cargo xtask bench series`.
//!
//! Between its phases it waits for a line, so that whoever measures can look at what it spent.
#![expect(clippy::print_stdout, reason = "its phases are told to whoever started it")]

use series::{Labels, Limits, Matcher, Points, Resolution, Sample, Series, SeriesRef};
use std::{
    env,
    error::Error,
    fs::File,
    io::{self, BufReader, Read, Write},
    path::Path,
    time::Instant,
};

type Failure = Box<dyn Error>;

/// Bytes of a sample in the recording: time and value.
const SAMPLE_BYTES: usize = 16;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [recording, folder, ticks_a_commit] = &arguments[..] else {
        return Err("usage: ingest RECORDING FOLDER TICKS_A_COMMIT".into());
    };
    let mut recording = BufReader::with_capacity(1 << 20, File::open(recording)?);
    let (labels, ticks) = read_head(&mut recording)?;
    let first = read_tick(&mut recording, labels.len())?;
    let begin_ms = first.first().ok_or("a recording has samples")?.at_ms;
    let store = Series::open(Path::new(folder), Limits::default(), begin_ms)?;
    wait("ready")?;

    let series = store.series_all(&labels, begin_ms)?;
    let mut newest_ms = begin_ms;
    let mut batch: Vec<Vec<Sample>> = vec![first];
    for tick in 1..=ticks {
        if tick == ticks || batch.len() == ticks_a_commit.parse::<usize>()? {
            newest_ms = take_in(&store, &series, &batch)?;
            batch.clear();
        }
        if tick < ticks {
            batch.push(read_tick(&mut recording, series.len())?);
        }
    }
    wait("taken in")?;
    store.condense(newest_ms)?;
    let stats = store.stats()?;
    wait(&format!("condensed {} {}", stats.appended, stats.raw.bytes))?;
    let begun = Instant::now();
    let read = sum_of_rates(&store)?;
    let spent = begun.elapsed();
    wait(&format!("read {read} {}", spent.as_micros()))
}

fn wait(done: &str) -> Result<(), Failure> {
    println!("{done}");
    io::stdout().flush()?;
    io::stdin().read_line(&mut String::new())?;
    Ok(())
}

/// Appends ticks in the order of their series, commits, and does what maintenance is due. Gives back the newest time.
fn take_in(store: &Series, series: &[SeriesRef], ticks: &[Vec<Sample>]) -> Result<i64, Failure> {
    let mut batch: Vec<(SeriesRef, Sample)> = Vec::with_capacity(series.len() * ticks.len());
    for (index, series) in series.iter().enumerate() {
        batch.extend(ticks.iter().map(|tick| (*series, tick[index])));
    }
    let newest_ms = batch.iter().map(|(_, sample)| sample.at_ms).max().unwrap_or_default();
    let appended = store.append(&batch, newest_ms)?;
    if appended.refused.total() > 0 {
        return Err(format!("refused: {:?}", appended.refused).into());
    }
    store.commit(appended.ticket)?;
    store.maintain(newest_ms)?;
    Ok(newest_ms)
}

/// Number of series and ticks, then the labels of each series: `name=value` with tabs between.
fn read_head(recording: &mut impl Read) -> Result<(Vec<Labels>, u32), Failure> {
    let mut number = || {
        let mut bytes = [0; 4];
        recording.read_exact(&mut bytes)?;
        Ok::<u32, io::Error>(u32::from_le_bytes(bytes))
    };
    let (count, ticks, length) = (number()?, number()?, number()?);
    let mut text = vec![0; length as usize];
    recording.read_exact(&mut text)?;
    let text = String::from_utf8(text)?;
    let pair =
        |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let labels: Result<Vec<Labels>, _> = text
        .lines()
        .map(|line| Labels::from_pairs(line.split('\t').filter_map(pair).collect()))
        .collect();
    let labels = labels?;
    if labels.len() != count as usize {
        return Err("a recording names all of its series".into());
    }
    Ok((labels, ticks))
}

fn read_tick(recording: &mut impl Read, series: usize) -> Result<Vec<Sample>, Failure> {
    let mut bytes = vec![0; series * SAMPLE_BYTES];
    recording.read_exact(&mut bytes)?;
    let (samples, _) = bytes.as_chunks::<SAMPLE_BYTES>();
    let sample = |bytes: &[u8; SAMPLE_BYTES]| {
        let (at, value) = bytes.split_at(8);
        let at_ms = i64::from_le_bytes(at.try_into().expect("invariant: eight of sixteen"));
        let value = f64::from_le_bytes(value.try_into().expect("invariant: eight of sixteen"));
        Sample { at_ms, value }
    };
    Ok(samples.iter().map(sample).collect())
}

/// The rates of one metric of all machines, added up; how many samples it took.
fn sum_of_rates(store: &Series) -> Result<usize, Failure> {
    let mut read = 0;
    let mut sum = 0.0;
    let metrics = (0..10).map(|number| format!("shop_metric_{number}"));
    for metric in metrics {
        for found in store.read(&[Matcher::metric(&metric)], 0..i64::MAX, Resolution::Raw) {
            let Points::Samples(samples) = found?.points else { continue };
            read += samples.len();
            sum +=
                samples.windows(2).map(|two| (two[1].value - two[0].value).max(0.0)).sum::<f64>();
        }
    }
    if sum.is_nan() { Err("a rate is no number".into()) } else { Ok(read) }
}
