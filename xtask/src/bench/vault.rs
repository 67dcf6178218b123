//! `cargo xtask bench vault`: backups beside Debian's restic and borg, all three of the same generated shop.
//!
//! What counts is processor time, user and system together, as the kernel counts it for each program when it has ended;
//! bytes of the repository; and the most memory at once.

mod contender;
mod likeness;
mod report;
mod shop;

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::Refusal;
use crate::install;
use crate::process::{self, Scratch, cargo};
use crate::workspace::Workspace;
use contender::{Contender, Spent, Task};
use report::Report;
use shop::Scale;

pub(super) const USAGE: &str = "\
Usage: cargo xtask bench vault [--rounds 3] [--scale 1.0] [--seed 1]
  --rounds      alternating rounds, 3 at least for docs/BENCHMARKS.md
  --scale       of the shop: 1.0 is 1.5 GB of media, 20,000 small files, a dump of 200 MB; 1.0 for docs/BENCHMARKS.md
  --seed        of the shop";

/// What is done to every repository, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    First,
    Unchanged,
    Changed,
    Check,
    Restore,
    List,
    Stream,
}

impl Step {
    const ALL: [Self; 7] = [
        Self::First,
        Self::Unchanged,
        Self::Changed,
        Self::Check,
        Self::Restore,
        Self::List,
        Self::Stream,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::First => "first backup",
            Self::Unchanged => "nothing changed",
            Self::Changed => "1 % changed",
            Self::Check => "check of all data",
            Self::Restore => "restore of everything",
            Self::List => "one folder listed",
            Self::Stream => "another dump, by a stream",
        }
    }

    /// Of restic's processor time at most.
    fn goal(self) -> Option<f64> {
        match self {
            Self::First => Some(1.0),
            Self::Changed => Some(0.8),
            Self::Unchanged | Self::Check | Self::Restore => Some(0.7),
            Self::List | Self::Stream => None,
        }
    }
}

/// One contender's round: each step, and the repository's bytes after the first.
#[derive(Debug, Clone)]
struct Round {
    steps: Vec<Spent>,
    bytes: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Options {
    rounds: usize,
    scale: f64,
    seed: u64,
}

pub(super) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let options = read_options(arguments)?;
    install::ensure(&[&install::RESTIC, &install::BORG, &install::TIME])?;
    println!("program: cargo build --release --package vault --example keep");
    let build = ["build", "--release", "--locked", "--package", "vault", "--example", "keep"];
    process::run(cargo(&build).current_dir(&workspace.root))?;
    let scratch = Scratch::new("vault")?;
    let keep = workspace.program("release", "examples/keep");
    let contenders = [Contender::Restic, Contender::Borg, Contender::Ours(keep)];
    let mut rounds: Vec<[Round; 3]> = Vec::new();
    for round in 0..options.rounds {
        println!("round {}", round + 1);
        rounds.push(measure(&contenders, scratch.path(), &options, round)?);
    }
    let command = format!("cargo xtask bench {}", arguments.join(" "));
    let report = Report::new(command, options.scale, rounds)?;
    println!("\n{}", report.text());
    if options.rounds >= 3 && options.scale >= 1.0 {
        report.write(&workspace.path("docs/BENCHMARKS.md"))?;
        println!("written to docs/BENCHMARKS.md");
    }
    Ok(())
}

/// One round; who goes first changes with every round. The shop is made anew, since one step changes it.
///
/// What was restored goes at the beginning of the next round: ext4 looks through every inode that was deleted in the last
/// minute before it gives a new one, which whoever came second would pay for.
fn measure(
    contenders: &[Contender; 3],
    scratch: &Path,
    options: &Options,
    round: usize,
) -> anyhow::Result<[Round; 3]> {
    let (shop, dump) = (scratch.join("shop"), scratch.join("stream.sql"));
    let scale = Scale(options.scale);
    for index in 0..contenders.len() {
        remove(&restored(scratch, index))?;
        remove(&repository(scratch, index))?;
    }
    remove(&shop)?;
    shop::make(&shop, scale, options.seed)?;
    shop::other_dump(&dump, scale, options.seed)?;
    for (index, contender) in contenders.iter().enumerate() {
        contender.init(&repository(scratch, index))?;
    }
    adopt(&repository(scratch, 0), &repository(scratch, 2))?;
    let mut rounds = [const { Round { steps: Vec::new(), bytes: 0 } }; 3];
    let order: Vec<usize> = (0..3).map(|place| (place + round) % 3).collect();
    for step in Step::ALL {
        if step == Step::Changed {
            shop::change(&shop, scale, options.seed)?;
        }
        for index in &order {
            let repository = &repository(scratch, *index);
            let target = &restored(scratch, *index);
            let task = Task { step, repository, shop: &shop, target, dump: &dump };
            let spent = contenders[*index].run(&task)?;
            let name = contenders[*index].name();
            let (seconds, memory) = (spent.seconds, spent.memory_bytes / 1_000_000);
            println!("  {}: {name} {seconds:.2} s, {memory} MB", step.name());
            let entry = &mut rounds[*index];
            entry.steps.push(spent);
            match step {
                Step::First => entry.bytes = folder_bytes(repository)?,
                Step::Restore => likeness::expect(&shop, &target.join(below(&shop)))
                    .with_context(|| format!("{name} restored something else"))?,
                _ => {}
            }
        }
    }
    Ok(rounds)
}

/// Ours begins with a copy of restic's empty repository: the same password costs both the same to try, and both cut contents
/// at the same places.
fn adopt(from: &Path, to: &Path) -> anyhow::Result<()> {
    process::run(process::command("cp", &["-a", "--"]).args([from, to]))
}

fn repository(scratch: &Path, index: usize) -> PathBuf {
    scratch.join(format!("repository-{index}"))
}

fn restored(scratch: &Path, index: usize) -> PathBuf {
    scratch.join(format!("restored-{index}"))
}

/// Where in a restored tree the shop is.
fn below(shop: &Path) -> &Path {
    shop.strip_prefix("/").unwrap_or(shop)
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    Ok(())
}

fn folder_bytes(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("list {}", folder.display()))?;
        let metadata = entry.metadata().context("look at a file of a repository")?;
        bytes += if metadata.is_dir() { folder_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

fn read_options(arguments: &[String]) -> Result<Options, Refusal> {
    let refuse = |reason: String| Refusal(format!("{reason}\n{USAGE}"));
    let mut options = Options { rounds: 3, scale: 1.0, seed: 1 };
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| refuse(format!("`{word}` wants a value")))?;
        let odd = || refuse(format!("`{word} {value}` is not understood"));
        match word.as_str() {
            "--rounds" => options.rounds = value.parse().ok().filter(|n| *n > 0).ok_or_else(odd)?,
            "--seed" => options.seed = value.parse().map_err(|_| odd())?,
            "--scale" => {
                let scale = value.parse().ok().filter(|scale| (0.001..=10.0).contains(scale));
                options.scale = scale.ok_or_else(odd)?;
            }
            _ => return Err(odd()),
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
        let expect = Options { rounds: 5, scale: 0.1, seed: 9 };
        assert_eq!(read("vault --rounds 5 --scale 0.1 --seed 9").unwrap(), expect);
        for nonsense in ["vault --rounds 0", "vault --scale 99", "vault --seed x", "vault --fast"] {
            assert!(read(nonsense).is_err(), "{nonsense}");
        }
    }
}
