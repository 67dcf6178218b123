//! Reading the configuration file: from a path to a value, or to lines that say what is wrong.
//!
//! What a file includes becomes part of its text, each behind a line with its name: so that one text
//! is all that was in force, to be kept, compared and put back.

use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use kernel::config::{
    Bundle, ConfigError, Configuration, Includes, Known, PlanSettings, include_patterns, parse_with,
};
use plan::{Calendar, EngineError};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

mod included;

/// A secret is a line, not a file of any length.
const LONGEST_SECRET: u64 = 64 * 1024;
/// Where systemd puts credentials (systemd.exec(5): `LoadCredential=`).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Why a file is of no use: one line each, with place and mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistakes {
    pub(crate) message: String,
    pub(crate) details: Vec<String>,
}

/// A file's text, with all that it includes, and what it means.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) text: String,
    pub(crate) meaning: Result<Configuration, Mistakes>,
    /// What should be otherwise, a line each.
    pub(crate) warnings: Vec<String>,
}

/// Where the files lie that a text includes.
enum Around<'a> {
    /// Beside the file; some of them are to say something else.
    Disk(&'a Bundle),
    /// In the text itself.
    Parts(&'a Bundle),
}

/// Reads a configuration file; `${NAME}` in it is taken from the environment, a file or systemd.
///
/// # Errors
/// When the file cannot be read at all.
pub(crate) fn load(path: &Path) -> anyhow::Result<Loaded> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("read the configuration file `{}`", path.display()))?;
    Ok(whole(&text, path))
}

/// What a text means that [`load`] gave, or a file's own; `path` stands before each mistake, and
/// what is included lies beside it unless it is part of the text.
pub(crate) fn understand(text: &str, path: &Path) -> Result<Configuration, Mistakes> {
    whole(text, path).meaning
}

/// The same, where `${…}` stands for something else than here.
pub(crate) fn understand_by(
    text: &str,
    path: &Path,
    reference: &dyn Fn(&str) -> Option<String>,
) -> Result<Configuration, Mistakes> {
    let bundle = Bundle::split(text);
    let known = Known { time_zone: &time_zone, ..shops::known(reference) };
    read_by(&bundle.own, path, &Around::Parts(&bundle), known).meaning
}

/// A file that is to be part of the configuration, and that no `include` names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration does not include `{}`; {}", file.display(), includes_text(patterns))]
pub(crate) struct NotIncluded {
    pub(crate) file: PathBuf,
    /// What is included.
    pub(crate) patterns: Vec<PathBuf>,
}

fn includes_text(patterns: &[PathBuf]) -> String {
    let all: Vec<_> = patterns.iter().map(|one| format!("`{}`", one.display())).collect();
    if all.is_empty() {
        "it includes nothing".to_owned()
    } else {
        format!("it includes {}", all.join(", "))
    }
}

/// What the file would say if some of its texts were these: `None` names the file itself. One that
/// is not there yet is new.
///
/// # Errors
/// When the file cannot be read; [`NotIncluded`] for a file that is then no part of it.
pub(crate) fn changed(
    path: &Path,
    texts: Vec<(Option<PathBuf>, String)>,
) -> anyhow::Result<Loaded> {
    let mut bundle = Bundle::split(&load(path)?.text);
    let mut new = Vec::new();
    for (name, text) in texts {
        if Bundle::is_ambiguous(&text) {
            bail!("a line of the text begins with `#:included`, which stands for an included file");
        }
        match name {
            None => bundle.own = text,
            Some(name) => {
                if bundle.included.insert(name.clone(), text).is_none() {
                    new.push(name);
                }
            }
        }
    }
    let loaded = read(&bundle.own, path, &Around::Disk(&bundle));
    let included = Bundle::split(&loaded.text);
    match new.into_iter().find(|name| !included.included.contains_key(name)) {
        // What is wrong otherwise comes first: it may be why the file is not included.
        Some(file) if loaded.meaning.is_ok() => {
            Err(NotIncluded { file, patterns: include_patterns(&included) }.into())
        }
        _ => Ok(loaded),
    }
}

fn whole(text: &str, path: &Path) -> Loaded {
    let bundle = Bundle::split(text);
    match bundle.included.is_empty() {
        true => read(&bundle.own, path, &Around::Disk(&Bundle::default())),
        false => read(&bundle.own, path, &Around::Parts(&bundle)),
    }
}

fn read(own: &str, path: &Path, around: &Around<'_>) -> Loaded {
    read_by(own, path, around, known())
}

fn read_by(own: &str, path: &Path, around: &Around<'_>, known: Known<'_>) -> Loaded {
    let folder = path.parent().unwrap_or(Path::new(""));
    let found: RefCell<BTreeMap<PathBuf, String>> = RefCell::default();
    let matching = |pattern: &Path| {
        let files = match around {
            Around::Disk(instead) => included::on_disk(folder, pattern, instead)?,
            Around::Parts(bundle) => included::among(bundle, pattern)?,
        };
        found.borrow_mut().extend(files.iter().cloned());
        Ok(files)
    };
    let name = path.file_name().map(Path::new).unwrap_or(Path::new(""));
    let parsed = parse_with(own, known, Includes { name, matching: &matching });
    let line = |error: &ConfigError| {
        let file = error.file.as_ref().map_or_else(|| path.to_owned(), |file| folder.join(file));
        format!("{}:{error}", file.display())
    };
    let text = Bundle { own: own.to_owned(), included: found.take() }.join();
    match parsed {
        Ok(parsed) => {
            let warnings = parsed.warnings.iter().map(line).collect();
            Loaded { text, meaning: Ok(parsed.configuration), warnings }
        }
        Err(errors) => {
            let details = errors.0.iter().map(line).collect();
            let mistakes = Mistakes { message: errors.to_string(), details };
            Loaded { text, meaning: Err(mistakes), warnings: Vec::new() }
        }
    }
}

/// When changes may be made.
///
/// # Errors
/// The first time zone that nobody knows.
pub(crate) fn calendar(plan: &PlanSettings) -> Result<Calendar, EngineError> {
    Calendar::new(plan.windows.clone(), plan.freezes.clone())
}

/// What a file is judged by on this machine.
pub(crate) fn known() -> Known<'static> {
    Known { time_zone: &time_zone, ..shops::known(&reference) }
}

/// Whether there is such a time zone; else the names of those that there are.
fn time_zone(name: &str) -> Result<(), Vec<String>> {
    let names = || jiff::tz::db().available().map(|zone| zone.to_string()).collect();
    TimeZone::get(name).map(|_| ()).map_err(|_| names())
}

/// The names of all `${…}` in a text, each once.
pub(crate) fn references(text: &str) -> BTreeSet<String> {
    let ends = |rest: &str| rest.split_once('}').map(|(name, _)| name.to_owned());
    let names = text.split("${").skip(1).filter_map(ends);
    names.filter(|name| !name.is_empty() && !name.contains(['\n', '{'])).collect()
}

/// What `${…}` stands for; `None` for what is not there or may not be read.
pub(crate) fn reference(name: &str) -> Option<String> {
    let path = match name.split_once(':') {
        Some(("file", path)) => PathBuf::from(path),
        Some(("credential", name)) => PathBuf::from(std::env::var_os(CREDENTIALS)?).join(name),
        _ => return std::env::var(name).ok(),
    };
    secret(&path).ok()
}

/// The text of a file without the line end that editors put behind it.
fn secret(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LONGEST_SECRET).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests;
