//! What changes when one configuration takes another's place, in sentences. Secrets are masked.

use super::{Configuration, InstanceSettings, Known, Row, Section, ShopSettings, explain};

/// The keys whose lists are compared by what is in them.
const LISTS: [&str; 3] = ["listen", "hosts", "app"];

/// What is otherwise under `after` than under `before`, a sentence each; empty: nothing that matters.
#[must_use]
pub fn changes(before: &Configuration, after: &Configuration, known: Known<'_>) -> Vec<String> {
    let mut said = Vec::new();
    let listen = |configuration: &Configuration| -> Vec<String> {
        configuration.edge.listen.iter().map(ToString::to_string).collect()
    };
    for (address, comes) in moved(&listen(before), &listen(after)) {
        let verb = if comes { "will listen" } else { "no longer listens" };
        said.push(format!("the edge {verb} on {address}"));
    }
    for shop in &before.shops {
        match after.shops.iter().find(|other| other.id == shop.id) {
            Some(other) => of_shop(shop, other, &mut said),
            None => said.push(format!("shop {} is served no longer", shop.id)),
        }
    }
    let is_new = |shop: &&ShopSettings| before.shops.iter().all(|other| other.id != shop.id);
    for shop in after.shops.iter().filter(is_new) {
        let (id, hosts) = (&shop.id, shop.hosts.join(", "));
        let count = shop.instances.len();
        let instances = if count == 1 { "instance" } else { "instances" };
        said.push(format!("shop {id} is new: {hosts}, {count} {instances}"));
    }
    // Most of what is said of the one has no meaning for the other.
    let turned: Vec<String> = before
        .shops
        .iter()
        .filter(|shop| after.shops.iter().any(|other| turns(shop, other)))
        .map(|shop| format!("[shop.{}]", shop.id))
        .collect();
    let (before, after) = (explain(before, known), explain(after, known));
    for section in &after.sections {
        match before.sections.iter().find(|other| is_same(other, section)) {
            Some(_) if turned.contains(&section.table) => {}
            Some(other) => of_rows(other, section, &mut said),
            None if section.table.starts_with("[shop.") => {}
            None => said.push(format!("{} is new", named(section))),
        }
    }
    let gone = |section: &&Section| {
        let is_shop = section.table.starts_with("[shop.");
        !is_shop && !after.sections.iter().any(|other| is_same(other, section))
    };
    said.extend(before.sections.iter().filter(gone).map(|one| format!("{} goes", named(one))));
    said
}

/// Of several tables of one name, as `[[plan.window]]`, which is which their titles say; of those
/// without, as `[[plan.rule]]`, all that is in them.
fn is_same(one: &Section, other: &Section) -> bool {
    let is_list = one.table.starts_with("[[");
    let has_name = !one.title.is_empty();
    let is_named_alike = if has_name { one.title == other.title } else { one.rows == other.rows };
    one.table == other.table && (!is_list || is_named_alike)
}

fn named(section: &Section) -> String {
    match section.table.starts_with("[[") {
        true => format!("{} {}", section.table, section.title).trim_end().to_owned(),
        false => section.table.clone(),
    }
}

/// Whether Storewarden stands before one of them and beside the other.
fn turns(before: &ShopSettings, after: &ShopSettings) -> bool {
    before.id == after.id && before.beside.is_some() != after.beside.is_some()
}

fn of_shop(before: &ShopSettings, after: &ShopSettings, said: &mut Vec<String>) {
    let id = &before.id;
    match (&before.beside, &after.beside) {
        (Some(_), None) => said.push(format!("Storewarden will stand before {id}")),
        (None, Some(_)) => said.push(format!("{id} is watched from beside, by its access logs")),
        _ => {}
    }
    for (host, comes) in moved(&before.hosts, &after.hosts) {
        let verb = if comes { "answers to" } else { "answers no longer to" };
        said.push(format!("{id} {verb} {host}"));
    }
    for instance in &before.instances {
        let InstanceSettings { name, address, .. } = instance;
        match after.instances.iter().find(|other| other.name == *name) {
            None => said.push(format!("{id}: instance {name} at {address} goes")),
            Some(other) if other != instance => {
                said.push(format!("{id}: instance {name} changes: {}", differing(instance, other)));
            }
            Some(_) => {}
        }
    }
    for InstanceSettings { name, address, .. } in &after.instances {
        if before.instances.iter().all(|other| other.name != *name) {
            said.push(format!("{id}: instance {name} at {address} comes"));
        }
    }
    let secret = |shop: &ShopSettings| shop.database.as_ref().map(|url| url.secret.clone());
    let shown = |shop: &ShopSettings| shop.database.as_ref().map(ToString::to_string);
    if secret(before) != secret(after) && shown(before) == shown(after) {
        said.push(format!("{id}: `database` has another password"));
    }
}

fn differing(before: &InstanceSettings, after: &InstanceSettings) -> String {
    let mut parts = Vec::new();
    if before.address != after.address {
        parts.push(format!("{} → {}", before.address, after.address));
    }
    if before.weight != after.weight {
        parts.push(format!("weight {} → {}", before.weight, after.weight));
    }
    if before.connections != after.connections {
        let (before, after) = (before.connections, after.connections);
        parts.push(format!("{before} → {after} requests at once"));
    }
    if before.launch != after.launch {
        parts.push("another way to start it".to_owned());
    }
    parts.join(", ")
}

