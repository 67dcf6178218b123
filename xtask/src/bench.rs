//! `cargo xtask bench`: of the edge here, of the metrics store in `series`, of backups in `vault`, of single orders and the
//! stream of changes in `orders`, of what else has a goal in `frame`.
//!
//! `cargo xtask bench edge`: the edge beside Debian's nginx, in alternating rounds on pinned cores.
//!
//! What counts is processor time for the same number of requests: unlike throughput, it hardly depends on how busy the
//! machine is otherwise.

mod agent;
mod contender;
mod cost;
mod frame;
mod goal;
mod load;
mod machine;
mod orders;
mod remote;
mod report;
mod rest;
mod series;
mod vault;
mod watch;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::Refusal;
use crate::install;
use crate::process::{self, Scratch, cargo};
use crate::workspace::Workspace;
use contender::{CACHED, Certificate, Contender, Origin, Place, UNCACHED};
use load::Wire;
use machine::Cores;
use report::{Report, Sample, Series};

const USAGE: &str = "\
Usage: cargo xtask bench edge [--rounds 7] [--requests 100000] [--only CASE] [--calibrate]
  --rounds      alternating rounds of every case, 7 at least for docs/BENCHMARKS.md
  --requests    requests of one round, about
  --only        a part of a case's name, or `rest`; writes nothing
  --as-built    the release that is there, without building it again; writes nothing
  --calibrate   nginx against nginx: how far from 1.00 this machine strays by itself; writes nothing";

/// What is asked for, how many workers answer, over what.
#[derive(Debug, Clone, Copy)]
struct Case {
    name: &'static str,
    wire: Wire,
    path: &'static str,
    workers: u32,
    /// The ratio to nginx that may not be passed, where the project set itself one.
    most: Option<f64>,
}

const CASES: [Case; 8] = [
    Case { name: "proxying", wire: Wire::Http1, path: UNCACHED, workers: 1, most: Some(1.15) },
    Case { name: "cache hits", wire: Wire::Http1, path: CACHED, workers: 1, most: Some(0.85) },
    Case { name: "proxying, TLS 1.3", wire: Wire::Tls, path: UNCACHED, workers: 1, most: None },
    Case { name: "cache hits, TLS 1.3", wire: Wire::Tls, path: CACHED, workers: 1, most: None },
    Case {
        name: "proxying, TLS 1.3 and HTTP/2",
        wire: Wire::Http2,
        path: UNCACHED,
        workers: 1,
        most: None,
    },
    Case {
        name: "cache hits, TLS 1.3 and HTTP/2",
        wire: Wire::Http2,
        path: CACHED,
        workers: 1,
        most: None,
    },
    Case { name: "proxying, two cores", wire: Wire::Http1, path: UNCACHED, workers: 2, most: None },
    Case { name: "cache hits, two cores", wire: Wire::Http1, path: CACHED, workers: 2, most: None },
];

/// How it was called.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Options {
    rounds: usize,
    requests: u64,
    only: Option<String>,
    is_as_built: bool,
    is_calibration: bool,
}

