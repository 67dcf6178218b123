//! Plans of ten steps through the engine, pinned to one core: the example program of the crate, on the disk that a
//! temporary folder lies on.

use std::path::Path;

use anyhow::Context;

use super::super::goal::Row;
use super::super::machine::Cores;
use super::super::report::median;
use crate::process;
use crate::workspace::Workspace;

const PLANS: &str = "3000";
const ROUNDS: usize = 5;
/// Plans a second.
const LEAST: f64 = 100.0;

pub(super) fn measure(workspace: &Workspace, scratch: &Path) -> anyhow::Result<Vec<Row>> {
    let cores = Cores::one()?;
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let program = workspace.program("release", "examples/throughput");
        let mut command = process::command("taskset", &["-c", &cores.proxy]);
        let said = process::output(command.arg(program).arg(PLANS).arg(scratch))?;
        print!("  {said}");
        rates.push(rate(&said).with_context(|| format!("find a rate in `{said}`"))?);
    }
    let rate = median(rates);
    Ok(vec![Row {
        name: "plans of ten steps a second, on one core, every step on disk before and after"
            .to_owned(),
        measured: format!("{rate:.0}"),
        goal: format!("{LEAST:.0}"),
        is_kept: Some(rate >= LEAST),
    }])
}

/// The first number of `… in 3.10 s: 646 plans a second, …`.
fn rate(said: &str) -> Option<f64> {
    said.split_once(": ")?.1.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_found_in_what_is_said() {
        let said = "2000 plans of 10 steps in 3.10 s: 646 plans a second, 812 a CPU second\n";
        assert_eq!(rate(said), Some(646.0));
        assert_eq!(rate("nothing"), None);
    }
}
