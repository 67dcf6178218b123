//! Debian's restic and borg, and ours, each by the same steps, and what the kernel says they took.

use std::ffi::OsStr;
use std::fs::File;
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

    /// Makes an empty repository; ours is given one (see [`super::adopt`]).
    pub(super) fn init(&self, repository: &Path) -> anyhow::Result<()> {
        let mut command = match self {
            Self::Restic => restic(repository, &["init"]),
            Self::Borg => {
                let mut command = process::command("borg", &["init", "-e", "repokey-blake2"]);
                command.arg(repository);
                command
            }
            Self::Ours(_) => return Ok(()),
        };
        quiet(&mut command, repository, None).map(drop)
    }

    pub(super) fn run(&self, task: &Task<'_>) -> anyhow::Result<Spent> {
        let mut command = match self {
            Self::Restic => restic(task.repository, &words_of_restic(task)?),
            Self::Borg => borg(task)?,
            Self::Ours(keep) => ours(keep, task.repository, &words_of_ours(task)?),
        };
        let content = match task.step {
            Step::Stream => Some(File::open(task.dump).context("open what goes through a stream")?),
            _ => None,
        };
        quiet(&mut command, task.repository, content)
    }
}

/// What is to be done, and with what.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) step: Step,
    pub(super) repository: &'a Path,
    pub(super) shop: &'a Path,
    /// Restores go there; it is not there yet.
    pub(super) target: &'a Path,
    /// What goes through a stream.
    pub(super) dump: &'a Path,
}

impl Task<'_> {
    fn shop(&self) -> anyhow::Result<&str> {
        self.shop.to_str().context("the shop's path is UTF-8")
    }

    fn target(&self) -> anyhow::Result<&str> {
        self.target.to_str().context("the target's path is UTF-8")
    }

    fn listed(&self) -> anyhow::Result<String> {
        Ok(format!("{}/{}", self.shop()?, super::shop::SOME_FOLDER))
    }
}

fn words_of_restic(task: &Task<'_>) -> anyhow::Result<Vec<String>> {
    let words = match task.step {
        Step::First | Step::Unchanged | Step::Changed => vec!["backup", task.shop()?],
        Step::Check => vec!["check", "--read-data"],
        Step::Restore => vec!["restore", "latest", "--target", task.target()?],
        Step::List => return Ok(vec!["ls".to_owned(), "latest".to_owned(), task.listed()?]),
        Step::Stream => vec!["backup", "--stdin", "--stdin-filename", "stream.sql"],
    };
    Ok(words.into_iter().map(str::to_owned).collect())
}

fn words_of_ours(task: &Task<'_>) -> anyhow::Result<Vec<String>> {
    let words = match task.step {
        Step::First | Step::Unchanged | Step::Changed => vec!["backup", task.shop()?],
        Step::Check => vec!["check"],
        Step::Restore => vec!["restore", task.target()?],
        Step::List => return Ok(vec!["list".to_owned(), task.listed()?]),
        Step::Stream => vec!["stream", "/stream.sql"],
    };
    Ok(words.into_iter().map(str::to_owned).collect())
}

fn restic(repository: &Path, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = process::command("restic", &["--quiet"]);
    // As everybody has it: with its cache, fresh for every repository.
    command.arg("--cache-dir").arg(repository.with_extension("cache"));
    command.arg("--repo").arg(repository).args(arguments);
    command
}

fn borg(task: &Task<'_>) -> anyhow::Result<Command> {
    let archive = |name: &str| format!("{}::{name}", task.repository.display());
    let mut command = process::command("borg", &[]);
    let create = ["create", "-C", "zstd,3"];
    match task.step {
        Step::First => command.args(create).arg(archive("first")).arg(task.shop),
        Step::Unchanged => command.args(create).arg(archive("second")).arg(task.shop),
        Step::Changed => command.args(create).arg(archive("third")).arg(task.shop),
        Step::Check => command.args(["check", "--verify-data"]).arg(task.repository),
        Step::Restore => {
            std::fs::create_dir(task.target).context("make a folder to restore into")?;
            command.arg("extract").arg(archive("third")).current_dir(task.target)
        }
        Step::List => {
            let listed = task.listed()?;
            command.arg("list").arg(archive("third")).arg(listed.trim_start_matches('/'))
        }
        Step::Stream => command.args(create).arg(archive("stream")).arg("-"),
    };
    Ok(command)
}

fn ours(keep: &Path, repository: &Path, arguments: &[String]) -> Command {
    let mut command = process::command(keep, &[]);
    command.arg(repository).args(arguments);
    command
}

/// Runs to its end, and reads what the kernel told GNU time of it (wait4(2)).
fn quiet(command: &mut Command, repository: &Path, content: Option<File>) -> anyhow::Result<Spent> {
    let told = repository.with_extension("time");
    let mut timed = process::command("/usr/bin/time", &["-f", "%U %S %M", "-o"]);
    timed.arg(&told).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        timed.current_dir(folder);
    }
    timed.env("RESTIC_PASSWORD", "a password").env("BORG_PASSPHRASE", "a password");
    timed.env("BORG_BASE_DIR", repository.with_extension("borg"));
    let output = timed
        .stdin(content.map_or_else(Stdio::null, Stdio::from))
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
