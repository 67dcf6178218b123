//! The schema of the file, for editors: made of what the parser asks for, and of the sentences in
//! docs/formats/configuration.md. Neither has a key that the other lacks.

use super::{HEAD, read};
use crate::config::outer::values;
use serde_json::{Map, Value, json};
use std::{cell::RefCell, collections::BTreeMap, fs, ops::RangeInclusive, path::PathBuf};

/// What the parser asks of a key.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::config::outer) enum Asked {
    /// Looked at by itself.
    Anything,
    Text,
    Texts,
    Boolean,
    Number(u32, RangeInclusive<u32>),
    Duration(u64),
    Size(u64),
    Choice(Vec<&'static str>),
    Table(String),
    Tables(String),
}

/// All that is asked of each table's keys.
type Questions = BTreeMap<String, BTreeMap<&'static str, Vec<Asked>>>;

thread_local! {
    static HEARD: RefCell<Questions> = RefCell::default();
}

/// Called by the parser.
pub(in crate::config::outer) fn heard(table: &str, key: &'static str, asked: Asked) {
    let of_any = |table: &str| table.replace("lampenladen", "ID");
    let asked = match asked {
        Asked::Table(name) => Asked::Table(of_any(&name)),
        asked => asked,
    };
    let table = of_any(table);
    let table = if table.starts_with("instance ") { "an instance".to_owned() } else { table };
    HEARD.with_borrow_mut(|heard| {
        let all = heard.entry(table).or_default().entry(key).or_default();
        if !all.contains(&asked) {
            all.push(asked);
        }
    });
}

/// One row of the page: the default, and what the key is.
#[derive(Debug)]
struct Row {
    default: String,
    what: String,
}

impl Row {
    /// `20000` at once: what stands in signs at the beginning is the value, if it always is.
    fn value(&self) -> Option<&str> {
        if self.default.contains(", else ") {
            return None;
        }
        self.default.strip_prefix('`')?.split('`').next()
    }
}

