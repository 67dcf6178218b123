//! Checks of a shop's backups, by what its repositories list.

use super::Sign;
use crate::backups::{BackupPlace, BackupState, ShopBackups, Trouble};
use kernel::Level;

pub(super) fn signs(backups: &ShopBackups) -> Vec<Sign> {
    let places = backups.places.iter();
    let own = [
        state_sign(backups),
        failed_sign(backups),
        drill_sign(backups),
        untried_sign(backups),
        sheet_sign(backups),
    ];
    let of_places = places.flat_map(|place| [unknown_sign(place), damaged_sign(place)]);
    own.into_iter().chain(of_places).flatten().collect()
}

fn state_sign(backups: &ShopBackups) -> Option<Sign> {
    match backups.state {
        BackupState::Late => {
            let due = backups.due?;
            let sign = Sign::new("backup_late", Level::Broken).with("newest_ms", due.at_ms);
            let sign = sign.with("lose_at_most_ms", due.at_most_ms).with("what", due.of.as_str());
            Some(backups.since_ms.into_iter().fold(sign, Sign::since))
        }
        BackupState::Never => Some(Sign::new("backup_missing", Level::Attention)),
        _ => None,
    }
}

/// The last try failed, and nothing has come since that would make up for it.
fn failed_sign(backups: &ShopBackups) -> Option<Sign> {
    let run = backups.last_run.as_ref().filter(|run| run.state == "failed")?;
    let ended_ms = run.ended_ms.unwrap_or(i64::MAX);
    let is_newer = backups.newest.as_ref().is_some_and(|newest| newest.at_ms >= ended_ms);
    // A backup from before the clock went back has not come since.
    if is_newer && backups.state != BackupState::Failing {
        return None;
    }
    let sign = Sign::new("backup_failed", Level::Attention).with("run", run.run.as_str());
    let error = run.trouble.as_ref().map_or("unknown", |trouble| trouble.message.as_str());
    let sign = run.ended_ms.into_iter().fold(sign.with("error", error), Sign::since);
    Some(match &run.trouble {
        Some(Trouble { code, .. }) => sign.with("code", code.as_str()),
        None => sign,
    })
}

/// What the last drill found; the next one makes up for it.
fn drill_sign(backups: &ShopBackups) -> Option<Sign> {
    let drill = backups.drills.first()?;
    let sign = match drill.verdict.as_str() {
        "good" => return None,
        "broken" => Sign::new("drill_failed", Level::Broken),
        "short" => Sign::new("drill_short", Level::Attention)
            .with("took_ms", drill.took_ms)
            .with("back_within_ms", backups.back_within_ms)
            .with("lost_ms", drill.lost_ms)
            .with("lose_at_most_ms", backups.lose_at_most_ms),
        _ => Sign::new("drill_unknown", Level::Attention),
    };
    let failed = drill.checks.iter().find(|check| matches!(&*check.outcome, "failed" | "unknown"));
    let check = failed.map_or("unknown", |check| check.check.as_str());
    Some(sign.with("check", check).with("run", drill.run.as_str()).since(drill.at_ms))
}

/// No backup was tried for longer than was agreed, whatever kept it: what the last one found says less
/// and less.
fn untried_sign(backups: &ShopBackups) -> Option<Sign> {
    let late_ms = backups.drill_late_ms?;
    let sign = match backups.drills.first() {
        Some(last) => Sign::new("drill_late", Level::Attention).with("tried_ms", last.at_ms),
        None => Sign::new("drill_missing", Level::Attention),
    };
    let failed = backups.failed_drill.as_ref();
    let trouble = failed.and_then(|run| run.trouble.as_ref());
    let error = trouble.map_or("none has begun", |trouble| trouble.message.as_str());
    let sign = sign.with("error", error).since(late_ms);
    let sign = trouble.into_iter().fold(sign, |sign, trouble| sign.with("code", &*trouble.code));
    Some(failed.into_iter().fold(sign, |sign, run| sign.with("run", run.run.as_str())))
}

/// Nobody has tried a recovery sheet for longer than was agreed: whether it opens anything is not known.
fn sheet_sign(backups: &ShopBackups) -> Option<Sign> {
    let sheet = backups.sheet.as_ref()?;
    let sign = Sign::new("sheet_untried", Level::Attention).with("made_ms", sheet.made_ms);
    let sign = sheet.tried_ms.into_iter().fold(sign, |sign, tried| sign.with("tried_ms", tried));
    Some(sign.since(sheet.late_ms?))
}

fn unknown_sign(place: &BackupPlace) -> Option<Sign> {
    let trouble = place.trouble.as_ref()?;
    let sign = Sign::new("backup_unknown", Level::Attention).about(place.place.as_str());
    let sign = sign.with("place", place.place.as_str()).with("code", trouble.code.as_str());
    Some(sign.with("error", trouble.message.as_str()))
}

fn damaged_sign(place: &BackupPlace) -> Option<Sign> {
    let damaged = place.damaged.filter(|damaged| *damaged > 0)?;
    let sign = Sign::new("backup_damaged", Level::Broken).about(place.place.as_str());
    let sign = sign.with("place", place.place.as_str()).with("count", damaged);
    Some(place.checked_ms.into_iter().fold(sign, Sign::since))
}

