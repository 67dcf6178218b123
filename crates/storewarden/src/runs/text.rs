//! Runs in words: the list, one of them whole, and how one ended.

use super::view::{Cause, Message, Run, Step};
use crate::{
    moment::{Here, length},
    table::{Side, table},
};

/// A code as words.
pub(crate) fn words(code: &str) -> String {
    code.replace('_', " ")
}

/// The runs as a table.
pub(super) fn list(runs: &[Run], here: &Here) -> String {
    if runs.is_empty() {
        return "No runs.\n".to_owned();
    }
    let rows: Vec<[String; 7]> = runs.iter().map(|run| row(run, here)).collect();
    let head = [
        ("RUN", Side::Right),
        ("WHAT", Side::Left),
        ("SHOP", Side::Left),
        ("STATE", Side::Left),
        ("STEPS", Side::Right),
        ("STARTED", Side::Left),
        ("BY", Side::Left),
    ];
    table(head, &rows)
}

fn row(run: &Run, here: &Here) -> [String; 7] {
    [
        run.id.clone(),
        run.what(),
        run.shop.clone().unwrap_or_else(|| "–".to_owned()),
        words(&run.state),
        format!("{}/{}", run.done_steps, run.all_steps),
        here.moment_ago(run.created_ms),
        run.actor.clone(),
    ]
}

/// `Run 7: Restart app-1 of lamps`.
pub(super) fn title(run: &Run) -> String {
    let shop = run.shop.as_deref().and_then(|shop| shop.parse().ok());
    format!("Run {}: {}", run.id, run.called(shop.as_ref()))
}

/// A run whole, without its log.
pub(super) fn whole(run: &Run, here: &Here) -> String {
    let mut text = format!("{}\n", title(run));
    let mut line = |name: &str, said: &str| text.push_str(&format!("  {name:<9} {said}\n"));
    line("state", &words(&run.state));
    line("asked for", &format!("{} by {}", here.moment_ago(run.created_ms), run.actor));
    if let Some(by) = &run.approved_by {
        line("approved", &format!("by {by}"));
    }
    if let Some(started_ms) = run.started_ms {
        line("began", &here.moment_ago(started_ms));
    }
    if let Some(ended_ms) = run.ended_ms {
        let took = run.started_ms.map(|started_ms| length(ended_ms - started_ms));
        let took = took.map(|took| format!(", after {took}")).unwrap_or_default();
        line("ended", &format!("{}{took}", here.moment(ended_ms)));
    }
    for waits in &run.waits_for {
        line("waits for", &waits_for(waits, here));
    }
    text.push_str(&steps(run));
    if let Some(cause) = &run.cause {
        text.push_str(&because(cause));
    }
    if let Some(difference) = &run.difference {
        text.push_str(&format!("\n{}\n", difference.trim_end()));
    }
    text.push_str(&ways_on(run));
    text
}

fn steps(run: &Run) -> String {
    let took = |step: &Step| {
        let took = step.started_ms.zip(step.ended_ms);
        took.map_or_else(String::new, |(from_ms, to_ms)| length(to_ms - from_ms))
    };
    let row = |(index, step): (usize, &Step)| {
        // What stopped the run is told below, as its cause.
        let cause = run.cause.as_ref().and_then(|cause| cause.message.as_ref());
        let error = step.error.as_ref().filter(|error| Some(*error) != cause);
        let said = error.map(|error| format!(": {error}")).unwrap_or_default();
        let state = format!("{}{said}", state_of(step));
        [format!("{}", index + 1), step.sentence.clone(), took(step), state]
    };
    let rows: Vec<[String; 4]> = run.steps.iter().enumerate().map(row).collect();
    let head =
        [("STEP", Side::Right), ("WHAT", Side::Left), ("TOOK", Side::Right), ("STATE", Side::Left)];
    let table = table(head, &rows);
    if table.is_empty() { table } else { format!("\n{table}\n") }
}

/// A run's log, its times as people here read them.
pub(super) fn log(text: &str, here: &Here) -> String {
    if text.is_empty() {
        return String::new();
    }
    let line = |line: &str| {
        let timed = line.split_once(' ').and_then(|(time, said)| {
            let at: jiff::Timestamp = time.parse().ok()?;
            Some(format!("  {} {said}\n", here.time(at.as_millisecond())))
        });
        timed.unwrap_or_else(|| format!("  {line}\n"))
    };
    format!("\nLog (time, step, line):\n{}", text.lines().map(line).collect::<String>())
}

/// A step that was begun is being done.
pub(super) fn state_of(step: &Step) -> String {
    match step.state.as_str() {
        "intended" => "running".to_owned(),
        state => words(state),
    }
}

/// What a run waits for.
pub(super) fn waits_for(waits: &Message, here: &Here) -> String {
    let text = |name| waits.text(name).unwrap_or_default();
    let moment = |name| waits.moment(name).map(|at_ms| here.moment_ago(at_ms)).unwrap_or_default();
    match waits.code.as_str() {
        "approval" => "a yes".to_owned(),
        "window" => format!("window {}, which opens {}", text("name"), moment("opens_ms")),
        "freeze" => {
            format!(
                "the end of freeze {} ({}), {}",
                text("name"),
                text("reason"),
                moment("until_ms")
            )
        }
        "never" => format!("window {}, which does not open long enough", text("name")),
        "run" => format!("run {}, which holds what it needs", text("id")),
        "place" => "a place: as many runs act as may".to_owned(),
        code => words(code),
    }
}

