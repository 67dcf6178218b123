//! `cargo xtask bench watch`: what is sent by remote write over HTTP, and asked for by PromQL, beside Debian's VictoriaMetrics and Prometheus.
//!
//! Ours is the program as people have it: its control takes the samples, reads the machine besides, and answers.

mod contender;

use std::path::Path;

use anyhow::Context;

use super::goal::Row;
use super::machine::{self, Cores};
use super::report::{between, median};
use super::series::recording::{Jitter, Recording, SERIES};
use crate::Refusal;
use crate::install;
use crate::process::{self, Scratch, cargo};
use crate::workspace::Workspace;
use contender::{Contender, Spent};

pub(super) const USAGE: &str = "\
Usage: cargo xtask bench watch [--rounds 5] [--minutes 90] [--as-built]
  --rounds      alternating, 5 at least for docs/BENCHMARKS.md
  --minutes     what was recorded, 90 at least for docs/BENCHMARKS.md, 110 at most: what is older than two hours is not taken
  --as-built    the release that is there, without building it again; writes nothing";

const MARK: &str = "cargo xtask bench watch";
/// How long ago the recording ended: it is made, and sent several times, before it is too old.
const ENDED_MS: i64 = 30_000;
const TICKS_A_MINUTE: u32 = 12;
/// Of so many series of a recording there are a million samples in an hour.
pub(super) const ASKED: &str = "shop_metric_([0-9]|1[0-9]|2[0-7])";
/// What is asked over the last hour, by steps of twenty seconds.
pub(super) const QUERIES: [&str; 3] = [
    "sum(rate({__name__=~\"ASKED\"}[1m]))",
    "max by (zone) (max_over_time({__name__=~\"ASKED\"}[5m]))",
    "count by (instance) ({__name__=~\"ASKED\"})",
];

/// How it was called.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Options {
    rounds: usize,
    minutes: u32,
    is_as_built: bool,
}

impl Options {
    /// Whether docs/BENCHMARKS.md may take it.
    fn is_for_the_record(&self) -> bool {
        self.rounds >= 5 && self.minutes >= 90 && !self.is_as_built
    }
}

pub(super) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let options = read_options(arguments)?;
    install::ensure(&[&install::VICTORIA_METRICS, &install::PROMETHEUS])?;
    if !options.is_as_built {
        println!("programs: cargo build --release (whole-program optimisation: minutes)");
        let example = &["--package", "series", "--example", "condense"];
        for what in [&["--package", "storewarden"][..], example] {
            let mut build = cargo(&["build", "--release", "--locked"]);
            process::run(build.args(what).current_dir(&workspace.root))?;
        }
    }
    let (cores, scratch) = (Cores::one()?, Scratch::new("watch")?);
    let mut all: Vec<[Spent; 3]> = Vec::new();
    for round in 0..options.rounds {
        all.push(measure(workspace, scratch.path(), &options, &cores, round)?);
    }
    let rows = rows(&all);
    let mut text = format!(
        "`cargo xtask bench {}`\n\n{}.\n\n{SERIES} series every 5 s for {} min: {} samples, each machine's jittered. Medians of {} rounds.\n\n| beside VictoriaMetrics | measured | goal |\n|---|---:|---:|\n",
        arguments.join(" "),
        machine::computer()?,
        options.minutes,
        SERIES as u64 * u64::from(options.minutes * TICKS_A_MINUTE),
        options.rounds,
    );
    text.extend(rows.iter().map(Row::text));
    text += &table(&all);
    println!("\n{text}");
    if options.is_for_the_record() {
        let path = workspace.path("docs/BENCHMARKS.md");
        let before =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let after = between(MARK, &before, &text)
            .with_context(|| format!("find the two marks in {}", path.display()))?;
        std::fs::write(&path, after).with_context(|| format!("write {}", path.display()))?;
        println!("written to docs/BENCHMARKS.md");
    }
    Ok(())
}

