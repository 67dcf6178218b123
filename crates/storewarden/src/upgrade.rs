//! Our own upgrade, where systemd keeps us: the program that was installed takes the place of the one
//! that runs, without a request lost, and the one before comes back when it does not become healthy.
//!
//! Control first: it is restarted while the edge serves on. Then the edge's supervisor leaves, the
//! next one is started from the new program and takes the sockets over. What is decided here is
//! decided by the program that ran well until now: the package's script starts the kept one for it,
//! since a new one may not even start. docs/installation.md tells it to people.

mod programs;
mod rejection;
mod service;

pub(crate) use rejection::Rejection;

use crate::{
    cli::{Exit, Json, State},
    client::ask,
    remote::print,
};
use anyhow::{Context, anyhow, bail};
use programs::Programs;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service::{CONTROL, EDGE, Seen};
use std::{
    fmt::Debug,
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use store::TakenBack;

/// In the state directory: a line for each upgrade and each way back.
const LOG_FILE: &str = "upgrades.log";
/// So long everything must stay up to count as healthy.
const SETTLES: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Once is the replacement itself; what ends again and again will not become healthy.
const MOST_RESTARTS: u32 = 5;

/// What is wanted of an upgrade.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// Go back to the program before the last upgrade
    #[arg(long)]
    back: bool,
    /// How long each part may take to become healthy
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    within: u64,
    #[command(flatten)]
    state: State,
    #[command(flatten)]
    json: Json,
}

/// What a program says of itself when it is asked for its formats.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Formats {
    version: String,
    /// Of the store: the newest that it understands.
    store: i64,
}

/// How it ended, for people and programs.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Outcome {
    /// Nothing of us runs, so nothing had to be replaced.
    NothingRuns,
    Upgraded,
    /// `why` is missing where a person asked for it.
    WentBack {
        why: Option<String>,
        /// The version that did not become healthy, where it could say so.
        rejected: Option<String>,
        store: Option<Aside>,
    },
}

/// A program that did not become healthy.
struct Rejected {
    version: Option<String>,
    why: String,
}

/// What became of the store on the way back.
#[derive(Debug, Serialize)]
struct Aside {
    copy: PathBuf,
    newer: PathBuf,
}

/// Which of our services run, and how far the replacement has come.
#[derive(Debug, Clone, Copy)]
struct Running {
    control: bool,
    edge: bool,
    /// Its supervisor was told to leave: it may be the new program's by now.
    edge_was_left: bool,
}

struct Upgrade {
    programs: Programs,
    state: PathBuf,
    within: Duration,
}

/// # Errors
/// When this is not an installation that systemd keeps, or the way back fails as well.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    if !host::users::is_root() {
        bail!("an upgrade changes programs and services, which only root may do: use sudo");
    }
    let upgrade = Upgrade {
        programs: Programs::default(),
        state: arguments.state.directory.clone(),
        within: Duration::from_secs(arguments.within),
    };
    let mut running = Running { control: runs(CONTROL)?, edge: runs(EDGE)?, edge_was_left: false };
    let outcome = match arguments.back {
        true => {
            upgrade.programs.check_way_back()?;
            running.edge_was_left = running.edge;
            upgrade.go_back(running, None)?
        }
        false => upgrade.bring_in(running)?,
    };
    upgrade.tell(&outcome, arguments.json.json)?;
    Ok(match outcome {
        Outcome::WentBack { why: Some(_), .. } => Exit::Wrong,
        _ => Exit::Fine,
    })
}

/// Prints what this program understands, for another version of itself.
pub(crate) fn formats() -> anyhow::Result<Exit> {
    let formats = Formats { version: env!("CARGO_PKG_VERSION").to_owned(), store: store::FORMAT };
    print(&[serde_json::to_vec(&formats)?, b"\n".to_vec()].concat())?;
    Ok(Exit::Fine)
}

impl Upgrade {
    fn bring_in(&self, mut running: Running) -> anyhow::Result<Outcome> {
        if !running.control && !running.edge {
            return Ok(Outcome::NothingRuns);
        }
        match self.replace(&mut running) {
            Ok(()) => Ok(Outcome::Upgraded),
            Err(error) => {
                let rejected = self.programs.version_of_installed();
                let why = format!("{error:#}");
                eprintln!("storewarden: the new program did not become healthy: {why}");
                eprintln!("storewarden: going back to the one before");
                self.go_back(running, Some(Rejected { version: rejected, why }))
            }
        }
    }

    /// Has the installed program take the place of what runs.
    fn replace(&self, running: &mut Running) -> anyhow::Result<()> {
        if running.control {
            service::order("restart", CONTROL, self.within)?;
            self.until_control_answers()?;
        }
        if running.edge {
            let (supervisor, edge) = (service::look(EDGE)?, self.edge_pid());
            running.edge_was_left = true;
            service::leave(EDGE)?;
            self.until_edge_serves(supervisor, edge, running.control)?;
        }
        settle(*running)
    }

