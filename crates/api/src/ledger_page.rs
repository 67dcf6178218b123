//! The ledger for people: its records, whether they hold, and where copies of its checkpoints lie.
//!
//! It judges nothing: whether the ledger holds is what its keeper found last. Who is behind a keyed
//! id is shown while that is known; of somebody forgotten, the id stays.

use crate::{ApiError, ApiState, caller::Caller, error::ErrorBody, runs::Message};
use axum::{
    Json,
    extract::{Query, State},
};
use kernel::{Actor, Params, Permission, Personal, Place, ShopId, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{
    Checkpoint, LedgerBreak, LedgerCopies, LedgerFault, LedgerFilter, LedgerPage, LedgerPaging,
    LedgerRecord,
};
use utoipa::ToSchema;
use watch::ledger_keeper::LedgerStanding;

/// Records of one answer, at most and when nothing is said.
const MOST: u32 = 200;
const USUAL: u32 = 50;
/// Pages of the store that are gone through for one answer, where others' records are left out.
const PAGES: usize = 10;

/// A page of the ledger, the newest record first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerView {
    records: Vec<LedgerRecordView>,
    /// What to give as `before` for the next page; `null` on the last one.
    next: Option<String>,
    verified: VerifiedView,
    /// The newest one, and the last that each place has got; the newest first.
    checkpoints: Vec<CheckpointView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerRecordView {
    sequence: u64,
    at_ms: i64,
    /// `person:ID`, `token:NAME`, `storewarden` or `command-line`; `person#…` of somebody who was
    /// removed.
    actor: String,
    /// `null`: it concerns the machine or all shops.
    shop: Option<String>,
    kind: String,
    subject: Option<String>,
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    params: Params,
    /// Over this record and the hash of the one before.
    hash: String,
}

/// Whether it holds, as of the last look at all of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerifiedView {
    /// `null`: nobody has looked yet.
    ok: Option<bool>,
    /// The last record that a checkpoint covers; 0 when none does.
    through_sequence: u64,
    checked_ms: Option<i64>,
    /// `ok`, `unknown`, `broken_at` or `truncated`.
    message: Message,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckpointView {
    /// Of the last record that it covers.
    sequence: u64,
    at_ms: i64,
    hash: String,
    sent: Vec<SentView>,
}

/// A checkpoint and a place of the configuration.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SentView {
    to: String,
    /// `null`: it has not arrived there.
    at_ms: Option<i64>,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct LedgerQuery {
    shop: Option<ShopId>,
    kind: Option<String>,
    actor: Option<String>,
    before: Option<u64>,
    limit: Option<u32>,
}

/// What was done, by whom, and whether that holds. Whoever reads of some shops only is shown
/// their records.
#[utoipa::path(
    get, path = "/api/v1/ledger", tag = "ledger",
    params(
        ("shop" = Option<String>, Query, description = "Of this shop only"),
        ("kind" = Option<String>, Query, description = "Of this kind only"),
        ("actor" = Option<String>, Query, description = "Done by them only"),
        ("before" = Option<u64>, Query, description = "Older than the record of this sequence"),
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when not given"),
    ),
    responses(
        (status = 200, body = LedgerView),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    )
)]
pub(crate) async fn page(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<LedgerQuery>,
) -> Result<Json<LedgerView>, ApiError> {
    if let Some(shop) = &query.shop {
        caller.may(Permission::ReadLedger, shop)?;
    }
    let (records, next) = records(&state, &caller, query).await?;
    let standing = state.watch.with(|live| live.ledger_standing().clone());
    let copies = state.store.ledger_copies().await?;
    Ok(Json(LedgerView {
        records,
        next: next.map(|sequence| sequence.to_string()),
        verified: VerifiedView::of(&standing),
        checkpoints: checkpoints(&copies, &standing),
    }))
}

