//! What a measurement says: medians with their spread, as text and as the table in docs/BENCHMARKS.md.

use std::path::Path;

use anyhow::Context;

use super::load::Run;
use super::rest::Rest;

const MARK: &str = "cargo xtask bench edge";

/// One run of one contender.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// Processor seconds that 100,000 requests cost.
    pub(super) seconds_per_100k: f64,
    pub(super) requests_per_second: f64,
}

impl Sample {
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2⁵²")]
    pub(super) fn new(spent: std::time::Duration, run: Run) -> Self {
        let seconds_per_100k = spent.as_secs_f64() * 100_000.0 / run.requests as f64;
        Self { seconds_per_100k, requests_per_second: run.rate() }
    }
}

/// All rounds of one case: nginx beside the edge.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) most: Option<f64>,
    pub(super) rounds: Vec<(Sample, Sample)>,
}

/// Everything that was measured.
#[derive(Debug)]
pub(super) struct Report {
    machine: String,
    command: String,
    /// Who is measured beside nginx.
    second: &'static str,
    /// Whether proxy and load had to share cores in the cases with two.
    pub(super) is_shared: bool,
    pub(super) series: Vec<Series>,
    pub(super) rest: Option<Rest>,
}

impl Report {
    pub(super) fn new(machine: String, command: String, second: &'static str) -> Self {
        let (series, rest) = (Vec::new(), None);
        Self { machine, command, second, is_shared: false, series, rest }
    }

    /// Markdown, which reads well on a terminal too.
    pub(super) fn text(&self) -> String {
        let mut text = format!("`{}`\n\n{}.\n", self.command, self.machine);
        if !self.series.is_empty() {
            text += "\nProcessor seconds for 100,000 requests, all processes together: the median of the rounds. The ratio is the\nmedian of the rounds' ratios, with the lowest and the highest beside it.\n\n";
            text += &format!(
                "| case | nginx | {} | ratio | lowest – highest | at most |\n",
                self.second
            );
            text += "|---|---:|---:|---:|---:|---:|\n";
            for series in &self.series {
                text += &series.row();
            }
            if self.is_shared {
                text += "\nTwo cores are all this machine has: in the cases with two cores, load and origin share them with the proxy.\n";
            }
        }
        if let Some(rest) = &self.rest {
            text += &format!("\n{}", rest.text());
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
    fn row(&self) -> String {
        let of =
            |pick: fn(&(Sample, Sample)) -> f64| median(self.rounds.iter().map(pick).collect());
        let ratios: Vec<f64> = self.rounds.iter().map(ratio).collect();
        let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = ratios.iter().copied().fold(0.0, f64::max);
        let ratio = median(ratios);
        let most = self.most.map_or("".to_owned(), |most| {
            let verdict = if ratio <= most { "kept" } else { "**missed**" };
            format!("{most:.2}, {verdict}")
        });
        let nginx = of(|(nginx, _)| nginx.seconds_per_100k);
        let edge = of(|(_, edge)| edge.seconds_per_100k);
        format!(
            "| {} | {nginx:.2} | {edge:.2} | **{ratio:.2}** | {lowest:.2} – {highest:.2} | {most} |\n",
            self.name
        )
    }
}

fn ratio((nginx, edge): &(Sample, Sample)) -> f64 {
    edge.seconds_per_100k / nginx.seconds_per_100k
}

/// The middle one, or the mean of the two in the middle; 0 of nothing.
pub(super) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => 0.0,
        length if length % 2 == 1 => numbers[middle],
        _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
    }
}

/// The text with something new between the two marks that name the command which wrote it.
pub(super) fn between(command: &str, text: &str, new: &str) -> Option<String> {
    let [begin, end] =
        ["begin", "end"].map(|which| format!("<!-- written by `{command}`: {which} -->"));
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{}\n\n{end}{after}", new.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds_per_100k: f64) -> Sample {
        Sample { seconds_per_100k, requests_per_second: 1.0 }
    }

    #[test]
    fn medians_are_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_row_says_whether_the_goal_was_kept() {
        let rounds = vec![
            (sample(2.0), sample(2.0)),
            (sample(2.0), sample(2.2)),
            (sample(2.0), sample(1.8)),
        ];
        let mut series = Series { name: "proxying", most: Some(1.15), rounds };
        assert_eq!(
            series.row(),
            "| proxying | 2.00 | 2.00 | **1.00** | 0.90 – 1.10 | 1.15, kept |\n"
        );
        series.most = Some(0.85);
        assert!(series.row().contains("0.85, **missed**"));
    }

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let text = |inside: &str| {
            format!(
                "before\n<!-- written by `{MARK}`: begin -->\n{inside}\n<!-- written by `{MARK}`: end -->\nafter\n"
            )
        };
        assert_eq!(between(MARK, &text("old"), "new\n"), Some(text("\nnew\n")));
        assert_eq!(between(MARK, "no marks", "new"), None);
        assert_eq!(between("another command", &text("old"), "new"), None);
    }
}
