//! The command line: what can be said, and what each command's exit code means.

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
    /// Say what a configuration file means, or everything that is wrong with it
    Check {
        /// The configuration file
        #[arg(value_name = "FILE")]
        file: PathBuf,
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
    /// The data plane; started by `up`
    #[command(hide = true)]
    Edge(crate::edge::Arguments),
    /// The control plane; started by `up`
    #[command(hide = true)]
    Control(ControlArguments),
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct State {
    /// The state directory, where what must outlive a restart is kept [default:
    /// /var/lib/storewarden for root, else ~/.local/state/storewarden]
    #[arg(long = "state", value_name = "DIR", default_value_os_t = default_state())]
    #[arg(hide_default_value = true)]
    pub(crate) directory: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Json {
    /// Print JSON for programs
    #[arg(long)]
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
