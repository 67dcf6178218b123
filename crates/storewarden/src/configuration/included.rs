//! The files that a configuration includes: on disk, and as parts of one text.

use kernel::config::{Bundle, fits_pattern, includes_file};
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

const LONGEST_FILE: u64 = 4 * 1024 * 1024;

type Files = Vec<(PathBuf, String)>;

/// Those of a bundle that a pattern names, sorted. A pattern that nothing fits is no mistake; a file
/// that is not there is.
pub(super) fn among(bundle: &Bundle, pattern: &Path) -> Result<Files, String> {
    let fitting = bundle.included.iter().filter(|(path, _)| includes_file(pattern, path));
    let files: Files = fitting.map(|(path, text)| (path.clone(), text.clone())).collect();
    let is_pattern = pattern.to_string_lossy().contains('*');
    if files.is_empty() && !is_pattern {
        return Err("it is no part of this text".to_owned());
    }
    Ok(files)
}

/// Those of the disk, sorted, with `instead` in the place of what some of them say, and those of it
/// that are still to be written.
pub(super) fn on_disk(folder: &Path, pattern: &Path, instead: &Bundle) -> Result<Files, String> {
    let wanted = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let read = |path: PathBuf| -> Result<(PathBuf, String), String> {
        let text = match instead.included.get(&path) {
            Some(text) => text.clone(),
            None => text(&folder.join(&path))?,
        };
        Ok((path, text))
    };
    if !wanted.contains('*') {
        return Ok(vec![read(pattern.to_owned())?]);
    }
    let below = pattern.parent().unwrap_or(Path::new(""));
    let entries = match fs::read_dir(folder.join(below)) {
        Ok(entries) => Some(entries),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.to_string()),
    };
    let new = instead.included.keys().filter(|path| includes_file(pattern, path));
    let mut names: BTreeSet<String> = new.filter_map(|path| name_of(path)).collect();
    for entry in entries.into_iter().flatten() {
        let entry = entry.map_err(|error| error.to_string())?;
        let name = entry.file_name().into_string();
        let fits = |name: &String| fits_pattern(wanted, name) && entry.path().is_file();
        names.extend(name.ok().filter(fits));
    }
    let file = |name: String| {
        let path = below.join(&name);
        read(path).map_err(|why| format!("{}: {why}", below.join(name).display()))
    };
    names.into_iter().map(file).collect()
}

fn name_of(path: &Path) -> Option<String> {
    path.file_name().and_then(|name| name.to_str()).map(str::to_owned)
}

fn text(path: &Path) -> Result<String, String> {
    let said = |error: io::Error| error.to_string();
    let file = fs::File::open(path).map_err(said)?;
    if !file.metadata().map_err(said)?.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut text = String::new();
    file.take(LONGEST_FILE).read_to_string(&mut text).map_err(said)?;
    if Bundle::is_ambiguous(&text) {
        return Err("it has a line that begins with `#:included`".to_owned());
    }
    Ok(text)
}
