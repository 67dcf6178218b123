//! What a shop's own settings say of its database: files, the environment and the command line of
//! its processes. Only what was asked for by name is read out of them.

use super::{
    Listener, Machine, Place,
    database::{Database, host_and_port, kind_of},
    signs::{Settings, Signs, Syntax},
};
use kernel::config::DatabaseKind;
use std::path::Path;

/// A value found under a name, in which line of its file.
struct Found {
    value: String,
    line: Option<usize>,
}

/// The first database that is said anywhere; notes are added of what could not be read.
pub(super) fn database(
    signs: &Signs,
    folder: Option<&Path>,
    processes: &[&Listener],
    machine: &Machine<'_>,
    notes: &mut Vec<String>,
) -> Option<Database> {
    for settings in &signs.databases {
        let found = of_command(settings, processes)
            .or_else(|| of_environment(settings, processes, machine))
            .or_else(|| of_file(settings, folder?, machine, notes));
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Where the database is by a process's command line alone: what tells shops without a folder of
/// their own apart.
pub(super) fn by_command_line(signs: &Signs, process: &Listener) -> Option<String> {
    let found = signs.databases.iter().find_map(|settings| of_command(settings, &[process]));
    found.map(|found| found.url(""))
}

/// `--database ADDRESS` or `--database=ADDRESS`.
fn of_command(settings: &Settings, processes: &[&Listener]) -> Option<Database> {
    let option = settings.option.as_deref()?;
    processes.iter().find_map(|process| {
        let mut words = process.command.iter();
        let value = words.find_map(|word| match word.strip_prefix(option)? {
            "" => Some(None),
            rest => rest.strip_prefix('=').map(|value| Some(value.to_owned())),
        })?;
        let value = value.or_else(|| words.next().cloned())?;
        Database::of_url(&value, format!("the command line of process {}", process.pid?))
    })
}

fn of_environment(
    settings: &Settings,
    processes: &[&Listener],
    machine: &Machine<'_>,
) -> Option<Database> {
    if settings.syntax != Syntax::Dotenv {
        return None;
    }
    let names = [&settings.url, &settings.type_, &settings.host, &settings.port, &settings.name];
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    processes.iter().find_map(|process| {
        let pid = process.pid?;
        let values = (machine.variables)(pid, &names)?;
        let find =
            |name: &str| values.get(name).map(|value| Found { value: value.clone(), line: None });
        assemble(settings, &find, format!("the environment of process {pid}"), None)
    })
}

fn of_file(
    settings: &Settings,
    folder: &Path,
    machine: &Machine<'_>,
    notes: &mut Vec<String>,
) -> Option<Database> {
    let path = match settings.file.as_deref()?.strip_prefix("../") {
        Some(above) => folder.parent()?.join(above),
        None => folder.join(settings.file.as_deref()?),
    };
    let text = match (machine.files.text)(&path) {
        Ok(text) => text?,
        Err(why) => {
            notes.push(format!("{} cannot be read: {why}", path.display()));
            return None;
        }
    };
    let find = |name: &str| match settings.syntax {
        Syntax::Dotenv => dotenv(&text, name),
        Syntax::Quoted => quoted(&text, settings.within.as_deref(), name),
    };
    assemble(settings, &find, path.display().to_string(), Some(&path))
}

fn assemble(
    settings: &Settings,
    find: &dyn Fn(&str) -> Option<Found>,
    said_by: String,
    path: Option<&Path>,
) -> Option<Database> {
    let get =
        |name: &Option<String>| name.as_deref().and_then(find).filter(|f| !f.value.is_empty());
    let place = |found: &Found| path.zip(found.line).map(|(path, line)| Place::new(path, line));
    if let Some(url) = get(&settings.url) {
        let place = place(&url);
        return Database::of_url(&url.value, said_by).map(|found| Database { place, ..found });
    }
    let name = get(&settings.name)?;
    let kind = get(&settings.type_).map(|found| found.value).or_else(|| settings.kind.clone());
    let kind = kind.as_deref().and_then(kind_of);
    let (host, port) = get(&settings.host).map_or((None, None), |found| {
        let (host, port) = host_and_port(&found.value);
        (Some(host), port)
    });
    let port = get(&settings.port).and_then(|found| found.value.parse().ok()).or(port);
    let kind = kind.or(match port {
        Some(5432) => Some(DatabaseKind::Postgres),
        Some(3306) => Some(DatabaseKind::MySql),
        _ => None,
    })?;
    let place = place(&name);
    Some(Database { kind, host, port, name: name.value, said_by, place })
}

/// `NAME=value` of a line, `export` or not; the last one counts.
fn dotenv(text: &str, name: &str) -> Option<Found> {
    let value = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (key, value) = line.split_once('=')?;
        if key.trim() != name {
            return None;
        }
        let value = value.trim();
        let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
        let inner = quote.and_then(|quote| value[1..].split(quote).next());
        // Without quotes, a comment may follow.
        Some(
            inner
                .unwrap_or_else(|| value.split(" #").next().unwrap_or(value).trim_end())
                .to_owned(),
        )
    };
    let lines = text.lines().enumerate();
    let found =
        lines.filter_map(|(at, line)| Some(Found { value: value(line)?, line: Some(at + 1) }));
    found.last()
}

/// The value behind a quoted name: `'name' => 'value'`, `define('name', 'value')`, `"name": "value"`.
fn quoted(text: &str, within: Option<&str>, name: &str) -> Option<Found> {
    let start = match within {
        Some(within) => behind(text, 0, within)?,
        None => 0,
    };
    let mut from = start;
    while let Some(at) = behind(text, from, name) {
        from = at;
        let rest = text[at..].trim_start();
        let rest = rest.strip_prefix("=>").or_else(|| rest.strip_prefix([',', ':']));
        let Some(rest) = rest.map(str::trim_start) else { continue };
        let value = match rest.chars().next()? {
            quote @ ('"' | '\'') => rest[1..].split(quote).next()?,
            digit if digit.is_ascii_digit() => {
                rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default()
            }
            // An expression: what it gives is not known here.
            _ => continue,
        };
        let line = text[..at].matches('\n').count() + 1;
        return Some(Found { value: value.to_owned(), line: Some(line) });
    }
    None
}

/// The place behind the next `'name'` or `"name"` that stands in no comment of its line.
fn behind(text: &str, from: usize, name: &str) -> Option<usize> {
    let mut from = from;
    loop {
        let at = from + text[from..].find(name)?;
        let end = at + name.len();
        from = end;
        let around = (text[..at].chars().next_back(), text[end..].chars().next());
        let line = text[..at].rsplit('\n').next().unwrap_or_default().trim_start();
        let comment = ["//", "#", "*", "/*"].iter().any(|sign| line.starts_with(sign));
        if matches!(around, (Some('"'), Some('"')) | (Some('\''), Some('\''))) && !comment {
            return Some(end + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_an_environment_file_are_read() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(dotenv(text, "A").map(|found| found.value).as_deref(), expect, "{text}");
        };
        check("A=b", Some("b"));
        check("# A=x\nAA=c\nexport A = \"b c\" # d", Some("b c"));
        check("A=b # c", Some("b"));
        check("A=b#c", Some("b#c"));
        check("A='x'\nA=y", Some("y"));
        check("A=", Some(""));
        check("B=c", None);
    }

    #[test]
    fn quoted_names_are_read_however_they_are_written() {
        let check = |text: &str, within: Option<&str>, expect: Option<(&str, usize)>| {
            let found = quoted(text, within, "host");
            let found = found.as_ref().map(|found| (found.value.as_str(), found.line.unwrap()));
            assert_eq!(found, expect, "{text}");
        };
        check("<?php\ndefine( 'host', 'db' );", None, Some(("db", 2)));
        check("// define('host', 'x');\ndefine('host','db');", None, Some(("db", 2)));
        check(
            "['queue' => ['host' => 'mq'],\n'db' => ['host' => 'db']]",
            Some("db"),
            Some(("db", 2)),
        );
        check("{\"host\": \"db\"}", None, Some(("db", 1)));
        check("'host' => 3306", None, Some(("3306", 1)));
        check("'host' => getenv('HOST')", None, None);
        check("'localhost' => 'x'", None, None);
        check("", Some("db"), None);
    }

    #[test]
    fn no_text_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|text| {
            dotenv(text, "a");
            quoted(text, None, "a");
            quoted(&format!("'a' => {text}"), Some("a"), "a");
        });
    }
}