/// What no table of the page tells, for a list beside it does.
const TOLD_ELSEWHERE: [&str; 4] = [
    "[shop.ID.certificate]",
    "a destination of [ledger]",
    "a destination of a backup",
    "a bucket of media",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn questions() -> Questions {
    HEARD.with_borrow_mut(BTreeMap::clear);
    let example = fs::read_to_string(root().join("docs/configuration.example.toml")).unwrap();
    read(&example).unwrap();
    // The one table that the example cannot have beside another way to say it.
    let files = "certificate = { chain = \"/c\", key = \"/k\" }";
    read(&example.replace("certificate = \"acme\"", files)).unwrap();
    let backup = "backup = { to = \"/b\", keep = \"3d\", every = \"1h\", cpu = \"50%\" }";
    read(&format!("{}{backup}", HEAD.replace("lamps", "lampenladen"))).unwrap();
    HEARD.with_borrow(Clone::clone)
}

/// The rows of the page, by table and key.
fn rows(page: &str) -> BTreeMap<String, BTreeMap<String, Row>> {
    let mut rows: BTreeMap<String, BTreeMap<String, Row>> = BTreeMap::new();
    let mut table = String::new();
    for line in page.lines() {
        if line == "## The file itself" {
            table = "the file".to_owned();
        } else if line.starts_with("##") {
            let named = line.split('`').nth(1).filter(|name| name.starts_with('['));
            table = named.unwrap_or_default().to_owned();
        } else if line.starts_with("An instance as a table") {
            table = "an instance".to_owned();
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", key, default, what, ""] = cells.as_slice() else { continue };
        let Some(key) = key.strip_prefix('`').and_then(|key| key.strip_suffix('`')) else {
            continue;
        };
        let row = Row { default: (*default).to_owned(), what: (*what).to_owned() };
        if !table.is_empty() {
            rows.entry(table.clone()).or_default().insert(key.to_owned(), row);
        }
    }
    rows
}

#[test]
fn the_page_tells_every_key_and_no_other_with_the_defaults_of_the_parser() {
    let page = fs::read_to_string(root().join("docs/formats/configuration.md")).unwrap();
    let (rows, questions) = (rows(&page), questions());
    let mut wrong = Vec::new();
    for (table, keys) in
        questions.iter().filter(|(table, _)| !TOLD_ELSEWHERE.contains(&table.as_str()))
    {
        let told = rows.get(table);
        for (key, asked) in keys {
            let Some(row) = told.and_then(|told| told.get(*key)) else {
                wrong.push(format!("{table} has a key `{key}` that the page does not tell"));
                continue;
            };
            let shown = asked.iter().find_map(default);
            if let Some((said, shown)) =
                row.value().zip(shown).filter(|(said, shown)| !same(said, shown))
            {
                wrong.push(format!("{table} `{key}` has the default {shown}, not {said}"));
            }
        }
        for key in told.into_iter().flatten().map(|(key, _)| key) {
            if !keys.contains_key(key.as_str()) {
                wrong.push(format!("the page tells a key `{key}` that {table} has not"));
            }
        }
    }
    assert!(wrong.is_empty(), "docs/formats/configuration.md: {wrong:#?}");
}

/// `"60s"` is `"1m"`.
fn same(one: &str, other: &str) -> bool {
    let duration = |text: &str| values::duration(text.trim_matches('"'));
    one == other || duration(one).is_some_and(|ms| duration(other) == Some(ms))
}

/// As one writes it; `None`: the parser does not say it by itself.
fn default(asked: &Asked) -> Option<String> {
    match asked {
        Asked::Number(default, _) => Some(default.to_string()),
        Asked::Duration(default) => Some(format!("\"{}\"", values::duration_text(*default))),
        Asked::Size(default) => Some(format!("\"{}\"", values::size_text(*default))),
        _ => None,
    }
}

#[test]
fn the_schema_is_as_committed() {
    let page = fs::read_to_string(root().join("docs/formats/configuration.md")).unwrap();
    let mut writer = Writer { questions: questions(), rows: rows(&page) };
    let mut schema = Map::new();
    schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".into(), "Storewarden's configuration, version 1".into());
    schema.extend(writer.table("the file"));
    let text = format!("{}\n", serde_json::to_string_pretty(&Value::Object(schema)).unwrap());
    let path = root().join("docs/configuration.schema.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let mend = "UPDATE_GOLDEN=1 cargo nextest run -p kernel schema";
    assert!(
        committed == text,
        "docs/configuration.schema.json is not the parser's of now; run: {mend}"
    );
}

struct Writer {
    questions: Questions,
    rows: BTreeMap<String, BTreeMap<String, Row>>,
}

impl Writer {
    fn table(&mut self, name: &str) -> Map<String, Value> {
        let keys =
            self.questions.get(name).cloned().unwrap_or_else(|| panic!("{name} was not asked"));
        let (mut properties, mut needed) = (Map::new(), Vec::new());
        for (key, asked) in keys {
            let mut value = self.value(name, key, &asked);
            if let Some(row) = self.rows.get(name).and_then(|rows| rows.get(key)) {
                if !row.what.is_empty() {
                    value.insert("description".into(), plain(&row.what).into());
                }
                if row.default == "**needed**" || row.default == "must be given" {
                    needed.push(key);
                }
                let default = asked.iter().find_map(default);
                if let Some(default) =
                    default.filter(|default| row.default.contains(&format!("`{default}`")))
                {
                    value.insert("default".into(), serde_json::from_str(&default).unwrap());
                }
            }
            properties.insert(key.to_owned(), Value::Object(value));
        }
        // Files that are included need neither version nor shop.
        if name == "the file" {
            needed.clear();
        }
        object(&json!({
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
            "required": needed,
        }))
    }

    fn value(&mut self, table: &str, key: &str, asked: &[Asked]) -> Map<String, Value> {
        let texts = json!({ "type": ["string", "array"], "items": { "type": "string" } });
        match (table, key) {
            ("the file", "version") => return object(&json!({ "const": 1 })),
            ("the file", "include") => return object(&texts),
            ("the file", "shop") => {
                let shop = self.table("[shop.ID]");
                let ids = "^[a-z0-9][a-z0-9_-]{0,62}$";
                return object(&json!({
                    "type": "object",
                    "patternProperties": { ids: shop },
                    "additionalProperties": false,
                }));
            }
            ("[shop.ID]", "app") => {
                let instance =
                    json!({ "anyOf": [{ "type": "string" }, self.table("an instance")] });
                return either(&json!({ "type": "array", "items": instance }), &instance);
            }
            ("[shop.ID]", "certificate") => {
                let word = json!({ "enum": ["acme", "self-signed"] });
                return either(&word, &Value::Object(self.table("[shop.ID.certificate]")));
            }
            ("[ledger]", "to") => {
                let table = self.table("a destination of [ledger]");
                let one = json!({ "anyOf": [{ "type": "string" }, table] });
                return either(&json!({ "type": "array", "items": one }), &one);
            }
            ("[shop.ID.backup]" | "[shop.ID.stream]", "to") => {
                let table = self.table("a destination of a backup");
                let one = json!({ "anyOf": [{ "type": "string" }, table] });
                return either(&json!({ "type": "array", "items": one }), &one);
            }
            ("[shop.ID]", "media") => {
                let table = self.table("a bucket of media");
                let one = json!({ "anyOf": [{ "type": "string" }, table] });
                return either(&json!({ "type": "array", "items": one }), &one);
            }
            ("[shop.ID.backup]", "keep") => {
                let duration = json!({ "type": "string", "pattern": "^[0-9]+ ?(ms|s|m|h|d)$" });
                return either(&duration, &Value::Object(self.table("[shop.ID.backup.keep]")));
            }
            // Whole processors, or a share of one.
            ("[shop.ID.backup]", "cpu") => {
                let whole = json!({ "type": "integer", "minimum": 1, "maximum": 1024 });
                return either(&whole, &json!({ "type": "string", "pattern": "^[0-9]+ ?%$" }));
            }
            // A number, or a range of them as text.
            ("[shop.ID.check]" | "[shop.ID.backup.boot]", "status") => {
                return object(&json!({ "type": ["integer", "string"] }));
            }
            // Or "never".
            ("[[notify]]", "repeat") => return object(&json!({ "type": "string" })),
            _ => {}
        }
        // The last question is the closest: a choice is asked as a text first.
        let closest =
            asked.iter().max_by_key(|asked| closeness(asked)).expect("asked at least once");
        let value = match closest {
            Asked::Anything => {
                panic!("{table} `{key}` is looked at by itself: say above what it is")
            }
            Asked::Text => json!({ "type": "string" }),
            Asked::Texts => texts,
            Asked::Boolean => json!({ "type": "boolean" }),
            Asked::Number(_, range) => {
                json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() })
            }
            Asked::Duration(_) => json!({ "type": "string", "pattern": "^[0-9]+ ?(ms|s|m|h|d)$" }),
            Asked::Size(_) => {
                json!({ "type": "string", "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB|kB|KB|MB|GB)$" })
            }
            Asked::Choice(words) => json!({ "enum": words }),
            Asked::Table(name) => Value::Object(self.table(name)),
            Asked::Tables(name) => json!({ "type": "array", "items": self.table(name) }),
        };
        object(&value)
    }
}

fn closeness(asked: &Asked) -> u8 {
    match asked {
        Asked::Anything => 0,
        Asked::Text => 1,
        _ => 2,
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn either(one: &Value, other: &Value) -> Map<String, Value> {
    object(&json!({ "anyOf": [one, other] }))
}

/// A sentence of the page without the signs of Markdown.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    // [word](address): the word.
    while let Some((before, after)) = rest.split_once("](") {
        let (start, word) = before.rsplit_once('[').unwrap_or((before, ""));
        plain.push_str(start);
        plain.push_str(word);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    plain.replace(['`', '*'], "")
}
