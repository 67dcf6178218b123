//! The signs of platforms, read once from their file. What a sign means stands there.

use super::{Files, Listener};
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

const FILE: &str = include_str!("../../platforms/detection/signs.toml");
const FORMAT: u32 = 1;
/// How far above a process's folder or a web server's root a platform's own is looked for.
const FOLDERS_ABOVE: usize = 3;

static SIGNS: LazyLock<Vec<Signs>> =
    LazyLock::new(|| read(FILE).expect("invariant: the test `the_file_is_valid` reads it"));

/// How one platform is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signs {
    pub(super) name: String,
    pub(super) title: String,
    #[serde(default)]
    signs: Vec<Sign>,
    program: Option<String>,
    argument: Option<String>,
    #[serde(default)]
    pub(super) media: Vec<String>,
    #[serde(default)]
    pub(super) logs: Vec<String>,
    #[serde(default, rename = "database")]
    pub(super) databases: Vec<Settings>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sign {
    file: String,
    contains: Option<String>,
}

/// Where a platform says which database it uses.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) file: Option<String>,
    #[serde(default)]
    pub(super) syntax: Syntax,
    /// Of the command line, before the database's address.
    pub(super) option: Option<String>,
    pub(super) within: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) url: Option<String>,
    #[serde(rename = "type")]
    pub(super) type_: Option<String>,
    pub(super) host: Option<String>,
    pub(super) port: Option<String>,
    pub(super) name: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Syntax {
    #[default]
    Dotenv,
    Quoted,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    #[serde(rename = "shop")]
    shops: Vec<Signs>,
}

/// A platform that was recognised.
#[derive(Clone, Copy)]
pub(super) struct Recognised {
    pub(super) signs: &'static Signs,
}

/// What lies in a folder or up to three above it: the platform, its own folder, and the file that
/// shows it.
pub(super) fn by_files(from: &Path, files: Files<'_>) -> Option<(Recognised, PathBuf, PathBuf)> {
    // Not the root, nor what lies right below it: too much of the machine is there.
    let folders = from.ancestors().take(FOLDERS_ABOVE + 1).filter(|f| f.components().count() > 2);
    for folder in folders {
        for signs in SIGNS.iter() {
            let shows = |sign: &&Sign| {
                let path = folder.join(&sign.file);
                match &sign.contains {
                    None => (files.exists)(&path),
                    Some(text) => files.read(&path).is_some_and(|whole| whole.contains(text)),
                }
            };
            if let Some(sign) = signs.signs.iter().find(shows) {
                let shown_by = folder.join(&sign.file);
                return Some((Recognised { signs }, folder.to_owned(), shown_by));
            }
        }
    }
    None
}

/// A platform whose program says what it is by its command line.
pub(super) fn by_command(listener: &Listener) -> Option<Recognised> {
    let (program, arguments) = listener.command.split_first()?;
    let program = Path::new(program).file_name()?.to_str()?;
    let fits = |signs: &&Signs| {
        let argument = |word: &String| arguments.contains(word);
        signs.program.as_deref() == Some(program) && signs.argument.as_ref().is_some_and(argument)
    };
    SIGNS.iter().find(fits).map(|signs| Recognised { signs })
}

fn read(text: &str) -> Option<Vec<Signs>> {
    let file: File = toml::from_str(text).ok()?;
    (file.format == FORMAT).then_some(file.shops)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_valid() {
        let signs = read(FILE).unwrap();
        for one in &signs {
            assert!(!one.signs.is_empty() || one.program.is_some(), "{} has no sign", one.name);
            for settings in &one.databases {
                let says = settings.url.is_some() || settings.name.is_some();
                assert!(says || settings.option.is_some(), "{}: {settings:?}", one.name);
            }
        }
        let names: Vec<&str> = signs.iter().map(|one| one.name.as_str()).collect();
        for platform in crate::names().iter().filter(|name| **name != "generic") {
            assert!(names.contains(platform), "{platform} has a file and no signs");
        }
    }
}
