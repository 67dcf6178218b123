//! `cargo xtask soak`: what tests do in seconds, for as long as somebody wants, with whole programs.
//!
//! The play itself is one of the end-to-end tests, which ordinary runs leave out.

use crate::Refusal;
use crate::install;
use crate::process::{self, cargo};
use crate::test;
use crate::workspace::Workspace;

pub(crate) const USAGE: &str = "\
Usage: cargo xtask soak vault [--minutes 10] [--seed NUMBER]
  a shop that sells is backed up into a folder, a bucket and behind SFTP, while workers, control, the database and the
  storages' servers are killed at random; every few minutes everything must be whole, for us and for restic
Usage: cargo xtask soak orders [--minutes 10] [--seed NUMBER]
  orders are deleted, brought back and taken out again on PostgreSQL and on MariaDB, while control, the stream of changes,
  workers and the database are killed at random; nothing acknowledged may be lost, nothing be done twice
  --minutes     how long, 1 to 10000
  --seed        who is killed when: the number that a run before has printed";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Play {
    Vault,
    Orders,
}

impl Play {
    /// The whole name of its test.
    fn test(self) -> &'static str {
        match self {
            Self::Vault => "soak::backups_outlive_whoever_is_killed",
            Self::Orders => "soak_orders::orders_outlive_whoever_is_killed",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    play: Play,
    minutes: u32,
    seed: Option<u64>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let options = read_options(arguments)?;
    match options.play {
        Play::Vault => install::ensure(&[&install::POSTGRESQL, &install::RESTIC, &install::SSHD])?,
        Play::Orders => install::ensure(&[&install::POSTGRESQL, &install::MARIADB])?,
    }
    test::programs(workspace)?;
    if options.play == Play::Vault {
        install::ensure_buckets(workspace)?;
    }
    // Of the whole workspace, as the programs were built: alone it would have everything compiled once more.
    let mut play = cargo(&["test", "--locked", "--quiet", "--workspace", "--features", "e2e/soak"]);
    play.args(["--test", "it", "--", "--exact", "--nocapture", options.play.test()]);
    play.env("SOAK_MINUTES", options.minutes.to_string());
    if let Some(seed) = options.seed {
        play.env("SEED", seed.to_string());
    }
    process::run(play.current_dir(&workspace.root))
}

fn read_options(arguments: &[String]) -> Result<Options, Refusal> {
    let refuse = |reason: String| Refusal(format!("{reason}\n{USAGE}"));
    let mut words = arguments.iter();
    let play = match words.next().map(String::as_str) {
        Some("vault") => Play::Vault,
        Some("orders") => Play::Orders,
        _ => return Err(refuse("what is to be soaked is not said".to_owned())),
    };
    let mut options = Options { play, minutes: 10, seed: None };
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| refuse(format!("`{word}` wants a value")))?;
        let odd = || refuse(format!("`{word} {value}` is not understood"));
        match word.as_str() {
            "--minutes" => {
                let minutes = value.parse().ok().filter(|minutes| (1..=10_000).contains(minutes));
                options.minutes = minutes.ok_or_else(odd)?;
            }
            "--seed" => options.seed = Some(value.parse().map_err(|_| odd())?),
            _ => return Err(odd()),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_nonsense_refused() {
        let read =
            |text: &str| read_options(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(read("vault").unwrap(), Options { play: Play::Vault, minutes: 10, seed: None });
        let expect = Options { play: Play::Orders, minutes: 90, seed: Some(7) };
        assert_eq!(read("orders --minutes 90 --seed 7").unwrap(), expect);
        for nonsense in ["edge", "vault --minutes 0", "vault --seed x", "vault --seed"] {
            assert!(read(nonsense).is_err(), "{nonsense}");
        }
    }
}
