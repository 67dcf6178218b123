//! Where mistakes are collected: every one gets its line and column, none stops the reading.

use super::{ConfigError, ConfigErrors, Known, include::Sources};
use std::{cell::RefCell, ops::Range, path::Path};

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

/// One reading of a file with what it includes.
pub(super) struct Reader<'a> {
    sources: &'a Sources,
    pub(super) known: Known<'a>,
    /// Parts of the file were unreadable: what is missing may stand there.
    partial: bool,
    errors: RefCell<Vec<ConfigError>>,
    warnings: RefCell<Vec<ConfigError>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources, known: Known<'a>, partial: bool) -> Self {
        let (errors, warnings) = (RefCell::default(), RefCell::default());
        Self { sources, known, partial, errors, warnings }
    }

    pub(super) fn wrong(&self, at: Range<usize>, wrong: Wrong) {
        self.errors.borrow_mut().push(self.placed(&at, wrong));
    }

    /// What is allowed and should yet be otherwise.
    pub(super) fn warn(&self, at: &Range<usize>, wrong: Wrong) {
        self.warnings.borrow_mut().push(self.placed(at, wrong));
    }

    fn placed(&self, at: &Range<usize>, wrong: Wrong) -> ConfigError {
        let (file, text, within) = self.sources.find(at.start);
        let (line, column) = position(text, within);
        let Wrong { message, mend } = wrong;
        ConfigError { file: file.map(Path::to_owned), line, column, message, mend }
    }

    /// Something that must stand in the file and does not.
    pub(super) fn missing(&self, at: Range<usize>, wrong: Wrong) {
        if !self.partial {
            self.wrong(at, wrong);
        }
    }

    /// The line of a place in the file, to point at another mistake's other half.
    pub(super) fn line(&self, at: &Range<usize>) -> String {
        let (file, text, within) = self.sources.find(at.start);
        let line = position(text, within).0;
        file.map_or_else(|| line.to_string(), |file| format!("{line} of {}", file.display()))
    }

    /// The configuration when nothing at all is wrong, with the warnings.
    pub(super) fn finish<T>(self, whole: Option<T>) -> Result<(T, Vec<ConfigError>), ConfigErrors> {
        let mut errors = self.errors.into_inner();
        let place = |error: &ConfigError| (error.file.clone(), error.line, error.column);
        match whole {
            Some(whole) if errors.is_empty() => {
                let mut warnings = self.warnings.into_inner();
                warnings.sort_by_key(place);
                Ok((whole, warnings))
            }
            _ => {
                errors.sort_by_key(place);
                errors.dedup();
                assert!(!errors.is_empty(), "invariant: what cannot be read was said to be wrong");
                Err(ConfigErrors(errors))
            }
        }
    }
}

/// Line and column, 1-based, of a byte; places past the end are the end of the last line.
pub(super) fn position(text: &str, byte: usize) -> (usize, usize) {
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
