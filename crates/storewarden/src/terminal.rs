//! What standard output can do: colours, a width, lines that are drawn again in place. A reader that
//! is no terminal gets plain lines and no control character.

use kernel::Level;
use std::io::IsTerminal as _;
use terminal_size::{Height, Width, terminal_size};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Of a reader that is no terminal: what stands in files and mails.
const USUAL_WIDTH: usize = 100;
const USUAL_HEIGHT: usize = 24;

/// Whether colours and weights may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    /// As standard output and the reader's wish (<https://no-color.org>) allow.
    pub(crate) fn of_output() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self(is_live() && !unwanted)
    }

    pub(crate) fn level(self, level: Level, text: &str) -> String {
        match level {
            Level::Good => self.good(text),
            Level::Attention => self.attention(text),
            Level::Broken => self.bad(text),
            Level::Unknown => self.with("35", text),
        }
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(crate) fn attention(self, text: &str) -> String {
        self.with("33", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.with("31;1", text)
    }

    pub(crate) fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(crate) fn quiet(self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Whether lines can be drawn again in place.
pub(crate) fn is_live() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    std::io::stdout().is_terminal() && !is_dumb
}

/// Columns and lines of the terminal, or what a reader without one can be expected to have.
pub(crate) fn size() -> (usize, usize) {
    let (Width(columns), Height(lines)) = match terminal_size() {
        Some((Width(columns), Height(lines))) if columns > 0 && lines > 0 => {
            (Width(columns), Height(lines))
        }
        _ => return (USUAL_WIDTH, USUAL_HEIGHT),
    };
    (usize::from(columns), usize::from(lines))
}

/// Columns that a text without colours takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// At most so many columns of a text without colours, its end shown as cut off.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let fits = |c: &char| match left.checked_sub(c.width().unwrap_or(0)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    let kept: String = text.chars().take_while(fits).collect();
    if columns == 0 { kept } else { format!("{}…", kept.trim_end()) }
}

/// Text from elsewhere without what would move the cursor.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Lines at the foot of the terminal that are drawn again and again, under those that stay.
#[derive(Debug, Default)]
pub(crate) struct Foot {
    lines: usize,
}

impl Foot {
    /// What to print so that `stays` is added above and `lines` is all that stands below. No line
    /// may be wider than the terminal.
    pub(crate) fn draw(&mut self, stays: &str, lines: &[String]) -> String {
        let mut text = String::new();
        if self.lines > 0 {
            text.push_str(&format!("\u{1b}[{}F\u{1b}[J", self.lines));
        }
        text.push_str(stays);
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        self.lines = lines.len();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_to_columns_and_not_to_characters() {
        let check = |text: &str, columns: usize, expect: &str| {
            assert_eq!(cut(text, columns), expect, "{text} to {columns}");
            assert!(width(&cut(text, columns)) <= columns);
        };
        check("lamps", 5, "lamps");
        check("lamps", 4, "lam…");
        check("漢字の店", 8, "漢字の店");
        check("漢字の店", 6, "漢字…");
        check("one two", 5, "one…");
        check("x", 0, "");
    }

    #[test]
    fn the_foot_is_taken_away_before_it_is_drawn_again() {
        let mut foot = Foot::default();
        assert_eq!(foot.draw("", &["a".into(), "b".into()]), "a\nb\n");
        assert_eq!(foot.draw("stays\n", &["c".into()]), "\u{1b}[2F\u{1b}[Jstays\nc\n");
        assert_eq!(foot.draw("", &[]), "\u{1b}[1F\u{1b}[J");
    }
}
