//! `cargo xtask bench agent`: what watching a machine costs, second by second: control alone, without edge and with nobody at the interface,
//! beside node_exporter with Prometheus, and netdata, as Debian has them. And control with as many series of others as it takes.

mod contender;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;

use super::goal::Row;
use super::machine::{self, Cores};
use super::report::{between, median};
use crate::Refusal;
use crate::install;
use crate::process::{self, Scratch, cargo};
use crate::workspace::Workspace;
use contender::{Contender, Cost};

pub(super) const USAGE: &str = "\
Usage: cargo xtask bench agent [--rounds 3] [--as-built]
  --rounds      alternating, 3 at least for docs/BENCHMARKS.md
  --as-built    the release that is there, without building it again; writes nothing";

const MARK: &str = "cargo xtask bench agent";
/// Of a core.
const MOST_SHARE: f64 = 0.01;
const MOST_MEMORY: f64 = 40e6;
/// With all the series of others that control takes.
const MOST_MEMORY_FULL: f64 = 1.5e9;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Options {
    rounds: usize,
    is_as_built: bool,
}

pub(super) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let options = read_options(arguments)?;
    install::ensure(&[&install::PROMETHEUS, &install::NODE_EXPORTER, &install::NETDATA])?;
    if !options.is_as_built {
        println!("program: cargo build --release (whole-program optimisation: minutes)");
        let mut build = cargo(&["build", "--release", "--locked", "--package", "storewarden"]);
        process::run(build.current_dir(&workspace.root))?;
    }
    let (cores, scratch) = (Cores::one()?, Scratch::new("agent")?);
    let mut all: Vec<[Cost; 3]> = Vec::new();
    for round in 0..options.rounds {
        let mut costs = [Cost::default(); 3];
        for turn in 0..3 {
            let at = (round + turn) % 3;
            let (contender, folder) = (Contender::ALL[at], fresh(scratch.path())?);
            let measured = contender.measure(workspace, &folder, &cores);
            costs[at] = measured.with_context(|| format!("measure {}", contender.name()))?;
            println!("  round {}: {}: {}", round + 1, contender.name(), costs[at].text());
        }
        all.push(costs);
    }
    let full = contender::full(workspace, &fresh(scratch.path())?, &cores)?;
    println!("  {} series of others: {:.0} MB", full.series, full.memory / 1e6);
    let mut text = format!(
        "`cargo xtask bench {}`\n\n{}.\n\nMedians of {} rounds.\n\n| control alone | measured | goal |\n|---|---:|---:|\n",
        arguments.join(" "),
        machine::computer()?,
        options.rounds,
    );
    text.extend(rows(&all, &full).iter().map(Row::text));
    text += &table(&all);
    println!("\n{text}");
    if options.rounds >= 3 && !options.is_as_built {
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

/// A folder with nothing in it.
fn fresh(scratch: &Path) -> anyhow::Result<std::path::PathBuf> {
    let folder = scratch.join("contender");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder)
}

fn of(all: &[[Cost; 3]], contender: Contender, pick: impl Fn(&Cost) -> f64) -> f64 {
    median(all.iter().map(|round| pick(&round[contender as usize])).collect())
}

fn rows(all: &[[Cost; 3]], full: &contender::Full) -> Vec<Row> {
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let megabytes = |bytes: f64| format!("{:.0} MB", bytes / 1e6);
    let ours = |pick: fn(&Cost) -> f64| of(all, Contender::Ours, pick);
    vec![
        Row::at_most("of a core", (ours(|cost| cost.share), MOST_SHARE), percent),
        Row::at_most("memory (PSS)", (ours(|cost| cost.memory), MOST_MEMORY), megabytes),
        Row::at_most(
            format!("memory (PSS) with {} series of others", full.series),
            (full.memory, MOST_MEMORY_FULL),
            megabytes,
        ),
    ]
}

fn table(all: &[[Cost; 3]]) -> String {
    let mut text = "\n| | of a core | memory (PSS) |\n|---|---:|---:|\n".to_owned();
    for contender in Contender::ALL {
        let share = of(all, contender, |cost| cost.share) * 100.0;
        let memory = of(all, contender, |cost| cost.memory) / 1e6;
        writeln!(text, "| {} | {share:.2} % | {memory:.0} MB |", contender.name())
            .expect("invariant: a string takes all");
    }
    text
}

fn read_options(arguments: &[String]) -> Result<Options, Refusal> {
    let refuse = |reason: &str| Refusal(format!("{reason}\n{USAGE}"));
    let mut options = Options { rounds: 3, is_as_built: false };
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        if word == "--as-built" {
            options.is_as_built = true;
            continue;
        }
        let value = words
            .next()
            .ok_or_else(|| refuse(&format!("`{word}` is unknown, or wants a value")))?;
        match (word.as_str(), value.parse()) {
            ("--rounds", Ok(number @ 1..=50)) => options.rounds = number,
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
        let expect = Options { rounds: 2, is_as_built: true };
        assert_eq!(read("agent --rounds 2 --as-built").unwrap(), expect);
        for nonsense in ["agent --rounds", "agent --rounds 0", "agent 7"] {
            assert!(read(nonsense).is_err(), "{nonsense}");
        }
    }
}
