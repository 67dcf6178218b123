//! The commands that change something, and those that look at changes: a plan is shown, started
//! when somebody says yes, and followed to its end.

mod board;
mod follow;
mod story;
mod text;
mod view;

pub(crate) use text::words;
pub(crate) use view::{Run, Runs};

use crate::{
    cli::{ChangeOptions, Exit, RunsCommand},
    client::{LONG, ask, ask_patiently, ask_with},
    moment::Here,
    remote::{escape, good, print, print_bytes},
};
use anyhow::{Context as _, bail};
use follow::{Events, Watched, watch};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    path::Path,
};
use view::{Log, Preview};

/// One that begins later than this is not watched until then.
const SOON_MS: i64 = 60_000;

/// Shows what a plan would do, starts it when somebody says yes, and follows it to its end.
pub(crate) fn change(state: &Path, wish: &Value, options: &ChangeOptions) -> anyhow::Result<Exit> {
    let mut wish = wish.clone();
    wish["window"] = match (&options.window, options.now) {
        (Some(window), _) => window.as_str().into(),
        (None, true) => "now".into(),
        (None, false) => Value::Null,
    };
    // What is to come back is looked for in backups.
    let shown = good(ask_patiently(state, "POST", "/api/v1/plans", &wish, LONG)?)?;
    let preview: Preview = shown.json()?;
    if options.preview {
        if options.json.json {
            print_bytes(&shown.body)?;
        } else {
            show(&preview)?;
        }
        return Ok(Exit::Fine);
    }
    if !options.json.json {
        show(&preview)?;
    }
    if !preview.may_start {
        bail!("a condition does not hold, so nothing was started");
    }
    if !preview.hurries_past.is_empty() && options.reason.is_none() {
        bail!("it would wait for its window or the end of a freeze: add --reason to say why not");
    }
    if !options.yes && !says_yes()? {
        bail!("nothing was started");
    }
    // Before the start, so that no event falls in between.
    let events = Events::open(state)?;
    let body = json!({ "preview": preview.id, "reason": options.reason });
    let started = good(ask_with(state, "POST", "/api/v1/runs", &body)?)?;
    let run: Run = started.json()?;
    let waits = preview.begins_ms.is_none_or(|at_ms| at_ms > crate::control::now_ms() + SOON_MS);
    if !options.detach && !preview.needs_approval && !waits {
        return watch(state, &run.id, &events, options.json.json).map(exit_of);
    }
    let id = &run.id;
    if options.json.json {
        print_bytes(&started.body)?;
    } else if preview.needs_approval {
        print(format!("Run {id} waits for approval: storewarden runs approve {id}\n").as_bytes())?;
    } else {
        let how = if waits { "waits for its time" } else { "was started" };
        let text = format!("Run {id} {how}. Watch it: storewarden runs follow {id}\n");
        print(text.as_bytes())?;
    }
    Ok(Exit::Fine)
}

/// Takes the last run of a kind back that a shop has, and follows it to its end.
pub(crate) fn take_back(
    state: &Path,
    kind: &str,
    shop: &str,
    options: &ChangeOptions,
) -> anyhow::Result<Exit> {
    let path = format!("/api/v1/runs?limit=200&shop={}", escape(shop));
    let runs = good(ask(state, "GET", &path)?)?.json::<Runs>()?.runs;
    let last = runs.iter().find(|run| run.kind == kind && run.state != "undone");
    let Some(run) = last else { bail!("{shop} has no run that could be taken back") };
    let whole = good(ask(state, "GET", &format!("/api/v1/runs/{}", run.id))?)?;
    if !options.json.json {
        print(text::whole(&whole.json()?, &Here::now()).as_bytes())?;
    }
    if options.preview {
        return Ok(Exit::Fine);
    }
    if !options.yes && !says_yes()? {
        bail!("nothing was started");
    }
    let events = Events::open(state)?;
    let path = format!("/api/v1/runs/{}/undo", run.id);
    good(ask_with(state, "POST", &path, &json!({ "reason": options.reason }))?)?;
    if options.detach {
        return Ok(Exit::Fine);
    }
    if let Watched::Left = watch(state, &run.id, &events, options.json.json)? {
        return Ok(Exit::Interrupted);
    }
    let ended: Run = good(ask(state, "GET", &format!("/api/v1/runs/{}", run.id))?)?.json()?;
    Ok(if ended.state == "undone" { Exit::Fine } else { Exit::Wrong })
}

fn exit_of(watched: Watched) -> Exit {
    match watched {
        Watched::Done => Exit::Fine,
        Watched::AtRest => Exit::Wrong,
        Watched::Left => Exit::Interrupted,
    }
}

/// Lists runs, shows one, or decides on one.
pub(crate) fn runs(state: &Path, command: &RunsCommand, as_json: bool) -> anyhow::Result<Exit> {
    match command {
        RunsCommand::List(filter) => {
            let mut query = format!("limit={}", filter.last);
            for (name, value) in [("shop", &filter.shop), ("state", &filter.state)] {
                if let Some(value) = value {
                    query.push_str(&format!("&{name}={}", escape(value)));
                }
            }
            let answer = good(ask(state, "GET", &format!("/api/v1/runs?{query}"))?)?;
            if as_json {
                print_bytes(&answer.body)?;
            } else {
                let runs = answer.json::<Runs>()?.runs;
                print(text::list(&runs, &Here::now()).as_bytes())?;
            }
        }
        RunsCommand::Show { run } => {
            let answer = good(ask(state, "GET", &format!("/api/v1/runs/{run}"))?)?;
            if as_json {
                print_bytes(&answer.body)?;
                return Ok(Exit::Fine);
            }
            let log = good(ask(state, "GET", &format!("/api/v1/runs/{run}/log"))?)?;
            let here = Here::now();
            let log = text::log(&log.json::<Log>()?.text, &here);
            print((text::whole(&answer.json()?, &here) + &log).as_bytes())?;
        }
        RunsCommand::Follow { run } => {
            let events = Events::open(state)?;
            return watch(state, &run.to_string(), &events, as_json).map(exit_of);
        }
        RunsCommand::Steer(deed) => {
            let (run, deed, reason) = deed.parts();
            let path = format!("/api/v1/runs/{run}/{deed}");
            let answer = good(ask_with(state, "POST", &path, &json!({ "reason": reason }))?)?;
            if as_json {
                print_bytes(&answer.body)?;
            } else {
                let run: Run = answer.json()?;
                let (id, state) = (&run.id, words(&run.state));
                let on = if run.is_at_rest() {
                    String::new()
                } else {
                    format!(" Watch it: storewarden runs follow {id}")
                };
                print(format!("Run {id} is {state}.{on}\n").as_bytes())?;
            }
        }
    }
    Ok(Exit::Fine)
}

fn show(preview: &Preview) -> anyhow::Result<()> {
    print(preview.text.trim_end().as_bytes())?;
    print(b"\n")?;
    if let Some(difference) = &preview.difference {
        print(format!("\n{}\n", difference.trim_end()).as_bytes())?;
    }
    Ok(())
}

/// Asks at the terminal. Without one nobody can say yes but by `--yes`.
fn says_yes() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody is there to say yes: add --yes, or --preview to look only");
    }
    eprint!("\nStart it? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
