//! `storewarden database`: what a shop's database suffers from, and what mends it. To look, it asks the
//! database itself, by the account that the configuration in force names, and control need not run; to
//! mend is a change, and control's.

mod replicas;
mod text;

use crate::{
    backup_worker::story,
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
use databases::{
    care::{self, Examination, Options, Weight},
    replica::Replica,
};
use host::facts::HostReader;
use kernel::config::{DatabaseKind, DatabaseUrl, ShopSettings, replica_name};
use replicas::{Own, Replicas};
use serde_json::json;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

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
    /// Add, list and remove servers that follow a shop's database
    #[command(subcommand)]
    Replica(ReplicaCommand),
}

/// What to do with the replicas of a shop's database.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ReplicaCommand {
    /// Add a server on this machine that has all of a shop's database and follows it
    ///
    /// Shows first what it takes and what is in the way, with what mends it. The database is copied
    /// while everybody reads and writes; then the configuration names the replica, and Storewarden
    /// keeps its server running. Taken back, the replica is gone.
    Add {
        /// The shop's id
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: String,
        /// Where its data goes: a folder of its own, best on another disk
        #[arg(long, value_name = "FOLDER")]
        folder: PathBuf,
        /// Where it listens [default: the first free port of 127.0.0.1]
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Stop a replica that Storewarden keeps, and remove it with its data
    Remove {
        /// The shop's id
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: String,
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Have a replica take the place of the shop's database
    ///
    /// The database is fenced first: nobody writes there any more, and the replica gets all of it. Then the
    /// command `point` of `[shop.ID.replica]` points the shop at the replica, the configuration names it as
    /// the database, and it takes writes. Whatever fails before that is taken back; after it there is no way
    /// back, and the old one stays fenced.
    Promote {
        /// The shop's id
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: String,
        /// The database does not answer and will not again: what the replica has not received is lost
        #[arg(long)]
        primary_is_dead: bool,
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// List the replicas of a shop's database, with how far each is behind
    ///
    /// Asks the replica that the configuration names, and the shop's database, which tells who
    /// follows it (PostgreSQL), stopped replicas with a slot among them, or only whom it follows
    /// itself (MariaDB, MySQL). Looks only. What is not known is said to be unknown.
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
        DatabaseCommand::Replica(command) => return replica(command),
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

fn replica(command: ReplicaCommand) -> anyhow::Result<Exit> {
    match command {
        ReplicaCommand::List { shop, state, json } => {
            list_replicas(&shop, &state.directory, json.json)
        }
        ReplicaCommand::Add { shop, folder, listen, options } => {
            let folder = std::path::absolute(&folder)
                .with_context(|| format!("make `{}` a whole path", folder.display()))?;
            let wish = json!({
                "kind": "add_replica", "shop": shop, "target": folder, "listen": listen
            });
            runs::change(&options.state.directory, &wish, &options)
        }
        ReplicaCommand::Remove { shop, options } => {
            let wish = json!({ "kind": "remove_replica", "shop": shop });
            runs::change(&options.state.directory, &wish, &options)
        }
        ReplicaCommand::Promote { shop, primary_is_dead, options } => {
            let wish = json!({
                "kind": "promote_replica", "shop": shop, "primary_is_dead": primary_is_dead
            });
            runs::change(&options.state.directory, &wish, &options)
        }
    }
}

fn list_replicas(shop: &str, state: &Path, is_json: bool) -> anyhow::Result<Exit> {
    let settings = settings(state, shop)?;
    let url = named(&settings)?;
    if url.kind == DatabaseKind::Sqlite {
        bail!("the database of `{shop}` is SQLite, which has no server that another could follow");
    }
    let own = settings.replica.as_ref();
    let own = own.and_then(|own| replica_of(&settings, &own.folder, own.listen));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let own = match own {
        None => None,
        Some(own) => {
            let standing = runtime
                .block_on(own.standing())
                .with_context(|| format!("look at the replica in `{}`", own.folder.display()))?;
            Some(Own::of(own, standing))
        }
    };
    let glance = runtime.block_on(care::glance(&url));
    let replicas = match (glance, own) {
        // A replica matters most when its primary is away.
        (Err(error), Some(own)) => Replicas::alone(own, story(&error), url.kind),
        (glance, own) => {
            let glance =
                glance.with_context(|| format!("ask the database of `{shop}` for its replicas"))?;
            Replicas::of(glance, own, url.kind)
        }
    };
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

/// So much is read of the shop's disk in a second at most: customers come first.
pub(crate) const BANDWIDTH: u64 = 64 << 20;

/// By whom a shop's database is mended: the account that may restore it, if one is named.
pub(crate) fn account(shop: &ShopSettings) -> Option<&DatabaseUrl> {
    let restores = shop.backup.as_ref().and_then(|backup| backup.restore_as.as_ref());
    restores.or(shop.database.as_ref())
}

/// The replica of a shop; `None` when the configuration names no database.
pub(crate) fn replica_of(
    shop: &ShopSettings,
    folder: &Path,
    listen: SocketAddr,
) -> Option<Replica> {
    Some(Replica {
        primary: account(shop)?.clone(),
        name: replica_name(&shop.id),
        folder: folder.to_owned(),
        address: listen,
        bandwidth: Some(BANDWIDTH),
    })
}

/// Of a shop, in the configuration that is in force.
fn database(state: &Path, shop: &str) -> anyhow::Result<DatabaseUrl> {
    named(&settings(state, shop)?)
}

fn named(shop: &ShopSettings) -> anyhow::Result<DatabaseUrl> {
    let id = &shop.id;
    shop.database
        .clone()
        .with_context(|| format!("shop `{id}` names no database: set `database` in [shop.{id}]"))
}

/// A shop in the configuration that is in force.
fn settings(state: &Path, shop: &str) -> anyhow::Result<ShopSettings> {
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
    Ok(found.clone())
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
