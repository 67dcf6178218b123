//! `front`, `logs` and `log_format`: whether Storewarden stands before a shop or beside it.

use super::super::{edge, reader::Wrong, section::Section, values};
use crate::{LOG_FORMATS, LogFormat, LogFormatError, config::BesideSettings};
use std::path::PathBuf;

const EXAMPLE: &str = "\"/var/log/nginx/access.log\"";

/// What a shop says of it.
pub(super) struct Beside {
    /// `front = false` stands there, whether or not the rest of it can be read.
    pub(super) is_watched: bool,
    /// `None` when something was wrong, which was then said.
    pub(super) settings: Option<Option<BesideSettings>>,
}

/// Logs may stand there while Storewarden is in front: they are for the day on which it is not.
pub(super) fn read(section: &Section<'_>) -> Beside {
    let is_watched = section.boolean("front") == Some(false);
    let logs = logs(section);
    let format = match section.item("log_format") {
        None => Some(LogFormat::default()),
        Some(_) => section.parsed("log_format", log_format),
    };
    if !is_watched {
        return Beside { is_watched, settings: Some(None) };
    }
    if logs.is_none() {
        let mend = format!("write `logs = {EXAMPLE}`: without it nobody knows of visitors");
        section.missing("logs", mend);
    }
    let logs = logs.filter(|logs| !logs.is_empty());
    let settings = logs.zip(format).map(|(logs, format)| Some(BesideSettings { logs, format }));
    Beside { is_watched, settings }
}

fn logs(section: &Section<'_>) -> Option<Vec<PathBuf>> {
    let texts = section.texts("logs", EXAMPLE)?;
    section.refuse_empty_list("logs", EXAMPLE);
    let mut logs: Vec<PathBuf> = Vec::new();
    for text in texts {
        let Some(path) = section.checked("logs", &text, edge::absolute_path) else { continue };
        if logs.contains(&path) {
            let message = format!("`logs` has \"{}\" twice", path.display());
            section.wrong(text.at, message, "keep one of the two");
            continue;
        }
        logs.push(path);
    }
    Some(logs)
}

fn log_format(text: &str) -> Result<LogFormat, Wrong> {
    LogFormat::read(text).map_err(|error| {
        let names: Vec<&str> = LOG_FORMATS.iter().map(|(name, _)| *name).collect();
        let near = values::nearest(text, names.iter().copied());
        let mend = match (near, &error) {
            (Some(near), LogFormatError::NoFields) => format!("is \"{near}\" meant?"),
            _ => format!(
                "write the text behind `log_format NAME` (nginx) or `LogFormat` (Apache), or one \
                 of {}",
                values::listed(&names)
            ),
        };
        Wrong::new(error.to_string(), mend)
    })
}
