//! The browser's step: a demo of its own in a temporary folder, and a real browser that uses its interface.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::programs;
use crate::process::{self, Running, Scratch};
use crate::web;
use crate::workspace::Workspace;

const START_LIMIT: Duration = Duration::from_secs(120);

pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let scratch = Scratch::new("browser")?;
    prepare(workspace)?;
    let stage = Stage::set(workspace, scratch.path())?;
    look(workspace, &stage, None)?;
    stage.process.stop()
}

/// `cargo xtask pictures`: docs/pictures, taken from a demo that has sold for `after`, so that its charts show something.
pub(crate) fn pictures(workspace: &Workspace, after: Duration) -> anyhow::Result<()> {
    let scratch = Scratch::new("pictures")?;
    prepare(workspace)?;
    let stage = Stage::set(workspace, scratch.path())?;
    println!("selling for {} s, so that there is something to see …", after.as_secs());
    std::thread::sleep(after);
    look(workspace, &stage, Some(&workspace.path("docs/pictures")))?;
    stage.process.stop()
}

/// Everything built and fetched before anything is started.
fn prepare(workspace: &Workspace) -> anyhow::Result<()> {
    web::build(workspace)?;
    web::fetch_packages(workspace, "e2e/browser")?;
    programs(workspace)
}

/// Everything is looked at; or, with a folder, pictures are taken and nothing else.
fn look(workspace: &Workspace, stage: &Stage, pictures: Option<&Path>) -> anyhow::Result<()> {
    let mut browser = process::command("node", &["browser.mjs", "--url", &stage.sign_in]);
    browser.args(["--shop-url", &stage.shop]);
    if let Some(pictures) = pictures {
        browser.arg("--pictures").arg(pictures);
    }
    process::run(browser.current_dir(workspace.path("e2e/browser")))
}

/// A demo that runs, and the addresses it printed.
struct Stage {
    process: Running,
    shop: String,
    sign_in: String,
}

impl Stage {
    fn set(workspace: &Workspace, directory: &Path) -> anyhow::Result<Self> {
        let mut command = process::command(workspace.program("debug", "demo"), &["run"]);
        command.arg("--storewarden").arg(workspace.program("debug", "storewarden"));
        command.arg("--directory").arg(directory.join("demo")).args(["--customers", "120"]);
        // A person's own demo stays the newest one.
        command.env("STOREWARDEN_CACHE", directory.join("cache")).stdout(Stdio::piped());
        let mut process = Running::start("the demo", &mut command)?;
        let printed = process.printed().context("read what the demo prints")?;
        let (said, heard) = mpsc::channel();
        // Ends with the demo, whose output ends then; what it prints after its addresses is passed on too.
        std::thread::spawn(move || {
            for line in BufReader::new(printed).lines().map_while(Result::ok) {
                println!("  demo: {line}");
                if let Some(address) = Address::read(&line) {
                    // Nobody listens any more once both addresses are known.
                    let _ = said.send(address);
                }
            }
        });
        let started = Instant::now();
        let (mut shop, mut sign_in) = (None, None);
        while shop.is_none() || sign_in.is_none() {
            let left = START_LIMIT.saturating_sub(started.elapsed());
            let address =
                heard.recv_timeout(left).context("wait for the addresses that the demo prints")?;
            match address {
                Address::Shop(url) => shop = Some(url),
                Address::SignIn(url) => sign_in = Some(url),
            }
        }
        let (shop, sign_in) = (shop.unwrap_or_default(), sign_in.unwrap_or_default());
        Ok(Self { process, shop, sign_in })
    }
}

/// An address among the lines of the demo.
#[derive(Debug, PartialEq, Eq)]
enum Address {
    Shop(String),
    SignIn(String),
}

impl Address {
    fn read(line: &str) -> Option<Self> {
        let url = line.split_whitespace().find(|word| word.starts_with("http"))?.to_owned();
        if url.contains("token=") {
            Some(Self::SignIn(url))
        } else if line.trim_start().starts_with("The shop") {
            Some(Self::Shop(url))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_are_found_among_other_lines() {
        let shop = Address::read("  The shop         http://127.0.0.1:1");
        assert_eq!(shop, Some(Address::Shop("http://127.0.0.1:1".to_owned())));
        let sign_in = Address::read(
            "  Storewarden      http://127.0.0.1:2/sign-in?token=T   (signs you in, once)",
        );
        assert_eq!(sign_in, Some(Address::SignIn("http://127.0.0.1:2/sign-in?token=T".to_owned())));
        assert_eq!(Address::read("  Things to try    http://127.0.0.1:3"), None);
        assert_eq!(Address::read("Setting the stage …"), None);
    }
}