/// What the caller may read of what is asked for, and where the next page begins.
async fn records(
    state: &ApiState,
    caller: &Caller,
    query: LedgerQuery,
) -> Result<(Vec<LedgerRecordView>, Option<u64>), ApiError> {
    let limit = query.limit.unwrap_or(USUAL).clamp(1, MOST);
    let actor = match query.actor.as_deref().map(str::parse::<Actor>) {
        Some(Ok(actor)) => Some(actor),
        // Whoever cannot be named has done nothing that could be found.
        Some(Err(_)) => return Ok((Vec::new(), None)),
        None => None,
    };
    let (shop, kind) = (query.shop, query.kind);
    let filter = LedgerFilter { shop, kind, actor, ..LedgerFilter::default() };
    let (mut records, mut before) = (Vec::new(), query.before);
    for _ in 0..PAGES {
        let paging = LedgerPaging::NewestFirst { before };
        // One more than asked for tells whether there is another page.
        let LedgerPage { records: found, names } =
            state.store.ledger(paging, limit + 1, filter.clone()).await?;
        let is_last = found.len() <= limit as usize;
        for record in found {
            if records.len() == limit as usize {
                return Ok((records, before));
            }
            before = Some(record.sequence);
            if reads(caller, record.shop.as_deref()) {
                records.push(LedgerRecordView::of(record, &names));
            }
        }
        if is_last {
            return Ok((records, None));
        }
    }
    Ok((records, before))
}

/// What is about no shop is for those who read of all.
fn reads(caller: &Caller, shop: Option<&str>) -> bool {
    let everywhere = || caller.rights.may(Permission::ReadLedger, Place::Machine);
    let there = |shop: ShopId| caller.rights.may(Permission::ReadLedger, Place::Shop(&shop));
    everywhere() || shop.and_then(|shop| shop.parse().ok()).is_some_and(there)
}

impl LedgerRecordView {
    fn of(record: LedgerRecord, names: &BTreeMap<String, Personal>) -> Self {
        let named = |text: String| match names.get(&text) {
            Some(personal) => personal.to_string(),
            None => text,
        };
        let value = |value| match value {
            Value::Text(text) => Value::Text(named(text)),
            number => number,
        };
        let params = record.params.into_iter().map(|(name, each)| (name, value(each))).collect();
        Self {
            sequence: record.sequence,
            at_ms: record.at_ms,
            actor: named(record.actor),
            shop: record.shop,
            kind: record.kind,
            subject: record.subject.map(named),
            params,
            hash: record.hash.to_string(),
        }
    }
}

impl VerifiedView {
    fn of(standing: &LedgerStanding) -> Self {
        let (ok, code, param) = match (&standing.broken, standing.looked_at_all_ms) {
            (Some((LedgerFault { sequence, what: LedgerBreak::CutOff { .. }, .. }, _)), _) => {
                (Some(false), "truncated", Some(("sequence", Value::from(sequence - 1))))
            }
            (Some((LedgerFault { sequence, .. }, _)), _) => {
                (Some(false), "broken_at", Some(("sequence", Value::from(*sequence))))
            }
            (None, None) => (None, "unknown", None),
            (None, Some(_)) => {
                (Some(true), "ok", standing.first_at_ms.map(|at_ms| ("since_ms", at_ms.into())))
            }
        };
        let params = param.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        Self {
            ok,
            through_sequence: standing.covered,
            checked_ms: standing.looked_at_all_ms,
            message: Message { code: code.to_owned(), params },
        }
    }
}

fn checkpoints(copies: &LedgerCopies, standing: &LedgerStanding) -> Vec<CheckpointView> {
    let newest = copies.checkpoints.first().map(|checkpoint| checkpoint.sequence);
    let view = |checkpoint: &Checkpoint| {
        let is_newest = Some(checkpoint.sequence) == newest;
        CheckpointView {
            sequence: checkpoint.sequence,
            at_ms: checkpoint.at_ms,
            hash: checkpoint.hash.to_string(),
            sent: sent(checkpoint.sequence, is_newest, copies, standing),
        }
    };
    let is_told = |view: &CheckpointView| Some(view.sequence) == newest || !view.sent.is_empty();
    copies.checkpoints.iter().map(view).filter(is_told).collect()
}

/// Where a checkpoint arrived last, and for the newest one also where it did not.
fn sent(
    sequence: u64,
    is_newest: bool,
    copies: &LedgerCopies,
    standing: &LedgerStanding,
) -> Vec<SentView> {
    let mut sent = Vec::new();
    for to in &standing.destinations {
        let arrived = copies
            .deliveries
            .iter()
            .find(|one| one.destination == to.id && one.sequence == sequence);
        let at_ms = arrived.map(|one| one.at_ms);
        if at_ms.is_some() || is_newest {
            let failing = to.failing.as_ref().filter(|_| at_ms.is_none());
            let error = failing.map(|failing| failing.error.clone());
            sent.push(SentView { to: to.label.clone(), at_ms, error });
        }
    }
    sent
}
