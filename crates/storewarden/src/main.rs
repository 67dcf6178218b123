//! The program: the command line, and the wiring of the crates behind each command. No logic of its
//! own: what shops mean, what is judged and what is served is decided elsewhere.

mod backup;
mod backup_worker;
mod check;
mod cli;
mod client;
mod completions;
mod configuration;
mod control;
mod database;
mod edge;
mod handover;
mod incidents;
mod init;
mod ledger;
mod man;
mod moment;
mod order;
mod people;
mod ports;
mod recover;
mod remote;
mod renew;
mod runs;
mod status;
mod stream;
mod supervisor;
mod table;
mod terminal;
mod upgrade;
mod words;

use clap::Parser;
use cli::{Cli, Command, Exit, RunsCommand};
use incidents::IncidentsCommand;
use serde_json::json;
use std::{io::IsTerminal as _, process::ExitCode};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    completions::answer_shell();
    let cli = Cli::parse();
    let outcome = run(cli.command);
    let exit = outcome.unwrap_or_else(|error| {
        eprintln!("storewarden: {error:#}");
        remote::exit_of(&error)
    });
    ExitCode::from(exit as u8)
}

fn run(command: Command) -> anyhow::Result<Exit> {
    // Pages of 2 MB serve visitors well, and shops that we start get them as ever; everything else of ours
    // needs a third of the memory without. Where we may not choose, it costs that and no more.
    let serves = matches!(command, Command::Edge(_) | Command::Keep { .. });
    host::memory::use_huge_pages(serves).ok();
    match command {
        Command::Up { config, edge_only, state } => {
            log_to_stderr();
            supervisor::up(&config, &state.directory, edge_only)
        }
        Command::Upgrade(arguments) => upgrade::run(&arguments),
        Command::Formats => upgrade::formats(),
        Command::Edge(arguments) => {
            log_to_stderr();
            edge::run(arguments)
        }
        Command::BackupWorker { .. } => {
            log_to_stderr();
            backup_worker::run()
        }
        Command::Keep { folder } => {
            log_to_stderr();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(apps::keep(&folder, control::now_ms))?;
            Ok(Exit::Fine)
        }
        Command::Control(arguments) => {
            log_to_stderr();
            control::run(&arguments.config, &arguments.state).map(|()| Exit::Fine)
        }
        Command::Init { config, print, json } => {
            init::run(&config, init::Wish { print, json: json.json })
        }
        Command::Check { file, against_running, state, json } => {
            let running = against_running.then_some(state.directory.as_path());
            check::run(&file, running, json.json)
        }
        Command::Status { shop, watch, state, json } => {
            status::run(&state, status::Wish { shop: shop.as_deref(), watch, json: json.json })
        }
        Command::Drain { shop, instance, state, json } => {
            remote::drain(&state.directory, &shop, &instance, "drain", json.json)
        }
        Command::Undrain { shop, instance, state, json } => {
            remote::drain(&state.directory, &shop, &instance, "undrain", json.json)
        }
        Command::Heartbeat { name, start, ended, state } => {
            remote::heartbeat(&state.directory, &name, start, ended)
        }
        Command::SignIn { state, json } => remote::sign_in(&state.directory, json.json),
        Command::Restart { shop, instance, forced, options } => {
            let wish = match instance {
                Some(instance) => json!({
                    "kind": "restart_instance", "shop": shop, "instance": instance,
                    "forced": forced,
                }),
                None => json!({ "kind": "rolling_restart", "shop": shop }),
            };
            runs::change(&options.state.directory, &wish, &options)
        }
        Command::Front { shop, undo: true, options } => {
            runs::take_back(&options.state.directory, "front", &shop, &options)
        }
        Command::Front { shop, undo: false, options } => {
            let wish = json!({ "kind": "front", "shop": shop });
            runs::change(&options.state.directory, &wish, &options)
        }
        Command::Deploy { shop, release, options } => {
            let wish = json!({ "kind": "rolling_redeploy", "shop": shop, "release": release });
            runs::change(&options.state.directory, &wish, &options)
        }
        Command::Renew { shop, options } => renew::run(&shop, &options),
        Command::CleanUp { options } => {
            runs::change(&options.state.directory, &json!({ "kind": "clean_up" }), &options)
        }
        Command::Runs { command, filter, state, json } => {
            let command = command.unwrap_or(RunsCommand::List(filter));
            runs::runs(&state.directory, &command, json.json)
        }
        Command::Incidents { command, filter, state, json } => {
            let command = command.unwrap_or(IncidentsCommand::List(filter));
            incidents::run(command, &state, json)
        }
        Command::Backup { command } => backup::run(command),
        Command::Order { command } => order::run(command),
        Command::Stream { command } => stream::run(command),
        Command::Database { command } => database::run(command),
        Command::Recover(arguments) => recover::run(&arguments),
        Command::User { command } => people::user(command),
        Command::Token { command } => people::token(command),
        Command::Ledger { command } => ledger::run(command),
        Command::Completions { shell } => completions::run(&shell),
        Command::Man { folder } => man::run(&folder),
        Command::Reload { state, json } => remote::reload(&state.directory, json.json),
    }
}

/// The log of the long-running commands; `RUST_LOG` says how much of it.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}