/// How a run came to rest, and what can be done with it now.
pub(super) fn ending(run: &Run) -> String {
    let took = run.started_ms.zip(run.ended_ms);
    let took = took.map(|(from_ms, to_ms)| format!(" after {}", length(to_ms - from_ms)));
    let mut text =
        format!("Run {} is {}{}.\n", run.id, words(&run.state), took.unwrap_or_default());
    if let Some(cause) = &run.cause {
        text.push_str(&because(cause));
    }
    text.push_str(&ways_on(run));
    text
}

fn ways_on(run: &Run) -> String {
    let (id, may) = (&run.id, |deed: &str| run.may.iter().any(|may| may == deed));
    let mut text = String::new();
    let mut way = |words: &str, deed: &str| {
        text.push_str(&format!("{words}: storewarden runs {deed} {id}\n"));
    };
    if run.state == "stuck" {
        let deeds = "retry, declare-done, declare-not-done, undo or give-up";
        way("Look what became of the step, then", deeds);
        return text;
    }
    if may("approve") {
        way("To let it go", "approve");
    }
    if may("retry") {
        way("To try again", "retry");
    }
    if may("undo") {
        way("To take it back", "undo");
    }
    text
}

fn because(cause: &Cause) -> String {
    let by = cause.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
    let message = cause.message.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    format!("Because: {}{message}{by}\n", words(&cause.code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use serde_json::json;

    fn here() -> Here {
        Here { now_ms: 600_000, zone: TimeZone::UTC }
    }

    fn run() -> Run {
        serde_json::from_value(json!({
            "id": "7", "kind": "rolling_redeploy", "shop": "lamps", "state": "failed",
            "title": { "code": "rolling_redeploy", "params": { "release": "42" } },
            "actor": "person:anna", "created_ms": 0, "started_ms": 1_000, "ended_ms": 91_000,
            "done_steps": 1, "all_steps": 2, "may": ["undo"],
            "steps": [
                { "act": { "code": "drain", "params": { "instance": "app-1" } },
                  "sentence": "take app-1 out", "state": "done", "started_ms": 1_000,
                  "ended_ms": 1_400, "error": null },
                { "act": { "code": "deploy", "params": { "instance": "app-1" } },
                  "sentence": "deploy release 42 on app-1", "state": "failed",
                  "started_ms": 1_400, "ended_ms": 91_000, "error": "it did not come up" },
            ],
            "cause": { "code": "step_failed", "message": "it did not come up", "by": null },
        }))
        .unwrap()
    }

    #[test]
    fn a_run_is_told_with_its_cause_and_the_way_back() {
        assert_eq!(
            ending(&run()),
            "Run 7 is failed after 1 min 30 s.\nBecause: step failed: it did not come up\n\
             To take it back: storewarden runs undo 7\n"
        );
    }

    #[test]
    fn a_run_whole_names_release_and_times() {
        let expect = "\
Run 7: Deploy 42 to all instances of lamps, one after the other
  state     failed
  asked for 1970-01-01 00:00 UTC (10 min ago) by person:anna
  began     1970-01-01 00:00 UTC (9 min ago)
  ended     1970-01-01 00:01:31 UTC, after 1 min 30 s

STEP  WHAT                            TOOK  STATE
   1  take app-1 out                 0.4 s  done
   2  deploy release 42 on app-1  1 min 29 s  failed

Because: step failed: it did not come up
To take it back: storewarden runs undo 7
";
        let said = whole(&run(), &here());
        let tidy = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(tidy(&said), tidy(expect), "{said}");
    }

    #[test]
    fn the_log_is_told_in_the_time_of_here() {
        let text = "1970-01-01T00:00:01.500Z 1 one\n3 lines were lost here\n";
        let expect = "\nLog (time, step, line):\n  00:00:01 1 one\n  3 lines were lost here\n";
        assert_eq!(log(text, &here()), expect);
        assert_eq!(log("", &here()), "");
    }

    #[test]
    fn the_list_says_what_each_run_is_about() {
        let said = list(&[run()], &here());
        assert!(
            said.contains("Deploy 42 to all instances, one after the other  lamps  failed"),
            "{said}"
        );
        assert!(said.contains("1/2  1970-01-01 00:00 UTC (10 min ago)  person:anna"), "{said}");
        assert_eq!(list(&[], &here()), "No runs.\n");
    }

    #[test]
    fn what_is_waited_for_is_told_in_words() {
        let check = |message: serde_json::Value, expect: &str| {
            let message: Message = serde_json::from_value(message).unwrap();
            assert_eq!(waits_for(&message, &here()), expect);
        };
        check(
            json!({ "code": "window", "params": { "name": "nights", "opens_ms": 7_800_000 } }),
            "window nights, which opens 1970-01-01 02:10 UTC (in 2 h 0 min)",
        );
        check(
            json!({ "code": "run", "params": { "id": "3" } }),
            "run 3, which holds what it needs",
        );
        check(json!({ "code": "new_thing" }), "new thing");
    }
}
