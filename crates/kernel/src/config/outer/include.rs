//! `include`: several files read as one. Each keeps its own lines for what is said of it, and tables
//! of one name are put together key by key.

use super::{
    reader::Wrong,
    syntax::{self, Mistake},
};
use crate::config::{Bundle, fits_pattern};
use std::{
    fmt,
    ops::Range,
    path::{Component, Path, PathBuf},
};
use toml_edit::{Item, Table};

/// More than a machine has shops. Whoever reaches it has files that include one another.
const MOST_FILES: usize = 500;

/// Files by the pattern of an `include`, with their texts.
type Matching<'a> = &'a dyn Fn(&Path) -> Result<Vec<(PathBuf, String)>, String>;

/// Where the file lies that is read, and how those are read that it includes.
#[derive(Clone, Copy)]
pub struct Includes<'a> {
    /// The file's own name, by which a loop is noticed; relative to its folder, as all paths here.
    pub name: &'a Path,
    /// The files that a pattern names, sorted, with their texts; or why they cannot be read. A path
    /// is relative to the first file's folder, or whole. `*` stands in its last part alone.
    pub matching: Matching<'a>,
}

impl Includes<'_> {
    /// For texts that lie in no folder: including is a mistake there.
    #[must_use]
    pub fn none() -> Includes<'static> {
        Includes { name: Path::new(""), matching: &|_| Err("nothing can be included here".into()) }
    }
}

impl fmt::Debug for Includes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Includes").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All that was read, as one text: places in it say which file they belong to.
pub(super) struct Gathered {
    pub(super) sources: Sources,
    /// What could be read of all of them together.
    pub(super) table: Option<Table>,
    pub(super) mistakes: Vec<Mistake>,
    /// Parts were unreadable: what is missing may stand there.
    pub(super) partial: bool,
}

/// The texts, one behind the other.
#[derive(Default)]
pub(super) struct Sources {
    all: Vec<Source>,
    end: usize,
}

struct Source {
    /// `None`: the file itself.
    path: Option<PathBuf>,
    text: String,
    start: usize,
}

/// The patterns by which the files of a bundle include others, from the folder of the first; those of
/// a text that cannot be read are left out.
#[must_use]
pub fn include_patterns(bundle: &Bundle) -> Vec<PathBuf> {
    let mut patterns = Vec::new();
    for (path, text) in bundle.files() {
        let folder = path.and_then(Path::parent).unwrap_or(Path::new(""));
        let document = syntax::parse(text).document;
        let item = document.as_ref().and_then(|document| document.get("include"));
        let one = item.and_then(Item::as_str).into_iter();
        let several = item.and_then(Item::as_array).into_iter().flatten();
        let named = one.chain(several.filter_map(|value| value.as_str()));
        patterns.extend(named.map(|pattern| plain(&folder.join(pattern))));
    }
    patterns
}

/// Whether a pattern of an `include` names a file; both from the folder of the first.
#[must_use]
pub fn includes_file(pattern: &Path, file: &Path) -> bool {
    let names = pattern.file_name().zip(file.file_name());
    let names = names.and_then(|(wanted, found)| wanted.to_str().zip(found.to_str()));
    pattern.parent() == file.parent()
        && names.is_some_and(|(wanted, found)| fits_pattern(wanted, found))
}

/// Reads a text and everything that it includes.
pub(super) fn gather(text: &str, includes: Includes<'_>) -> Gathered {
    let mut gatherer =
        Gatherer { includes, sources: Sources::default(), mistakes: Vec::new(), partial: false };
    let table = gatherer.file(None, text, &mut vec![includes.name.to_owned()]);
    let Gatherer { sources, mistakes, partial, .. } = gatherer;
    Gathered { sources, table, mistakes, partial }
}

impl Sources {
    /// The file and its text that a place is in, and the place within.
    pub(super) fn find(&self, byte: usize) -> (Option<&Path>, &str, usize) {
        let source = self.all.iter().rfind(|source| source.start <= byte);
        source.map_or((None, "", 0), |source| {
            (source.path.as_deref(), source.text.as_str(), byte - source.start)
        })
    }

    fn add(&mut self, path: Option<&Path>, text: &str) -> usize {
        let start = self.end;
        self.all.push(Source { path: path.map(Path::to_owned), text: text.to_owned(), start });
        // A line end that belongs to nobody keeps the texts apart.
        self.end = start + text.len() + 1;
        start
    }
}

struct Gatherer<'a> {
    includes: Includes<'a>,
    sources: Sources,
    mistakes: Vec<Mistake>,
    partial: bool,
}

