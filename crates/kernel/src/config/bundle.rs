//! A configuration file with all that it includes as one text, to be kept, compared and put back:
//! each file's text stands behind a line with its name, and comes out again byte for byte.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Begins the line that names the file which follows.
const MARK: &str = "#:included ";
/// The same, behind a text that does not end its last line.
const MARK_WITHIN: &str = "#:included after an open line: ";

/// The texts of a configuration, file by file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Of the file itself.
    pub own: String,
    /// Of the files that it includes; paths are relative to its folder, or whole.
    pub included: BTreeMap<PathBuf, String>,
}

impl Bundle {
    /// The texts that one text was made of. One that was made of none is a file by itself.
    #[must_use]
    pub fn split(whole: &str) -> Self {
        let mut bundle = Self::default();
        let mut path: Option<PathBuf> = None;
        let mut text = String::new();
        for line in whole.split_inclusive('\n') {
            let Some((next, was_open)) = marked(line) else {
                text.push_str(line);
                continue;
            };
            if was_open {
                text.pop();
            }
            bundle.put(path.replace(next), std::mem::take(&mut text));
        }
        bundle.put(path, text);
        bundle
    }

    /// All as one text; a file that includes nothing as it is.
    #[must_use]
    pub fn join(&self) -> String {
        let mut whole = self.own.clone();
        for (path, text) in &self.included {
            let is_open = !whole.is_empty() && !whole.ends_with('\n');
            let (end, mark) = if is_open { ("\n", MARK_WITHIN) } else { ("", MARK) };
            whole.push_str(&format!("{end}{mark}{}\n{text}", path.display()));
        }
        whole
    }

    /// Whether a text could not be told from what stands between files.
    #[must_use]
    pub fn is_ambiguous(text: &str) -> bool {
        text.lines().any(|line| marked(line).is_some())
    }

    /// The text of a file: `None` as its path is the file itself.
    #[must_use]
    pub fn get(&self, path: Option<&Path>) -> Option<&str> {
        match path {
            None => Some(&self.own),
            Some(path) => self.included.get(path).map(String::as_str),
        }
    }

    /// Each file with its text, the file itself first, as `None`.
    pub fn files(&self) -> impl Iterator<Item = (Option<&Path>, &str)> {
        let included = self.included.iter();
        let included = included.map(|(path, text)| (Some(path.as_path()), text.as_str()));
        std::iter::once((None, self.own.as_str())).chain(included)
    }

    fn put(&mut self, path: Option<PathBuf>, text: String) {
        match path {
            None => self.own = text,
            Some(path) => {
                self.included.insert(path, text);
            }
        }
    }
}

/// The file that a line names, and whether the text before it ended in an open line.
fn marked(line: &str) -> Option<(PathBuf, bool)> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    match line.strip_prefix(MARK_WITHIN) {
        Some(path) => Some((path.into(), true)),
        None => line.strip_prefix(MARK).map(|path| (path.into(), false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_out_of_one_text_as_they_went_in() {
        let check = |own: &str, included: &[(&str, &str)]| {
            let included = included.iter().map(|(path, text)| ((*path).into(), (*text).to_owned()));
            let bundle = Bundle { own: own.to_owned(), included: included.collect() };
            let whole = bundle.join();
            assert_eq!(Bundle::split(&whole), bundle, "{whole}");
        };
        check("", &[]);
        check("a = 1", &[]);
        check("a = 1\r\n", &[]);
        check("", &[("b", "")]);
        check("a = 1\n", &[("b", "c\n")]);
        check("a = 1", &[("b/c.toml", ""), ("d e", "e\nf")]);
        check("a = 1\n\n", &[("b", "\n"), ("c", "x"), ("d", "\r\ny")]);
    }

    #[test]
    fn a_text_that_names_files_itself_is_noticed() {
        assert!(Bundle::is_ambiguous("a\n#:included b\n"));
        assert!(!Bundle::is_ambiguous("a\n # :included b\n"));
    }
}
