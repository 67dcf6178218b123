//! The workshop: what builds, runs, tests and measures Storewarden, behind `cargo xtask`.
//!
//! It runs first on a fresh machine, so it compiles in seconds and knows nothing of the product's crates: it
//! drives them as programs, from outside, as a person would.
#![expect(
    clippy::disallowed_methods,
    reason = "the workshop drives cargo, npm, apt and the measured programs"
)]
#![expect(clippy::print_stdout, reason = "its user is a person at a terminal, or a log of CI")]

mod bench;
mod demo;
mod dist;
mod install;
mod mysql;
mod process;
mod soak;
mod test;
mod tidy;
mod ui;
mod web;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

const HELP: &str = "\
The workshop of Storewarden.

  cargo xtask demo [--shop sample|vendure|oscar] [more]  build everything, open a shop behind Storewarden
  cargo xtask demo customers 300                   talk to the demo that runs (same for the other things it offers)
  cargo xtask test [--list] [--only STEP]          everything that must pass, in order
  cargo xtask tidy                                 the rules of the house that no compiler knows
  cargo xtask bench edge [--rounds 7] [--requests 100000] [--only CASE]
                                                   the edge beside nginx; writes docs/BENCHMARKS.md
  cargo xtask bench series [--rounds 5] [--hours 9] [--only CASE]
                                                   the metrics store beside VictoriaMetrics; writes docs/BENCHMARKS.md
  cargo xtask bench watch [--rounds 5] [--minutes 90] [--as-built]
  cargo xtask bench agent [--rounds 3] [--as-built]
                                                   remote write and PromQL beside VictoriaMetrics and Prometheus; writes docs/BENCHMARKS.md
  cargo xtask bench frame [--only CASE] [--as-built]
                                                   plans, incidents and memory against their goals; writes docs/BENCHMARKS.md
  cargo xtask bench orders [--orders N] [--seconds N] [--as-built]
                                                   one order among a million, and the stream; writes docs/BENCHMARKS.md
  cargo xtask soak vault [--minutes 10] [--seed NUMBER]
                                                   backups while everybody around them is killed at random
  cargo xtask soak orders [--minutes 10] [--seed NUMBER]
                                                   orders that come back, and the stream, in the same way
  cargo xtask dist [--out DIR] [--binary FILE] [--version VERSION] [--quick]
                                                   a Debian package, a tarball and their checksums
  cargo xtask pictures [SECONDS]                   docs/pictures anew, from a demo that has sold for a while
  cargo xtask ui                                   the user interface with live reload, against the demo that runs

Exit codes: 0 fine, 1 something failed, 2 wrong usage or the machine lacks something.
";

/// Wrong usage, or a machine that lacks something only its owner can add: exit code 2.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) String);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error:#}");
            if error.is::<Refusal>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

fn dispatch(arguments: &[String]) -> anyhow::Result<()> {
    let Some((verb, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return Ok(());
    };
    let workspace = Workspace::locate()?;
    match verb.as_str() {
        "demo" => demo::run(&workspace, rest),
        "test" => test::run(&workspace, rest),
        "tidy" => tidy::run(&workspace),
        "dist" => dist::run(&workspace, rest),
        "bench" => bench::run(&workspace, rest),
        "soak" => soak::run(&workspace, rest),
        "pictures" => test::pictures(&workspace, rest),
        "ui" => ui::run(&workspace, rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => {
            Err(Refusal(format!("`{other}` is not something the workshop does\n\n{HELP}")).into())
        }
    }
}