impl Options {
    /// Whether docs/BENCHMARKS.md may take it: everything, of what the sources are now.
    fn is_for_the_record(&self) -> bool {
        self.only.is_none() && !self.is_as_built && !self.is_calibration
    }
}

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    if arguments.first().is_some_and(|what| what == "vault") {
        return vault::run(workspace, arguments);
    }
    if arguments.first().is_some_and(|what| what == "series") {
        return series::run(workspace, arguments);
    }
    if arguments.first().is_some_and(|what| what == "watch") {
        return watch::run(workspace, arguments);
    }
    if arguments.first().is_some_and(|what| what == "agent") {
        return agent::run(workspace, arguments);
    }
    if arguments.first().is_some_and(|what| what == "frame") {
        return frame::run(workspace, arguments);
    }
    if arguments.first().is_some_and(|what| what == "orders") {
        return orders::run(workspace, arguments);
    }
    let options = read_options(arguments)?;
    install::ensure(&[&install::NGINX, &install::WRK, &install::H2LOAD, &install::OPENSSL])?;
    raise_file_limit(arguments)?;
    if !options.is_calibration && !options.is_as_built {
        println!("programs: cargo build --release (whole-program optimisation: minutes)");
        let mut build = cargo(&["build", "--release", "--locked", "--package", "storewarden"]);
        process::run(build.current_dir(&workspace.root))?;
    }
    let scratch = Scratch::new("bench")?;
    let bench = Bench {
        workspace,
        directory: scratch.path(),
        certificate: Certificate::make(scratch.path())?,
        options,
    };
    let second = if bench.options.is_calibration { "nginx again" } else { "Storewarden" };
    let command = format!("cargo xtask bench {}", arguments.join(" "));
    let mut report = Report::new(machine::description()?, command, second);
    for workers in [1, 2] {
        bench.measure_cases(workers, &mut report)?;
    }
    if bench.wants("rest") && !bench.options.is_calibration {
        let place = bench.place(1)?;
        let origin = Origin::start(workspace, bench.directory, &place.cores)?;
        report.rest = Some(rest::measure(workspace, bench.directory, &origin, &place)?);
    }
    println!("\n{}", report.text());
    if bench.options.is_for_the_record() {
        report.write(&workspace.path("docs/BENCHMARKS.md"))?;
        println!("written to docs/BENCHMARKS.md");
    }
    Ok(())
}

fn read_options(arguments: &[String]) -> Result<Options, Refusal> {
    let refuse = |reason: &str| Refusal(format!("{reason}\n{USAGE}"));
    let Some(("edge", rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest))
    else {
        return Err(refuse(&format!(
            "What is measured? There is: edge, series, watch, agent, frame, orders, vault\n{}\n{}\n{}\n{}\n{}\n{}",
            series::USAGE,
            watch::USAGE,
            agent::USAGE,
            frame::USAGE,
            orders::USAGE,
            vault::USAGE
        )));
    };
    let mut options = Options {
        rounds: 7,
        requests: 100_000,
        only: None,
        is_as_built: false,
        is_calibration: false,
    };
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--calibrate" => {
                options.is_calibration = true;
                continue;
            }
            "--as-built" => {
                options.is_as_built = true;
                continue;
            }
            _ => {}
        }
        let value = words
            .next()
            .ok_or_else(|| refuse(&format!("`{word}` is unknown, or wants a value")))?;
        let number = || value.parse::<u64>().ok().filter(|number| *number > 0);
        match (word.as_str(), number()) {
            ("--rounds", Some(number)) if number < 1000 => {
                options.rounds = usize::try_from(number).expect("invariant: below a thousand");
            }
            ("--requests", Some(number)) => options.requests = number,
            ("--only", _) => options.only = Some(value.clone()),
            _ => return Err(refuse(&format!("`{word} {value}` is not understood"))),
        }
    }
    Ok(options)
}

/// Ten thousand connections need as many descriptors, here and in both proxies, which inherit ours. Starts this again
/// with what the system allows where that is more than what we have.
fn raise_file_limit(arguments: &[String]) -> anyhow::Result<()> {
    const NEEDED: u64 = rest::CONNECTIONS as u64 + 2_000;
    let limits = std::fs::read_to_string("/proc/self/limits").context("read /proc/self/limits")?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .context("find the limit of open files")?;
    let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [soft, hard] = numbers[..] else { return Ok(()) };
    if soft >= NEEDED {
        return Ok(());
    }
    ensure!(
        hard >= NEEDED,
        "this machine allows {hard} open files a process; the measurement needs {NEEDED}"
    );
    let this = std::env::current_exe().context("find this program")?;
    let mut shell = process::command(
        "sh",
        &["-c", "ulimit -n \"$(ulimit -H -n)\" && exec \"$0\" bench \"$@\""],
    );
    Err(process::become_program(shell.arg(this).args(arguments)))
}

/// A measurement that runs.
#[derive(Debug)]
struct Bench<'a> {
    workspace: &'a Workspace,
    directory: &'a Path,
    certificate: Certificate,
    options: Options,
}

