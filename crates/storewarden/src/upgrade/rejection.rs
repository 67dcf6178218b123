//! What is left of an upgrade that took itself back, in the state directory: control makes a finding of
//! it, until a later upgrade succeeds or somebody has taken it on.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::{fs, io, path::Path};

const FILE: &str = "upgrade-rejected.json";
/// Of a longer reason its beginning and its end, which is what the program said last.
const FIRST_CHARS: usize = 200;
const LAST_CHARS: usize = 600;

/// A program that did not become healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rejection {
    /// Unix milliseconds.
    pub(crate) at_ms: i64,
    pub(crate) version: String,
    /// The version that runs again.
    pub(crate) runs: String,
    pub(crate) why: String,
}

impl Rejection {
    pub(super) fn new(at_ms: i64, version: String, runs: String, why: &str) -> Self {
        let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
        let why = shortened(why.trim_end_matches('.'));
        Self { at_ms, version, runs, why }
    }

    /// Replaces what was there, whole or not at all.
    pub(super) fn keep(&self, state: &Path) -> anyhow::Result<()> {
        let path = state.join(FILE);
        let new = path.with_extension("new");
        let write = || {
            fs::write(&new, serde_json::to_vec(self)?)?;
            fs::rename(&new, &path)
        };
        write().with_context(|| format!("write `{}`", path.display()))
    }

    /// # Errors
    /// When there is one that cannot be read.
    pub(crate) fn read(state: &Path) -> io::Result<Option<Self>> {
        match fs::read(state.join(FILE)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// # Errors
    /// When there is one that cannot be removed.
    pub(crate) fn forget(state: &Path) -> io::Result<()> {
        match fs::remove_file(state.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn shortened(text: &str) -> String {
    let count = text.chars().count();
    if count <= FIRST_CHARS + LAST_CHARS {
        return text.to_owned();
    }
    let first: String = text.chars().take(FIRST_CHARS).collect();
    let last: String = text.chars().skip(count - LAST_CHARS).collect();
    format!("{first} … {last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_until_it_is_forgotten() {
        let folder = testkit::folder();
        let state = folder.path();
        assert_eq!(Rejection::read(state).unwrap(), None);
        let why = format!("it ended:\n  no edge{} today.", " and again".repeat(100));
        let first = Rejection::new(7, "0.2.0".into(), "0.1.0".into(), &why);
        assert!(first.why.starts_with("it ended: no edge and again"), "{}", first.why);
        assert!(first.why.ends_with("and again today"), "{}", first.why);
        assert_eq!(first.why.chars().count(), FIRST_CHARS + 3 + LAST_CHARS);
        first.keep(state).unwrap();
        assert_eq!(Rejection::read(state).unwrap(), Some(first));
        let later = Rejection::new(8, "0.3.0".into(), "0.1.0".into(), "no.");
        later.keep(state).unwrap();
        assert_eq!(Rejection::read(state).unwrap().map(|one| one.why), Some("no".to_owned()));
        Rejection::forget(state).unwrap();
        Rejection::forget(state).unwrap();
        assert_eq!(Rejection::read(state).unwrap(), None);
        fs::write(state.join(FILE), "half").unwrap();
        assert!(Rejection::read(state).is_err());
    }
}