/// Whether something is not known that these checks would tell: what they do not find is not gone.
pub(crate) fn is_blind(backups: Option<&ShopBackups>) -> bool {
    backups.is_some_and(|backups| backups.state == BackupState::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backups::{BackupRun, DrillRow, Due, DueOf, SheetStanding, SnapshotRow};
    use kernel::Params;

    fn backups(state: BackupState) -> ShopBackups {
        ShopBackups {
            shop: "lamps".parse().unwrap(),
            state,
            since_ms: Some(50),
            lose_at_most_ms: 100,
            due: Some(Due { of: DueOf::Files, at_ms: 5, at_most_ms: 100 }),
            back_within_ms: 100,
            places: vec![BackupPlace {
                place: "/b".into(),
                kind: "folder".into(),
                looked_ms: Some(1),
                trouble: None,
                snapshots: Some(1),
                newest_ms: Some(5),
                bytes: Some(9),
                checked_ms: None,
                damaged: None,
            }],
            newest: Some(SnapshotRow {
                id: "0a".into(),
                at_ms: 5,
                files: None,
                bytes: None,
                added_bytes: None,
                took_ms: None,
                tags: Vec::new(),
                paths: Vec::new(),
                databases: Vec::new(),
                journal_ms: None,
                places: Vec::new(),
            }),
            dump_ms: Some(5),
            database_ms: Some(5),
            next_ms: None,
            running: None,
            last_run: None,
            history: Vec::new(),
            drills: Vec::new(),
            drill_late_ms: None,
            failed_drill: None,
            sheet: None,
            stream: None,
            vanished: Vec::new(),
            missing: None,
        }
    }

    fn check(backups: &ShopBackups, expect: &[&str]) {
        let said: Vec<String> = signs(backups).iter().map(Sign::id).collect();
        assert_eq!(said, expect);
    }

    #[test]
    fn whatever_becomes_too_old_first_is_told() {
        let check = |files, database, expect| {
            let due = Due::first(files, database);
            assert_eq!(due.map(|due| (due.of.as_str(), due.late_ms())), expect);
        };
        check(None, Some((5, 10)), None);
        check(Some((5, 10)), None, Some(("files", 15)));
        // The newer of both may be the one that is too old.
        check(Some((5, 100)), Some((90, 10)), Some(("database", 100)));
        check(Some((5, 94)), Some((90, 10)), Some(("files", 99)));
        let due = Due::first(Some((5, 100)), Some((90, 10)));
        let sign = state_sign(&ShopBackups { due, ..backups(BackupState::Late) }).unwrap();
        let param = |name: &str| sign.params[name].clone();
        assert_eq!((param("what"), param("newest_ms")), ("database".into(), 90_i64.into()));
    }

    #[test]
    fn what_is_known_of_backups_becomes_findings() {
        check(&backups(BackupState::Ok), &[]);
        check(&backups(BackupState::Off), &[]);
        check(&backups(BackupState::Late), &["backup_late"]);
        check(&backups(BackupState::Never), &["backup_missing"]);
        let failed = |ended_ms| {
            let (run, state) = ("7".into(), "failed".into());
            let last_run = Some(BackupRun { run, state, ended_ms: Some(ended_ms), trouble: None });
            ShopBackups { last_run, ..backups(BackupState::Ok) }
        };
        check(&failed(9), &["backup_failed"]);
        // A backup that began after it ended makes up for it.
        check(&failed(4), &[]);
        // Of the time before the clock went back, it does not.
        let behind = ShopBackups { state: BackupState::Failing, ..failed(4) };
        check(&behind, &["backup_failed"]);
        let drilled = |verdict: &str| {
            let drill = DrillRow {
                run: "8".into(),
                at_ms: 7,
                place: "/b".into(),
                snapshot: "0a".into(),
                snapshot_ms: 5,
                verdict: verdict.into(),
                score: Some(50),
                took_ms: 1,
                lost_ms: 2,
                until_ms: None,
                dump_ms: None,
                load_ms: 1,
                replay_ms: 0,
                changes: 0,
                bytes: 9,
                rows: 3,
                by_sheet: false,
                checks: Vec::new(),
            };
            ShopBackups { drills: vec![drill], ..backups(BackupState::Ok) }
        };
        check(&drilled("good"), &[]);
        check(&drilled("short"), &["drill_short"]);
        check(&drilled("broken"), &["drill_failed"]);
        check(&drilled("unknown"), &["drill_unknown"]);
        let late = |of| ShopBackups { drill_late_ms: Some(60), ..of };
        check(&late(backups(BackupState::Ok)), &["drill_missing"]);
        check(&late(drilled("good")), &["drill_late"]);
        let sheet = |late_ms| {
            let sheet = Some(SheetStanding { made_ms: 9, tried_ms: None, late_ms });
            ShopBackups { sheet, ..drilled("good") }
        };
        check(&sheet(None), &[]);
        check(&sheet(Some(99)), &["sheet_untried"]);
        check(&late(drilled("broken")), &["drill_failed", "drill_late"]);
        let mut damaged = backups(BackupState::Ok);
        damaged.places[0].damaged = Some(2);
        check(&damaged, &["backup_damaged:/b"]);
        let mut unknown = backups(BackupState::Unknown);
        let (code, params, message) = ("storage_full".into(), Params::new(), "full".into());
        unknown.places[0].trouble = Some(Trouble { code, params, message });
        check(&unknown, &["backup_unknown:/b"]);
        assert!(is_blind(Some(&unknown)) && !is_blind(None));
    }
}
