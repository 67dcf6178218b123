//! Reading the configuration file: from a path to a value, or to lines that say what is wrong.

use anyhow::Context;
use kernel::config::{Configuration, parse};
use std::path::Path;

/// Why a file is of no use: one line each, with place and mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistakes {
    pub(crate) message: String,
    pub(crate) details: Vec<String>,
}

/// A file's text and what it means.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) text: String,
    pub(crate) meaning: Result<Configuration, Mistakes>,
}

/// Reads a configuration file; `${NAME}` in it is taken from the environment.
///
/// # Errors
/// When the file cannot be read at all.
pub(crate) fn load(path: &Path) -> anyhow::Result<Loaded> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("read the configuration file `{}`", path.display()))?;
    let meaning = understand(&text, path);
    Ok(Loaded { text, meaning })
}

/// What the text of a file means; `path` stands before each mistake.
pub(crate) fn understand(text: &str, path: &Path) -> Result<Configuration, Mistakes> {
    let environment = |name: &str| std::env::var(name).ok();
    parse(text, shops::known(&environment)).map_err(|errors| Mistakes {
        message: errors.to_string(),
        details: errors.0.iter().map(|error| format!("{}:{error}", path.display())).collect(),
    })
}
