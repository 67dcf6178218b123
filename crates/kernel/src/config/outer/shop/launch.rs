//! `unit` and `command` of an instance, and `deploy` of a shop.

use super::super::{edge::absolute_path, reader::Wrong, section::Section};
use crate::config::{CommandSettings, DeploySettings, Launch, UnitName, UnitNameError};

/// Longer than Node, PHP-FPM and gunicorn take to answer what they have begun.
const STOP_GRACE_MS: u64 = 30_000;
const HOUR: u64 = 3_600_000;

const COMMAND: &str = "[\"node\", \"server.js\"]";
/// What only a process that we start ourselves can be told.
const OF_COMMAND: [&str; 4] = ["directory", "user", "environment_file", "stop_grace"];

/// What starts and stops the instance; `None`: nothing of ours.
pub(super) fn launch(section: &Section<'_>) -> Option<Launch> {
    let unit = section.parsed("unit", unit);
    let command = command(section);
    let settings = CommandSettings {
        command: command.clone().unwrap_or_default(),
        directory: section.parsed("directory", absolute_path),
        user: section.parsed("user", user),
        environment_file: section.parsed("environment_file", absolute_path),
        stop_grace_ms: section.duration("stop_grace", STOP_GRACE_MS, 0..=HOUR),
    };
    let has_unit = section.item("unit").is_some();
    let has_command = section.item("command").is_some();
    if has_unit && has_command {
        let message = format!("{} has both `unit` and `command`", section.name);
        let mend = "keep `unit` if systemd starts it, `command` if Storewarden shall";
        section.wrong(section.place_of("command"), message, mend);
    }
    for key in OF_COMMAND.into_iter().filter(|key| !has_command && section.item(key).is_some()) {
        let message = format!("`{key}` says how a `command` is run, and there is none");
        let mend = match (has_unit, key) {
            (true, "stop_grace") => "write `TimeoutStopSec=` into the unit instead".to_owned(),
            (true, _) => "write it into the unit instead (systemd.exec(5))".to_owned(),
            (false, _) => format!("add the program that serves: `command = {COMMAND}`"),
        };
        section.wrong(section.place_of(key), message, mend);
    }
    unit.map(Launch::Unit).or_else(|| command.map(|_| Launch::Command(settings)))
}

fn unit(text: &str) -> Result<UnitName, Wrong> {
    text.parse().map_err(|error: UnitNameError| {
        let mend = "write the name of a service, such as \"shop@3001.service\"";
        Wrong::new(format!("\"{text}\" {error}"), mend)
    })
}

fn command(section: &Section<'_>) -> Option<Vec<String>> {
    words(section, COMMAND, |program| program.starts_with('/'))
}

/// `command`: a program and its arguments, word by word. `is_whole` says which paths are.
pub(in crate::config::outer) fn words(
    section: &Section<'_>,
    example: &str,
    is_whole: fn(&str) -> bool,
) -> Option<Vec<String>> {
    let texts = section.texts("command", example)?;
    section.refuse_empty_list("command", example);
    if let [one] = texts.as_slice()
        && section.item("command").is_some_and(toml_edit::Item::is_str)
        && one.value.contains(char::is_whitespace)
    {
        let words: Vec<String> =
            one.value.split_whitespace().map(|word| format!("{word:?}")).collect();
        let message = "`command` is one text with spaces, but no shell takes it apart";
        let mend = format!("write it word by word: `command = [{}]`", words.join(", "));
        section.wrong(one.at.clone(), message, mend);
        return None;
    }
    let program = texts.first()?;
    section.checked("command", program, |text| {
        if text.is_empty() || text.contains('/') && !is_whole(text) {
            let mend = "write the program's whole path, or its bare name if the `PATH` finds it";
            return Err(Wrong::new(format!("begins with \"{text}\", which is no program"), mend));
        }
        Ok(())
    })?;
    if let Some(bad) = texts.iter().find(|text| text.value.contains('\0')) {
        let mend = "no program can be given one";
        section.wrong(bad.at.clone(), "`command` has a text with a zero byte", mend);
        return None;
    }
    Some(texts.iter().map(|text| text.value.to_owned()).collect())
}

/// What useradd(8) allows, and a little more.
pub(in crate::config::outer) fn user(text: &str) -> Result<String, Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if (1..=32).contains(&text.len()) && !text.starts_with('-') && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    let mend = "write the name of a user of this machine, such as \"shop\"";
    Err(Wrong::new(format!("is \"{text}\", which is no user's name"), mend))
}

/// Where a shop's releases are; `None` when it has no `deploy`, or none that is whole.
pub(super) fn deploy(section: Section<'_>) -> Option<DeploySettings> {
    if !section.is_given() {
        section.finish();
        return None;
    }
    let releases = section.parsed("releases", absolute_path);
    let current = section.parsed("current", absolute_path);
    for name in ["releases", "current"] {
        if section.item(name).is_none() {
            section.missing(name, format!("write `{name} = \"/srv/shop/{name}\"`"));
        }
    }
    let found = releases.zip(current);
    if let Some((releases, current)) = &found
        && current.starts_with(releases)
    {
        let message = "`current` lies within `releases`, where it would count as one";
        let mend = "put the link beside the folder, such as \"/srv/shop/current\"";
        section.wrong(section.place_of("current"), message, mend);
    }
    section.finish();
    found.map(|(releases, current)| DeploySettings { releases, current })
}
