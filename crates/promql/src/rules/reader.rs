//! From a document of YAML to rules.

use super::document::{self, Node, Notes};
use super::{Rule, RuleFile, RuleGroup, RuleKind, RuleMistake, Template};
use crate::query::{Query, duration};
use std::collections::{BTreeMap, BTreeSet};

const GROUP: [&str; 6] = ["name", "interval", "query_offset", "limit", "labels", "rules"];
const RULE: [&str; 7] =
    ["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];
/// What an alerting rule has and a recording rule has not.
const ALERT_ONLY: [&str; 3] = ["for", "keep_firing_for", "annotations"];

pub(super) fn read(text: &str) -> Result<RuleFile, Vec<RuleMistake>> {
    let documents = document::load(text).map_err(|why| vec![why])?;
    let mut notes = Notes::default();
    let mut file = RuleFile::default();
    if let Some(second) = documents.get(1) {
        notes.note(second, "a second document begins: a file of rules has one");
    }
    if let Some(document) = documents.first() {
        for (_, groups) in notes.fields(document, "a file of rules", &["groups"]) {
            let groups = notes.items(groups, "`groups`");
            file.groups = groups.iter().filter_map(|node| group(node, &mut notes)).collect();
            repeated_groups(groups, &file, &mut notes);
        }
    }
    let mut mistakes = notes.0;
    if mistakes.is_empty() {
        return Ok(file);
    }
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    Err(mistakes)
}

fn repeated_groups(nodes: &[Node<'_>], file: &RuleFile, notes: &mut Notes) {
    // A group that could not be read is told already.
    if nodes.len() != file.groups.len() {
        return;
    }
    let mut names = BTreeSet::new();
    for (node, group) in nodes.iter().zip(&file.groups) {
        if !names.insert(&group.name) {
            notes
                .note(node, format!("a second group {:?}: names are unique in a file", group.name));
        }
    }
}

fn group(node: &Node<'_>, notes: &mut Notes) -> Option<RuleGroup> {
    let (mut name, mut interval_ms, mut query_offset_ms, mut limit) = (None, None, 0, 0);
    let (mut labels, mut rules) = (BTreeMap::new(), Vec::new());
    let fields = notes.fields(node, "a group", &GROUP);
    for (key, value) in &fields {
        match *key {
            "name" => name = notes.text(value, "`name`").filter(|name| !name.is_empty()),
            "interval" => interval_ms = span(value, "interval", notes).filter(|ms| *ms > 0),
            "query_offset" => query_offset_ms = span(value, "query_offset", notes).unwrap_or(0),
            "limit" => limit = count(value, notes).unwrap_or(0),
            "labels" => labels = texts(value, "labels", label_name, notes),
            _ => {}
        }
    }
    for (_, value) in fields.iter().filter(|(key, _)| *key == "rules") {
        let nodes = notes.items(value, "`rules`");
        rules.extend(nodes.iter().filter_map(|node| rule(node, &labels, notes)));
    }
    if name.is_none() {
        notes.note(node, "a group without a name: `name: …`");
    }
    Some(RuleGroup { name: name?.to_owned(), interval_ms, query_offset_ms, limit, rules })
}

fn rule(node: &Node<'_>, shared: &BTreeMap<String, Template>, notes: &mut Notes) -> Option<Rule> {
    let fields = notes.fields(node, "a rule", &RULE);
    let field = |name: &str| fields.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let (record, alert) = (field("record"), field("alert"));
    let (named, is_alert) = match (record, alert) {
        (Some(record), None) => (record, false),
        (None, Some(alert)) => (alert, true),
        (Some(_), Some(alert)) => {
            notes.note(alert, "a rule has `record` or `alert`, not both: make two rules of it");
            return None;
        }
        (None, None) => {
            notes.note(node, "a rule has `record: SERIES` or `alert: NAME`");
            return None;
        }
    };
    let name = notes.text(named, "a rule's name")?;
    if is_alert && name.is_empty() || !is_alert && !is_metric_name(name) {
        notes.note(
            named,
            format!("{name:?} is no name of {}", if is_alert { "an alert" } else { "a series" }),
        );
    }
    let Some(expr) = field("expr") else {
        notes.note(node, format!("the rule {name:?} has no query: `expr: …`"));
        return None;
    };
    let query = query(expr, notes);
    let mut labels = shared.clone();
    labels.extend(
        field("labels").map(|node| texts(node, "labels", label_name, notes)).unwrap_or_default(),
    );
    let kind = if is_alert {
        let mut ms = |name: &str| field(name).and_then(|node| span(node, name, notes)).unwrap_or(0);
        let (for_ms, keep_firing_for_ms) = (ms("for"), ms("keep_firing_for"));
        let annotations = field("annotations");
        let annotations = annotations.map(|node| texts(node, "annotations", label_name, notes));
        RuleKind::Alerting {
            for_ms,
            keep_firing_for_ms,
            annotations: annotations.unwrap_or_default(),
        }
    } else {
        for (key, value) in fields.iter().filter(|(key, _)| ALERT_ONLY.contains(key)) {
            notes.note(value, format!("`{key}` is for alerts; {name:?} is a series"));
        }
        if let Some(node) = field("labels").filter(|_| labels.values().any(|text| !text.is_plain()))
        {
            notes.note(node, "labels of a recorded series are plain text, without {{ }}");
        }
        RuleKind::Recording
    };
    let line = node.span.start.line();
    Some(Rule { line, name: name.to_owned(), query: query?, labels, kind })
}

fn query(node: &Node<'_>, notes: &mut Notes) -> Option<Query> {
    let text = notes.text(node, "`expr`")?;
    Query::parse(text).map_err(|why| notes.note(node, why.to_string())).ok()
}

fn texts(
    node: &Node<'_>,
    what: &str,
    is_name: fn(&str) -> bool,
    notes: &mut Notes,
) -> BTreeMap<String, Template> {
    let mut texts = BTreeMap::new();
    for (key, value) in notes.pairs(node, &format!("`{what}`")) {
        let Some(name) = notes.text(key, "a name") else { continue };
        if !is_name(name) {
            notes.note(key, format!("{name:?} cannot be a name among `{what}`"));
            continue;
        }
        let text = if document::is_nothing(value) { Some("") } else { notes.text(value, name) };
        match text.map(Template::read) {
            Some(Ok(template)) => drop(texts.insert(name.to_owned(), template)),
            Some(Err(why)) => notes.note(value, format!("`{name}`: {why}")),
            None => {}
        }
    }
    texts
}

/// `__name__` is the rule's own.
fn label_name(name: &str) -> bool {
    let mut letters = name.bytes();
    let begins = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    begins && letters.all(|one| one.is_ascii_alphanumeric() || one == b'_') && name != "__name__"
}

fn is_metric_name(name: &str) -> bool {
    let is_inner = |one: u8| one.is_ascii_alphanumeric() || one == b'_' || one == b':';
    name.bytes().next().is_some_and(|first| !first.is_ascii_digit()) && name.bytes().all(is_inner)
}

fn span(node: &Node<'_>, what: &str, notes: &mut Notes) -> Option<i64> {
    let text = notes.text(node, what)?;
    let ms = if text == "0" {
        Some(0)
    } else {
        duration(text).and_then(|span| i64::try_from(span.as_millis()).ok())
    };
    if ms.is_none() {
        notes.note(node, format!("`{what}: {text}` is no time: write it like 30s, 5m or 1h30m"));
    }
    ms
}

fn count(node: &Node<'_>, notes: &mut Notes) -> Option<usize> {
    let text = notes.text(node, "`limit`")?;
    let number = text.parse().ok();
    if number.is_none() {
        notes.note(node, format!("`limit: {text}` is no number of series; 0 is any number"));
    }
    number
}
