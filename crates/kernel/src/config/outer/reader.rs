//! Where mistakes are collected: every one gets its line and column, none stops the reading.

use super::{ConfigError, ConfigErrors, Known};
use std::{cell::RefCell, ops::Range};

/// What is wrong, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) mend: String,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { message: message.into(), mend: mend.into() }
    }
}

/// One reading of one file.
pub(super) struct Reader<'a> {
    text: &'a str,
    pub(super) known: Known<'a>,
    /// Parts of the file were unreadable: what is missing may stand there.
    partial: bool,
    errors: RefCell<Vec<ConfigError>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, known: Known<'a>, partial: bool) -> Self {
        Self { text, known, partial, errors: RefCell::default() }
    }

    pub(super) fn wrong(&self, at: Range<usize>, wrong: Wrong) {
        let (line, column) = position(self.text, at.start);
        let Wrong { message, mend } = wrong;
        self.errors.borrow_mut().push(ConfigError { line, column, message, mend });
    }

    /// Something that must stand in the file and does not.
    pub(super) fn missing(&self, at: Range<usize>, wrong: Wrong) {
        if !self.partial {
            self.wrong(at, wrong);
        }
    }

    /// The line of a place in the file, to point at another mistake's other half.
    pub(super) fn line(&self, at: &Range<usize>) -> usize {
        position(self.text, at.start).0
    }

    /// The configuration when nothing at all is wrong.
    pub(super) fn finish<T>(self, whole: Option<T>) -> Result<T, ConfigErrors> {
        let mut errors = self.errors.into_inner();
        match whole {
            Some(whole) if errors.is_empty() => Ok(whole),
            _ => {
                errors.sort_by_key(|error| (error.line, error.column));
                errors.dedup();
                assert!(!errors.is_empty(), "invariant: what cannot be read was said to be wrong");
                Err(ConfigErrors(errors))
            }
        }
    }
}

/// Line and column, 1-based, of a byte; places past the end are the end of the last line.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let text_end = text.trim_end_matches(['\n', '\r']).len();
    let mut end = byte.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // A mistake at the very end is shown behind the last character, not on a line that is not there.
    if text[end..].is_empty() {
        end = text_end;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_a_line_and_a_column_in_characters() {
        let check = |text: &str, byte: usize, expect: (usize, usize)| {
            assert_eq!(position(text, byte), expect, "{text:?} {byte}");
        };
        check("", 0, (1, 1));
        check("ab\ncd", 0, (1, 1));
        check("ab\ncd", 4, (2, 2));
        check("ä = ü\n", 5, (1, 5));
        check("ä", 1, (1, 1));
        check("ab\n\n", 4, (1, 3));
        check("ab", 99, (1, 3));
    }
}
