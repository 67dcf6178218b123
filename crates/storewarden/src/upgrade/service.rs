//! Our two services of systemd, by systemctl(1) and journalctl(1).

use anyhow::Context as _;
use host::process::{Spawn, run_to_end};
use std::time::Duration;

pub(super) const CONTROL: &str = "storewarden.service";
pub(super) const EDGE: &str = "storewarden-edge.service";

/// A question or a signal takes no longer.
const QUESTION_LIMIT: Duration = Duration::from_secs(10);
/// Lines of a service's log that tell why it ended.
const LAST_WORDS: &str = "5";

/// A service at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// It serves.
    pub(super) is_up: bool,
    /// It serves, or systemd is about to bring it up.
    pub(super) is_wanted: bool,
    /// 0: there is none.
    pub(super) main_pid: u32,
    /// How often systemd started it again by itself.
    pub(super) restarts: u32,
}

pub(super) fn look(unit: &str) -> anyhow::Result<Seen> {
    let question = ["show", "--property=ActiveState,MainPID,NRestarts", unit];
    Ok(understand(&systemctl(&question, QUESTION_LIMIT)?))
}

fn understand(text: &str) -> Seen {
    let value = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or("")
    };
    let state = value("ActiveState");
    Seen {
        is_up: matches!(state, "active" | "reloading"),
        is_wanted: matches!(state, "active" | "reloading" | "activating"),
        main_pid: value("MainPID").parse().unwrap_or(0),
        restarts: value("NRestarts").parse().unwrap_or(0),
    }
}

/// Starts, stops or restarts a service, and waits until that is over.
pub(super) fn order(verb: &str, unit: &str, limit: Duration) -> anyhow::Result<()> {
    // Too many failed starts would have systemd refuse the next.
    systemctl(&["reset-failed", unit], QUESTION_LIMIT).ok();
    match systemctl(&[verb, unit], limit) {
        Ok(_) => Ok(()),
        Err(error) => Err(with_last_words(error, unit)),
    }
}

pub(super) fn reload_units() -> anyhow::Result<()> {
    systemctl(&["daemon-reload"], QUESTION_LIMIT).map(drop)
}

/// Has the supervisor go and leave the edge to the next one, which systemd starts at once.
pub(super) fn leave(unit: &str) -> anyhow::Result<()> {
    signal(unit, "USR1")
}

/// The same with one that may not listen.
pub(super) fn kill(unit: &str, seen: Seen) -> anyhow::Result<()> {
    if seen.main_pid == 0 {
        return Ok(());
    }
    signal(unit, "KILL")
}

fn signal(unit: &str, signal: &str) -> anyhow::Result<()> {
    // `--kill-who`, which newer versions call `--kill-whom`, is understood by all.
    let signal = format!("--signal={signal}");
    systemctl(&["kill", "--kill-who=main", &signal, unit], QUESTION_LIMIT).map(drop)
}

/// An error with what the service said last, which is mostly the reason.
pub(super) fn with_last_words(error: anyhow::Error, unit: &str) -> anyhow::Error {
    // What its processes said, without what systemd says of them.
    let its_own = format!("_SYSTEMD_UNIT={unit}");
    let arguments = ["--no-pager", "--output=cat", "--lines", LAST_WORDS, &its_own];
    let said = run_to_end(Spawn::new("journalctl").args(arguments), QUESTION_LIMIT);
    match said {
        Ok(said) if !said.stdout.is_empty() => {
            let text = String::from_utf8_lossy(&said.stdout);
            let text = text.trim().trim_end_matches('.').replace('\n', " | ");
            anyhow::anyhow!("{error:#}; `{unit}` said last: {text}")
        }
        // The log tells nothing, or cannot be read: the error stands alone.
        _ => error,
    }
}

fn systemctl(arguments: &[&str], limit: Duration) -> anyhow::Result<String> {
    let output = run_to_end(Spawn::new("systemctl").args(arguments), limit)
        .with_context(|| format!("systemctl {}", arguments.join(" ")))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_says_is_understood() {
        let check = |text: &str, is_up: bool, is_wanted: bool, main_pid: u32| {
            let expect = Seen { is_up, is_wanted, main_pid, restarts: 0 };
            assert_eq!(understand(text), expect, "{text}");
        };
        check("MainPID=7\nActiveState=active\nNRestarts=0\n", true, true, 7);
        check("MainPID=0\nActiveState=activating\n", false, true, 0);
        check("MainPID=0\nActiveState=failed\n", false, false, 0);
        check("", false, false, 0);
    }
}
