//! The commands that change something, and those that look at changes: a plan is shown, started
//! when somebody says yes, and followed to its end.

use crate::{
    cli::{ChangeOptions, Exit, RunsCommand},
    client::{Answer, ask, ask_with, follow},
    remote::{good, print, print_bytes},
};
use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    path::Path,
};

/// A preview as far as the command line reads it.
#[derive(Debug, Deserialize)]
struct Preview {
    id: String,
    text: String,
    difference: Option<String>,
    may_start: bool,
    needs_approval: bool,
}

/// A run as far as the command line reads it.
#[derive(Debug, Deserialize)]
struct Run {
    id: String,
    kind: String,
    shop: Option<String>,
    state: String,
    actor: String,
    created_ms: i64,
    done_steps: usize,
    all_steps: usize,
    steps: Vec<Step>,
    cause: Option<Cause>,
    may: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Step {
    sentence: String,
    state: String,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Cause {
    code: String,
    message: Option<String>,
    by: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Runs {
    runs: Vec<Run>,
}

#[derive(Debug, Deserialize)]
struct Line {
    run: String,
    text: String,
}

#[derive(Debug, Deserialize)]
struct Log {
    text: String,
}

/// Shows what a plan would do, starts it when somebody says yes, and follows it to its end.
pub(crate) fn change(state: &Path, wish: &Value, options: &ChangeOptions) -> anyhow::Result<Exit> {
    let shown = good(ask_with(state, "POST", "/api/v1/plans", wish)?)?;
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
    if !options.yes && !says_yes()? {
        bail!("nothing was started");
    }
    // Before the start, so that no event falls in between.
    let events = follow(state, "/api/v1/runs/events")?;
    let body = json!({ "preview": preview.id });
    let started = good(ask_with(state, "POST", "/api/v1/runs", &body)?)?;
    let run: Run = started.json()?;
    if options.detach || preview.needs_approval {
        if options.json.json {
            print_bytes(&started.body)?;
        } else if preview.needs_approval {
            let id = &run.id;
            print(
                format!("Run {id} waits for approval: storewarden runs approve {id}\n").as_bytes(),
            )?;
        } else {
            print(format!("Run {} was started.\n", run.id).as_bytes())?;
        }
        return Ok(Exit::Fine);
    }
    let last = watch(state, &run.id, events, options.json.json)?;
    Ok(if last.state == "done" { Exit::Fine } else { Exit::Wrong })
}

/// Lists runs, shows one, or decides on one.
pub(crate) fn runs(state: &Path, command: &RunsCommand, as_json: bool) -> anyhow::Result<Exit> {
    match command {
        RunsCommand::List { shop, state: wanted } => {
            let filters = [("shop", shop), ("state", wanted)];
            let filters = filters.iter().filter_map(|(name, value)| {
                value.as_ref().map(|value| format!("{name}={}", escape(value)))
            });
            let query = filters.collect::<Vec<_>>().join("&");
            let answer = good(ask(state, "GET", &format!("/api/v1/runs?{query}"))?)?;
            if as_json {
                print_bytes(&answer.body)?;
            } else {
                print(table(&answer.json::<Runs>()?.runs).as_bytes())?;
            }
        }
        RunsCommand::Show { run } => {
            let answer = good(ask(state, "GET", &format!("/api/v1/runs/{run}"))?)?;
            if as_json {
                print_bytes(&answer.body)?;
                return Ok(Exit::Fine);
            }
            let log = good(ask(state, "GET", &format!("/api/v1/runs/{run}/log"))?)?;
            let text = whole(&answer.json()?) + &log.json::<Log>()?.text;
            print(text.as_bytes())?;
        }
        RunsCommand::Follow { run } => {
            let events = follow(state, "/api/v1/runs/events")?;
            let last = watch(state, &run.to_string(), events, as_json)?;
            return Ok(if last.state == "done" { Exit::Fine } else { Exit::Wrong });
        }
        RunsCommand::Steer(deed) => {
            let (run, deed, reason) = deed.parts();
            let path = format!("/api/v1/runs/{run}/{deed}");
            let answer = good(ask_with(state, "POST", &path, &json!({ "reason": reason }))?)?;
            if as_json {
                print_bytes(&answer.body)?;
            } else {
                let run: Run = answer.json()?;
                print(format!("Run {} is {}.\n", run.id, words(&run.state)).as_bytes())?;
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

/// Prints what happens to a run until it is at rest; its last record.
fn watch(
    state: &Path,
    id: &str,
    events: impl std::io::BufRead,
    as_json: bool,
) -> anyhow::Result<Run> {
    let path = format!("/api/v1/runs/{id}");
    let mut shown = Shown { as_json, ..Shown::default() };
    // What happened before the first event.
    let mut answer = good(ask(state, "GET", &path)?)?;
    let mut lines = events.lines();
    loop {
        let run: Run = answer.json()?;
        shown.step(&run)?;
        if at_rest(&run) {
            return shown.end(run, &answer);
        }
        // Until something is told of this run; at the end of the stream, control has gone.
        let mut event = String::new();
        loop {
            let line = lines.next().context("control ended; the run goes on with the next")??;
            if let Some(name) = line.strip_prefix("event: ") {
                event = name.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                if event == "line" {
                    shown.line(&serde_json::from_str(data)?, id)?;
                } else if event == "run" || event == "reset" {
                    break;
                }
            }
        }
        answer = good(ask(state, "GET", &path)?)?;
    }
}

/// What of a run was printed already.
#[derive(Debug, Default)]
struct Shown {
    as_json: bool,
    steps: Vec<String>,
}

impl Shown {
    fn step(&mut self, run: &Run) -> anyhow::Result<()> {
        self.steps.resize(run.steps.len(), "planned".to_owned());
        for (index, (step, before)) in run.steps.iter().zip(&mut self.steps).enumerate() {
            if step.state != *before {
                before.clone_from(&step.state);
                // That it is done, the next one says by beginning.
                if !self.as_json && step.state != "done" {
                    let (number, of) = (index + 1, run.steps.len());
                    let outcome = match step.state.as_str() {
                        "intended" => String::new(),
                        state => format!(": {}", words(state)),
                    };
                    print(format!("{number}/{of} {}{outcome}\n", step.sentence).as_bytes())?;
                }
            }
        }
        Ok(())
    }

    fn line(&self, line: &Line, run: &str) -> anyhow::Result<()> {
        if self.as_json || line.run != run {
            return Ok(());
        }
        print(format!("      {}\n", line.text).as_bytes())
    }

    fn end(self, run: Run, answer: &Answer) -> anyhow::Result<Run> {
        if self.as_json {
            print_bytes(&answer.body)?;
        } else {
            print(ending(&run).as_bytes())?;
        }
        Ok(run)
    }
}

fn at_rest(run: &Run) -> bool {
    !matches!(run.state.as_str(), "waiting" | "running" | "undoing")
}

fn ending(run: &Run) -> String {
    let mut text = format!("Run {} is {}.\n", run.id, words(&run.state));
    if let Some(cause) = &run.cause {
        text.push_str(&because(cause));
    }
    if run.may.iter().any(|deed| deed == "undo") {
        text.push_str(&format!("To take it back: storewarden runs undo {}\n", run.id));
    }
    if run.state == "stuck" {
        text.push_str("Look what became of the step, then: storewarden runs retry, declare-done, ");
        text.push_str(&format!("declare-not-done, undo or give-up {}\n", run.id));
    }
    text
}

fn because(cause: &Cause) -> String {
    let by = cause.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
    let message = cause.message.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    format!("Because: {}{message}{by}\n", words(&cause.code))
}

fn whole(run: &Run) -> String {
    let shop = run.shop.as_ref().map(|shop| format!(" of {shop}")).unwrap_or_default();
    let mut text = format!(
        "Run {}: {}{shop}, {}, started by {} {}\n",
        run.id,
        words(&run.kind),
        words(&run.state),
        run.actor,
        ago(run.created_ms)
    );
    for (index, step) in run.steps.iter().enumerate() {
        let (number, sentence) = (index + 1, &step.sentence);
        text.push_str(&format!("  {number} {sentence}: {}\n", words(&step.state)));
        if let Some(error) = &step.error {
            text.push_str(&format!("    {error}\n"));
        }
    }
    if let Some(cause) = &run.cause {
        text.push_str(&because(cause));
    }
    text
}

fn table(runs: &[Run]) -> String {
    if runs.is_empty() {
        return "No runs.\n".to_owned();
    }
    let mut text = format!(
        "{:>6}  {:<20} {:<16} {:<18} {:>5}  {:<20} {}\n",
        "RUN", "KIND", "SHOP", "STATE", "STEPS", "STARTED", "BY"
    );
    for run in runs {
        let steps = format!("{}/{}", run.done_steps, run.all_steps);
        text.push_str(&format!(
            "{:>6}  {:<20} {:<16} {:<18} {steps:>5}  {:<20} {}\n",
            run.id,
            run.kind,
            run.shop.as_deref().unwrap_or("-"),
            run.state,
            ago(run.created_ms),
            run.actor,
        ));
    }
    text
}

fn ago(at_ms: i64) -> String {
    format!("{} ago", crate::words::age(crate::control::now_ms() - at_ms))
}

/// A code as words.
fn words(code: &str) -> String {
    code.replace('_', " ")
}

/// For a query: everything but letters, digits, hyphens and underscores as `%XX`.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_escaped() {
        assert_eq!(escape("lamps-2"), "lamps-2");
        assert_eq!(escape("a b&c=ü"), "a%20b%26c%3D%C3%BC");
    }

    #[test]
    fn a_run_is_told_with_its_cause_and_the_way_back() {
        let run: Run = serde_json::from_value(json!({
            "id": "7", "kind": "restart_instance", "shop": "lamps", "state": "failed",
            "actor": "person:anna", "created_ms": 0, "done_steps": 1, "all_steps": 2,
            "steps": [], "may": ["undo"],
            "cause": { "code": "step_failed", "message": "it did not come up", "by": null },
        }))
        .unwrap();
        assert_eq!(
            ending(&run),
            "Run 7 is failed.\nBecause: step failed: it did not come up\n\
             To take it back: storewarden runs undo 7\n"
        );
        assert!(table(&[run]).contains("restart_instance     lamps"));
        assert_eq!(table(&[]), "No runs.\n");
    }
}
