//! Completions for shells, and the names that are offered in them.
//!
//! The script that a shell loads asks this program at each TAB, so that it never offers what this
//! version does not know, and offers the shops and instances of the Storewarden that runs. Nobody
//! waits for one that does not answer.

use crate::{
    cli::{Cli, Exit, default_state},
    client::{Patience, ask_with_patience},
    remote::print,
};
use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::{CompleteEnv, engine::CompletionCandidate, env::Shells};
use std::{ffi::OsString, path::PathBuf, time::Duration};
use watch::state::Status;

/// The shells there are scripts for.
pub(crate) const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// In which a script says that it asks, and for which shell.
const VARIABLE: &str = "STOREWARDEN_COMPLETE";
const PROGRAM: &str = "storewarden";
/// A person has pressed a key and waits for an echo.
const PATIENCE: Patience =
    Patience { connect: Duration::from_millis(200), answer: Duration::from_millis(500) };

/// Answers a shell that asks, and ends the process then.
pub(crate) fn answer_shell() {
    CompleteEnv::with_factory(Cli::command).var(VARIABLE).complete();
}

/// Prints the script of a shell.
pub(crate) fn run(shell: &str) -> anyhow::Result<Exit> {
    let shells = Shells::builtins();
    let shell = shells.completer(shell).context("invariant: every shell of the list is known")?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)?;
    print(&script)?;
    Ok(Exit::Fine)
}

/// The shops of the Storewarden that runs.
pub(crate) fn shops() -> Vec<CompletionCandidate> {
    let shops = status().into_iter().flat_map(|status| status.shops);
    shops
        .map(|shop| {
            let name = (shop.now.name != shop.now.id.as_str()).then(|| shop.now.name.into());
            CompletionCandidate::new(shop.now.id.as_str()).help(name)
        })
        .collect()
}

/// The instances of the shop that stands on the line already; of all where none does.
pub(crate) fn instances() -> Vec<CompletionCandidate> {
    let Some(status) = status() else { return Vec::new() };
    let words: Vec<OsString> = std::env::args_os().collect();
    let is_named = |id: &str| words.iter().any(|word| word == id);
    let named = status.shops.iter().find(|shop| is_named(shop.now.id.as_str()));
    let shops = named.map_or(status.shops.as_slice(), std::slice::from_ref);
    let instances = shops.iter().flat_map(|shop| &shop.now.instances);
    instances
        .map(|instance| {
            CompletionCandidate::new(instance.name.as_str())
                .help(Some(instance.address.clone().into()))
        })
        .collect()
}

/// `None` where none runs that this user may ask: then there is nothing to offer.
fn status() -> Option<Status> {
    let directory = state(std::env::args_os());
    let answer = ask_with_patience(&directory, "GET", "/api/v1/status", PATIENCE).ok()?;
    answer.json().ok()
}

/// The state directory that a line speaks of.
fn state(words: impl Iterator<Item = OsString>) -> PathBuf {
    let mut words = words.skip_while(|word| word != "--state").skip(1);
    words.next().map_or_else(default_state, PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_whose_shops_are_offered() {
        let check = |line: &str, expect: Option<&str>| {
            let expect = expect.map_or_else(default_state, PathBuf::from);
            assert_eq!(state(line.split(' ').map(OsString::from)), expect, "{line}");
        };
        check("storewarden restart --state elsewhere la", Some("elsewhere"));
        check("storewarden restart la", None);
        check("storewarden status --state", None);
    }

    #[test]
    fn every_shell_of_the_list_has_a_script() {
        for shell in SHELLS {
            assert!(Shells::builtins().completer(shell).is_some(), "{shell}");
        }
    }
}