impl Gatherer<'_> {
    /// `open` are the files that led here, this one last.
    fn file(&mut self, path: Option<&Path>, text: &str, open: &mut Vec<PathBuf>) -> Option<Table> {
        let start = self.sources.add(path, text);
        // What stood before is blanked, so that places are those of all texts together.
        let mut padded = " ".repeat(start.saturating_sub(1));
        padded.extend((start > 0).then_some('\n'));
        padded.push_str(text);
        let syntax = syntax::parse(&padded);
        self.partial |= !syntax.mistakes.is_empty();
        self.mistakes.extend(syntax.mistakes);
        let mut table = syntax.document?.as_table().clone();
        if path.is_some() {
            self.version_of_included(&mut table);
        }
        for (pattern, at) in self.patterns(&table) {
            self.include(&pattern, &at, path, &mut table, open);
        }
        Some(table)
    }

    /// The first file says it for all; saying it again is allowed.
    fn version_of_included(&mut self, table: &mut Table) {
        let Some(item) = table.remove("version") else { return };
        if item.as_integer() != Some(i64::try_from(super::VERSION).unwrap_or(i64::MAX)) {
            let at = item.span().unwrap_or_default();
            let mend = "leave it out: the file that includes this one says it";
            self.wrong(at, "`version` is not that of the file which includes this one", mend);
        }
    }

    fn patterns(&mut self, table: &Table) -> Vec<(String, Range<usize>)> {
        let Some(item) = table.get("include") else { return Vec::new() };
        let at = item.span().unwrap_or_default();
        let mend = "write `include = [\"shops/*.toml\"]`";
        if let Some(one) = item.as_str() {
            return vec![(one.to_owned(), at)];
        }
        let Some(array) = item.as_array() else {
            self.wrong(at, "`include` is no list of files", mend);
            return Vec::new();
        };
        let mut patterns = Vec::new();
        for value in array {
            let at = value.span().unwrap_or_else(|| at.clone());
            match value.as_str() {
                Some(text) => patterns.push((text.to_owned(), at)),
                None => self.wrong(at, "`include` holds what is no file's name", mend),
            }
        }
        patterns
    }

    fn include(
        &mut self,
        pattern: &str,
        at: &Range<usize>,
        from: Option<&Path>,
        table: &mut Table,
        open: &mut Vec<PathBuf>,
    ) {
        let folder = from.and_then(Path::parent).unwrap_or(Path::new(""));
        let wanted = plain(&folder.join(pattern));
        let is_pattern =
            wanted.file_name().is_some_and(|name| name.to_string_lossy().contains('*'));
        if wanted.parent().is_some_and(|folder| folder.to_string_lossy().contains('*')) {
            let mend = "write `*` in the file's name alone, such as \"shops/*.toml\"";
            return self.wrong(at.clone(), format!("`include` has \"{pattern}\""), mend);
        }
        let found = match (self.includes.matching)(&wanted) {
            Ok(found) => found,
            Err(why) => {
                self.partial = true;
                let message = format!("`include` has \"{pattern}\", which cannot be read: {why}");
                let mend = "write a path from this file's folder, such as \"shops/*.toml\"";
                return self.wrong(at.clone(), message, mend);
            }
        };
        for (path, text) in found {
            let path = plain(&path);
            if open.contains(&path) {
                // A pattern means the others.
                if !is_pattern {
                    let message = format!("`include` has \"{pattern}\", which leads back here");
                    self.wrong(at.clone(), message, "leave it out: a file is read once");
                }
                continue;
            }
            if self.sources.all.iter().any(|known| known.path.as_ref() == Some(&path)) {
                let message =
                    format!("`include` has {}, which is included already", path.display());
                self.wrong(at.clone(), message, "include it in one place alone");
                continue;
            }
            if self.sources.all.len() >= MOST_FILES {
                let message = format!("more than {MOST_FILES} files are included");
                return self.wrong(at.clone(), message, "put several shops into one file");
            }
            open.push(path.clone());
            let included = self.file(Some(&path), &text, open);
            open.pop();
            if let Some(mut included) = included {
                included.remove("include");
                self.merge(table, included);
            }
        }
    }

    /// Puts one table's keys to another's; a key that both have must be a table in both.
    fn merge(&mut self, into: &mut Table, from: Table) {
        let keys: Vec<_> = from.iter().filter_map(|(key, _)| from.key(key).cloned()).collect();
        let mut from = from;
        for key in keys {
            let Some(item) = from.remove(key.get()) else { continue };
            match (into.get_mut(key.get()), item) {
                (None, item) => {
                    into.insert_formatted(&key, item);
                }
                (Some(Item::Table(ours)), Item::Table(theirs)) => self.merge(ours, theirs),
                (Some(Item::ArrayOfTables(ours)), Item::ArrayOfTables(theirs)) => {
                    theirs.into_iter().for_each(|table| ours.push(table));
                }
                (Some(ours), theirs) => {
                    let first = ours.span().unwrap_or_default();
                    let (file, text, within) = self.sources.find(first.start);
                    let line = super::reader::position(text, within).0;
                    let file = file.map_or("the first file".into(), Path::to_string_lossy);
                    let message = format!("`{}` stands in line {line} of {file} too", key.get());
                    let at = key.span().or(theirs.span()).unwrap_or_default();
                    self.wrong(at, message, "keep one of the two");
                }
            }
        }
    }

    fn wrong(&mut self, at: Range<usize>, message: impl Into<String>, mend: &str) {
        self.mistakes.push(Mistake { at, wrong: Wrong::new(message, mend) });
    }
}

/// Without `.`, and without `..` where a folder's name stands before it.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(plain.components().next_back(), Some(Component::Normal(_))) =>
            {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}
