//! Drills: the newest backup is tried by restoring it, and what was found is kept and shown.

use super::{BackedUp, Backups, of_store, plans, points};
use crate::{
    backup_worker::{Boot, Database, Drill, Trouble, Work},
    control::changes::refuse,
    recover::sheet,
};
use ::watch::backups::{DrillCheck, DrillRow};
use api::Refusal;
use kernel::{
    Params, ShopId,
    config::{BootSettings, Configuration, Secret, ShopSettings},
    plan::{Act, Plan, RunId},
};
use ring::digest;
use serde::{Deserialize, Serialize};
use std::{path::Path, sync::PoisonError};
use store::DrillRecord;
use vault::drill::{CheckKind, Objective, Outcome, Report, Verdict};

pub(super) const DRILL: &str = "drill_backup";
const HOUR_MS: u64 = 60 * 60 * 1000;
const DRILL_MS: u64 = 24 * HOUR_MS;
/// Phrases of sheets that are kept for drills that are under way, and what is told of one's name.
const PHRASES: usize = 16;
const NAME_BYTES: usize = 8;
/// Drills that are shown.
const SHOWN: u32 = 60;

/// Tries the newest backup of a shop, as its first repository lists it, or the one that was named.
pub(in crate::control) fn plan(
    configuration: &Configuration,
    backups: &Backups,
    shop: &ShopId,
    (snapshot, phrase): (&str, Option<&Secret>),
    now_ms: i64,
) -> Result<Plan, Refusal> {
    let sheet = phrase.map(|phrase| backups.keep_phrase(phrase)).transpose()?;
    let (shop, settings) = plans::backed_up(configuration, shop)?;
    let places: Vec<String> = settings.to.iter().map(ToString::to_string).collect();
    let (at, id, at_ms) = plans::named(backups, shop, &places, None, snapshot)?;
    let scratch = plans::scratch(settings, "drill", &shop.id, &backups.state);
    let act = Act::DrillBackup {
        shop: shop.id.clone(),
        at: at.clone(),
        snapshot: id,
        scratch: scratch.display().to_string(),
        sheet,
    };
    let params = Params::from([("at".to_owned(), at.into()), ("at_ms".to_owned(), at_ms.into())]);
    Ok(plans::plan(DRILL, shop, params, vec![plans::adds(act, DRILL_MS)], now_ms))
}

/// What a worker is told.
pub(super) fn work(of: &BackedUp, (snapshot, scratch): (&str, &str), state: &Path) -> Work {
    let BackedUp { shop, settings } = of;
    let database = shop.database.as_ref().filter(|_| settings.database);
    Work::Drill(Drill {
        snapshot: snapshot.to_owned(),
        scratch: Path::new(scratch).to_owned(),
        live: database.map(Database::new),
        orders: orders_of(shop),
        platform: shop.platform.clone(),
        boot: settings.boot.as_ref().map(|settings| boot(shop, settings)),
        journal: points::has_stream(shop, settings).then(|| state.to_owned()),
        objective: Objective {
            back_within_ms: settings.back_within_ms,
            lose_at_most_ms: settings.lose_at_most_ms,
        },
    })
}

/// The statement by which the shop's platform's orders are read from its kind of database.
fn orders_of(shop: &ShopSettings) -> Option<String> {
    let kind = shop.database.as_ref()?.kind;
    let orders = shops::platform(&shop.platform)?.orders.as_ref()?;
    orders.select(kind).map(str::to_owned)
}

/// What is not said of it is as for the shop's instances.
fn boot(shop: &ShopSettings, settings: &BootSettings) -> Boot {
    let BootSettings { command, directory, user, environment, path, status, body, within_ms } =
        settings.clone();
    let named = shop.hosts.iter().find(|host| !host.contains('*'));
    let host = shop.check.host.as_ref().or(named).map_or("localhost", String::as_str);
    Boot {
        command,
        directory,
        user,
        environment: environment
            .into_iter()
            .map(|(name, value)| (name, value.reveal().to_owned()))
            .collect(),
        host: host.to_owned(),
        path: path.unwrap_or_else(|| shop.check.path.clone()),
        status: status.unwrap_or(shop.check.status),
        body,
        within_ms,
    }
}

/// What the store has of a drill.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    report: Report,
    #[serde(default)]
    by_sheet: bool,
}

/// What stands in the run's records.
pub(super) fn evidence(report: &Report) -> Params {
    let mut evidence = Params::from([
        ("verdict".to_owned(), code(report.verdict).into()),
        ("took_ms".to_owned(), report.took_ms().into()),
        ("lost_ms".to_owned(), report.lost_ms().into()),
        ("files".to_owned(), report.files.into()),
        ("bytes".to_owned(), report.bytes.into()),
        ("tables".to_owned(), report.tables.into()),
        ("rows".to_owned(), report.rows.into()),
    ]);
    if let Some(until_ms) = report.until_ms {
        evidence.insert("until_ms".to_owned(), until_ms.into());
        evidence.insert("changes".to_owned(), report.changes.into());
    }
    evidence.extend(report.score.map(|score| ("score".to_owned(), u64::from(score).into())));
    evidence
}

