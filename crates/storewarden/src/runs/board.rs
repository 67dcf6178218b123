//! A run that is watched, as it is drawn: a line for each step with its state, its time, and how far
//! it is. Pure: what is known and how wide the terminal is goes in, lines come out.

use super::{
    text::{state_of, title, waits_for},
    view::{Measure, Run, Step},
};
use crate::{
    moment::{Here, length},
    terminal::{Paint, cut, printable, width},
};

/// The turning sign of a step that is being done, a frame for each time it is drawn.
const TURNING: [&str; 8] = ["⠋", "⠙", "⠸", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// Columns of the bar.
const BAR: usize = 16;
/// Columns that a step's sentence keeps, however much there is to say beside it.
const SENTENCE: usize = 28;

/// How and where it is drawn.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    pub(super) here: Here,
    pub(super) columns: usize,
    pub(super) lines: usize,
    pub(super) paint: Paint,
    /// How often it was drawn before.
    pub(super) beat: usize,
}

/// The lines of a run, none wider than the canvas and no more of them than it has.
pub(super) fn board(run: &Run, measure: Option<&Measure>, canvas: &Canvas) -> Vec<String> {
    let mut lines = vec![canvas.paint.strong(&cut(&title(run), canvas.columns))];
    if !run.is_at_rest() {
        for waits in &run.waits_for {
            let said = format!("  waits for {}", waits_for(waits, &canvas.here));
            lines.push(canvas.paint.attention(&cut(&printable(&said), canvas.columns)));
        }
    }
    let room = canvas.lines.saturating_sub(lines.len() + 2).max(1);
    let (first, last) = window(run, room);
    if first > 0 {
        lines.push(canvas.paint.quiet(&cut(&format!("  … {first} before"), canvas.columns)));
    }
    for index in first..last {
        let measure = measure.filter(|measure| measure.step == index);
        lines.push(step_line(run, index, measure, canvas));
    }
    let after = run.steps.len() - last;
    if after > 0 {
        lines.push(canvas.paint.quiet(&cut(&format!("  … {after} to come"), canvas.columns)));
    }
    lines
}

/// Which steps are shown where there is no room for all: those around the one that is being done.
fn window(run: &Run, room: usize) -> (usize, usize) {
    let all = run.steps.len();
    if all <= room {
        return (0, all);
    }
    let is_busy = |step: &Step| matches!(step.state.as_str(), "intended" | "undoing" | "unknown");
    let is_left = |step: &Step| step.state == "planned";
    let now = run.steps.iter().position(is_busy).or_else(|| run.steps.iter().position(is_left));
    // A third of what is shown lies behind.
    let first = now.unwrap_or(all).saturating_sub(room / 3).min(all - room);
    (first, first + room)
}

fn step_line(run: &Run, index: usize, measure: Option<&Measure>, canvas: &Canvas) -> String {
    let step = &run.steps[index];
    let digits = run.steps.len().to_string().len();
    let left = format!(" {:>digits$} {}", index + 1, printable(&step.sentence));
    let room = canvas.columns.saturating_sub(1 + SENTENCE.min(width(&left)));
    let right = beside(step, measure, canvas.here.now_ms, room);
    let left = cut(&left, canvas.columns.saturating_sub(1 + width(&right)));
    let space = canvas.columns.saturating_sub(1 + width(&left) + width(&right));
    let right = match step.state.as_str() {
        _ if right.is_empty() => right,
        "failed" | "unknown" => canvas.paint.bad(&right),
        _ => canvas.paint.quiet(&right),
    };
    let line = format!("{}{left}{}{right}", sign(step, canvas), " ".repeat(space));
    line.trim_end().to_owned()
}

fn sign(step: &Step, canvas: &Canvas) -> String {
    let paint = canvas.paint;
    match step.state.as_str() {
        "planned" => paint.quiet("·"),
        "intended" => paint.attention(TURNING[canvas.beat % TURNING.len()]),
        "undoing" => paint.attention("↶"),
        "done" => paint.good("✓"),
        "undone" => paint.quiet("↶"),
        "skipped" => paint.quiet("–"),
        "failed" => paint.bad("✖"),
        _ => paint.bad("?"),
    }
}

/// What stands at the end of a step's line: as much as there is room for, the most important first.
fn beside(step: &Step, measure: Option<&Measure>, now_ms: i64, room: usize) -> String {
    let is_busy = matches!(step.state.as_str(), "intended" | "undoing");
    let until_ms = if is_busy { Some(now_ms) } else { step.ended_ms };
    let time = step.started_ms.zip(until_ms).map(|(from_ms, to_ms)| length(to_ms - from_ms));
    let mut parts = Vec::new();
    match step.state.as_str() {
        "planned" | "done" => {}
        "intended" => parts.extend(measure.map(measured).unwrap_or_default()),
        _ => parts.push(state_of(step)),
    }
    parts.extend(time);
    // What is dropped first stands first.
    while !parts.is_empty() && width(&parts.join("  ")) + 2 > room {
        parts.remove(0);
    }
    let text = parts.join("  ");
    if text.is_empty() { text } else { format!("  {text}") }
}

