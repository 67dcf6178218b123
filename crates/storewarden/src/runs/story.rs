//! What happened in a run, in the order in which it happened: steps that begin and end, and what was
//! said meanwhile.
//!
//! The record of a run and its log come apart from each other. What is told is ordered by their
//! times, and a line is held back until the record knows of its step.

use super::{
    text::words,
    view::{Run, Step},
};
use jiff::Timestamp;

/// What of a run was told already.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// By step: what was told of it last, and when that began.
    told: Vec<Told>,
    /// Lines of the log that wait for the record.
    waiting: Vec<Line>,
    /// The last piece of the log, which does not end in a line break yet.
    rest: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Told {
    began_ms: Option<i64>,
    outcome: Option<String>,
}

/// One happening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Happening {
    pub(super) at_ms: i64,
    /// From 0.
    pub(super) step: usize,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// The step began, or began to be taken back.
    Begins {
        undo: bool,
    },
    Line {
        text: String,
    },
    /// The step ended otherwise than by being done, which the next one says by beginning.
    Ends {
        outcome: String,
    },
}

/// A line of the log: `2026-01-31T09:30:00.123Z 1 text`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// `None`: a remark of the log itself, which has no time.
    of: Option<(i64, usize)>,
    text: String,
}

impl Story {
    /// What is new in a record, and in the part of the log that was read after it.
    pub(super) fn goes_on(&mut self, run: &Run, log: &str) -> Vec<Happening> {
        self.rest.push_str(log);
        let whole = self.rest.rfind('\n').map_or(0, |end| end + 1);
        let lines: String = self.rest.drain(..whole).collect();
        self.waiting.extend(lines.lines().map(line));
        let mut news = self.steps(run);
        news.extend(self.lines(run));
        let is_undone = run.state.starts_with("undo");
        news.sort_by_key(|happening| {
            // Of one moment: a step's beginning, its lines, its end, and then the next one's.
            let step = if is_undone { usize::MAX - happening.step } else { happening.step };
            let within = match happening.what {
                What::Begins { .. } => 0,
                What::Line { .. } => 1,
                What::Ends { .. } => 2,
            };
            (happening.at_ms, step, within)
        });
        news
    }

    fn steps(&mut self, run: &Run) -> Vec<Happening> {
        self.told.resize(run.steps.len(), Told::default());
        let mut news = Vec::new();
        for (step, (record, told)) in run.steps.iter().zip(&mut self.told).enumerate() {
            let undo = is_undo(record);
            if record.started_ms.is_some() && record.started_ms != told.began_ms {
                let at_ms = record.started_ms.unwrap_or_default();
                *told = Told { began_ms: record.started_ms, outcome: None };
                news.push(Happening { at_ms, step, what: What::Begins { undo } });
            }
            let outcome = outcome(record);
            if outcome.is_some() && outcome != told.outcome {
                told.outcome.clone_from(&outcome);
                let at_ms = record.ended_ms.or(record.started_ms).unwrap_or(i64::MAX);
                let outcome = outcome.unwrap_or_default();
                news.push(Happening { at_ms, step, what: What::Ends { outcome } });
            }
        }
        news
    }

    /// The lines whose steps the record knows; all of them once the run is at rest.
    fn lines(&mut self, run: &Run) -> Vec<Happening> {
        let is_known = |line: &Line| {
            let Some((_, step)) = line.of else { return true };
            run.is_at_rest() || run.steps.get(step).is_some_and(|step| step.started_ms.is_some())
        };
        let known = self.waiting.iter().position(|line| !is_known(line));
        let known = known.unwrap_or(self.waiting.len());
        let mut last = (0, 0);
        let tell = |line: Line| {
            last = line.of.unwrap_or(last);
            Happening { at_ms: last.0, step: last.1, what: What::Line { text: line.text } }
        };
        self.waiting.drain(..known).map(tell).collect()
    }
}