/// Of a backup that cannot be brought back the first reason, so that the run fails by it.
pub(super) fn failure(report: &Report) -> Option<Box<Trouble>> {
    if report.verdict != Verdict::Broken {
        return None;
    }
    let first = report.checks.iter().find(|check| check.outcome == Outcome::Failed)?;
    let params = &first.said.params;
    let told = params.iter().map(|(name, value)| match value {
        kernel::Value::Text(text) => format!("{name} {text}"),
        kernel::Value::Integer(number) => format!("{name} {number}"),
        kernel::Value::Number(number) => format!("{name} {number}"),
    });
    let told: Vec<String> = told.collect();
    let (said, told) = (first.said.code.replace('_', " "), told.join(", "));
    let message = format!("the backup cannot be brought back as it is: {said} ({told})");
    let trouble = match first.kind {
        CheckKind::Files => Trouble::new("drill_files", [], message),
        CheckKind::Database => Trouble::new("drill_database", [], message),
        CheckKind::Changes => Trouble::new("drill_changes", [], message),
        CheckKind::RoundTrip => Trouble::new("drill_round_trip", [], message),
        CheckKind::Boot => Trouble::new("drill_boot", [], message),
        _ => Trouble::new("drill_orders", [], message),
    };
    Some(Box::new(Trouble { params: params.clone(), ..trouble }))
}

impl Backups {
    /// Keeps a sheet's phrase in memory, and says by which name: the same for the preview and the run.
    fn keep_phrase(&self, phrase: &Secret) -> Result<String, Refusal> {
        let phrase = sheet::phrase(phrase.reveal()).map_err(|why| {
            let said = [("error", why.as_str().into())];
            refuse(format!("the phrase: {why}")).because("phrase_odd", said)
        })?;
        // Nobody tries 125 random bits.
        let digest = digest::digest(&digest::SHA256, phrase.as_bytes());
        let bytes = digest.as_ref().iter().take(NAME_BYTES);
        let name: String = bytes.map(|byte| format!("{byte:02x}")).collect();
        let mut phrases = self.phrases.lock().unwrap_or_else(PoisonError::into_inner);
        if phrases.len() >= PHRASES && !phrases.contains_key(&name) {
            phrases.pop_first();
        }
        phrases.insert(name.clone(), Secret::new(phrase));
        Ok(name)
    }

    /// # Errors
    /// When control began anew since.
    pub(super) fn kept_phrase(&self, name: &str) -> Result<Secret, Box<Trouble>> {
        let phrases = self.phrases.lock().unwrap_or_else(PoisonError::into_inner);
        phrases.get(name).cloned().ok_or_else(|| {
            let message =
                "the phrase of the sheet was kept in memory only, and is gone: begin again";
            Box::new(Trouble::new("phrase_gone", [], message))
        })
    }

    /// Keeps what a drill found.
    pub(super) async fn note_drill(
        &self,
        shop: &ShopId,
        place: &str,
        (run, is_by_sheet): (RunId, bool),
        report: &Report,
    ) -> Result<(), Box<Trouble>> {
        let report = Kept { report: report.clone(), by_sheet: is_by_sheet };
        let record = DrillRecord {
            shop: shop.clone(),
            at_ms: report.report.begun_ms,
            place: place.to_owned(),
            run,
            report: serde_json::to_string(&report).expect("invariant: our own types are JSON"),
        };
        self.store.add_drill(record).await.map_err(of_store)?;
        if is_by_sheet {
            self.sheet_tried(shop);
        }
        Ok(())
    }

    /// When a backup of a shop was last tried by a recovery sheet.
    pub(super) async fn tried_by_sheet(
        &self,
        shop: &ShopId,
    ) -> Result<Option<i64>, store::StoreError> {
        let kept = self.store.drills(shop, u32::MAX).await?;
        let mut rows = kept.into_iter().filter_map(row);
        Ok(rows.find(|drill| drill.by_sheet).map(|drill| drill.at_ms))
    }

    /// The drills of a shop, the newest first. A report that cannot be read any more is left out.
    pub(super) async fn drills(&self, shop: &ShopId) -> Vec<DrillRow> {
        let kept = self.store.drills(shop, SHOWN).await;
        let kept = kept.inspect_err(|error| tracing::warn!(%error, "drills cannot be read"));
        kept.unwrap_or_default().into_iter().filter_map(row).collect()
    }
}

fn row(record: DrillRecord) -> Option<DrillRow> {
    let DrillRecord { at_ms, place, run, report, .. } = record;
    let Kept { report, by_sheet } = serde_json::from_str(&report)
        .inspect_err(|error| tracing::warn!(%error, %run, "a drill's report cannot be read"))
        .ok()?;
    Some(DrillRow {
        run: run.to_string(),
        at_ms,
        place,
        snapshot: report.snapshot.to_string(),
        snapshot_ms: report.snapshot_ms,
        verdict: code(report.verdict).to_owned(),
        score: report.score,
        took_ms: report.took_ms(),
        lost_ms: report.lost_ms(),
        until_ms: report.until_ms,
        dump_ms: report.dump.map(|(_, at_ms)| at_ms),
        load_ms: report.database_ms.saturating_sub(report.replay_ms),
        replay_ms: report.replay_ms,
        changes: report.changes,
        bytes: report.bytes,
        rows: report.rows,
        by_sheet,
        checks: report
            .checks
            .into_iter()
            .map(|check| DrillCheck {
                check: check.kind.code().to_owned(),
                outcome: outcome(check.outcome).to_owned(),
                code: check.said.code,
                params: check.said.params,
            })
            .collect(),
    })
}

fn code(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Short => "short",
        Verdict::Unknown => "unknown",
        Verdict::Broken => "broken",
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Unknown => "unknown",
        Outcome::Absent => "absent",
    }
}
