//! `[ledger]`: how often a checkpoint is made, and where it goes.

use super::{
    database,
    edge::absolute_path,
    reader::Wrong,
    section::{Section, Text, kind, kind_of},
};
use crate::config::{DestinationSettings, LedgerSettings, S3Settings, Secret};
use std::ops::Range;
use toml_edit::{TableLike, Value};

/// What is done in ten minutes can be told from memory; a file every ten minutes fills no disk.
pub(in crate::config) const CHECKPOINT_MS: u64 = 10 * MINUTE;
/// Where Amazon's buckets are when nobody says.
const REGION: &str = "us-east-1";

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;
const EXAMPLE: &str = "[\"/mnt/usb/ledger\", \"https://…\", \"s3://bucket/ledger\"]";

pub(super) fn ledger(section: Section<'_>) -> LedgerSettings {
    let settings = LedgerSettings {
        checkpoint_ms: section.duration("checkpoint", CHECKPOINT_MS, MINUTE..=DAY),
        to: destinations(&section),
    };
    section.finish();
    settings
}

fn destinations(section: &Section<'_>) -> Vec<DestinationSettings> {
    let Some(item) = section.item("to") else { return Vec::new() };
    let at = section.place(item);
    let read = |value: &Value| {
        let at = value.span().unwrap_or_else(|| at.clone());
        match value {
            Value::String(text) => from_text(section, &Text { value: text.value(), at }),
            Value::InlineTable(table) => from_table(section, table, at),
            other => {
                wrong_kind(section, kind_of(other), at);
                None
            }
        }
    };
    if let Some(array) = item.as_array() {
        section.refuse_empty_list("to", EXAMPLE);
        return array.iter().filter_map(read).collect();
    }
    if let Some(tables) = item.as_array_of_tables() {
        let read = |table: &toml_edit::Table| {
            from_table(section, table, table.span().unwrap_or_else(|| at.clone()))
        };
        return tables.iter().filter_map(read).collect();
    }
    match item.as_value() {
        Some(value) => read(value).into_iter().collect(),
        None => {
            wrong_kind(section, kind(item), at.clone());
            Vec::new()
        }
    }
}

fn wrong_kind(section: &Section<'_>, kind: &str, at: Range<usize>) {
    let message = format!("`to` has {kind}, but destinations are wanted");
    section.wrong(at, message, format!("write `to = {EXAMPLE}`"));
}

/// A folder, an address of the web, or a bucket with the keys of Amazon's own tools.
fn from_text(section: &Section<'_>, text: &Text<'_>) -> Option<DestinationSettings> {
    if text.value.starts_with('/') {
        return section.checked("to", text, absolute_path).map(DestinationSettings::Folder);
    }
    if let Some(place) = text.value.strip_prefix("s3://") {
        return section.checked("to", text, |_| {
            let variable = |name: &str| {
                database::variable(&format!("${{{name}}}"), section.reader.known.environment)
                    .map(Option::unwrap_or_default)
                    .map(Secret::new)
            };
            let environment = |name: &str| (section.reader.known.environment)(name);
            let region = environment("AWS_REGION").unwrap_or_else(|| REGION.to_owned());
            let (bucket, prefix) = bucket(place)?;
            Ok(DestinationSettings::S3(S3Settings {
                endpoint: amazon(&region),
                region,
                bucket,
                prefix,
                key_id: variable("AWS_ACCESS_KEY_ID")?,
                secret: variable("AWS_SECRET_ACCESS_KEY")?,
            }))
        });
    }
    section.checked("to", text, |text| {
        let url = database::variable(text, section.reader.known.environment)?
            .unwrap_or_else(|| text.to_owned());
        web_address(&url).map(Secret::new).map(DestinationSettings::Webhook)
    })
}

/// A bucket with keys and an endpoint of its own.
fn from_table(
    ledger: &Section<'_>,
    table: &dyn TableLike,
    at: Range<usize>,
) -> Option<DestinationSettings> {
    let section = Section::new(ledger.reader, "a destination of [ledger]".to_owned(), at, table);
    let place = section.parsed("s3", |text| bucket(text.strip_prefix("s3://").unwrap_or(text)));
    if section.item("s3").is_none() {
        section.missing("s3", "write `s3 = \"s3://bucket/ledger\"`");
    }
    let region = section.text("region").map_or(REGION, |text| text.value).to_owned();
    let endpoint = section.parsed("endpoint", web_address);
    let (key_id, secret) = (credential(&section, "key_id"), credential(&section, "secret"));
    let given = section.item("endpoint").is_some();
    section.finish();
    let endpoint = if given { endpoint? } else { amazon(&region) };
    let (bucket, prefix) = place?;
    let (key_id, secret) = (key_id?, secret?);
    Some(DestinationSettings::S3(S3Settings { endpoint, region, bucket, prefix, key_id, secret }))
}

fn amazon(region: &str) -> String {
    format!("https://s3.{region}.amazonaws.com")
}

/// `BUCKET/PREFIX` or `BUCKET`.
fn bucket(place: &str) -> Result<(String, String), Wrong> {
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if bucket.is_empty() || !bucket.bytes().all(fits) {
        let message = format!("has \"{bucket}\", which is no bucket's name");
        return Err(Wrong::new(message, "write one such as \"s3://bucket/ledger\""));
    }
    let prefix = prefix.trim_matches('/');
    if !prefix.bytes().all(|byte| fits(byte) || byte == b'/') || prefix.contains("..") {
        let message = format!("has \"{prefix}\", which is no prefix of names");
        return Err(Wrong::new(message, "write letters, digits, `-`, `_`, `.` and `/`"));
    }
    Ok((bucket.to_owned(), prefix.to_owned()))
}

/// Never repeated in a message: what follows the host may be a secret.
fn web_address(url: &str) -> Result<String, Wrong> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let whole = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace));
    if !whole {
        let mend = format!("write destinations such as {EXAMPLE}");
        return Err(Wrong::new("is neither a whole path nor an address of the web", mend));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

fn credential(section: &Section<'_>, key: &'static str) -> Option<Secret> {
    let Some(text) = section.text(key) else {
        let mend = format!("write `{key} = \"${{NAME}}\"` and set NAME in the environment");
        section.missing(key, mend);
        return None;
    };
    section.checked(key, &text, |text| {
        let value = database::variable(text, section.reader.known.environment)?;
        let mend =
            format!("write `{key} = \"${{NAME}}\"` and set NAME in Storewarden's environment");
        value.map(Secret::new).ok_or_else(|| Wrong::new("stands here in clear", mend))
    })
}
