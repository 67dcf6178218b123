//! Debian's restic and borg, and ours, each by the same five steps, and what the kernel says they took.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::Step;
use crate::process;

/// Who keeps a repository.
#[derive(Debug)]
pub(super) enum Contender {
    Restic,
    Borg,
    /// By this program: the example of the crate.
    Ours(PathBuf),
}

/// What one run took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spent {
    /// Of processor, user and system.
    pub(super) seconds: f64,
    /// The most at once.
    pub(super) memory_bytes: u64,
}

impl Contender {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Restic => "restic",
            Self::Borg => "borg",
            Self::Ours(_) => "Storewarden",
        }
    }

    pub(super) fn init(&self, repository: &Path) -> anyhow::Result<()> {
        let mut command = match self {
            Self::Restic => restic(repository, &["init"]),
            Self::Borg => {
                let mut command = process::command("borg", &["init", "-e", "repokey-blake2"]);
                command.arg(repository);
                command
            }
            Self::Ours(keep) => ours(keep, repository, &["init"]),
        };
        quiet(&mut command, repository).map(drop)
    }

    /// Restores go into `target`, which is not there yet.
    pub(super) fn run(
        &self,
        step: Step,
        repository: &Path,
        shop: &Path,
        target: &Path,
    ) -> anyhow::Result<Spent> {
        let shop = shop.to_str().context("the shop's path is UTF-8")?;
        let into = target.to_str().context("the target's path is UTF-8")?;
        let mut command = match self {
            Self::Restic => restic(
                repository,
                &match step {
                    Step::First | Step::Unchanged | Step::Changed => vec!["backup", shop],
                    Step::Check => vec!["check", "--read-data"],
                    Step::Restore => vec!["restore", "latest", "--target", into],
                },
            ),
            Self::Borg => borg(step, repository, shop, target)?,
            Self::Ours(keep) => ours(
                keep,
                repository,
                &match step {
                    Step::First | Step::Unchanged | Step::Changed => vec!["backup", shop],
                    Step::Check => vec!["check"],
                    Step::Restore => vec!["restore", into],
                },
            ),
        };
        quiet(&mut command, repository)
    }
}

fn restic(repository: &Path, arguments: &[&str]) -> Command {
    let mut command = process::command("restic", &["--quiet"]);
    // As everybody has it: with its cache, fresh for every repository.
    command.arg("--cache-dir").arg(repository.with_extension("cache"));
    command.arg("--repo").arg(repository).args(arguments);
    command
}

fn borg(step: Step, repository: &Path, shop: &str, target: &Path) -> anyhow::Result<Command> {
    let archive = |name: &str| format!("{}::{name}", repository.display());
    let mut command = process::command("borg", &[]);
    match step {
        Step::First => command.args(["create", "-C", "zstd,3", &archive("first"), shop]),
        Step::Unchanged => command.args(["create", "-C", "zstd,3", &archive("second"), shop]),
        Step::Changed => command.args(["create", "-C", "zstd,3", &archive("third"), shop]),
        Step::Check => command.args(["check", "--verify-data"]).arg(repository),
        Step::Restore => {
            std::fs::create_dir(target).context("make a folder to restore into")?;
            command.args(["extract", &archive("third")]).current_dir(target)
        }
    };
    Ok(command)
}

fn ours(keep: &Path, repository: &Path, arguments: &[&str]) -> Command {
    let mut command = process::command(keep, &[]);
    command.arg(repository).args(arguments);
    command
}

/// Runs to its end, and reads what the kernel told GNU time of it (wait4(2)).
fn quiet(command: &mut Command, repository: &Path) -> anyhow::Result<Spent> {
    let told = repository.with_extension("time");
    let mut timed = process::command("/usr/bin/time", &["-f", "%U %S %M", "-o"]);
    timed.arg(&told).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        timed.current_dir(folder);
    }
    timed.env("RESTIC_PASSWORD", "a password").env("BORG_PASSPHRASE", "a password");
    timed.env("BORG_BASE_DIR", repository.with_extension("borg"));
    let output = timed
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start `{}`", process::spelled(&timed)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` ended with {}: {said}", process::spelled(&timed), output.status);
    }
    let text = std::fs::read_to_string(&told).context("read what time told")?;
    parse(&text).with_context(|| format!("understand `{}` of time", text.trim()))
}

fn parse(text: &str) -> Option<Spent> {
    let mut numbers = text.split_whitespace().map(|word| word.parse::<f64>().ok());
    let (user, system, kilobytes) = (numbers.next()??, numbers.next()??, numbers.next()??);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of kilobytes, whole and above nought"
    )]
    let memory_bytes = (kilobytes * 1024.0) as u64;
    Some(Spent { seconds: user + system, memory_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_time_told_is_understood() {
        let spent = Spent { seconds: 1.75, memory_bytes: 2048 };
        assert_eq!(parse("1.50 0.25 2\n"), Some(spent));
        assert_eq!(parse("Command exited"), None);
        assert_eq!(parse(""), None);
    }
}
