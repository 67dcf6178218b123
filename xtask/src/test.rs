//! `cargo xtask test`: everything that must pass, in named and timed steps. The first that fails ends it.

mod browser;
mod unsteady;

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::Refusal;
use crate::install::{self, Need};
use crate::mysql;
use crate::process::{self, cargo};
use crate::tidy;
use crate::web;
use crate::workspace::Workspace;

/// One thing that must pass.
struct Step {
    name: &'static str,
    about: &'static str,
    needs: &'static [&'static Need],
    run: fn(&Workspace) -> anyhow::Result<()>,
}

/// The cheapest first, so that a slip is seen in seconds.
const STEPS: [Step; 7] = [
    Step { name: "format", about: "rustfmt has nothing to change", needs: &[], run: format },
    Step {
        name: "tidy",
        about: "the rules of the house (cargo xtask tidy)",
        needs: &[],
        run: tidy::run,
    },
    Step {
        name: "web",
        about: "the user interface builds, its types and tests hold",
        needs: &[],
        run: interface,
    },
    Step { name: "clippy", about: "no warning anywhere", needs: &[], run: clippy },
    Step {
        name: "tests",
        about: "every test of every crate, with real databases, a certificate authority and whole programs",
        needs: &[
            &install::POSTGRESQL,
            &install::MARIADB,
            &install::PYTHON,
            &install::PEBBLE,
            &install::DEBOOTSTRAP,
            &install::NSPAWN,
            &install::RESTIC,
            &install::SSHD,
            &install::FAKETIME,
        ],
        run: tests,
    },
    Step {
        name: "doctests",
        about: "the examples in the documentation",
        needs: &[],
        run: doctests,
    },
    Step {
        name: "browser",
        about: "a browser uses the interface of a demo that runs",
        needs: &[&install::POSTGRESQL, &install::CHROMIUM],
        run: browser::run,
    },
];

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let chosen: Vec<&Step> = match words.as_slice() {
        [] => STEPS.iter().collect(),
        ["--list"] => {
            for step in &STEPS {
                println!("{:<10} {}", step.name, step.about);
            }
            return Ok(());
        }
        ["--only", name] => vec![find(name)?],
        _ => {
            return Err(Refusal("Usage: cargo xtask test [--list] [--only STEP]".to_owned()).into());
        }
    };
    let needs: Vec<&Need> = chosen.iter().flat_map(|step| step.needs.iter().copied()).collect();
    install::ensure(&needs)?;
    let mut passed = Vec::new();
    for step in chosen {
        println!("\n── {} ── {}", step.name, step.about);
        let started = Instant::now();
        (step.run)(workspace).with_context(|| {
            let again = step.name;
            let seconds = started.elapsed().as_secs_f64();
            format!("Step `{again}` failed after {seconds:.1} s. Alone again: cargo xtask test --only {again}")
        })?;
        passed.push((step.name, started.elapsed()));
    }
    println!("\n{}", summary(&passed));
    Ok(())
}

/// `cargo xtask pictures [SECONDS]`: those of the documentation, from a demo that has sold so long.
pub(crate) fn pictures(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let refusal = || Refusal("Usage: cargo xtask pictures [SECONDS]".to_owned());
    let seconds = match arguments {
        [] => 300,
        [seconds] => seconds.parse().map_err(|_| refusal())?,
        _ => return Err(refusal().into()),
    };
    install::ensure(&[&install::CHROMIUM])?;
    browser::pictures(workspace, Duration::from_secs(seconds))
}

fn find(name: &str) -> anyhow::Result<&'static Step> {
    let unknown = || {
        let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        Refusal(format!("there is no step `{name}`; there are: {}", known.join(", ")))
    };
    Ok(STEPS.iter().find(|step| step.name == name).ok_or_else(unknown)?)
}

fn summary(passed: &[(&str, Duration)]) -> String {
    let mut text = String::from("Passed:\n");
    for (name, took) in passed {
        text += &format!("  {name:<10} {:>7.1} s\n", took.as_secs_f64());
    }
    let whole: Duration = passed.iter().map(|(_, took)| took).sum();
    text + &format!("  {:<10} {:>7.1} s", "together", whole.as_secs_f64())
}

fn format(workspace: &Workspace) -> anyhow::Result<()> {
    process::run(cargo(&["fmt", "--all", "--check"]).current_dir(&workspace.root))
}

fn interface(workspace: &Workspace) -> anyhow::Result<()> {
    web::build(workspace)?;
    web::check(workspace)
}

fn clippy(workspace: &Workspace) -> anyhow::Result<()> {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--locked",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ];
    process::run(cargo(&arguments).current_dir(&workspace.root))
}

/// What nextest writes of a whole run (.config/nextest.toml): in the checkout, wherever cargo writes to.
const REPORT: &str = "target/nextest/whole/junit.xml";

/// nextest where it is installed: it runs every test in its own process and says which one hangs.
fn tests(workspace: &Workspace) -> anyhow::Result<()> {
    // One more than there are cores: most of what whole shops do is waiting.
    let cores = std::thread::available_parallelism().context("count the cores")?.get();
    let threads = (cores + 1).to_string();
    let with_nextest = [
        "nextest",
        "run",
        "--workspace",
        "--locked",
        "--no-fail-fast",
        "--profile",
        "whole",
        "--test-threads",
        threads.as_str(),
    ];
    let without =
        ["test", "--workspace", "--locked", "--lib", "--bins", "--tests", "--no-fail-fast"];
    let has_nextest = process::find_program("cargo-nextest").is_some();
    let arguments: &[&str] = if has_nextest { &with_nextest } else { &without };
    if !install::is_root() {
        println!("Skipped for want of root: units of systemd, which are tried in a container.");
    }
    // Whole-program tests start what cargo built; it must be there before the first of them runs.
    programs(workspace)?;
    install::ensure_buckets(workspace)?;
    mysql::ensure(workspace)?;
    process::run(cargo(arguments).current_dir(&workspace.root))?;
    if has_nextest { unsteady::judge(&workspace.path(REPORT)) } else { Ok(()) }
}

/// Builds the programs that tests start from outside. With the tests, although only the programs are wanted: asked for
/// alone they would get other features of their dependencies, and all of those would be compiled a second time.
pub(crate) fn programs(workspace: &Workspace) -> anyhow::Result<()> {
    let arguments =
        ["test", "--workspace", "--locked", "--lib", "--bins", "--tests", "--no-run", "--quiet"];
    process::run(cargo(&arguments).current_dir(&workspace.root))
}

fn doctests(workspace: &Workspace) -> anyhow::Result<()> {
    process::run(
        cargo(&["test", "--workspace", "--locked", "--doc", "--quiet"])
            .current_dir(&workspace.root),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_found_by_name_and_unknown_ones_name_the_known() {
        assert_eq!(find("clippy").unwrap().name, "clippy");
        let error = find("clipy").map(|step| step.name).unwrap_err();
        assert!(error.is::<Refusal>());
        assert!(error.to_string().contains("clippy, tests"), "{error}");
    }

    #[test]
    fn the_summary_adds_up() {
        let text = summary(&[
            ("format", Duration::from_millis(1500)),
            ("web", Duration::from_millis(2500)),
        ]);
        assert!(text.ends_with("together       4.0 s"), "{text}");
    }
}