/// Values of keys; a value that goes on over several rows is one.
fn of_rows(before: &Section, after: &Section, said: &mut Vec<String>) {
    let (before_values, after_values) = (values(&before.rows), values(&after.rows));
    for (key, value) in &after_values {
        if LISTS.contains(&key.as_str()) {
            continue;
        }
        let old = before_values.iter().find(|(other, _)| other == key).map(|(_, value)| value);
        if old != Some(value) {
            let old = old.map_or("nothing", String::as_str);
            said.push(format!("{} `{key}`: {old} → {value}", after.table));
        }
    }
    for (key, value) in &before_values {
        let is_gone = after_values.iter().all(|(other, _)| other != key);
        if is_gone && !LISTS.contains(&key.as_str()) {
            said.push(format!("{} `{key}`: {value} → nothing", after.table));
        }
    }
}

fn values(rows: &[Row]) -> Vec<(String, String)> {
    let mut values: Vec<(String, String)> = Vec::new();
    for row in rows {
        match values.last_mut().filter(|_| row.key.is_empty()) {
            Some((_, value)) => value.push_str(&format!(", {}", row.value)),
            None => values.push((row.key.clone(), row.value.clone())),
        }
    }
    values
}

/// What goes, with false, and what comes, with true.
fn moved(before: &[String], after: &[String]) -> Vec<(String, bool)> {
    let gone = before.iter().filter(|one| !after.contains(one)).map(|one| (one.clone(), false));
    let come = after.iter().filter(|one| !before.contains(one)).map(|one| (one.clone(), true));
    gone.chain(come).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{KnownPlatform, parse},
        snapshot::Check,
    };

    const BEFORE: &str = "version = 1\n[shop.lamps]\nplatform = \"generic\"\n\
        hosts = [\"lamps.example\", \"www.lamps.example\"]\napp = [\"127.0.0.1:3001\", \"127.0.0.1:3002\"]\n\
        database = \"postgres://me:${PASSWORD}@h/lamps\"\n";

    #[test]
    fn what_changes_is_said_and_nothing_else() {
        let platforms = [KnownPlatform { name: "generic".into(), check: Check::default() }];
        let read = |text: &str, password: &'static str| {
            let environment = move |name: &str| (name == "PASSWORD").then(|| password.to_owned());
            parse(
                text,
                Known { platforms: &platforms, environment: &environment, time_zone: &|_| Ok(()) },
            )
            .unwrap()
        };
        let known = Known { platforms: &platforms, environment: &|_| None, time_zone: &|_| Ok(()) };
        let check = |after: &str, password: &'static str, expect: &[&str]| {
            assert_eq!(
                changes(&read(BEFORE, "a"), &read(after, password), known),
                expect,
                "{after}"
            );
        };
        check(BEFORE, "a", &[]);
        check(&format!("# another word\n{BEFORE}"), "a", &[]);
        check(BEFORE, "b", &["lamps: `database` has another password"]);
        check(
            &BEFORE.replace("\"127.0.0.1:3002\"", "{ address = \"127.0.0.1:3003\" }"),
            "a",
            &[
                "lamps: instance app-3002 at 127.0.0.1:3002 goes",
                "lamps: instance app-3003 at 127.0.0.1:3003 comes",
            ],
        );
        check(
            &BEFORE.replace(
                "\"127.0.0.1:3002\"",
                "{ address = \"127.0.0.1:3002\", weight = 2, unit = \"a\" }",
            ),
            "a",
            &["lamps: instance app-3002 changes: weight 1 → 2, another way to start it"],
        );
        check(
            &BEFORE.replace("\"www.lamps.example\"", "\"shop.example\""),
            "a",
            &["lamps answers no longer to www.lamps.example", "lamps answers to shop.example"],
        );
        check(
            &BEFORE.replace("[shop.lamps]", "[shop.lights]"),
            "a",
            &[
                "shop lamps is served no longer",
                "shop lights is new: lamps.example, www.lamps.example, 2 instances",
            ],
        );
        check(
            &format!("{BEFORE}[edge]\nlisten = [\"http://[::]:80\", \"http://[::]:81\"]\n"),
            "a",
            &[
                "the edge no longer listens on https://[::]:443",
                "the edge will listen on http://[::]:81",
            ],
        );
        check(
            &format!(
                "{BEFORE}front = false\nlogs = \"/l\"\n[edge]\nlisten = [\"http://[::]:80\", \"https://[::]:443\"]\n"
            ),
            "a",
            &["lamps is watched from beside, by its access logs"],
        );
        let window = "[[plan.window]]\nname = \"n\"\nwhen = \"daily 03:00-04:00\"\n";
        let others = window.replace("\"n\"", "\"m\"");
        let rule = "[[plan.rule]]\nwindow = \"n\"\n";
        let new = ["[[plan.window]] n", "[[plan.window]] m", "[[plan.rule]]"];
        let new = new.map(|table| format!("{table} is new"));
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        check(&format!("{BEFORE}{window}{others}{rule}"), "a", &new);
        check(
            &format!("{BEFORE}hold = {{ max_wait = \"10s\" }}\n"),
            "a",
            &["[shop.lamps] `hold.max_wait`: 30s → 10s"],
        );
    }
}
