//! `storewarden database`: what a shop's database suffers from, and what mends it. To look, it asks the
//! database itself, by the account that the configuration in force names, and control need not run; to
//! mend is a change, and control's.

mod replicas;
mod text;

use crate::{
    cli::{ChangeOptions, Exit, Json, State},
    completions::shops,
    configuration,
    control::{ACCEPTED_FILE, now_ms},
    remote::{print, print_bytes},
    runs,
    terminal::Paint,
};
use anyhow::{Context as _, anyhow, bail};
use clap::Subcommand;
use clap_complete::engine::ArgValueCandidates;
use databases::care::{self, Examination, Options, Weight};
use host::facts::HostReader;
use kernel::config::{DatabaseKind, DatabaseUrl};
use replicas::Replicas;
use serde_json::json;
use std::{fs, path::Path};

/// What to do with the databases of shops.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DatabaseCommand {
    /// Find what a shop's database suffers from, with the exact statement that mends it
    ///
    /// Indexes that are missing, unused, there twice or broken, keys whose numbers end, settings
    /// that are not safe or do not fit this machine, sessions in others' way, replicas, the
    /// statements that take the time. Looks only. What the account is not shown is said.
    Examine {
        /// The shop's id
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: String,
        /// Also print how the server goes about each statement
        #[arg(long)]
        plans: bool,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Have Storewarden mend something that the database suffers from, as a change that can be taken back
    ///
    /// An index made or dropped while the shop goes on, or dead rows cleared away. What will be done is
    /// shown first, with what it takes; it runs as every change does, by the account `restore_as` of
    /// the shop's backup where one is named.
    Mend {
        /// The shop's id
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: String,
        /// What `database examine` found, by the name it prints for it
        finding: String,
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Look at the servers that follow a shop's database
    #[command(subcommand)]
    Replica(ReplicaCommand),
}

/// What to do with the replicas of a shop's database.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ReplicaCommand {
    /// List the replicas of a shop's database, with how far each is behind
    ///
    /// Asks the shop's database, which tells who follows it (PostgreSQL), stopped replicas with a
    /// slot among them, or only whom it follows itself (MariaDB, MySQL). Looks only. What is not
    /// known is said to be unknown.
    List {
        /// The shop's id
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: String,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
}

/// # Errors
/// When the shop has no database, or it cannot be asked.
pub(crate) fn run(command: DatabaseCommand) -> anyhow::Result<Exit> {
    let (shop, plans, state, json) = match command {
        DatabaseCommand::Examine { shop, plans, state, json } => (shop, plans, state, json),
        DatabaseCommand::Mend { shop, finding, options } => {
            let wish = json!({ "kind": "mend_database", "shop": shop, "finding": finding });
            return runs::change(&options.state.directory, &wish, &options);
        }
        DatabaseCommand::Replica(ReplicaCommand::List { shop, state, json }) => {
            return list_replicas(&shop, &state.directory, json.json);
        }
    };
    let url = database(&state.directory, &shop)?;
    let options = options(&url);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let examination = runtime
        .block_on(care::examine(&url, &options))
        .with_context(|| format!("examine the database of `{shop}`"))?;
    if json.json {
        print_bytes(serde_json::to_string(&examination)?.as_bytes())?;
    } else {
        print(text::of(&examination, (&shop, plans), Paint::of_output()).as_bytes())?;
    }
    Ok(exit_of(&examination))
}

fn list_replicas(shop: &str, state: &Path, is_json: bool) -> anyhow::Result<Exit> {
    let url = database(state, shop)?;
    if url.kind == DatabaseKind::Sqlite {
        bail!("the database of `{shop}` is SQLite, which has no server that another could follow");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let glance = runtime
        .block_on(care::glance(&url))
        .with_context(|| format!("ask the database of `{shop}` for its replicas"))?;
    let replicas = Replicas::of(glance, url.kind);
    if is_json {
        print_bytes(serde_json::to_string(&replicas)?.as_bytes())?;
    } else {
        print(replicas.text(Paint::of_output()).as_bytes())?;
    }
    Ok(replicas.exit())
}

/// How a database is judged on this machine.
pub(crate) fn options(url: &DatabaseUrl) -> Options {
    let memory_bytes = is_here(url).then(memory_bytes).flatten();
    Options { memory_bytes, ..Options::default() }
}

/// Advice is none that anybody has to follow.
fn exit_of(examination: &Examination) -> Exit {
    let is_advice = |finding: &care::Finding| finding.trouble.weight() == Weight::Advice;
    if examination.findings.iter().all(is_advice) { Exit::Fine } else { Exit::Wrong }
}

/// Of a shop, in the configuration that is in force.
fn database(state: &Path, shop: &str) -> anyhow::Result<DatabaseUrl> {
    let accepted = state.join(ACCEPTED_FILE);
    let text = fs::read_to_string(&accepted).with_context(|| {
        format!(
            "read `{}`, the configuration in force; Storewarden writes it when it starts",
            accepted.display()
        )
    })?;
    let configuration = configuration::understand(&text, &accepted)
        .map_err(|mistakes| anyhow!("{}", mistakes.details.join("\n")))?;
    let Some(found) = configuration.shops.iter().find(|one| one.id.as_str() == shop) else {
        let known: Vec<_> = configuration.shops.iter().map(|one| format!("`{}`", one.id)).collect();
        bail!("there is no shop `{shop}`; there is {}", known.join(", "));
    };
    found.database.clone().with_context(|| {
        format!("shop `{shop}` names no database: set `database` in [shop.{shop}]")
    })
}

/// Whether the server shares this machine: its memory is what its settings are held against.
fn is_here(url: &DatabaseUrl) -> bool {
    let place = url.secret.rsplit('@').next().unwrap_or_default();
    url.kind == DatabaseKind::Sqlite
        || ["localhost", "127.0.0.1", "[::1]", "/"].iter().any(|here| place.starts_with(here))
}

fn memory_bytes() -> Option<u64> {
    HostReader::new(Vec::new()).read(now_ms()).memory_total_bytes
}
