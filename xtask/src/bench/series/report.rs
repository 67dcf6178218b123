//! What the measurement says: medians with their spread, as text and as the table in docs/BENCHMARKS.md.

use std::path::Path;

use anyhow::Context;

use super::super::machine;
use super::super::report::{between, median};
use super::{Spent, recording::SERIES};

const MARK: &str = "cargo xtask bench series";

/// All rounds of one case: VictoriaMetrics beside ours.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) is_goal: bool,
    pub(super) rounds: Vec<(Spent, Spent)>,
}

#[derive(Debug)]
pub(super) struct Report {
    command: String,
    machine: String,
    hours: u32,
    pub(super) series: Vec<Series>,
}

#[expect(clippy::cast_precision_loss, reason = "counts of samples and bytes are far below 2⁵²")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

/// Samples for a second of processor time.
pub(super) fn rate(spent: &Spent) -> f64 {
    as_f64(spent.samples) / spent.seconds
}

pub(super) fn bytes_each(spent: &Spent, bytes: u64) -> f64 {
    as_f64(bytes) / as_f64(spent.samples)
}

impl Report {
    pub(super) fn new(command: String, hours: u32) -> anyhow::Result<Self> {
        // Debian's VictoriaMetrics does not know its own version.
        let version = crate::process::command("dpkg-query", &["-W", "-f", "${Version}"])
            .arg(crate::install::VICTORIA_METRICS.package)
            .output()
            .context("ask for the version of VictoriaMetrics")?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        let machine = format!("{}; VictoriaMetrics {version}", machine::computer()?);
        Ok(Self { command, machine, hours, series: Vec::new() })
    }

    /// Markdown, which reads well on a terminal too.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "`{}`\n\n{}.\n\n{SERIES} series every 5 s for {} h: {} samples. Everything is counted until both have merged what they have. Medians of\nthe rounds; the ratio is the median of the rounds' ratios, with the lowest and the highest beside it.\n",
            self.command,
            self.machine,
            self.hours,
            SERIES as u64 * u64::from(self.hours) * 720
        );
        text += "\n| samples for a second of processor time | VictoriaMetrics | Storewarden | ratio | lowest – highest | at least |\n|---|---:|---:|---:|---:|---:|\n";
        for series in &self.series {
            text += &series.rate_row();
        }
        text += "\n| bytes on disk a sample | VictoriaMetrics | Storewarden | ratio | at most |\n|---|---:|---:|---:|---:|\n";
        for series in &self.series {
            text += &series.bytes_row("samples", |spent| spent.raw_bytes, false);
            text += &series.bytes_row("whole folder", |spent| spent.all_bytes, series.is_goal);
        }
        text += "\n| | VictoriaMetrics | Storewarden |\n|---|---:|---:|\n";
        for series in &self.series {
            text += &series.other_rows();
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
}

impl Series {
    fn of(&self, pick: impl Fn(&(Spent, Spent)) -> f64) -> f64 {
        median(self.rounds.iter().map(pick).collect())
    }

    fn rate_row(&self) -> String {
        let ratios: Vec<f64> =
            self.rounds.iter().map(|(victoria, ours)| rate(ours) / rate(victoria)).collect();
        let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = ratios.iter().copied().fold(0.0, f64::max);
        let ratio = median(ratios);
        let goal = verdict(self.is_goal, "2.00", ratio >= 2.0);
        format!(
            "| {} | {:.2} M | {:.2} M | **{ratio:.2}** | {lowest:.2} – {highest:.2} | {goal} |\n",
            self.name,
            self.of(|(victoria, _)| rate(victoria) / 1e6),
            self.of(|(_, ours)| rate(ours) / 1e6),
        )
    }

    fn bytes_row(&self, what: &str, bytes: impl Fn(&Spent) -> u64, is_goal: bool) -> String {
        let each = |spent: &Spent| bytes_each(spent, bytes(spent));
        let (victoria, ours) =
            (self.of(|(victoria, _)| each(victoria)), self.of(|(_, ours)| each(ours)));
        let ratio = self.of(|(victoria, ours)| each(ours) / each(victoria));
        let goal = verdict(is_goal, "1.00", ratio <= 1.0);
        format!("| {}: {what} | {victoria:.2} | {ours:.2} | **{ratio:.2}** | {goal} |\n", self.name)
    }

    fn other_rows(&self) -> String {
        let both = |pick: &dyn Fn(&Spent) -> f64| {
            (self.of(|(victoria, _)| pick(victoria)), self.of(|(_, ours)| pick(ours)))
        };
        let (victoria, ours) = both(&|spent| as_f64(spent.memory_bytes) / 1e6);
        let mut rows = format!(
            "| {}: memory (PSS) at the end of it | {victoria:.0} MB | {ours:.0} MB |\n",
            self.name
        );
        let (victoria, ours) = both(&|spent| spent.read_seconds * 1e3);
        rows += &format!(
            "| {}: the sum of the increases of 500 series over all of it | {victoria:.0} ms | {ours:.0} ms |\n",
            self.name
        );
        rows
    }
}

fn verdict(is_goal: bool, goal: &str, is_kept: bool) -> String {
    match (is_goal, is_kept) {
        (false, _) => String::new(),
        (true, true) => format!("{goal}, kept"),
        (true, false) => format!("{goal}, **missed**"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_whether_the_goals_were_kept() {
        let spent = |seconds, bytes| Spent {
            samples: 1_000_000,
            seconds,
            raw_bytes: bytes,
            all_bytes: bytes,
            memory_bytes: 1,
            read_seconds: 0.1,
        };
        let rounds = vec![(spent(1.0, 2_000_000), spent(0.25, 1_500_000))];
        let series = Series { name: "every tick", is_goal: true, rounds };
        assert_eq!(
            series.rate_row(),
            "| every tick | 1.00 M | 4.00 M | **4.00** | 4.00 – 4.00 | 2.00, kept |\n"
        );
        assert_eq!(
            series.bytes_row("samples", |spent| spent.raw_bytes, true),
            "| every tick: samples | 2.00 | 1.50 | **0.75** | 1.00, kept |\n"
        );
    }
}
