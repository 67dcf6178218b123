//! `app`: the instances of a shop, as addresses or tables.

use super::{
    super::{
        reader::Wrong,
        section::{Section, Text, kind_of},
        values,
    },
    launch,
};
use crate::{InstanceName, config::InstanceSettings};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::Range,
};
use toml_edit::{Item, TableLike, Value};

pub(in crate::config) const WEIGHT: u32 = 1;
/// More than a Node or PHP process can do at once, less than what makes one fall over.
pub(in crate::config) const CONNECTIONS: u32 = 64;

const EXAMPLE: &str = "[\"127.0.0.1:3001\", \"127.0.0.1:3002\"]";

type Found = Vec<(InstanceSettings, Range<usize>)>;

/// One instance or a list of them; `None` when there is none and one is needed, which was then said.
/// A shop that is only watched needs none.
pub(super) fn read(section: &Section<'_>, is_watched: bool) -> Option<Found> {
    let Some(item) = section.item("app") else {
        if is_watched {
            return Some(Found::new());
        }
        section.missing("app", format!("write `app = {EXAMPLE}`"));
        return None;
    };
    let mut found = Found::new();
    let mut number = 0;
    each(section, item, |entry, at| {
        number += 1;
        if let Some(instance) = instance(section, number, entry, &at) {
            refuse_twins(section, &found, &instance, &at);
            found.push((instance, at));
        }
    });
    section.refuse_empty_list("app", EXAMPLE);
    (!found.is_empty()).then_some(found)
}

/// What one instance is written as.
#[derive(Clone, Copy)]
enum Entry<'a> {
    Address(&'a str),
    Table(&'a dyn TableLike),
}

fn each<'a>(section: &Section<'a>, item: &'a Item, mut take: impl FnMut(Entry<'a>, Range<usize>)) {
    let at = section.place(item);
    if let Some(array) = item.as_array() {
        for value in array {
            let at = value.span().unwrap_or_else(|| at.clone());
            match value {
                Value::String(text) => take(Entry::Address(text.value()), at),
                Value::InlineTable(table) => take(Entry::Table(table), at),
                other => wrong_kind(section, kind_of(other), at),
            }
        }
    } else if let Some(tables) = item.as_array_of_tables() {
        for table in tables {
            take(Entry::Table(table), table.span().unwrap_or_else(|| at.clone()));
        }
    } else if let Some(text) = item.as_str() {
        take(Entry::Address(text), at);
    } else if let Some(table) = item.as_table_like() {
        take(Entry::Table(table), at);
    } else {
        wrong_kind(section, super::kind(item), at);
    }
}

fn wrong_kind(section: &Section<'_>, kind: &str, at: Range<usize>) {
    let message = format!("`app` has {kind}, but addresses are wanted");
    let mend = format!("write `app = {EXAMPLE}` or `{{ address = \"127.0.0.1:3001\" }}`");
    section.wrong(at, message, mend);
}

fn instance(
    shop: &Section<'_>,
    number: usize,
    entry: Entry<'_>,
    at: &Range<usize>,
) -> Option<InstanceSettings> {
    let text = match entry {
        Entry::Table(table) => return from_table(shop, number, table, at),
        Entry::Address(value) => Text { value, at: at.clone() },
    };
    let address = shop.checked("app", &text, instance_address)?;
    let name = default_name(address);
    let (weight, connections) = (WEIGHT, CONNECTIONS);
    Some(InstanceSettings { name, address, weight, connections, launch: None })
}

fn from_table(
    shop: &Section<'_>,
    number: usize,
    table: &dyn TableLike,
    at: &Range<usize>,
) -> Option<InstanceSettings> {
    let name = format!("instance {number} of {}", shop.name);
    let section = Section::new(shop.reader, name, at.clone(), table);
    let address = section.parsed("address", instance_address);
    if section.item("address").is_none() {
        section.missing("address", "write `address = \"127.0.0.1:3001\"`");
    }
    let name = section.parsed("name", |text| {
        let refused =
            |error| Wrong::new(format!("\"{text}\" {error}"), "write one such as \"app-1\"");
        text.parse::<InstanceName>().map_err(refused)
    });
    let weight = section.number("weight", WEIGHT, 1..=100);
    let connections = section.number("connections", CONNECTIONS, 1..=100_000);
    let launch = launch::launch(&section);
    section.finish();
    let address = address?;
    let name = name.unwrap_or_else(|| default_name(address));
    Some(InstanceSettings { name, address, weight, connections, launch })
}

fn instance_address(text: &str) -> Result<SocketAddr, Wrong> {
    let address = values::address(text)?;
    if address.port() == 0 {
        let mend = "write the port that the application listens on";
        return Err(Wrong::new(format!("is \"{text}\", and nothing listens on port 0"), mend));
    }
    if address.ip().is_unspecified() {
        let mend = format!("write \"127.0.0.1:{}\" if it runs on this machine", address.port());
        return Err(Wrong::new(format!("is \"{text}\", which is no place to connect to"), mend));
    }
    Ok(address)
}

/// Said of its address alone, so that an instance keeps its name when others come and go.
fn default_name(address: SocketAddr) -> InstanceName {
    let port = address.port();
    let name = if address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) {
        format!("app-{port}")
    } else {
        format!("app-{}-{port}", address.ip()).replace(['.', ':', '%'], "-")
    };
    name.parse().expect("invariant: an address makes a name of digits, a-f and `-`")
}

fn refuse_twins(
    section: &Section<'_>,
    found: &Found,
    instance: &InstanceSettings,
    at: &Range<usize>,
) {
    for (other, place) in found {
        let line = section.reader.line(place);
        if other.address == instance.address {
            let message = format!("`app` has {} twice, first in line {line}", instance.address);
            section.wrong(at.clone(), message, "keep one of the two; `weight` gives it more");
        } else if other.name == instance.name {
            let message =
                format!("`app` has the name \"{}\" twice, first in line {line}", other.name);
            section.wrong(at.clone(), message, "give one of the two another `name`");
        }
    }
}
