//! Walks one table of the file: every key is asked for by name and type, and what nobody asked for
//! is unknown.

#[cfg(test)]
use super::tests::schema::{Asked, heard};
use super::{
    reader::{Reader, Wrong},
    values,
};
use std::{cell::RefCell, fmt, ops::Range, ops::RangeInclusive};
use toml_edit::{Item, TableLike, Value};

/// A text with its place.
#[derive(Debug, Clone)]
pub(super) struct Text<'a> {
    pub(super) value: &'a str,
    pub(super) at: Range<usize>,
}

/// One table. Absent tables are empty ones: everything in them has its default.
pub(super) struct Section<'a> {
    pub(super) reader: &'a Reader<'a>,
    /// As a person would look for it: `[edge.limits]`.
    pub(super) name: String,
    pub(super) at: Range<usize>,
    table: Option<&'a dyn TableLike>,
    /// The keys that were asked for: those that exist.
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        reader: &'a Reader<'a>,
        name: String,
        at: Range<usize>,
        table: &'a dyn TableLike,
    ) -> Self {
        Self { reader, name, at, table: Some(table), asked: RefCell::default() }
    }

    pub(super) fn wrong(
        &self,
        at: Range<usize>,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.reader.wrong(at, Wrong::new(message, mend));
    }

    /// A key that must be there and is not.
    pub(super) fn missing(&self, key: &str, mend: impl Into<String>) {
        let wrong = Wrong::new(format!("{} has no `{key}`", self.name), mend);
        self.reader.missing(self.at.clone(), wrong);
    }

    /// Refuses every key that nobody asked for.
    pub(super) fn finish(self) {
        let asked = self.asked.into_inner();
        let Some(table) = self.table else { return };
        for (key, item) in table.iter().filter(|(key, _)| !asked.contains(key)) {
            let place = table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span());
            let mend = match values::nearest(key, asked.iter().copied()) {
                Some(near) => format!("is `{near}` meant?"),
                None if asked.len() == 1 => format!("there is only {}", values::listed(&asked)),
                None => format!("there are {}", values::listed(&asked)),
            };
            let message = format!("{} has no key `{key}`", self.name);
            self.reader.wrong(place.unwrap_or(self.at.clone()), Wrong::new(message, mend));
        }
    }

    /// Whatever stands behind a key.
    pub(super) fn item(&self, key: &'static str) -> Option<&'a Item> {
        #[cfg(test)]
        heard(&self.name, key, Asked::Anything);
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.table.and_then(|table| table.get(key)).filter(|item| !item.is_none())
    }

    pub(super) fn place(&self, item: &Item) -> Range<usize> {
        item.span().unwrap_or_else(|| self.at.clone())
    }

    /// The place of a key's value, or of the table when it has its default.
    pub(super) fn place_of(&self, key: &'static str) -> Range<usize> {
        self.item(key).map_or_else(|| self.at.clone(), |item| self.place(item))
    }

    /// Says that a list needs something in it.
    pub(super) fn refuse_empty_list(&self, key: &'static str, example: &str) {
        let empty = |item: &Item| item.as_array().is_some_and(toml_edit::Array::is_empty);
        if let Some(item) = self.item(key).filter(|item| empty(item)) {
            let mend = format!("write `{key} = {example}`");
            self.wrong(self.place(item), format!("`{key}` is an empty list"), mend);
        }
    }

    fn mistyped(&self, key: &str, item: &Item, wanted: &str, mend: String) {
        let message = format!("`{key}` is {}, but {wanted} is wanted", kind(item));
        self.wrong(self.place(item), message, mend);
    }

    /// All (key, item) pairs, for tables whose keys are a person's own, such as `[shop.ID]`.
    pub(super) fn entries(&self) -> Vec<(&'a str, &'a Item, Range<usize>)> {
        let Some(table) = self.table else { return Vec::new() };
        let place = |key: &str, item: &Item| {
            let key = table.key(key).and_then(toml_edit::Key::span);
            item.span().or(key).unwrap_or_else(|| self.at.clone())
        };
        table.iter().map(|(key, item)| (key, item, place(key, item))).collect()
    }

    /// What a key of this table is called from the root.
    fn path(&self, key: &str) -> String {
        let inner = self.name.trim_matches(['[', ']']);
        if inner.is_empty() || inner.contains(' ') {
            key.to_owned()
        } else {
            format!("{inner}.{key}")
        }
    }

    /// A table below this one.
    pub(super) fn section(&self, key: &'static str) -> Section<'a> {
        let name = format!("[{}]", self.path(key));
        #[cfg(test)]
        heard(&self.name, key, Asked::Table(name.clone()));
        let empty = |at: Range<usize>| Section {
            reader: self.reader,
            name: name.clone(),
            at,
            table: None,
            asked: RefCell::default(),
        };
        let Some(item) = self.item(key) else { return empty(self.at.clone()) };
        match item.as_table_like() {
            Some(table) => Section { table: Some(table), ..empty(self.place(item)) },
            None => {
                self.mistyped(key, item, "a table", format!("write `{name}` on a line of its own"));
                empty(self.place(item))
            }
        }
    }

    /// Every table of a list of them, such as `[[notify]]`.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Section<'a>> {
        let name = format!("[[{}]]", self.path(key));
        #[cfg(test)]
        heard(&self.name, key, Asked::Tables(name.clone()));
        let Some(item) = self.item(key) else { return Vec::new() };
        let Some(tables) = item.as_array_of_tables() else {
            let mend = format!("write `{name}` on a line of its own, once for each");
            self.mistyped(key, item, "a list of tables", mend);
            return Vec::new();
        };
        let section = |table: &'a toml_edit::Table| {
            let at = table.span().unwrap_or_else(|| self.place(item));
            Section::new(self.reader, name.clone(), at, table)
        };
        tables.iter().map(section).collect()
    }

    pub(super) fn is_given(&self) -> bool {
        self.table.is_some()
    }

    pub(super) fn text(&self, key: &'static str) -> Option<Text<'a>> {
        #[cfg(test)]
        heard(&self.name, key, Asked::Text);
        let item = self.item(key)?;
        let text = item.as_str().map(|value| Text { value, at: self.place(item) });
        if text.is_none() {
            self.mistyped(key, item, "text", format!("write `{key} = \"{}\"`", plain(item)));
        }
        text
    }

    /// A list of texts, or one text alone.
    pub(super) fn texts(&self, key: &'static str, example: &str) -> Option<Vec<Text<'a>>> {
        #[cfg(test)]
        heard(&self.name, key, Asked::Texts);
        let item = self.item(key)?;
        let mend = || format!("write `{key} = {example}`");
        if let Some(value) = item.as_str() {
            return Some(vec![Text { value, at: self.place(item) }]);
        }
        let Some(array) = item.as_array() else {
            self.mistyped(key, item, "a list of texts", mend());
            return Some(Vec::new());
        };
        let text = |value: &'a Value| {
            let at = value.span().unwrap_or_else(|| self.place(item));
            let text = value.as_str().map(|value| Text { value, at: at.clone() });
            if text.is_none() {
                let message = format!("`{key}` holds {}, but texts are wanted", kind_of(value));
                self.wrong(at, message, mend());
            }
            text
        };
        Some(array.iter().filter_map(text).collect())
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        #[cfg(test)]
        heard(&self.name, key, Asked::Boolean);
        let item = self.item(key)?;
        if item.as_bool().is_none() {
            let mend = format!("write `{key} = true` or `{key} = false`, without quotes");
            self.mistyped(key, item, "true or false", mend);
        }
        item.as_bool()
    }

    pub(super) fn number(
        &self,
        key: &'static str,
        default: u32,
        range: RangeInclusive<u32>,
    ) -> u32 {
        #[cfg(test)]
        heard(&self.name, key, Asked::Number(default, range.clone()));
        let Some(item) = self.item(key) else { return default };
        let (low, high) = (*range.start(), *range.end());
        let example = if range.contains(&default) { default } else { low };
        let mend =
            format!("write a whole number from {low} to {high}, such as `{key} = {example}`");
        let Some(number) = item.as_integer() else {
            self.mistyped(key, item, "a whole number", mend);
            return default;
        };
        match u32::try_from(number).ok().filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                let message = format!("`{key}` is {number}, but must be {low} to {high}");
                self.wrong(self.place(item), message, mend);
                default
            }
        }
    }

    /// A duration in milliseconds.
    pub(super) fn duration(
        &self,
        key: &'static str,
        default_ms: u64,
        range: RangeInclusive<u64>,
    ) -> u64 {
        #[cfg(test)]
        heard(&self.name, key, Asked::Duration(default_ms));
        let unit = Unit {
            wanted: "a duration such as \"30s\"",
            help: "write a number and its unit (ms, s, m, h, d)",
            bare: |number| format!("{number}{}", if number < 500 { "s" } else { "ms" }),
            read: values::duration,
            show: values::duration_text,
        };
        self.quantity(key, default_ms, range, &unit)
    }

    /// A size in bytes.
    pub(super) fn size(&self, key: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        #[cfg(test)]
        heard(&self.name, key, Asked::Size(default));
        let unit = Unit {
            wanted: "a size such as \"64MiB\"",
            help: "write a number and its unit (B, KiB, MiB, GiB)",
            bare: |number| format!("{number}B"),
            read: values::size,
            show: values::size_text,
        };
        self.quantity(key, default, range, &unit)
    }

    fn quantity(
        &self,
        key: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
        unit: &Unit,
    ) -> u64 {
        let Some(item) = self.item(key) else { return default };
        let show = unit.show;
        let Some(text) = item.as_str() else {
            let meant = item.as_integer().and_then(|number| u64::try_from(number).ok());
            let meant = meant.map(unit.bare);
            let fits = |text: &String| (unit.read)(text).is_some_and(|n| range.contains(&n));
            let mend = match meant.filter(fits) {
                Some(meant) => format!("write `{key} = \"{meant}\"`"),
                None => format!("{}: `{key} = \"{}\"`", unit.help, show(default)),
            };
            self.mistyped(key, item, unit.wanted, mend);
            return default;
        };
        let Some(amount) = (unit.read)(text) else {
            let message = format!("`{key}` is \"{text}\", but {} is wanted", unit.wanted);
            let mend = format!("{}: `{key} = \"{}\"`", unit.help, show(default));
            self.wrong(self.place(item), message, mend);
            return default;
        };
        if !range.contains(&amount) {
            let (low, high) = (show(*range.start()), show(*range.end()));
            let message = format!("`{key}` is {text}, but must be {low} to {high}");
            let mend = format!("the default is \"{}\"", show(default));
            self.wrong(self.place(item), message, mend);
            return default;
        }
        amount
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &'static str,
        default: T,
        choices: &[(&'static str, T)],
    ) -> T {
        #[cfg(test)]
        heard(&self.name, key, Asked::Choice(choices.iter().map(|(word, _)| *word).collect()));
        let Some(text) = self.text(key) else { return default };
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text.value) {
            return *choice;
        }
        let words: Vec<&'static str> = choices.iter().map(|(word, _)| *word).collect();
        let mend = match values::nearest(text.value, words.iter().copied()) {
            Some(near) => format!("is \"{near}\" meant?"),
            None => format!("there are {}", values::listed(&words)),
        };
        self.wrong(text.at, format!("`{key}` is \"{}\", which there is not", text.value), mend);
        default
    }

    /// A text that `read` makes something of, or says why not.
    pub(super) fn parsed<T>(
        &self,
        key: &'static str,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let text = self.text(key)?;
        self.checked(key, &text, read)
    }

    pub(super) fn checked<T>(
        &self,
        key: &str,
        text: &Text<'_>,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        match read(text.value) {
            Ok(value) => Some(value),
            Err(Wrong { message, mend }) => {
                self.wrong(text.at.clone(), format!("`{key}` {message}"), mend);
                None
            }
        }
    }
}

/// How a number with a unit is read and shown.
struct Unit {
    wanted: &'static str,
    help: &'static str,
    /// What a number without a unit most likely means.
    bare: fn(u64) -> String,
    read: fn(&str) -> Option<u64>,
    show: fn(u64) -> String,
}

/// What an item is, in words.
pub(super) fn kind(item: &Item) -> &'static str {
    match item {
        Item::None => "nothing",
        Item::Value(value) => kind_of(value),
        Item::Table(_) => "a table",
        Item::ArrayOfTables(_) => "a list of tables",
    }
}

pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a number",
        Value::Float(_) => "a number with a point",
        Value::Boolean(truth) if *truth.value() => "true",
        Value::Boolean(_) => "false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::InlineTable(_) => "a table",
    }
}

/// A value as it would stand within quotes.
fn plain(item: &Item) -> String {
    match item {
        Item::Value(Value::Integer(number)) => number.value().to_string(),
        Item::Value(Value::Float(number)) => number.value().to_string(),
        Item::Value(Value::Boolean(truth)) => truth.value().to_string(),
        _ => "…".to_owned(),
    }
}

impl fmt::Debug for Section<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section").field("name", &self.name).finish_non_exhaustive()
    }
}
