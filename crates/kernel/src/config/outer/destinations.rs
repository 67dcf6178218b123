//! `to`: where something goes that leaves the machine; and `media`, which comes from such places. Folders and buckets are the same wherever they
//! stand; what else there is, the table that asks says.

use super::{
    database,
    edge::absolute_path,
    reader::Wrong,
    section::{Section, Text, kind, kind_of},
};
use crate::config::{S3Settings, Secret};
use std::{ops::Range, path::PathBuf};
use toml_edit::{TableLike, Value};

/// Where Amazon's buckets are when nobody says.
const REGION: &str = "us-east-1";

/// What a table takes as destinations, and what it makes of them.
pub(super) struct Destinations<T> {
    /// Behind which they stand.
    pub(super) key: &'static str,
    /// How several are written.
    pub(super) example: &'static str,
    /// What one that is a table is called: `a destination of [ledger]`.
    pub(super) name: &'static str,
    pub(super) folder: fn(PathBuf) -> T,
    /// With the table that it stands in, which may have keys beside those of every bucket; those are
    /// read also where the bucket cannot be.
    pub(super) bucket: fn(Option<&Section<'_>>, Option<S3Settings>) -> Option<T>,
    /// A text that is neither.
    pub(super) other: fn(&Section<'_>, &Text<'_>) -> Option<T>,
    /// A table that is no bucket: `None` where it is one, else what could be read.
    pub(super) other_table: fn(&Section<'_>) -> Option<Option<T>>,
}

impl<T> Destinations<T> {
    /// Every one that could be read; none is an empty list.
    pub(super) fn read(&self, section: &Section<'_>) -> Vec<T> {
        let Some(item) = section.item(self.key) else { return Vec::new() };
        let at = section.place(item);
        let read = |value: &Value| {
            let at = value.span().unwrap_or_else(|| at.clone());
            match value {
                Value::String(text) => self.text(section, &Text { value: text.value(), at }),
                Value::InlineTable(table) => self.table(section, table, at),
                other => {
                    self.wrong_kind(section, kind_of(other), at);
                    None
                }
            }
        };
        if let Some(array) = item.as_array() {
            section.refuse_empty_list(self.key, self.example);
            return array.iter().filter_map(read).collect();
        }
        if let Some(tables) = item.as_array_of_tables() {
            let read = |table: &toml_edit::Table| {
                self.table(section, table, table.span().unwrap_or_else(|| at.clone()))
            };
            return tables.iter().filter_map(read).collect();
        }
        match item.as_value() {
            Some(value) => read(value).into_iter().collect(),
            None => {
                self.wrong_kind(section, kind(item), at.clone());
                Vec::new()
            }
        }
    }

    fn wrong_kind(&self, section: &Section<'_>, kind: &str, at: Range<usize>) {
        let key = self.key;
        let message = format!("`{key}` has {kind}, but folders, buckets and such are wanted");
        section.wrong(at, message, format!("write `{key} = {}`", self.example));
    }

    /// A folder, or a bucket with the keys of Amazon's own tools.
    fn text(&self, section: &Section<'_>, text: &Text<'_>) -> Option<T> {
        if text.value.starts_with('/') {
            return section.checked(self.key, text, absolute_path).map(self.folder);
        }
        let Some(place) = text.value.strip_prefix("s3://") else {
            return (self.other)(section, text);
        };
        let settings = section.checked(self.key, text, |_| {
            let variable = |name: &str| {
                database::variable(&format!("${{{name}}}"), section.reader.known.environment)
                    .map(Option::unwrap_or_default)
                    .map(Secret::new)
            };
            let environment = |name: &str| (section.reader.known.environment)(name);
            let region = environment("AWS_REGION").unwrap_or_else(|| REGION.to_owned());
            let (bucket, prefix) = bucket(place)?;
            Ok(S3Settings {
                endpoint: amazon(&region),
                region,
                bucket,
                prefix,
                key_id: variable("AWS_ACCESS_KEY_ID")?,
                secret: variable("AWS_SECRET_ACCESS_KEY")?,
            })
        });
        (self.bucket)(None, settings)
    }

    /// A bucket with keys and an endpoint of its own.
    fn table(&self, around: &Section<'_>, table: &dyn TableLike, at: Range<usize>) -> Option<T> {
        let section = Section::new(around.reader, self.name.to_owned(), at, table);
        if let Some(other) = (self.other_table)(&section) {
            section.finish();
            return other;
        }
        let place = section.parsed("s3", |text| bucket(text.strip_prefix("s3://").unwrap_or(text)));
        if section.item("s3").is_none() {
            section.missing("s3", "write `s3 = \"s3://bucket/prefix\"`");
        }
        let region = section.text("region").map_or(REGION, |text| text.value).to_owned();
        let endpoint = section.parsed("endpoint", |text| web_address(text, self.example));
        let (key_id, secret) = (credential(&section, "key_id"), credential(&section, "secret"));
        let given = section.item("endpoint").is_some();
        let endpoint = if given { endpoint } else { Some(amazon(&region)) };
        let settings = || {
            let (bucket, prefix) = place?;
            let (endpoint, key_id, secret) = (endpoint?, key_id?, secret?);
            Some(S3Settings { endpoint, region, bucket, prefix, key_id, secret })
        };
        let read = (self.bucket)(Some(&section), settings());
        section.finish();
        read
    }
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
        return Err(Wrong::new(message, "write one such as \"s3://bucket/prefix\""));
    }
    let prefix = prefix.trim_matches('/');
    if !prefix.bytes().all(|byte| fits(byte) || byte == b'/') || prefix.contains("..") {
        let message = format!("has \"{prefix}\", which is no prefix of names");
        return Err(Wrong::new(message, "write letters, digits, `-`, `_`, `.` and `/`"));
    }
    Ok((bucket.to_owned(), prefix.to_owned()))
}

/// Never repeated in a message: what follows the host may be a secret.
pub(super) fn web_address(url: &str, example: &str) -> Result<String, Wrong> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let whole = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace));
    if !whole {
        let mend = format!("write destinations such as {example}");
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
