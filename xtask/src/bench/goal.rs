//! A figure beside the goal that the project set itself.

/// One figure with its goal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) measured: String,
    pub(super) goal: String,
    pub(super) is_kept: Option<bool>,
}

impl Row {
    pub(super) fn text(&self) -> String {
        let verdict = match self.is_kept {
            Some(true) => ", kept",
            Some(false) => ", **missed**",
            None => "",
        };
        format!("| {} | {} | {}{verdict} |\n", self.name, self.measured, self.goal)
    }
}

impl Row {
    /// A figure that nobody set a goal for.
    pub(super) fn plain(name: impl Into<String>, measured: impl Into<String>) -> Self {
        Self { name: name.into(), measured: measured.into(), goal: String::new(), is_kept: None }
    }

    /// A figure that is not to be passed.
    pub(super) fn at_most(
        name: impl Into<String>,
        (measured, most): (f64, f64),
        say: fn(f64) -> String,
    ) -> Self {
        Self {
            name: name.into(),
            measured: say(measured),
            goal: say(most),
            is_kept: Some(measured <= most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_whether_its_goal_was_kept() {
        let row = |is_kept| Row {
            name: "memory".to_owned(),
            measured: "46 MB".to_owned(),
            goal: "45 MB".to_owned(),
            is_kept,
        };
        assert_eq!(row(Some(false)).text(), "| memory | 46 MB | 45 MB, **missed** |\n");
        assert_eq!(row(Some(true)).text(), "| memory | 46 MB | 45 MB, kept |\n");
        assert_eq!(row(None).text(), "| memory | 46 MB | 45 MB |\n");
    }

    #[test]
    fn what_is_to_be_at_most_so_much_may_be_so_much() {
        let row = |measured| Row::at_most("time", (measured, 0.3), |s| format!("{s:.2} s"));
        assert_eq!(row(0.3).text(), "| time | 0.30 s | 0.30 s, kept |\n");
        assert_eq!(row(0.4).text(), "| time | 0.40 s | 0.30 s, **missed** |\n");
        assert_eq!(Row::plain("bytes", "7").text(), "| bytes | 7 |  |\n");
    }
}