impl Bench<'_> {
    fn wants(&self, name: &str) -> bool {
        self.options.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    fn place(&self, workers: u32) -> anyhow::Result<Place> {
        let cores = if workers == 1 { Cores::one()? } else { Cores::two()? };
        Ok(Place { cores, workers, certificate: self.certificate.clone() })
    }

    /// Every case with this many workers, both contenders up all the while.
    fn measure_cases(&self, workers: u32, report: &mut Report) -> anyhow::Result<()> {
        let cases: Vec<&Case> =
            CASES.iter().filter(|case| case.workers == workers && self.wants(case.name)).collect();
        if cases.is_empty() {
            return Ok(());
        }
        let place = self.place(workers)?;
        report.is_shared |= place.cores.is_shared();
        let origin = Origin::start(self.workspace, self.directory, &place.cores)?;
        let nginx = Contender::nginx("nginx", self.workspace, self.directory, &origin, &place)?;
        let edge = if self.options.is_calibration {
            Contender::nginx("nginx-again", self.workspace, self.directory, &origin, &place)?
        } else {
            Contender::edge(self.workspace, self.directory, &origin, &place)?
        };
        for case in cases {
            let rounds = self.measure(case, &nginx, &edge, &place.cores)?;
            report.series.push(Series { name: case.name, most: case.most, rounds });
        }
        edge.stop()?;
        nginx.stop()
    }

    /// The rounds of one case; who goes first changes with every round.
    fn measure(
        &self,
        case: &Case,
        nginx: &Contender,
        edge: &Contender,
        cores: &Cores,
    ) -> anyhow::Result<Vec<(Sample, Sample)>> {
        println!("\n{}", case.name);
        let mut seconds = Vec::new();
        for contender in [nginx, edge] {
            contender.check(case.path)?;
            let url = contender.url(case.wire, case.path);
            let warm_up = load::make(case.wire, &url, self.options.requests / 10, 1, cores)?;
            #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2⁵²")]
            let needed = self.options.requests as f64 / warm_up.rate();
            seconds.push(Duration::from_secs_f64(needed.ceil().clamp(1.0, 120.0)).as_secs());
        }
        let mut rounds = Vec::new();
        for round in 0..self.options.rounds {
            let mut samples = [None, None];
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            for index in order {
                let contender = [nginx, edge][index];
                samples[index] = Some(self.sample(case, contender, seconds[index], cores)?);
            }
            let [Some(of_nginx), Some(of_edge)] = samples else {
                unreachable!("invariant: both were measured")
            };
            println!(
                "  round {}: {} {:.2} s, {} {:.2} s for 100k: {:.2}",
                round + 1,
                nginx.name,
                of_nginx.seconds_per_100k,
                edge.name,
                of_edge.seconds_per_100k,
                of_edge.seconds_per_100k / of_nginx.seconds_per_100k,
            );
            rounds.push((of_nginx, of_edge));
        }
        Ok(rounds)
    }

    fn sample(
        &self,
        case: &Case,
        contender: &Contender,
        seconds: u64,
        cores: &Cores,
    ) -> anyhow::Result<Sample> {
        let family = contender.family()?;
        let before = family.processor_time()?;
        let url = contender.url(case.wire, case.path);
        let run = load::make(case.wire, &url, self.options.requests, seconds, cores)?;
        let spent = family.processor_time()? - before;
        Ok(Sample::new(spent, run))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_nonsense_refused() {
        let read =
            |text: &str| read_options(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let all = read("edge --rounds 9 --requests 5000 --only proxying --calibrate").unwrap();
        let expect = Options {
            rounds: 9,
            requests: 5000,
            only: Some("proxying".to_owned()),
            is_as_built: false,
            is_calibration: true,
        };
        assert!(!all.is_for_the_record() && read("edge --rounds 9").unwrap().is_for_the_record());
        assert_eq!(all, expect);
        for nonsense in
            ["", "core", "edge --rounds", "edge --rounds 0", "edge --rounds x", "edge --fast 1"]
        {
            assert!(read(nonsense).is_err(), "{nonsense}");
        }
    }
}
