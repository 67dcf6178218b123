//! `cargo xtask bench series`: the metrics store beside Debian's VictoriaMetrics, both by the same recorded samples.
//!
//! What counts is processor time and bytes on disk, each for the same samples, until both have merged what they have.

mod ours;
pub(super) mod recording;
mod report;
pub(super) mod victoria;

use std::path::Path;

use anyhow::Context;

use super::machine::Cores;
use crate::Refusal;
use crate::install;
use crate::process::{self, Scratch, cargo};
use crate::workspace::Workspace;
use recording::{Jitter, Recording};
use report::{Report, Series};

pub(super) const USAGE: &str = "\
Usage: cargo xtask bench series [--rounds 5] [--hours 9] [--only CASE]
  --rounds      alternating rounds of every case, 5 at least for docs/BENCHMARKS.md
  --hours       what was recorded, 9 at least for docs/BENCHMARKS.md: rollups begin after eight
  --only        a part of a case's name; writes nothing";

/// How long ago a recording ended: VictoriaMetrics takes samples of the present only.
const ENDED_MS: i64 = 3_600_000;

/// How samples are jittered and how many ticks are handed over at once.
#[derive(Debug, Clone, Copy)]
struct Case {
    name: &'static str,
    jitter: Jitter,
    ticks_at_once: u32,
    /// Whether the project set itself a goal: twice the samples for a second, at most the bytes.
    is_goal: bool,
}

const CASES: [Case; 3] = [
    Case { name: "every tick", jitter: Jitter::Machine, ticks_at_once: 1, is_goal: true },
    Case { name: "every minute", jitter: Jitter::Machine, ticks_at_once: 12, is_goal: true },
    Case {
        name: "every tick, each sample jittered by itself",
        jitter: Jitter::Sample,
        ticks_at_once: 1,
        is_goal: false,
    },
];

/// What one contender spent on a recording, and what it had to show for it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spent {
    samples: u64,
    seconds: f64,
    /// Of the samples and what finds them; rollups and definitions of series not included.
    raw_bytes: u64,
    /// Of the whole folder.
    all_bytes: u64,
    memory_bytes: u64,
    read_seconds: f64,
}

/// How it was called.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Options {
    rounds: usize,
    hours: u32,
    only: Option<String>,
}

pub(super) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let options = read_options(arguments)?;
    install::ensure(&[&install::VICTORIA_METRICS])?;
    println!("program: cargo build --release --package series --example ingest");
    let build = ["build", "--release", "--locked", "--package", "series", "--example", "ingest"];
    process::run(cargo(&build).current_dir(&workspace.root))?;
    let cores = Cores::one()?;
    let scratch = Scratch::new("series")?;
    let command = format!("cargo xtask bench {}", arguments.join(" "));
    let mut report = Report::new(command, options.hours)?;
    for case in CASES {
        if options.only.as_ref().is_some_and(|only| !case.name.contains(only.as_str())) {
            continue;
        }
        println!("\n{}", case.name);
        let path = scratch.path().join("recording");
        let recording = Recording::make(&path, case.jitter, options.hours * 720, ENDED_MS)?;
        let mut rounds = Vec::new();
        for round in 0..options.rounds {
            rounds.push(measure(workspace, scratch.path(), &recording, case, &cores, round)?);
        }
        report.series.push(Series { name: case.name, is_goal: case.is_goal, rounds });
    }
    println!("\n{}", report.text());
    if options.only.is_none() && options.rounds >= 5 && options.hours >= 9 {
        report.write(&workspace.path("docs/BENCHMARKS.md"))?;
        println!("written to docs/BENCHMARKS.md");
    }
    Ok(())
}

/// One round; who goes first changes with every round.
fn measure(
    workspace: &Workspace,
    scratch: &Path,
    recording: &Recording,
    case: Case,
    cores: &Cores,
    round: usize,
) -> anyhow::Result<(Spent, Spent)> {
    let fresh = |name: &str| {
        let folder = scratch.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("remove {}", folder.display()))?;
        }
        anyhow::Ok(folder)
    };
    let of_victoria = || {
        victoria::measure(&fresh("victoria")?, recording, case.ticks_at_once, cores)
            .context("measure VictoriaMetrics")
    };
    let of_ours = || {
        ours::measure(workspace, &fresh("ours")?, recording, case.ticks_at_once, cores)
            .context("measure the metrics store")
    };
    let (victoria, ours) = if round.is_multiple_of(2) {
        let victoria = of_victoria()?;
        (victoria, of_ours()?)
    } else {
        let ours = of_ours()?;
        (of_victoria()?, ours)
    };
    println!(
        "  round {}: VictoriaMetrics {:.2} M a second, {:.2} bytes; Storewarden {:.2} M, {:.2} bytes",
        round + 1,
        report::rate(&victoria) / 1e6,
        report::bytes_each(&victoria, victoria.all_bytes),
        report::rate(&ours) / 1e6,
        report::bytes_each(&ours, ours.all_bytes),
    );
    Ok((victoria, ours))
}

/// Bytes of all files in a folder and below.
pub(super) fn folder_bytes(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("list {}", folder.display()))?;
        let about = entry.metadata().with_context(|| format!("look at {:?}", entry.path()))?;
        bytes += if about.is_dir() { folder_bytes(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}

fn read_options(arguments: &[String]) -> Result<Options, Refusal> {
    let refuse = |reason: &str| Refusal(format!("{reason}\n{USAGE}"));
    let mut options = Options { rounds: 5, hours: 9, only: None };
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| refuse(&format!("`{word}` is unknown, or wants a value")))?;
        let number = value.parse::<u32>().ok().filter(|number| (1..1000).contains(number));
        match (word.as_str(), number) {
            ("--rounds", Some(number)) => options.rounds = number as usize,
            ("--hours", Some(number)) => options.hours = number,
            ("--only", _) => options.only = Some(value.clone()),
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
        let expect = Options { rounds: 2, hours: 1, only: Some("minute".to_owned()) };
        assert_eq!(read("series --rounds 2 --hours 1 --only minute").unwrap(), expect);
        for nonsense in ["series --rounds", "series --rounds 0", "series --days 1", "series x"] {
            assert!(read(nonsense).is_err(), "{nonsense}");
        }
    }
}
