//! The ledger from the command line: a store that nobody runs, one that is tampered with, and a
//! checkpoint that had left the machine.

use crate::stand::{LIMIT, program};
use kernel::{Actor, LedgerEntry, Params};
use serde_json::Value;
use std::{fs, path::Path, sync::Arc};
use store::{CheckpointOutcome, LedgerKey, Store};
use testkit::process::run_to_end;

const T: i64 = 1_767_225_600_000;

/// What `storewarden ledger …` prints; else its error with exit code and what it printed.
fn say(state: &Path, arguments: &[&str]) -> Result<String, String> {
    let output =
        run_to_end(program().arg("ledger").args(arguments).arg("--state").arg(state), LIMIT);
    let output = output.map_err(|error| error.to_string())?;
    Ok(String::from_utf8(output.stdout).unwrap())
}

/// Three records and a checkpoint, which also lies in `kept/`.
async fn filled(state: &Path) {
    let store = Store::open(state).unwrap();
    let key = Arc::new(LedgerKey::open(state).unwrap());
    for number in 0..3 {
        let entry = LedgerEntry {
            at_ms: T + number * 3_600_000,
            actor: Actor::Person("anna".into()),
            shop: Some("lamps".parse().unwrap()),
            kind: "run_started".into(),
            subject: Some(format!("run:{number}")),
            params: Params::from([("note".to_owned(), "a, \"b\"".into())]),
        };
        store.append_to_ledger(entry).await.unwrap();
    }
    let made = store.make_ledger_checkpoint(key, T).await.unwrap();
    let CheckpointOutcome::Made(made) = made else { panic!("{made:?}") };
    let path = state.join("kept").join(made.name());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, made.text()).unwrap();
}

fn tamper(state: &Path, sql: &str) {
    let open = rusqlite::Connection::open(state.join(store::FILE_NAME)).unwrap();
    let triggers = "DROP TRIGGER ledger_is_never_updated; DROP TRIGGER ledger_is_never_deleted;
                    DROP TRIGGER ledger_checkpoint_is_never_deleted;";
    open.execute_batch(&format!("{triggers} {sql}")).unwrap();
}

#[tokio::test]
async fn a_ledger_is_shown_exported_and_verified_without_a_control() {
    let state = testkit::folder();
    filled(state.path()).await;
    let state = state.path();
    let kept = state.join("kept");
    let kept = kept.to_str().unwrap();
    let said = say(state, &["verify", "--checkpoint", kept]).unwrap();
    let sentence = "The ledger holds: 3 records, from 2026-01-01 00:00:00 UTC to 2026-01-01 \
                    02:00:00 UTC.\n";
    assert!(said.starts_with(sentence), "{said}");
    assert!(said.contains("1 of 1 checkpoints given agree"), "{said}");
    let json: Value = serde_json::from_str(&say(state, &["verify", "--json"]).unwrap()).unwrap();
    assert_eq!(
        (&json["holds"], &json["records"], &json["covered"]),
        (&true.into(), &3.into(), &3.into())
    );

    let table = say(state, &["show", "--last", "2"]).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[1].contains(" 2  2026-01-01 01:00:00 UTC  person:anna  lamps"), "{table}");
    let json: Value = serde_json::from_str(&say(state, &["show", "--json"]).unwrap()).unwrap();
    assert_eq!(json["records"].as_array().unwrap().len(), 3);

    let from_second = ["export", "--from", "2026-01-01T01:00:00Z", "--until", "2026-01-02"];
    let lines = say(state, &from_second).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((lines.lines().count(), &first["sequence"]), (2, &2.into()));
    assert!(!lines.contains("anna"), "an export names nobody");
    let csv = say(state, &["export", "--csv"]).unwrap();
    assert_eq!(csv.lines().count(), 4);
    assert!(csv.contains(r#","{""note"":""a, \""b\""""}","#), "{csv}");
}

#[tokio::test]
async fn what_was_tampered_with_is_said_and_is_an_exit_code() {
    let state = testkit::folder();
    filled(state.path()).await;
    let state = state.path();
    tamper(state, "UPDATE ledger SET kind = 'nothing' WHERE sequence = 2");
    let error = say(state, &["verify"]).unwrap_err();
    assert!(error.contains("exit status: 1"), "{error}");
    let json = say(state, &["verify", "--json"]).unwrap_err();
    assert!(json.contains("exit status: 1"), "{json}");
}

#[tokio::test]
async fn a_cut_with_its_checkpoint_is_seen_by_the_copy_alone() {
    let state = testkit::folder();
    filled(state.path()).await;
    let state = state.path();
    tamper(state, "DELETE FROM ledger WHERE sequence = 3; DELETE FROM ledger_checkpoint");
    say(state, &["verify"]).unwrap();
    let kept = state.join("kept");
    let error = say(state, &["verify", "--checkpoint", kept.to_str().unwrap()]).unwrap_err();
    assert!(error.contains("exit status: 1"), "{error}");
}

#[test]
fn where_there_is_no_ledger_it_is_said() {
    let state = testkit::folder();
    for command in ["verify", "export", "show"] {
        let error = say(state.path(), &[command]).unwrap_err();
        assert!(error.contains("exit status: 1"), "{error}");
        assert!(error.contains("look for a ledger in"), "{error}");
    }
    let error = say(state.path(), &["export", "--from", "yesterday"]).unwrap_err();
    assert!(error.contains("exit status: 2") && error.contains("write a day such as"), "{error}");
}
