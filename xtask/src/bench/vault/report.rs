//! What the measurement says: medians with their spread, as text and as the table in docs/BENCHMARKS.md.

use std::path::Path;

use anyhow::Context;

use super::super::machine;
use super::super::report::{between, median};
use super::{Round, Step};

const MARK: &str = "cargo xtask bench vault";
/// Of the repository's bytes after the first backup, and of memory in every step.
const MOST_BYTES: f64 = 1.02;
const MOST_MEMORY_BYTES: u64 = 150_000_000;

#[derive(Debug)]
pub(super) struct Report {
    command: String,
    machine: String,
    scale: f64,
    /// restic, borg, ours.
    rounds: Vec<[Round; 3]>,
}

#[expect(clippy::cast_precision_loss, reason = "counts of bytes are far below 2⁵²")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

impl Report {
    pub(super) fn new(
        command: String,
        scale: f64,
        rounds: Vec<[Round; 3]>,
    ) -> anyhow::Result<Self> {
        let version = |program: &str, argument: &str| -> anyhow::Result<String> {
            let said = crate::process::output(&mut crate::process::command(program, &[argument]))?;
            Ok(said.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
        };
        let machine = format!(
            "{}; {}; {}",
            machine::computer()?,
            version("restic", "version")?,
            version("borg", "--version")?
        );
        Ok(Self { command, machine, scale, rounds })
    }

    /// Markdown, which reads well on a terminal too.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "`{}`\n\n{}.\n\n{:.0} MB of media, {:.0} small files, a dump of {:.0} MB, on a local disk. Seconds of processor time, user and\nsystem: medians of the rounds. The ratio to restic is the median of the rounds' ratios, with the lowest and the\nhighest beside it.\n",
            self.command,
            self.machine,
            1_500.0 * self.scale,
            20_000.0 * self.scale,
            200.0 * self.scale,
        );
        text += "\n| seconds of processor time | restic | borg | Storewarden | ratio | lowest – highest | at most |\n|---|---:|---:|---:|---:|---:|---:|\n";
        for (number, step) in Step::ALL.into_iter().enumerate() {
            text += &self.row(number, step);
        }
        text += "\n| | restic | borg | Storewarden | at most |\n|---|---:|---:|---:|---:|\n";
        let bytes = |who: usize| self.median(|round| as_f64(round[who].bytes));
        let ratio = bytes(2) / bytes(0);
        text += &format!(
            "| bytes of the repository after the first backup | {:.0} MB | {:.0} MB | {:.0} MB: **{ratio:.3}** | {} |\n",
            bytes(0) / 1e6,
            bytes(1) / 1e6,
            bytes(2) / 1e6,
            verdict("1.02", ratio <= MOST_BYTES)
        );
        for (number, step) in Step::ALL.into_iter().enumerate() {
            let memory =
                |who: usize| self.median(|round| as_f64(round[who].steps[number].memory_bytes));
            let goal = verdict("150 MB", memory(2) <= as_f64(MOST_MEMORY_BYTES));
            text += &format!(
                "| most memory at once: {} | {:.0} MB | {:.0} MB | {:.0} MB | {goal} |\n",
                step.name(),
                memory(0) / 1e6,
                memory(1) / 1e6,
                memory(2) / 1e6
            );
        }
        text
    }

    /// Puts the text between the two marks of the file.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let before =
            std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let after = between(MARK, &before, &self.text())
            .with_context(|| format!("find the two marks in {}", path.display()))?;
        std::fs::write(path, after).with_context(|| format!("write {}", path.display()))
    }

    fn row(&self, number: usize, step: Step) -> String {
        let seconds = |who: usize| self.median(|round| round[who].steps[number].seconds);
        let ratios: Vec<f64> = self
            .rounds
            .iter()
            .map(|round| round[2].steps[number].seconds / round[0].steps[number].seconds)
            .collect();
        let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = ratios.iter().copied().fold(0.0, f64::max);
        let ratio = median(ratios);
        let goal = step
            .goal()
            .map(|goal| verdict(&format!("{goal:.2}"), ratio <= goal))
            .unwrap_or_default();
        format!(
            "| {} | {:.2} | {:.2} | {:.2} | **{ratio:.2}** | {lowest:.2} – {highest:.2} | {goal} |\n",
            step.name(),
            seconds(0),
            seconds(1),
            seconds(2),
        )
    }

    fn median(&self, pick: impl Fn(&[Round; 3]) -> f64) -> f64 {
        median(self.rounds.iter().map(pick).collect())
    }
}

fn verdict(goal: &str, is_kept: bool) -> String {
    if is_kept { format!("{goal}, kept") } else { format!("{goal}, **missed**") }
}

#[cfg(test)]
mod tests {
    use super::super::contender::Spent;
    use super::*;

    #[test]
    fn rows_say_whether_the_goals_were_kept() {
        let round = |seconds, bytes| Round {
            steps: vec![Spent { seconds, memory_bytes: 100_000_000 }; Step::ALL.len()],
            bytes,
        };
        let report = Report {
            command: "bench".to_owned(),
            machine: "a machine".to_owned(),
            scale: 1.0,
            rounds: vec![[round(2.0, 1_000_000), round(3.0, 900_000), round(1.5, 1_010_000)]],
        };
        let text = report.text();
        for expect in [
            "| first backup | 2.00 | 3.00 | 1.50 | **0.75** | 0.75 – 0.75 | 1.00, kept |",
            "| restore of everything | 2.00 | 3.00 | 1.50 | **0.75** | 0.75 – 0.75 | 0.70, **missed** |",
            "| one folder listed | 2.00 | 3.00 | 1.50 | **0.75** | 0.75 – 0.75 |  |",
            "| bytes of the repository after the first backup | 1 MB | 1 MB | 1 MB: **1.010** | 1.02, kept |",
            "| most memory at once: restore of everything | 100 MB | 100 MB | 100 MB | 150 MB, kept |",
        ] {
            assert!(text.contains(expect), "{text}");
        }
    }
}
