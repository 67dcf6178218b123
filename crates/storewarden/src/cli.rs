//! The command line: what can be said, and what each command's exit code means.

use crate::{
    backup::BackupCommand,
    completions::{SHELLS, instances, shops},
    database::DatabaseCommand,
    incidents::{Filter, IncidentsCommand},
    order::OrderCommand,
    people::{TokenCommand, UserCommand},
};
use clap::{Parser, Subcommand, builder::PossibleValuesParser};
use clap_complete::engine::ArgValueCandidates;
use std::path::PathBuf;

/// How a command ended. The same for every command; docs/cli.md tells each one's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Fine = 0,
    /// Something is wrong: a shop is broken, or the command failed.
    Wrong = 1,
    /// The configuration file is not valid.
    Configuration = 3,
    /// No control answers.
    Unreachable = 4,
    /// Ctrl-C ended the watching; what was watched goes on. As shells report it: 128 and SIGINT.
    Interrupted = 130,
}

impl Exit {
    /// What each code means: for manual pages, and held against docs/cli.md. 2 is said by whoever
    /// reads the command line.
    pub(crate) const TABLE: [(u8, &'static str); 6] = [
        (
            0,
            "Fine. For status: no shop is broken; one may need attention, or its state be unknown.",
        ),
        (
            1,
            "Something is wrong: a shop is broken, a change did not come to its end, a record of \
             the ledger does not hold, or the command failed and says why on standard error.",
        ),
        (2, "The command line was not understood."),
        (3, "The configuration file is not valid."),
        (
            4,
            "No control answers: Storewarden does not run with this state directory, or this user \
             may not ask it.",
        ),
        (130, "Ctrl-C ended the watching of a run. The run goes on."),
    ];
}

/// Keeps online shops open: stands in front of a shop's servers, watches them, and keeps visitors
/// served when something behind it breaks.
#[derive(Debug, Parser)]
#[command(name = "storewarden", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start Storewarden and serve until ended
    ///
    /// SIGHUP reads the configuration again, SIGUSR2 replaces the edge by a new process, SIGUSR1
    /// ends all but the edge, which the next `up` takes over, SIGTERM ends all; none of them drops
    /// a request.
    Up {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Keep the edge only; control is a service of its own
        #[arg(long)]
        edge_only: bool,
        #[command(flatten)]
        state: State,
    },
    /// Look at this machine and write a configuration file of what is seen
    ///
    /// Listening services, web servers, databases and shops, each with how sure it is. No password
    /// is copied, and a file that is there is never touched.
    Init {
        /// The configuration file to write
        #[arg(long, value_name = "FILE", default_value = "storewarden.toml")]
        config: PathBuf,
        /// Print the file instead of writing it
        #[arg(long)]
        print: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Say what a configuration file means, or everything that is wrong with it
    Check {
        /// The configuration file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Say how it differs from what is in force, and what that means
        #[arg(long)]
        against_running: bool,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Say whether the shops are selling, what is wrong and what is being changed
    Status {
        /// This shop only
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: Option<String>,
        /// Say it again every two seconds, until Ctrl-C
        #[arg(long, conflicts_with = "json")]
        watch: bool,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Print a link that signs one browser in, once, within fifteen minutes
    SignIn {
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Read the configuration file again; no visitor notices
    Reload {
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Report that a job succeeded, to the check that awaits it
    Heartbeat {
        /// The check's name
        name: String,
        /// It begins now
        #[arg(long, conflicts_with = "ended")]
        start: bool,
        /// It ended with this exit code; 0 is a success
        #[arg(long, value_name = "CODE")]
        ended: Option<u8>,
        #[command(flatten)]
        state: State,
    },
    /// Send an instance no new requests; those it is answering may end
    Drain {
        /// The shop's id
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: String,
        #[arg(add = ArgValueCandidates::new(instances))]
        instance: String,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Send a drained instance requests again
    Undrain {
        /// The shop's id
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: String,
        #[arg(add = ArgValueCandidates::new(instances))]
        instance: String,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Restart an instance of a shop, or all of them one after the other; no visitor notices
    ///
    /// The instance gets no new requests, is restarted, and gets them again when it is healthy.
    /// What would be done is shown first.
    Restart {
        /// The shop's id
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: String,
        /// The instance; without it all of the shop, one after the other
        #[arg(add = ArgValueCandidates::new(instances))]
        instance: Option<String>,
        /// Also when no other instance is there to serve meanwhile
        #[arg(long, requires = "instance")]
        forced: bool,
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Put Storewarden before a shop, in the place of the nginx that it is beside; or back again
    ///
    /// nginx keeps its configuration and serves the shop from behind. Which words of it change is
    /// shown first; its files come back byte for byte.
    Front {
        /// The shop's id
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: String,
        /// Give the web server its place back
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Put a release into service, instance by instance; back again when one does not become healthy
    Deploy {
        /// The shop's id
        #[arg(add = ArgValueCandidates::new(shops))]
        shop: String,
        /// A folder in the shop's `deploy.releases`
        release: String,
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Order a new certificate for a shop, and serve it when it is there
    ///
    /// Certificates from an authority are renewed by themselves in time; this is for before.
    Renew {
        /// A shop's id, or one of its host names
        shop: String,
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Remove our own old records: logs of runs and minutes that are past their time
    CleanUp {
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Look at changes, and decide on them
    Runs {
        #[command(subcommand)]
        command: Option<RunsCommand>,
        #[command(flatten)]
        filter: RunsFilter,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Look at what is wrong, and say what is done about it
    Incidents {
        #[command(subcommand)]
        command: Option<IncidentsCommand>,
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        state: State,
        #[command(flatten)]
        json: Json,
    },
    /// Take backups of shops, look into them, read them again and restore them
    Backup {
        #[command(subcommand)]
        command: BackupCommand,
    },
    /// Look at single orders as they were, and bring one back under its own number
    Order {
        #[command(subcommand)]
        command: OrderCommand,
    },
    /// Look how far the changes of shops' databases are followed
    Stream {
        #[command(subcommand)]
        command: crate::stream::StreamCommand,
    },
    /// Look after the databases of shops
    Database {
        #[command(subcommand)]
        command: DatabaseCommand,
    },
    /// Make a machine that is gone anew, from its recovery sheet and where its backups are
    ///
    /// Configuration, people, ledger and secrets, the shop's files and its database. What would be
    /// written is shown first, nothing that is there is touched, and cut off it goes on when it is
    /// said once more.
    Recover(crate::recover::Arguments),
    /// Say who may sign in, and what they may do
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Make tokens for programs, and end them
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Look at what was done, by whom, and whether the record of it holds
    Ledger {
        #[command(subcommand)]
        command: crate::ledger::LedgerCommand,
    },
    /// Print the script that completes commands, shops and instances in a shell
    ///
    /// For bash, say in ~/.bashrc: source <(storewarden completions bash)
    Completions {
        #[arg(value_name = "SHELL", value_parser = PossibleValuesParser::new(SHELLS))]
        shell: String,
    },
    /// Write the manual pages, one for each command
    Man {
        /// The folder to write them into, such as /usr/local/share/man/man1
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Put the installed program in the place of the one that runs; no visitor notices
    ///
    /// For installations that systemd keeps; a package does it by itself. When the new program does
    /// not become healthy, the one before comes back, with the records as it understands them.
    Upgrade(crate::upgrade::Arguments),
    /// What this program understands, for another version of it
    #[command(hide = true)]
    Formats,
    /// The data plane; started by `up`
    #[command(hide = true)]
    Edge(crate::edge::Arguments),
    /// Keeps one instance of a shop; started by control
    #[command(hide = true)]
    Keep {
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Does one thing with a repository of backups; started by control
    #[command(hide = true)]
    BackupWorker {
        /// For whoever looks at processes: what it is told comes by its standard input
        about: Vec<String>,
    },
    /// The control plane; started by `up`
    #[command(hide = true)]
    Control(ControlArguments),
}

/// How a change is started.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ChangeOptions {
    /// Start it without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Only show what would be done
    #[arg(long, conflicts_with = "yes")]
    pub(crate) preview: bool,
    /// Wait for this window, whatever the configuration's rules say
    #[arg(long, value_name = "NAME", conflicts_with = "now")]
    pub(crate) window: Option<String>,
    /// Begin at once, past windows and freezes; then with --reason
    #[arg(long)]
    pub(crate) now: bool,
    /// Why it cannot wait; it goes into the ledger
    #[arg(long, value_name = "TEXT", requires = "now")]
    pub(crate) reason: Option<String>,
    /// Do not wait for its end
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) state: State,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// What to do with runs.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum RunsCommand {
    /// List runs, the newest first
    List(RunsFilter),
    /// Show a run with its steps and its log
    Show { run: u64 },
    /// Show what happens to a run until its end; Ctrl-C leaves it alone
    #[command(visible_alias = "watch")]
    Follow { run: u64 },
    #[command(flatten)]
    Steer(Deed),
}

/// What to do to a run.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Deed {
    /// Let a run go that waits for a yes
    Approve { run: u64 },
    /// Let a run begin outside its window or in a freeze
    Hurry {
        run: u64,
        /// Why; it goes into the ledger
        #[arg(long)]
        reason: String,
    },
    /// Stop a run; what it did is taken back
    Cancel { run: u64 },
    /// Take a run back that is over
    Undo { run: u64 },
    /// Have a stuck run look again, or try again what could not be taken back
    Retry { run: u64 },
    /// Of a stuck run: I have looked, and the step was done
    DeclareDone { run: u64 },
    /// Of a stuck run: I have looked, and the step was not done
    DeclareNotDone { run: u64 },
    /// End a stuck run as it stands
    GiveUp { run: u64 },
}

/// Which runs to list.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RunsFilter {
    /// Of this shop only
    #[arg(long, add = ArgValueCandidates::new(shops))]
    pub(crate) shop: Option<String>,
    /// In this state only; `open` are those that are not over
    #[arg(long = "in", value_name = "STATE")]
    pub(crate) state: Option<String>,
    /// How many
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(crate) last: u32,
}

impl Deed {
    /// The run, what to do to it as the API names it, and why.
    pub(crate) fn parts(&self) -> (u64, &'static str, &str) {
        match self {
            Self::Approve { run } => (*run, "approve", ""),
            Self::Hurry { run, reason } => (*run, "hurry", reason),
            Self::Cancel { run } => (*run, "cancel", ""),
            Self::Undo { run } => (*run, "undo", ""),
            Self::Retry { run } => (*run, "retry", ""),
            Self::DeclareDone { run } => (*run, "declare-done", ""),
            Self::DeclareNotDone { run } => (*run, "declare-not-done", ""),
            Self::GiveUp { run } => (*run, "give-up", ""),
        }
    }
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct State {
    /// The state directory, where what must outlive a restart is kept [default:
    /// /var/lib/storewarden for root, else ~/.local/state/storewarden]
    #[arg(long = "state", value_name = "DIR", default_value_os_t = default_state(), global = true)]
    #[arg(hide_default_value = true)]
    pub(crate) directory: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Json {
    /// Print JSON for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What the supervisor tells control at its start.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ControlArguments {
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
}

/// systemd's directory for us, the system's for root, else the user's (XDG Base Directory
/// Specification 0.8: `$XDG_STATE_HOME`, by default `~/.local/state`).
pub(crate) fn default_state() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(directory) = variable("STATE_DIRECTORY") {
        return directory.into();
    }
    let home = variable("HOME").map(PathBuf::from).filter(|home| home != "/root");
    let own = variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or(home.map(|home| home.join(".local").join("state")));
    own.unwrap_or_else(|| PathBuf::from("/var/lib")).join("storewarden")
}

#[cfg(test)]
mod tests;
