//! What both are given: 5,000 series of 50 machines, every five seconds, in the shapes that metrics have.
//!
//! Made once by a generator with a fixed seed and kept in a file, so that both read the very same samples. `crates/series/examples/ingest.rs`
//! reads the same format.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;

const MACHINES: usize = 50;
const SERIES_EACH: usize = 100;
pub(in super::super) const SERIES: usize = MACHINES * SERIES_EACH;
const STEP_MS: i64 = 5_000;
/// How late a sample is, at most.
const JITTER_MS: u64 = 8;

/// Whose clock it is that strays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Jitter {
    /// All series of a machine are read at one moment, as scraping does it.
    Machine,
    Sample,
}

/// A recording in a file.
#[derive(Debug)]
pub(in super::super) struct Recording {
    pub(super) path: PathBuf,
    pub(super) labels: Vec<Vec<(String, String)>>,
    pub(super) ticks: u32,
    head_bytes: u64,
}

pub(in super::super) type Tick = Vec<(i64, f64)>;

impl Recording {
    /// So many ticks, the last of them so long ago.
    pub(in super::super) fn make(
        path: &Path,
        jitter: Jitter,
        ticks: u32,
        ended_ms: i64,
    ) -> anyhow::Result<Self> {
        let labels: Vec<_> = (0..SERIES).map(labels).collect();
        let text: String = labels
            .iter()
            .map(|pairs| {
                let pairs: Vec<String> =
                    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
                pairs.join("\t") + "\n"
            })
            .collect();
        let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        for number in [SERIES, ticks as usize, text.len()] {
            let number = u32::try_from(number).context("a recording is too large")?;
            file.write_all(&number.to_le_bytes())?;
        }
        file.write_all(text.as_bytes())?;
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).context("read the clock")?;
        let begin_ms = i64::try_from(now_ms.as_millis())? - ended_ms - i64::from(ticks) * STEP_MS;
        let mut generator = Generator::new(jitter);
        for tick in 0..ticks {
            let begin_ms = begin_ms + i64::from(tick) * STEP_MS;
            for (at_ms, value) in generator.tick(begin_ms) {
                file.write_all(&at_ms.to_le_bytes())?;
                file.write_all(&value.to_le_bytes())?;
            }
        }
        file.flush().with_context(|| format!("write {}", path.display()))?;
        Ok(Self { path: path.to_owned(), labels, ticks, head_bytes: 12 + text.len() as u64 })
    }

    /// All ticks, one after another.
    pub(super) fn ticks(&self) -> anyhow::Result<impl Iterator<Item = std::io::Result<Tick>>> {
        let mut file = File::open(&self.path).context("open the recording")?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(self.head_bytes))?;
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut bytes = vec![0; SERIES * 16];
        Ok((0..self.ticks).map(move |_| {
            file.read_exact(&mut bytes)?;
            let (samples, _) = bytes.as_chunks::<16>();
            let sample = |bytes: &[u8; 16]| {
                let number = u128::from_le_bytes(*bytes).to_le_bytes();
                let (at, value) = number.split_at(8);
                let half = |bytes: &[u8]| {
                    <[u8; 8]>::try_from(bytes).expect("invariant: eight of sixteen bytes")
                };
                (i64::from_le_bytes(half(at)), f64::from_le_bytes(half(value)))
            };
            Ok(samples.iter().map(sample).collect())
        }))
    }
}

fn labels(series: usize) -> Vec<(String, String)> {
    let (machine, metric) = (series / SERIES_EACH, series % SERIES_EACH);
    [
        ("__name__", format!("shop_metric_{metric}")),
        ("instance", format!("10.0.{machine}.7:9100")),
        // Apart by more than their name, which Prometheus wants of what one question adds up.
        ("item", metric.to_string()),
        ("job", "node".to_owned()),
        ("zone", format!("eu-{}", machine % 3)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// Values as metrics have them, by xorshift with a fixed seed.
#[derive(Debug)]
struct Generator {
    jitter: Jitter,
    state: u64,
    values: Vec<f64>,
}

impl Generator {
    fn new(jitter: Jitter) -> Self {
        Self { jitter, state: 0x9e37_79b9_7f4a_7c15, values: vec![0.0; SERIES] }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % limit
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers below 2⁵²")]
    fn number(&mut self, limit: u64) -> f64 {
        self.below(limit) as f64
    }

    fn late_ms(&mut self) -> i64 {
        i64::try_from(self.below(JITTER_MS + 1)).expect("invariant: a few milliseconds")
    }

    fn tick(&mut self, begin_ms: i64) -> Tick {
        let mut samples = Vec::with_capacity(SERIES);
        for machine in 0..MACHINES {
            // Machines are read one after another over the step.
            let offset_ms = i64::try_from(machine * 97).expect("invariant: below the step");
            let at_ms = begin_ms + offset_ms + self.late_ms();
            for metric in 0..SERIES_EACH {
                let value = self.next(machine * SERIES_EACH + metric, metric);
                let own_ms = if self.jitter == Jitter::Sample { self.late_ms() } else { 0 };
                samples.push((at_ms + own_ms, value));
            }
        }
        samples
    }

    /// Of ten metrics, three are counters, two gauges with two decimals, one a gauge in pages, one full of noise, three constant.
    fn next(&mut self, series: usize, metric: usize) -> f64 {
        let before = self.values[series];
        let value = match metric % 10 {
            0 | 1 => before + self.number(50),
            2 => before + if self.below(4) == 0 { self.number(2_000_000) } else { 0.0 },
            3 | 4 => (before * 100.0 + self.number(201) - 100.0).round() / 100.0,
            5 if self.below(5) == 0 => before + (self.number(101) - 50.0) * 4096.0,
            5 => before,
            6 => before + self.number(1 << 40) / (1u64 << 40) as f64 - 0.5,
            constant => f64::from(u32::try_from(constant).expect("invariant: below ten")) * 1.5,
        };
        self.values[series] = value;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_a_machine_share_their_time_unless_each_jitters() {
        let times = |jitter| {
            let tick = Generator::new(jitter).tick(1_000_000);
            let mut times: Vec<i64> = tick[..SERIES_EACH].iter().map(|(at_ms, _)| *at_ms).collect();
            times.dedup();
            times.len()
        };
        assert_eq!(times(Jitter::Machine), 1);
        assert!(times(Jitter::Sample) > 10);
    }
}
