//! `[shop.ID.backup.boot]`: how the shop is started from a backup.

use super::{
    super::{
        database,
        edge::absolute_path,
        reader::Wrong,
        section::{Section, Text},
        shop, values,
    },
    BOOT_WITHIN_MS, HOUR,
};
use crate::config::{BOOT_PLACEHOLDERS, BootSettings, Secret};

const SECOND: u64 = 1_000;
const COMMAND: &str = "[\"node\", \"server.js\"]";
const ENVIRONMENT: &str = "[\"PORT={port}\", \"DATABASE_URL={database}\"]";

/// `None` where there is no such table, or it names no program.
pub(super) fn boot(section: Section<'_>) -> Option<BootSettings> {
    if !section.is_given() {
        section.finish();
        return None;
    }
    let command = shop::words(&section, COMMAND, |program| {
        program.starts_with('/') || program.starts_with("{files}/")
    });
    if section.item("command").is_none() {
        section.missing("command", format!("write `command = {COMMAND}`"));
    }
    for text in section.texts("command", COMMAND).unwrap_or_default() {
        section.checked("command", &text, placeholders);
    }
    let settings = BootSettings {
        command: command.clone().unwrap_or_default(),
        directory: section.parsed("directory", absolute_path),
        user: section.parsed("user", shop::user),
        environment: environment(&section),
        path: section.parsed("path", shop::path),
        status: shop::status(&section),
        body: section.text("body").map(|text| text.value.to_owned()),
        within_ms: section.duration("within", BOOT_WITHIN_MS, SECOND..=HOUR),
    };
    section.finish();
    command.map(|_| settings)
}

/// Lines of `NAME=value`, each name once.
fn environment(section: &Section<'_>) -> Vec<(String, Secret)> {
    let texts = section.texts("environment", ENVIRONMENT).unwrap_or_default();
    let mut found: Vec<(String, Secret)> = Vec::new();
    for text in texts {
        let Some((name, value)) = line(section, &text) else { continue };
        if found.iter().any(|(known, _)| *known == name) {
            let message = format!("`environment` has `{name}` twice");
            section.wrong(text.at, message, "keep one of the two");
            continue;
        }
        found.push((name, value));
    }
    found
}

fn line(section: &Section<'_>, text: &Text<'_>) -> Option<(String, Secret)> {
    section.checked("environment", text, |text| {
        let mend = format!("write lines such as {ENVIRONMENT}");
        let fits = |name: &str| {
            let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            !name.is_empty()
                && name.chars().all(in_name)
                && !name.starts_with(|c: char| c.is_ascii_digit())
        };
        let found = text.split_once('=').filter(|(name, _)| fits(name));
        // The text is not repeated: it may be a secret.
        let (name, value) = found
            .filter(|(_, value)| !value.contains('\0'))
            .ok_or_else(|| Wrong::new("has a line that is not `NAME=value`", mend))?;
        let value = match database::variable(value, section.reader.known.environment)? {
            Some(value) => value,
            None => {
                placeholders(value)?;
                value.to_owned()
            }
        };
        Ok((name.to_owned(), Secret::new(value)))
    })
}

/// Refuses a word in braces that stands for nothing. Other braces are the text's own.
fn placeholders(text: &str) -> Result<(), Wrong> {
    let named = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let words = named.map(|(word, _)| word).filter(|word| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    });
    for word in words {
        if !BOOT_PLACEHOLDERS.contains(&word) {
            let mend = match values::nearest(word, BOOT_PLACEHOLDERS.iter().copied()) {
                Some(near) => format!("is `{{{near}}}` meant?"),
                None => format!("there are {}", values::listed(&BOOT_PLACEHOLDERS)),
            };
            return Err(Wrong::new(format!("has `{{{word}}}`, which stands for nothing"), mend));
        }
    }
    Ok(())
}