    /// The kept program and its units come back, with the store as they understand it.
    fn go_back(&self, running: Running, from: Option<Rejected>) -> anyhow::Result<Outcome> {
        let failed = "the way back failed; docs/installation.md says how to go it by hand";
        let store = self.put_back(running).context(failed)?;
        let store = store.map(|store| Aside { copy: store.copy, newer: store.aside });
        let (why, rejected) = from.map(|from| (from.why, from.version)).unzip();
        Ok(Outcome::WentBack { why, rejected: rejected.flatten(), store })
    }

    fn put_back(&self, running: Running) -> anyhow::Result<Option<TakenBack>> {
        let known = self.programs.formats_of_kept()?.store;
        if running.control {
            service::order("stop", CONTROL, self.within)?;
        }
        self.programs.put_back()?;
        service::reload_units()?;
        let store = store::take_back(&self.state, known)?;
        if running.control {
            service::order("start", CONTROL, self.within)?;
            self.until_control_answers()?;
        }
        if running.edge_was_left {
            let (supervisor, edge) = (service::look(EDGE)?, self.edge_pid());
            // Whatever runs there now is not to be trusted with a signal that it must understand.
            // Its edge serves on, or the one before it does.
            service::kill(EDGE, supervisor)?;
            service::order("start", EDGE, self.within)?;
            self.until_edge_serves(supervisor, edge, running.control)?;
        }
        settle(running)?;
        Ok(store)
    }

    fn until_control_answers(&self) -> anyhow::Result<()> {
        until("control to answer", self.within, CONTROL, || {
            let answer = ask(&self.state, "GET", "/api/v1/status")?;
            if answer.status == 200 { Ok(()) } else { bail!("it says {}", answer.status) }
        })
        .map_err(|error| service::with_last_words(error, CONTROL))
    }

    /// Waits until another supervisor than `supervisor` has brought another edge than `edge` up, and
    /// control knows it, where it runs.
    fn until_edge_serves(
        &self,
        supervisor: Seen,
        edge: Option<u32>,
        control: bool,
    ) -> anyhow::Result<()> {
        until("the edge to serve", self.within, EDGE, || {
            let now = service::look(EDGE)?;
            let pid = self.edge_pid().filter(|pid| Some(*pid) != edge);
            let pid = pid.ok_or_else(|| anyhow!("there is no other edge yet"))?;
            if !now.is_up || now.main_pid == supervisor.main_pid {
                bail!("its service is not up yet");
            }
            if control && !self.is_known(pid)? {
                bail!("control does not know it yet");
            }
            Ok(())
        })
        .map_err(|error| service::with_last_words(error, EDGE))
    }

    /// Whether control hears of an edge. Read loosely: it may be of another version.
    fn is_known(&self, edge: u32) -> anyhow::Result<bool> {
        let status: Value = ask(&self.state, "GET", "/api/v1/status")?.json()?;
        let pids = status["edge"]["pids"].as_array();
        Ok(pids.is_some_and(|pids| pids.contains(&json!(edge))))
    }

    /// The edge that served last.
    fn edge_pid(&self) -> Option<u32> {
        fs::read_to_string(self.state.join("edge.pid")).ok()?.trim().parse().ok()
    }

    /// Has control tell people of an upgrade that took itself back, until one succeeds; who went back on
    /// demand knows.
    fn remember(&self, outcome: &Outcome, runs: &str) -> anyhow::Result<()> {
        let Outcome::WentBack { why: Some(why), rejected, .. } = outcome else {
            return Rejection::forget(&self.state).context("forget the upgrade before");
        };
        let version = rejected.clone().unwrap_or_else(|| "?".to_owned());
        let at_ms = jiff::Timestamp::now().as_millisecond();
        Rejection::new(at_ms, version, runs.to_owned(), why).keep(&self.state)
    }

    fn tell(&self, outcome: &Outcome, as_json: bool) -> anyhow::Result<()> {
        let version = self.programs.installed_version();
        let line = sentence(outcome, &version);
        if !matches!(outcome, Outcome::NothingRuns) {
            note(&self.state, &line)?;
            self.remember(outcome, &version)?;
        }
        if as_json {
            let mut said = serde_json::to_value(outcome)?;
            said["program"] = json!(version);
            return print(format!("{said}\n").as_bytes());
        }
        print(format!("{line}\n").as_bytes())
    }
}

