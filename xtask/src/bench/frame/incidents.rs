//! Pages of incidents over a year of them: what the interface asks, of a whole Storewarden.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::super::goal::Row;
use super::control::Storewarden;
use crate::process;
use crate::workspace::Workspace;

/// Ten a day, of each of twenty shops and more.
const INCIDENTS: u32 = 75_000;
const ROUNDS: usize = 30;
const MOST: Duration = Duration::from_millis(100);
/// What is asked for, and how.
const PAGES: [(&str, &str); 5] = [
    ("the newest 50 incidents", "/incidents?limit=50"),
    ("the newest 200", "/incidents?limit=200"),
    ("200 of one shop", "/incidents?shop=shop-7&limit=200"),
    ("200 resolved ones of half a year ago", "/incidents?state=resolved&before=37500&limit=200"),
    ("one incident with its timeline", "/incidents/37500"),
];
/// Nobody is asked.
const NOWHERE: u16 = 1;
const SHOPS: usize = 20;

pub(super) fn measure(workspace: &Workspace, scratch: &Path) -> anyhow::Result<Vec<Row>> {
    let state = scratch.join("state");
    std::fs::create_dir_all(&state).with_context(|| format!("make {}", state.display()))?;
    let mut fill = process::command(workspace.program("release", "examples/incidents"), &[]);
    process::run(fill.arg(&state).arg(INCIDENTS.to_string()))?;
    let storewarden = Storewarden::start(workspace, scratch, SHOPS, NOWHERE)?;
    let mut rows = Vec::new();
    for (name, path) in PAGES {
        let took: anyhow::Result<Vec<Duration>> =
            (0..ROUNDS).map(|_| storewarden.ask(path)).collect();
        let mut took = took?;
        took.sort();
        let (middle, longest) = (took[ROUNDS / 2], took[ROUNDS - 1]);
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        rows.push(Row {
            name: format!("{name}, of {INCIDENTS} over a year: median and longest"),
            measured: format!("{:.1} ms, {:.1} ms", ms(middle), ms(longest)),
            goal: format!("{:.0} ms", ms(MOST)),
            is_kept: Some(longest <= MOST),
        });
    }
    storewarden.stop()?;
    Ok(rows)
}
