//! The command line: what can be said, and what each command's exit code means.

use crate::people::{TokenCommand, UserCommand};
use clap::{Parser, Subcommand};
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
    /// SIGHUP reads the configuration again, SIGUSR2 replaces the edge by a new process, SIGTERM
    /// ends all; none of them drops a request.
    Up {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
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
    /// Say whether the shops are selling
    Status {
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
    /// Restart an instance of a shop, or all of them one after the other; no visitor notices
    ///
    /// The instance gets no new requests, is restarted, and gets them again when it is healthy.
    /// What would be done is shown first.
    Restart {
        /// The shop's id
        shop: String,
        /// The instance; without it all of the shop, one after the other
        instance: Option<String>,
        /// Also when no other instance is there to serve meanwhile
        #[arg(long, requires = "instance")]
        forced: bool,
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Put a release into service, instance by instance; back again when one does not become healthy
    Deploy {
        /// The shop's id
        shop: String,
        /// A folder in the shop's `deploy.releases`
        release: String,
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
        state: State,
        #[command(flatten)]
        json: Json,
    },
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
    /// The data plane; started by `up`
    #[command(hide = true)]
    Edge(crate::edge::Arguments),
    /// Keeps one instance of a shop; started by control
    #[command(hide = true)]
    Keep {
        #[arg(value_name = "DIR")]
        folder: PathBuf,
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
    List {
        /// Of this shop only
        #[arg(long)]
        shop: Option<String>,
        /// In this state only; `open` are those that are not over
        #[arg(long = "in", value_name = "STATE")]
        state: Option<String>,
    },
    /// Show a run with its steps and its log
    Show { run: u64 },
    /// Print what happens to a run until its end
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

impl Default for RunsCommand {
    fn default() -> Self {
        Self::List { shop: None, state: None }
    }
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
fn default_state() -> PathBuf {
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
mod tests {
    use super::*;
    use clap::CommandFactory as _;
    use std::{fmt::Write as _, path::Path};

    const MEND: &str = "UPDATE_GOLDEN=1 cargo nextest run -p storewarden help";

    #[test]
    fn help_is_as_committed() {
        let mut whole = Cli::command().term_width(100);
        whole.build();
        let mut text = whole.render_long_help().to_string();
        for command in whole.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
            write!(text, "\n\n{}", command.render_long_help()).unwrap();
            for deed in command.get_subcommands_mut() {
                write!(text, "\n\n{}", deed.render_long_help()).unwrap();
            }
        }
        let text = format!("{}\n", text.trim_end());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "tests/golden/help.txt is not the help of now; run: {MEND}");
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