fn sentence(outcome: &Outcome, version: &str) -> String {
    match outcome {
        Outcome::NothingRuns => {
            format!("Nothing of Storewarden runs; {version} is used at the next start.")
        }
        Outcome::Upgraded => format!(
            "Storewarden {version} runs. `storewarden upgrade --back` goes back to the one before."
        ),
        Outcome::WentBack { why, store, .. } => {
            let mut text = format!("Storewarden {version} is back");
            if let Some(why) = why {
                text += &format!(", for the newer one did not become healthy: {why}");
            }
            if let Some(store) = store {
                text += &format!(
                    ". Its records are those of before the upgrade (`{}`); what was recorded since \
                     lies in `{}`",
                    store.copy.display(),
                    store.newer.display()
                );
            }
            text + "."
        }
    }
}

fn note(state: &Path, line: &str) -> anyhow::Result<()> {
    let path = state.join(LOG_FILE);
    let write = || {
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        writeln!(file, "{} {}", jiff::Timestamp::now(), line.replace('\n', " | "))
    };
    write().with_context(|| format!("write `{}`", path.display()))
}

fn runs(unit: &str) -> anyhow::Result<bool> {
    Ok(service::look(unit)?.is_wanted)
}

/// Everything must stay as it is for a while: what dies a second after its start was never healthy.
fn settle(running: Running) -> anyhow::Result<()> {
    let watched: Vec<(&str, Seen)> = [(CONTROL, running.control), (EDGE, running.edge)]
        .into_iter()
        .filter(|(_, runs)| *runs)
        .map(|(unit, _)| Ok((unit, service::look(unit)?)))
        .collect::<anyhow::Result<_>>()?;
    let ends = Instant::now() + SETTLES;
    while Instant::now() < ends {
        for (unit, before) in &watched {
            let now = service::look(unit)?;
            if now != *before || !now.is_up {
                let error = anyhow!("`{unit}` ended soon after its start");
                return Err(service::with_last_words(error, unit));
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// Waits for a condition, unless the service keeps ending meanwhile.
fn until(
    what: &str,
    limit: Duration,
    unit: &str,
    mut look: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let ends = Instant::now() + limit;
    let before = service::look(unit)?.restarts;
    loop {
        let Err(error) = look() else { return Ok(()) };
        let restarts = service::look(unit)?.restarts.saturating_sub(before);
        if restarts >= MOST_RESTARTS {
            bail!("`{unit}` ended {restarts} times");
        }
        if Instant::now() >= ends {
            return Err(error.context(format!("waited {} s for {what}", limit.as_secs())));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_one_sentence() {
        let check = |outcome: Outcome, expect: &str| {
            assert_eq!(sentence(&outcome, "0.2.0"), expect);
        };
        check(
            Outcome::NothingRuns,
            "Nothing of Storewarden runs; 0.2.0 is used at the next start.",
        );
        check(
            Outcome::Upgraded,
            "Storewarden 0.2.0 runs. `storewarden upgrade --back` goes back to the one before.",
        );
        let back = Outcome::WentBack { why: None, rejected: None, store: None };
        check(back, "Storewarden 0.2.0 is back.");
        let store = Aside { copy: "/s/before-6/x".into(), newer: "/s/after-6".into() };
        check(
            Outcome::WentBack {
                why: Some("it ended".to_owned()),
                rejected: Some("0.3.0".to_owned()),
                store: Some(store),
            },
            "Storewarden 0.2.0 is back, for the newer one did not become healthy: it ended. Its \
             records are those of before the upgrade (`/s/before-6/x`); what was recorded since \
             lies in `/s/after-6`.",
        );
    }

    #[test]
    fn one_that_took_itself_back_is_remembered_until_another_succeeds_or_is_taken_back_on_demand() {
        let folder = testkit::folder();
        let upgrade = Upgrade {
            programs: Programs::default(),
            state: folder.path().to_owned(),
            within: Duration::ZERO,
        };
        let went_back = |why: Option<&str>| Outcome::WentBack {
            why: why.map(str::to_owned),
            rejected: why.map(|_| "0.2.0".to_owned()),
            store: None,
        };
        let remembered = |outcome: &Outcome| {
            upgrade.remember(outcome, "0.1.0").unwrap();
            Rejection::read(folder.path()).unwrap().map(|one| (one.version, one.runs, one.why))
        };
        let taken_back = went_back(Some("it ended"));
        let expect = Some(("0.2.0".to_owned(), "0.1.0".to_owned(), "it ended".to_owned()));
        for end in [Outcome::Upgraded, went_back(None)] {
            assert_eq!(remembered(&taken_back), expect);
            assert_eq!(remembered(&end), None);
        }
    }

    #[test]
    fn the_log_has_a_line_for_each() {
        let folder = testkit::folder();
        note(folder.path(), "one\ntwo").unwrap();
        note(folder.path(), "three").unwrap();
        let text = fs::read_to_string(folder.path().join(LOG_FILE)).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("Z one | two\n"), "{text}");
    }
}
