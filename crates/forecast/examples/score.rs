//! Scores the detectors on a real shop's orders: `cargo run --release -p forecast --example score [FILE] [--tune]`.
//!
//! FILE is a CSV of `minute,orders,…` (see docs/detection.md). Prints the tables of docs/detection.md.
#![expect(clippy::print_stdout, reason = "tables are what it is for")]

use std::process::ExitCode;

use forecast::Settings;
use forecast::evaluation::{Outage, Past, Replay};

/// Beside the checkout; the data do not belong to the repository.
const FILE: &str = "../shared/data/orders-2010-12-to-2011-06.csv";
/// 2010-12-01 on: January to March are tuned on, April to June are scored on; December only teaches the baseline.
const TUNED: (usize, usize) = (31, 121);
const SCORED: (usize, usize) = (121, usize::MAX);
const KINDS: [(&str, f64, usize); 3] =
    [("nothing sells", 0.0, 1), ("half is gone", 0.5, 5), ("a method with 30 % is gone", 0.7, 5)];

fn main() -> ExitCode {
    let mut tune = false;
    let mut path = FILE.to_owned();
    for argument in std::env::args().skip(1) {
        if argument == "--tune" { tune = true } else { path = argument }
    }
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            println!("SKIPPED: {path} cannot be read ({error}); nothing was scored");
            return ExitCode::SUCCESS;
        }
    };
    let (known, unknown) = match (Past::read(&text, true), Past::read(&text, false)) {
        (Ok(known), Ok(unknown)) => (known, unknown),
        (Err(error), _) | (_, Err(error)) => {
            println!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    if tune {
        search(&known);
    } else {
        publish(&known, &unknown);
    }
    ExitCode::SUCCESS
}

fn publish(known: &Past, unknown: &Past) {
    let replay = Replay::new(known, Settings::default());
    let surprised = Replay::new(unknown, Settings::default());
    for (name, (from, to)) in
        [("tuned on, January to March", TUNED), ("scored on, April to June", SCORED)]
    {
        let to = to.min(known.days.len());
        println!("\n{name}: {} days", to - from);
        println!("false alarms a month: {:.2}", replay.false_alarms(from, to));
        println!("with holidays that no calendar named: {:.2}", surprised.false_alarms(from, to));
        println!("| outage | hour | planted | noticed | median min | p90 min | left out |");
        println!("|---|---|---|---|---|---|---|");
        for (kind, share_left, days) in KINDS {
            for hour in 9..=15 {
                let delays = replay.plant(Outage { share_left, hour, days }, from, to);
                println!(
                    "| {kind} | {hour} | {} | {} | {} | {} | {} |",
                    delays.minutes.len() + delays.missed,
                    delays.minutes.len(),
                    cell(delays.within(0.5)),
                    cell(delays.within(0.9)),
                    delays.left_out,
                );
            }
        }
    }
}

fn cell(minutes: Option<usize>) -> String {
    minutes.map_or_else(|| "missed".to_owned(), |minutes| minutes.to_string())
}

/// Looks at the tuned part alone.
fn search(past: &Past) {
    let (from, to) = TUNED;
    println!(
        "prior half_life stopped falling | false alarms a month | median, p90 of 0 % at 11 | median of 50 % at 11"
    );
    for prior in [5.0, 10.0, 20.0, 40.0, 80.0, 160.0] {
        for half_life in [10.0, 20.0, 40.0, 80.0] {
            for stopped in [7.0, 7.5, 8.0, 8.5, 9.0, 9.5, 10.0, 10.5, 11.0, 12.0, 13.0] {
                for falling in [10.0, 12.0, 14.0, 16.0, 20.0, 25.0, 30.0] {
                    let replay = Replay::new(past, Settings { stopped, falling, prior, half_life });
                    let alarms = replay.false_alarms(from, to);
                    if alarms > 0.0 {
                        continue;
                    }
                    let none =
                        replay.plant(Outage { share_left: 0.0, hour: 11, days: 1 }, from, to);
                    let half =
                        replay.plant(Outage { share_left: 0.5, hour: 11, days: 5 }, from, to);
                    println!(
                        "{prior} {half_life} {stopped} {falling} | {alarms:.2} | {} {} | {}",
                        cell(none.within(0.5)),
                        cell(none.within(0.9)),
                        cell(half.within(0.5)),
                    );
                }
            }
        }
    }
}
