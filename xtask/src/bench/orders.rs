//! `cargo xtask bench orders`: one order among a million, found in a backup and in the journal of changes; and what it
//! costs to follow the changes of a shop that sells.
//!
//! All of it is the program as people have it: its command line, its control, its workers, its stream.

mod reading;
mod server;
mod stream;
mod warden;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::goal::Row;
use super::machine;
use super::report::between;
use crate::Refusal;
use crate::install;
use crate::process::{self, Scratch, cargo};
use crate::workspace::Workspace;
use reading::Lost;
use server::Server;
use warden::Warden;

pub(super) const USAGE: &str = "\
Usage: cargo xtask bench orders [--orders 1000000] [--seconds 60] [--as-built]
  --orders      of the shop, 1000000 for docs/BENCHMARKS.md
  --seconds     for which 5,000 changes a second are followed, 60 at least for docs/BENCHMARKS.md
  --as-built    the release that is there, without building it again; writes nothing";

const MARK: &str = "cargo xtask bench orders";
/// What a shop's server must allow to be followed.
const FOLLOWED: [&str; 3] = ["wal_level=logical", "max_slot_wal_keep_size=4GB", "max_wal_size=2GB"];
const BEGIN: Duration = Duration::from_secs(60);

/// How it was called.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Options {
    orders: u64,
    seconds: u64,
    is_as_built: bool,
}

impl Options {
    /// Whether docs/BENCHMARKS.md may take it.
    fn is_for_the_record(&self) -> bool {
        self.orders == 1_000_000 && self.seconds >= 60 && !self.is_as_built
    }
}

pub(super) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let options = read_options(arguments)?;
    install::ensure(&[&install::POSTGRESQL, &install::RESTIC])?;
    if !options.is_as_built {
        println!("programs: cargo build --release (whole-program optimisation: minutes)");
        let example = &["--package", "vault", "--example", "weigh"];
        for what in [&["--package", "storewarden"][..], example] {
            let mut build = cargo(&["build", "--release", "--locked"]);
            process::run(build.args(what).current_dir(&workspace.root))?;
        }
    }
    let scratch = Scratch::new("orders")?;
    let rows = measure(workspace, scratch.path(), &options)?;
    let mut text = format!(
        "`cargo xtask bench {}`\n\n{}.\n\n| | measured | at most |\n|---|---:|---:|\n",
        arguments.join(" "),
        machine::computer()?
    );
    text.extend(rows.iter().map(Row::text));
    println!("\n{text}");
    if options.is_for_the_record() {
        let path = workspace.path("docs/BENCHMARKS.md");
        let before =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let after = between(MARK, &before, &text)
            .with_context(|| format!("find the two marks in {}", path.display()))?;
        std::fs::write(&path, after).with_context(|| format!("write {}", path.display()))?;
        println!("written to docs/BENCHMARKS.md");
    }
    Ok(())
}

fn measure(workspace: &Workspace, scratch: &Path, options: &Options) -> anyhow::Result<Vec<Row>> {
    let (orders, mut rows) = (options.orders, Vec::new());
    let mut note = |some: Vec<Row>| {
        some.iter().for_each(|row| print!("{}", row.text()));
        rows.extend(some);
    };
    let purchase = workspace.path("bench/orders/purchase.sql");
    let folder = scratch.join("warden");

    println!("\na shop with {orders} orders");
    let mut server = Server::make(scratch.join("server"))?;
    server.load(&workspace.path("bench/orders/shop.sql"), orders)?;
    server.start(&FOLLOWED)?;
    let warden = Warden::start(workspace, &folder, &server.url(), "")?;
    note(vec![back_up(&server, &warden)?]);

    println!("\nin a backup");
    note(reading::in_a_backup(&server, &warden, orders)?);
    warden.stop()?;

    println!("\nchanges are followed");
    let mut warden = Warden::start(workspace, &folder, &server.url(), "stream = {}")?;
    warden.until("changes to be followed", BEGIN, |standing| {
        (standing["state"] == "following").then_some(())
    })?;
    // What was there before the stream began, only a backup that is younger tells.
    back_up(&server, &warden)?;
    let last = server.ask_number("SELECT max(id) FROM \"order\"")?;
    note(stream::keep_up(&server, &mut warden, (&purchase, scratch), (orders, options.seconds))?);
    note(stream::fill(workspace, &server, &mut warden, &purchase, (orders, orders / 10))?);

    println!("\nin the journal");
    let newest = server.ask_number("SELECT max(id) FROM \"order\"")?;
    let lost = Lost::delete(&server, last + 1, newest)?;
    stream::catch_up(&server, &mut warden)?;
    note(reading::in_the_journal(&warden, &lost)?);
    warden.stop()?;
    server.stop()?;
    Ok(rows)
}

/// Takes a backup and says what it took.
fn back_up(server: &Server, warden: &Warden) -> anyhow::Result<Row> {
    let rows = server.ask_number("SELECT sum(n_live_tup) FROM pg_stat_user_tables")?;
    let begun = Instant::now();
    process::output(&mut warden.command(&["backup", "now"]))?;
    let size = super::series::folder_bytes(&warden.repository())?;
    Ok(Row::plain(
        "a backup of the shop: rows, time, bytes of the repository",
        format!(
            "{:.1} M, {:.0} s, {}",
            reading::float(rows) / 1e6,
            begun.elapsed().as_secs_f64(),
            reading::megabytes(reading::float(size))
        ),
    ))
}

fn read_options(arguments: &[String]) -> Result<Options, Refusal> {
    let refuse = |reason: &str| Refusal(format!("{reason}\n{USAGE}"));
    let mut options = Options { orders: 1_000_000, seconds: 60, is_as_built: false };
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        if word == "--as-built" {
            options.is_as_built = true;
            continue;
        }
        let value = words
            .next()
            .ok_or_else(|| refuse(&format!("`{word}` is unknown, or wants a value")))?;
        match (word.as_str(), value.parse::<u64>()) {
            ("--orders", Ok(number @ 1_000..=2_000_000)) => options.orders = number,
            ("--seconds", Ok(number @ 5..=600)) => options.seconds = number,
            _ => return Err(refuse(&format!("`{word} {value}` is not understood"))),
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
        let expect = Options { orders: 20_000, seconds: 10, is_as_built: true };
        assert_eq!(read("orders --orders 20000 --seconds 10 --as-built").unwrap(), expect);
        assert!(!expect.is_for_the_record() && read("orders").unwrap().is_for_the_record());
        for nonsense in ["orders --orders 5", "orders --seconds", "orders --seconds x", "orders 7"]
        {
            assert!(read(nonsense).is_err(), "{nonsense}");
        }
    }
}
