//! What a configuration means, for people: every value, those nobody gave included, each with what
//! it does. Secrets are masked.

use super::{Configuration, Known};
use serde::Serialize;
use std::fmt;

mod alerts;
mod backup;
mod check;
mod edge;
mod ledger;
mod notes;
mod peer;
mod plan;
mod replica;
mod scrape;
mod service;
mod shop;
mod stream;

/// All that `storewarden check` says of a valid file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub sections: Vec<Section>,
    /// What is allowed and yet may surprise, a sentence each.
    pub notes: Vec<String>,
}

/// One table of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// As in the file: `[edge.limits]`.
    pub table: String,
    /// For people; empty where the table says it all.
    pub title: String,
    pub rows: Vec<Row>,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Within the table; empty where it continues the row before.
    pub key: String,
    /// As one would write it.
    pub value: String,
    pub meaning: String,
    /// It is what holds without being written.
    pub default: bool,
}

/// Says what a configuration means.
#[must_use]
pub fn explain(configuration: &Configuration, known: Known<'_>) -> Explanation {
    let shops = configuration.shops.iter();
    let mut sections: Vec<Section> = shops
        .flat_map(|shop| {
            let shop_itself = shop::section(shop, configuration, known);
            let stream = [stream::section(shop), replica::section(shop)];
            let tables = [Some(shop_itself), backup::section(shop)];
            tables.into_iter().chain(stream).flatten()
        })
        .collect();
    sections.extend(edge::sections(configuration));
    sections.extend(alerts::sections(&configuration.alerts));
    sections.extend(plan::sections(&configuration.plan));
    sections.push(ledger::section(&configuration.ledger));
    sections.extend(configuration.peers.iter().map(peer::section));
    sections.extend(configuration.scrapes.iter().map(scrape::section));
    sections.extend(configuration.checks.iter().map(check::section));
    sections.extend(configuration.services.iter().map(service::section));
    Explanation { sections, notes: notes::notes(configuration) }
}

/// Gathers the rows of a table.
#[derive(Default)]
struct Rows(Vec<Row>);

impl Rows {
    /// One value beside the one that holds without it.
    fn add<T: PartialEq>(
        &mut self,
        key: &str,
        value: &T,
        default: &T,
        show: impl Fn(&T) -> String,
        meaning: impl Into<String>,
    ) {
        self.put(key, show(value), value == default, meaning);
    }

    fn put(&mut self, key: &str, value: String, default: bool, meaning: impl Into<String>) {
        self.0.push(Row { key: key.to_owned(), value, meaning: meaning.into(), default });
    }

    /// Several values under one key, a line each.
    fn list(
        &mut self,
        key: &str,
        default: bool,
        lines: impl IntoIterator<Item = (String, String)>,
    ) {
        for (number, (value, meaning)) in lines.into_iter().enumerate() {
            self.put(if number == 0 { key } else { "" }, value, default, meaning);
        }
    }

    fn section(self, table: &str, title: &str) -> Section {
        Section { table: table.to_owned(), title: title.to_owned(), rows: self.0 }
    }
}

fn number(value: &u32) -> String {
    value.to_string()
}

fn ms(value: &u64) -> String {
    super::outer::duration_text(*value)
}

fn bytes(value: &u64) -> String {
    super::outer::size_text(*value)
}

/// Columns of the terminal that the text is made for.
const COLUMNS: usize = 100;
/// Wider values have what they mean on the next line.
const WIDEST: usize = 26;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = || self.sections.iter().flat_map(|section| &section.rows);
        let keys = rows().map(|row| width(&row.key)).max().unwrap_or(0);
        let values = rows().map(|row| width(&row.value)).filter(|wide| *wide <= WIDEST).max();
        let values = values.unwrap_or(0);
        for section in &self.sections {
            let title = if section.title.is_empty() { "" } else { "  " };
            writeln!(f, "{}{title}{}", section.table, section.title)?;
            let mut group = None;
            for row in &section.rows {
                let own_group = row.key.split_once('.').map(|(group, _)| group);
                if own_group != group && !row.key.is_empty() {
                    writeln!(f)?;
                    group = own_group;
                }
                write_row(f, row, keys, values)?;
            }
            writeln!(f)?;
        }
        writeln!(f, "• differs from the default")?;
        for note in &self.notes {
            writeln!(f)?;
            write_wrapped(f, &format!("Note: {note}"))?;
        }
        Ok(())
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn write_row(f: &mut fmt::Formatter<'_>, row: &Row, keys: usize, values: usize) -> fmt::Result {
    let mark = if row.default || row.key.is_empty() { ' ' } else { '•' };
    let line = format!("{mark} {:keys$}  {:values$}", row.key, row.value);
    if width(&row.value) > values && !row.meaning.is_empty() {
        writeln!(f, "{line}")?;
        return writeln!(f, "  {:keys$}  {:values$}  {}", "", "", row.meaning);
    }
    writeln!(f, "{}", format!("{line}  {}", row.meaning).trim_end())
}

fn write_wrapped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && width(&line) + 1 + width(word) > COLUMNS {
            writeln!(f, "{line}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(f, "{line}")
}

#[cfg(test)]
mod tests;
