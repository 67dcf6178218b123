//! The files that a configuration includes: on disk, and as parts of one text.

use kernel::config::fits_pattern;
use std::{
    fmt::Write as _,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// Begins the line that names the file which follows.
const MARK: &str = "#:included ";

/// Whether this text of a configuration came from more than one file.
pub(crate) fn is_of_several_files(text: &str) -> bool {
    text.lines().any(|line| line.starts_with(MARK))
}
const LONGEST_FILE: u64 = 4 * 1024 * 1024;

type Files = Vec<(PathBuf, String)>;

/// A text and what it includes as one text. Without any it stays as it is.
pub(super) fn join(own: &str, files: &[(PathBuf, String)]) -> String {
    let mut whole = own.to_owned();
    for (path, text) in files {
        let end = if whole.is_empty() || whole.ends_with('\n') { "" } else { "\n" };
        write!(whole, "{end}{MARK}{}\n{text}", path.display())
            .expect("invariant: a String takes all text");
    }
    whole
}

/// The reverse of [`join`].
pub(super) fn split(whole: &str) -> (&str, Files) {
    let mut files = Files::new();
    let mut own = whole;
    for (at, line) in whole.split_inclusive('\n').scan(0, |at, line| {
        let begins = *at;
        *at += line.len();
        Some((begins, line))
    }) {
        match line.strip_prefix(MARK) {
            Some(path) => {
                if files.is_empty() {
                    own = &whole[..at];
                }
                files.push((PathBuf::from(path.trim_end()), String::new()));
            }
            None => {
                if let Some((_, text)) = files.last_mut() {
                    text.push_str(line);
                }
            }
        }
    }
    (own, files)
}

/// Those that a pattern names, in their order.
pub(super) fn among(files: &[(PathBuf, String)], pattern: &Path) -> Files {
    let fits = |path: &Path| {
        let names = pattern.file_name().zip(path.file_name());
        let names = names.and_then(|(wanted, found)| wanted.to_str().zip(found.to_str()));
        path.parent() == pattern.parent()
            && names.is_some_and(|(wanted, found)| fits_pattern(wanted, found))
    };
    files.iter().filter(|(path, _)| fits(path)).cloned().collect()
}

/// Those of the disk, sorted. A pattern that nothing fits is no mistake; a file that is not there is.
pub(super) fn on_disk(folder: &Path, pattern: &Path) -> Result<Files, String> {
    let wanted = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !wanted.contains('*') {
        return Ok(vec![(pattern.to_owned(), text(&folder.join(pattern))?)]);
    }
    let below = pattern.parent().unwrap_or(Path::new(""));
    let entries = match fs::read_dir(folder.join(below)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Files::new()),
        Err(error) => return Err(error.to_string()),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        let name = entry.file_name().into_string();
        let fits = |name: &String| fits_pattern(wanted, name) && entry.path().is_file();
        names.extend(name.ok().filter(fits));
    }
    names.sort();
    let file = |name: String| {
        let path = below.join(&name);
        let text = text(&folder.join(&path)).map_err(|why| format!("{}: {why}", path.display()))?;
        Ok((path, text))
    };
    names.into_iter().map(file).collect()
}

fn text(path: &Path) -> Result<String, String> {
    let said = |error: io::Error| error.to_string();
    let file = fs::File::open(path).map_err(said)?;
    if !file.metadata().map_err(said)?.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut text = String::new();
    file.take(LONGEST_FILE).read_to_string(&mut text).map_err(said)?;
    Ok(text)
}
