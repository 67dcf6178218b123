//! `cargo xtask demo`: from a fresh checkout to a shop that sells behind Storewarden, with one command.

use std::time::Instant;

use crate::install;
use crate::process;
use crate::web;
use crate::workspace::Workspace;

/// Builds and becomes the demo; or, where the first word is no option, asks the demo that runs for something.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    if arguments.first().is_some_and(|word| !word.starts_with('-')) {
        return ask(workspace, arguments);
    }
    let started = Instant::now();
    let asks_for = |option: &str, value: &str| {
        let joined = format!("{option}={value}");
        arguments.contains(&joined)
            || arguments.windows(2).any(|words| words[0] == option && words[1] == value)
    };
    let is_vendure = asks_for("--shop", "vendure");
    let is_oscar = asks_for("--shop", "oscar");
    let wants_best = !arguments.iter().any(|word| word.starts_with("--database"))
        || asks_for("--database", "best");
    install::ensure_node()?;
    if is_oscar {
        install::ensure(&[&install::POSTGRESQL, &install::PYTHON])?;
    } else if is_vendure {
        let takes_mariadb = wants_best && !install::has_postgresql() && install::has_mariadb();
        if asks_for("--database", "mariadb") || takes_mariadb {
            install::ensure(&[&install::MARIADB])?;
        } else if wants_best || asks_for("--database", "postgres") {
            install::ensure(&[&install::POSTGRESQL])?;
        }
    } else if wants_best && !install::has_postgresql() {
        println!(
            "PostgreSQL is not on this machine: the sample shop will keep its orders in SQLite."
        );
    }
    web::build(workspace)?;
    println!("programs: cargo build --profile demo (minutes the first time, seconds later)");
    process::run(
        process::cargo(&[
            "build",
            "--profile",
            "demo",
            "--package",
            "storewarden",
            "--package",
            "demo",
        ])
        .current_dir(&workspace.root),
    )?;
    println!("built in {:.1} s\n", started.elapsed().as_secs_f64());
    let mut demo = process::command(workspace.program("demo", "demo"), &["run"]);
    demo.arg("--storewarden").arg(workspace.program("demo", "storewarden")).args(arguments);
    Err(process::become_program(&mut demo))
}

/// `cargo xtask demo customers 300` and its like: a word with the demo that runs, without building anything again.
fn ask(workspace: &Workspace, words: &[String]) -> anyhow::Result<()> {
    let program = workspace.program("demo", "demo");
    if !program.is_file() {
        let reason =
            "No demo was built yet, so none can be asked. Start one with: cargo xtask demo";
        return Err(crate::Refusal(reason.to_owned()).into());
    }
    Err(process::become_program(process::command(program, &["ask"]).args(words)))
}
