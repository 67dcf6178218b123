//! `storewarden check`: what a configuration means, or everything that is wrong with it; and what it
//! would change.

mod running;

use crate::{
    cli::Exit,
    configuration::{self, Mistakes},
    remote::print,
};
use kernel::config::{Configuration, Explanation, Known, Section, explain};
use serde_json::{Value, json};
use std::path::Path;

/// `running`: the state directory of what the file is held against.
pub(crate) fn run(file: &Path, running: Option<&Path>, as_json: bool) -> anyhow::Result<Exit> {
    let loaded = configuration::load(file)?;
    let configuration = match loaded.meaning {
        Ok(configuration) => configuration,
        Err(mistakes) => return refuse(&mistakes, as_json),
    };
    let known = configuration::known();
    match running {
        None => said(&configuration, loaded.warnings, known, as_json),
        Some(state) => running::compare(file, &loaded.text, &configuration, state, known, as_json),
    }
}

fn said(
    configuration: &Configuration,
    warnings: Vec<String>,
    known: Known<'_>,
    as_json: bool,
) -> anyhow::Result<Exit> {
    let mut explanation = explain(configuration, known);
    explanation.notes.extend(warnings);
    if as_json {
        print_json(&plain(&explanation))?;
    } else {
        print(explanation.to_string().as_bytes())?;
    }
    Ok(Exit::Fine)
}

/// The same without what lines it up for people: each key once, with all that stands under it.
fn plain(explanation: &Explanation) -> Value {
    let section = |section: &Section| {
        let mut keys: Vec<Value> = Vec::new();
        for row in &section.rows {
            let said = json!({ "value": row.value.trim(), "meaning": row.meaning });
            match keys.last_mut().and_then(|last| last["values"].as_array_mut()) {
                Some(values) if row.key.is_empty() => values.push(said),
                _ => keys.push(json!({ "key": row.key, "default": row.default, "values": [said] })),
            }
        }
        json!({ "table": section.table, "title": section.title, "keys": keys })
    };
    let sections: Vec<Value> = explanation.sections.iter().map(section).collect();
    json!({ "sections": sections, "notes": explanation.notes })
}

fn refuse(mistakes: &Mistakes, as_json: bool) -> anyhow::Result<Exit> {
    if as_json {
        let error = json!({
            "code": "configuration",
            "message": mistakes.message,
            "details": mistakes.details,
        });
        print_json(&json!({ "error": error }))?;
    } else {
        for line in &mistakes.details {
            eprintln!("{line}");
        }
        eprintln!("storewarden: {}", mistakes.message);
    }
    Ok(Exit::Configuration)
}

fn print_json(value: &Value) -> anyhow::Result<()> {
    print(format!("{}\n", serde_json::to_string_pretty(value)?).as_bytes())
}
