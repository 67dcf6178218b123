//! `cargo xtask bench frame`: what everything else stands on, against the goals the project set itself. Plans through the
//! engine, pages of a year of incidents, and the memory of control.

mod control;
mod incidents;
mod memory;
mod plans;

use std::path::Path;

use anyhow::Context;

use super::goal::Row;
use super::machine;
use super::report::between;
use crate::Refusal;
use crate::process::{self, Scratch, cargo};
use crate::workspace::Workspace;

pub(super) const USAGE: &str = "\
Usage: cargo xtask bench frame [--only plans|incidents|memory] [--as-built]
  --only        one of them; writes nothing
  --as-built    the release that is there, without building it again; writes nothing";

const MARK: &str = "cargo xtask bench frame";

/// One of those that are measured, by the name it is asked for.
struct Case {
    name: &'static str,
    measure: fn(&Workspace, &Path) -> anyhow::Result<Vec<Row>>,
}

const CASES: [Case; 3] = [
    Case { name: "plans", measure: plans::measure },
    Case { name: "incidents", measure: incidents::measure },
    Case { name: "memory", measure: memory::measure },
];

/// How it was called.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Options {
    only: Option<String>,
    is_as_built: bool,
}

pub(super) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let options = read_options(arguments)?;
    if !options.is_as_built {
        println!("programs: cargo build --release (whole-program optimisation: minutes)");
        for what in [
            &["--package", "storewarden"][..],
            &["--package", "plan", "--example", "throughput"],
            &["--package", "store", "--example", "incidents"],
            &["--package", "watch", "--example", "history"],
        ] {
            let mut build = cargo(&["build", "--release", "--locked"]);
            process::run(build.args(what).current_dir(&workspace.root))?;
        }
    }
    let mut text = format!(
        "`cargo xtask bench {}`\n\n{}.\n\n| | measured | goal |\n|---|---:|---:|\n",
        arguments.join(" "),
        machine::computer()?
    );
    for case in &CASES {
        if options.only.as_ref().is_some_and(|only| only != case.name) {
            continue;
        }
        println!("\n{}", case.name);
        let scratch = Scratch::new(case.name)?;
        for row in (case.measure)(workspace, scratch.path())? {
            print!("{}", row.text());
            text += &row.text();
        }
    }
    println!("\n{text}");
    if options.only.is_none() && !options.is_as_built {
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

fn read_options(arguments: &[String]) -> Result<Options, Refusal> {
    let refuse = |reason: &str| Refusal(format!("{reason}\n{USAGE}"));
    let mut options = Options { only: None, is_as_built: false };
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--as-built" => options.is_as_built = true,
            "--only" => {
                let name = words.next().ok_or_else(|| refuse("`--only` wants a value"))?;
                if CASES.iter().all(|case| case.name != name) {
                    return Err(refuse(&format!("there is nothing called `{name}` here")));
                }
                options.only = Some(name.clone());
            }
            _ => return Err(refuse(&format!("`{word}` is unknown"))),
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
        let expect = Options { only: Some("memory".to_owned()), is_as_built: true };
        assert_eq!(read("frame --only memory --as-built").unwrap(), expect);
        for nonsense in ["frame --only", "frame --only edge", "frame memory"] {
            assert!(read(nonsense).is_err(), "{nonsense}");
        }
    }
}