fn is_undo(step: &Step) -> bool {
    matches!(step.state.as_str(), "undoing" | "undone")
}

fn outcome(step: &Step) -> Option<String> {
    let state = step.state.as_str();
    if matches!(state, "planned" | "intended" | "done" | "undoing") {
        return None;
    }
    let error = step.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
    Some(format!("{}{error}", words(state)))
}

fn line(text: &str) -> Line {
    let parts = || {
        let (time, rest) = text.split_once(' ')?;
        let (step, said) = rest.split_once(' ').unwrap_or((rest, ""));
        let at: Timestamp = time.parse().ok()?;
        let step = step.parse::<usize>().ok()?.checked_sub(1)?;
        Some(Line { of: Some((at.as_millisecond(), step)), text: said.to_owned() })
    };
    parts().unwrap_or_else(|| Line { of: None, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn run(state: &str, steps: &[Value]) -> Run {
        serde_json::from_value(json!({
            "id": "7", "kind": "clean_up", "title": { "code": "clean_up" }, "shop": null,
            "state": state, "actor": "command-line", "created_ms": 0, "done_steps": 0,
            "all_steps": steps.len(), "steps": steps, "cause": null, "may": [],
        }))
        .unwrap()
    }

    fn step(state: &str, started_ms: Option<i64>, ended_ms: Option<i64>) -> Value {
        json!({
            "act": { "code": "remove_old_data" }, "sentence": "remove", "state": state,
            "started_ms": started_ms, "ended_ms": ended_ms, "error": null,
        })
    }

    fn told(news: &[Happening]) -> Vec<String> {
        let tell = |happening: &Happening| match &happening.what {
            What::Begins { undo: false } => format!("begin {}", happening.step),
            What::Begins { undo: true } => format!("undo {}", happening.step),
            What::Line { text } => text.clone(),
            What::Ends { outcome } => format!("end {} {outcome}", happening.step),
        };
        news.iter().map(tell).collect()
    }

    #[test]
    fn lines_stand_under_their_steps_however_late_they_are_read() {
        let steps =
            [step("done", Some(1_000), Some(2_000)), step("done", Some(2_000), Some(3_000))];
        let log = "1970-01-01T00:00:02.000Z 1 one\n1970-01-01T00:00:02.000Z 2 two\n";
        let news = Story::default().goes_on(&run("done", &steps), log);
        assert_eq!(told(&news), ["begin 0", "one", "begin 1", "two"]);
    }

    #[test]
    fn a_line_waits_for_the_record_of_its_step() {
        let mut story = Story::default();
        let begun = [step("intended", Some(1_000), None), step("planned", None, None)];
        let log = "1970-01-01T00:00:01.500Z 1 one\n1970-01-01T00:00:02.500Z 2 two\n1970";
        assert_eq!(told(&story.goes_on(&run("running", &begun), log)), ["begin 0", "one"]);
        let later = [step("done", Some(1_000), Some(2_000)), step("intended", Some(2_000), None)];
        let log = "-01-01T00:00:02.600Z 2 three\n";
        let news = story.goes_on(&run("running", &later), log);
        assert_eq!(told(&news), ["begin 1", "two", "three"]);
        assert!(story.goes_on(&run("running", &later), "").is_empty(), "nothing is told twice");
    }

    #[test]
    fn what_is_taken_back_is_told_from_the_last_step_on() {
        let steps = [
            step("undone", Some(5_000), Some(6_000)),
            step("undone", Some(4_000), Some(5_000)),
            step("skipped", None, None),
        ];
        let log = "1970-01-01T00:00:04.500Z 2 back\nthe log of this run is full\n";
        let news = Story::default().goes_on(&run("undone", &steps), log);
        let expect = [
            "undo 1",
            "back",
            "the log of this run is full",
            "end 1 undone",
            "undo 0",
            "end 0 undone",
            "end 2 skipped",
        ];
        assert_eq!(told(&news), expect);
    }
}