/// One round: each of them the same samples; who goes first changes with every round.
fn measure(
    workspace: &Workspace,
    scratch: &Path,
    options: &Options,
    cores: &Cores,
    round: usize,
) -> anyhow::Result<[Spent; 3]> {
    let mut spent: [Option<Spent>; 3] = [None; 3];
    for turn in 0..3 {
        let at = (round + turn) % 3;
        let contender = Contender::ALL[at];
        let folder = scratch.join("contender");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("remove {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        // Made anew for each, for the clock goes on; the seed is fixed, and so are the values.
        let ticks = options.minutes * TICKS_A_MINUTE;
        let path = scratch.join("recording");
        let recording = Recording::make(&path, Jitter::Machine, ticks, ENDED_MS)?;
        let measured = contender.measure(workspace, &folder, &recording, cores);
        let measured = measured.with_context(|| format!("measure {}", contender.name()))?;
        println!("  round {}: {}: {}", round + 1, contender.name(), measured.text());
        spent[at] = Some(measured);
    }
    let [Some(victoria), Some(prometheus), Some(ours)] = spent else {
        unreachable!("invariant: each had its turn")
    };
    Ok([victoria, prometheus, ours])
}

fn ratio(all: &[[Spent; 3]], pick: impl Fn(&Spent) -> f64) -> f64 {
    median(all.iter().map(|[victoria, _, ours]| pick(ours) / pick(victoria)).collect())
}

fn rows(all: &[[Spent; 3]]) -> Vec<Row> {
    let say = |ratio: f64| format!("{ratio:.2} times");
    let at_most = |name: &str, measured: f64, most: f64| {
        Row::at_most(name, (measured, most), |ratio| format!("{ratio:.2} times"))
    };
    let rate = ratio(all, Spent::rate);
    let mut rows = vec![
        Row {
            name: "samples for a second of processor time".to_owned(),
            measured: say(rate),
            goal: "1.50 times at least".to_owned(),
            is_kept: Some(rate >= 1.5),
        },
        at_most("bytes on disk a sample", ratio(all, |spent| spent.bytes), 1.0),
        at_most("memory (PSS) at the end", ratio(all, |spent| spent.memory), 1.0),
    ];
    for (at, query) in QUERIES.iter().enumerate() {
        let name = format!("processor time of `{}` over a million samples", shown(query));
        rows.push(at_most(&name, ratio(all, |spent| spent.queries[at]), 0.5));
    }
    rows
}

fn shown(query: &str) -> String {
    query.replace("{__name__=~\"ASKED\"}", "x")
}

/// All three, as they were.
fn table(all: &[[Spent; 3]]) -> String {
    let of = |at: usize, pick: &dyn Fn(&Spent) -> f64| {
        median(all.iter().map(|round| pick(&round[at])).collect())
    };
    let mut text =
        "\n| | VictoriaMetrics | Prometheus | Storewarden |\n|---|---:|---:|---:|\n".to_owned();
    let mut row = |name: &str, pick: &dyn Fn(&Spent) -> f64, say: &dyn Fn(f64) -> String| {
        let [one, two, three] = [0, 1, 2].map(|at| say(of(at, pick)));
        text += &format!("| {name} | {one} | {two} | {three} |\n");
    };
    row("million samples for a second of processor time", &|spent| spent.rate() / 1e6, &|rate| {
        format!("{rate:.2}")
    });
    row(
        "bytes on disk a sample; Prometheus has made no block of them yet",
        &|spent| spent.bytes,
        &|bytes| format!("{bytes:.2}"),
    );
    row("memory (PSS) at the end", &|spent| spent.memory / 1e6, &|bytes| format!("{bytes:.0} MB"));
    for (at, query) in QUERIES.iter().enumerate() {
        let name = format!("`{}`, processor time", shown(query));
        row(&name, &|spent| spent.queries[at] * 1e3, &|ms| format!("{ms:.0} ms"));
    }
    text
}

fn read_options(arguments: &[String]) -> Result<Options, Refusal> {
    let refuse = |reason: &str| Refusal(format!("{reason}\n{USAGE}"));
    let mut options = Options { rounds: 5, minutes: 90, is_as_built: false };
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        if word == "--as-built" {
            options.is_as_built = true;
            continue;
        }
        let value = words
            .next()
            .ok_or_else(|| refuse(&format!("`{word}` is unknown, or wants a value")))?;
        match (word.as_str(), value.parse::<u32>()) {
            ("--rounds", Ok(number @ 1..=50)) => options.rounds = number as usize,
            ("--minutes", Ok(number @ 65..=110)) => options.minutes = number,
            _ => return Err(refuse(&format!("`{word} {value}` is not understood"))),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_nonsense_refused() {
        let read =
            |text: &str| read_options(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let expect = Options { rounds: 2, minutes: 70, is_as_built: true };
        assert_eq!(read("watch --rounds 2 --minutes 70 --as-built").unwrap(), expect);
        assert!(!expect.is_for_the_record() && read("watch").unwrap().is_for_the_record());
        for nonsense in ["watch --rounds", "watch --minutes 5", "watch --rounds x", "watch 7"] {
            assert!(read(nonsense).is_err(), "{nonsense}");
        }
    }
}