/// How far a step is: bar, count, rate, share, what remains.
pub(super) fn measured(measure: &Measure) -> Vec<String> {
    let Measure { done, total, unit, per_second, .. } = measure;
    let unit = printable(unit);
    let rate = format!("{}/s", rounded(*per_second));
    let Some(total) = total.filter(|total| *total > 0) else {
        return vec![format!("{done} {unit}"), rate];
    };
    #[expect(clippy::cast_precision_loss, reason = "a share for a person's eye")]
    let (share, left) = (
        (*done as f64 / total as f64).clamp(0.0, 1.0),
        total.saturating_sub(*done) as f64 / per_second.max(f64::MIN_POSITIVE),
    );
    let mut parts =
        vec![bar(share), format!("{done}/{total} {unit}"), rate, format!("{:.0} %", share * 100.0)];
    #[expect(clippy::cast_possible_truncation, reason = "seconds, shown to a person")]
    if left.is_finite() && left < 1e9 && *done < total {
        parts.push(format!("{} left", length((left * 1000.0) as i64)));
    }
    parts
}

fn bar(share: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a few columns"
    )]
    let full = (share * BAR as f64).round() as usize;
    format!("{}{}", "█".repeat(full), "░".repeat(BAR - full.min(BAR)))
}

fn rounded(number: f64) -> String {
    if number < 10.0 { format!("{number:.1}") } else { format!("{number:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use serde_json::json;

    fn canvas(columns: usize, lines: usize) -> Canvas {
        let here = Here { now_ms: 10_000, zone: TimeZone::UTC };
        Canvas { here, columns, lines, paint: Paint(false), beat: 0 }
    }

    fn run(states: &[&str]) -> Run {
        let step = |state: &&str| {
            json!({
                "act": { "code": "restart", "params": { "instance": "app-1" } },
                "sentence": "restart app-1 of the lamps in the window", "state": state,
                "started_ms": (*state != "planned").then_some(1_000),
                "ended_ms": (*state == "done").then_some(3_400), "error": null,
            })
        };
        let steps: Vec<_> = states.iter().map(step).collect();
        serde_json::from_value(json!({
            "id": "7", "kind": "restart_instance", "shop": "lamps", "state": "running",
            "title": { "code": "restart_instance", "params": { "instance": "app-1" } },
            "actor": "person:anna", "created_ms": 0, "done_steps": 1, "all_steps": 2, "may": [],
            "steps": steps, "cause": null,
        }))
        .unwrap()
    }

    fn files() -> Measure {
        let unit = "files".to_owned();
        Measure { step: 1, done: 30, total: Some(120), unit, per_second: 12.0 }
    }

    #[test]
    fn each_step_has_a_line_with_its_time_and_how_far_it_is() {
        let lines = board(&run(&["done", "intended", "planned"]), Some(&files()), &canvas(120, 24));
        let expect = "\
Run 7: Restart app-1 of lamps
✓ 1 restart app-1 of the lamps in the window  2.4 s
⠋ 2 restart app-1 of the lamps in the window  ████░░░░░░░░░░░░  30/120 files  12/s  25 %  7.5 s left  9.0 s
· 3 restart app-1 of the lamps in the window";
        let tidy = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let said: Vec<String> = lines.iter().map(|line| tidy(line)).collect();
        let expect: Vec<String> = expect.lines().map(tidy).collect();
        assert_eq!(said, expect);
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_nor_higher() {
        for columns in [1, 10, 20, 40, 60, 80, 200] {
            for height in [3, 8, 30] {
                let states: Vec<&str> =
                    [["done"; 9].as_slice(), &["intended"; 1], &["planned"; 9]].concat();
                let lines = board(&run(&states), Some(&files()), &canvas(columns, height));
                assert!(lines.len() <= height.max(4), "{lines:#?}");
                for line in &lines {
                    assert!(width(line) <= columns, "{columns}: {line:?}");
                }
                let is_shown = lines.iter().any(|line| line.starts_with('⠋'));
                assert!(is_shown, "{columns}x{height}: {lines:#?}");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let measure = Measure { total: None, ..files() };
        assert_eq!(measured(&measure), ["30 files", "12/s"]);
        let stalled = Measure { per_second: 0.0, ..files() };
        assert!(!measured(&stalled).join(" ").contains("left"));
    }
}
