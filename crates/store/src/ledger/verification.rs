//! Whether the ledger holds: every record's hash, the chain, and every checkpoint there is.

use super::{
    Checkpoint, LedgerHash, LedgerPublicKey, checkpoint, query,
    record::{self, Fields, from_sequence, to_sequence},
};
use rusqlite::{Connection, ErrorCode, Row, params};
use serde::Serialize;
use std::collections::BTreeMap;

/// Further faults than this say nothing new.
const FAULTS_LIMIT: usize = 20;

/// A checkpoint that was kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Where it comes from, for people.
    pub name: String,
    pub checkpoint: Checkpoint,
}

/// What the ledger is, and all that is wrong with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verification {
    /// Which store's ledger.
    pub store: String,
    /// How many there are, whether they hold or not.
    pub records: u64,
    /// The first so many hold by themselves; what else is wrong, the faults say.
    pub chained: u64,
    /// Of the last record that is chained; `None` when there is none.
    pub hash: Option<LedgerHash>,
    /// Of the first record, unix milliseconds.
    pub first_at_ms: Option<i64>,
    /// Of the last record that is chained.
    pub last_at_ms: Option<i64>,
    /// How often a record is of an earlier time than the one before.
    pub clock_steps_back: u64,
    /// The first of those records.
    pub first_step_back: Option<u64>,
    /// Of the store itself, those that hold.
    pub checkpoints: u64,
    /// Names of those from elsewhere that hold.
    pub witnesses: Vec<String>,
    /// The last record that a holding checkpoint covers; 0 when none does.
    pub covered: u64,
    /// The time that checkpoint says.
    pub covered_at_ms: Option<i64>,
    /// The keys whose checkpoints were believed.
    pub keys: Vec<LedgerPublicKey>,
    /// Triggers that should refuse changes and are not there. No record is wrong for that.
    pub missing_triggers: Vec<String>,
    /// By sequence; empty when everything holds.
    pub faults: Vec<LedgerFault>,
}

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerFault {
    /// The first record that cannot be trusted for it.
    pub sequence: u64,
    #[serde(flatten)]
    pub what: LedgerBreak,
    /// The checkpoint from elsewhere that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
}

/// How something does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum LedgerBreak {
    /// The record is not there; the next one is.
    Missing { next: u64 },
    /// There is a record where none can be.
    Unexpected,
    /// Its content does not have its hash.
    Changed,
    /// It is chained to another record than the one before it.
    Unchained,
    /// A checkpoint saw another history: from this record on, up to the checkpoint's.
    Rewritten { until: u64, checkpoint_at_ms: i64 },
    /// A checkpoint saw more records than there are.
    CutOff { until: u64, checkpoint_at_ms: i64 },
    /// The store cannot read it.
    Unreadable { reason: String },
    /// A checkpoint is of another store.
    OtherStore { store: String },
    /// A checkpoint says what its key did not sign.
    Forged,
    /// A checkpoint is signed by a key that is not one of those expected.
    UnknownKey { key: LedgerPublicKey },
}

impl Verification {
    #[must_use]
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }
}

impl LedgerBreak {
    /// The word that names it in JSON.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Unexpected => "unexpected",
            Self::Changed => "changed",
            Self::Unchained => "unchained",
            Self::Rewritten { .. } => "rewritten",
            Self::CutOff { .. } => "cut_off",
            Self::Unreadable { .. } => "unreadable",
            Self::OtherStore { .. } => "other_store",
            Self::Forged => "forged",
            Self::UnknownKey { .. } => "unknown_key",
        }
    }
}

/// Looks at everything. Must run within a transaction, so that nothing moves meanwhile.
pub(super) fn verify(
    connection: &Connection,
    witnesses: &[Witness],
    keys: &[LedgerPublicKey],
) -> Result<Verification, rusqlite::Error> {
    let store = query::store_id(connection)?;
    let count = "SELECT count(*) FROM ledger";
    let records = connection.query_row(count, [], |row| row.get(0)).map(to_sequence)?;
    let own = checkpoint::after(connection, &store, i64::MIN, u32::MAX)?;
    let mut judge = Judge::new(&store, keys, &own, witnesses);
    let mut chain = Chain::of_store(&store);
    let broken = chain.follow_with(connection, |sequence, hash| judge.meet(sequence, hash))?;
    match broken {
        Some(fault) => judge.fault(fault),
        None => judge.meet_the_end(chain.sequence()),
    }
    Ok(Verification {
        records,
        chained: chain.sequence(),
        hash: (chain.sequence() > 0).then_some(chain.hash),
        first_at_ms: chain.first_at_ms,
        last_at_ms: chain.last_at_ms,
        clock_steps_back: chain.steps_back,
        first_step_back: chain.first_step_back,
        checkpoints: judge.checkpoints,
        witnesses: judge.witnesses,
        covered: judge.covered,
        covered_at_ms: judge.covered_at_ms,
        keys: keys.to_vec(),
        missing_triggers: missing_triggers(connection)?,
        faults: sorted(judge.faults),
        store,
    })
}

fn sorted(mut faults: Vec<LedgerFault>) -> Vec<LedgerFault> {
    faults.sort_by_key(|fault| fault.sequence);
    faults
}

fn missing_triggers(connection: &Connection) -> Result<Vec<String>, rusqlite::Error> {
    const TRIGGERS: [&str; 8] = [
        "ledger_is_never_updated",
        "ledger_is_never_deleted",
        "ledger_only_grows",
        "ledger_checkpoint_is_never_updated",
        "ledger_checkpoint_is_never_deleted",
        "ledger_checkpoint_only_grows",
        "ledger_origin_is_never_updated",
        "ledger_origin_is_never_deleted",
    ];
    let mut select = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")?;
    let there: Vec<String> = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let missing = TRIGGERS.iter().filter(|name| !there.iter().any(|there| there == *name));
    Ok(missing.map(ToString::to_string).collect())
}

/// Holds what checkpoints say against the records as they go by.
struct Judge<'a> {
    /// Those that can be believed, by the record they are about.
    believed: BTreeMap<u64, Vec<Said<'a>>>,
    checkpoints: u64,
    witnesses: Vec<String>,
    covered: u64,
    covered_at_ms: Option<i64>,
    faults: Vec<LedgerFault>,
}

struct Said<'a> {
    checkpoint: &'a Checkpoint,
    /// `None` for the store's own.
    witness: Option<&'a str>,
}

impl<'a> Judge<'a> {
    fn new(
        store: &str,
        keys: &[LedgerPublicKey],
        own: &'a [Checkpoint],
        witnesses: &'a [Witness],
    ) -> Self {
        let mut judge = Self {
            believed: BTreeMap::new(),
            checkpoints: 0,
            witnesses: Vec::new(),
            covered: 0,
            covered_at_ms: None,
            faults: Vec::new(),
        };
        let own = own.iter().map(|checkpoint| Said { checkpoint, witness: None });
        let elsewhere = witnesses
            .iter()
            .map(|witness| Said { checkpoint: &witness.checkpoint, witness: Some(&witness.name) });
        for said in own.chain(elsewhere) {
            match doubt(said.checkpoint, store, keys) {
                None => {
                    judge.believed.entry(said.checkpoint.sequence).or_default().push(said);
                }
                Some(what) => judge.fault(said.fault(said.checkpoint.sequence, what)),
            }
        }
        judge
    }

    /// A record whose own hash holds. Whether that is the one that was seen.
    fn meet(&mut self, sequence: u64, hash: &LedgerHash) -> Option<LedgerFault> {
        for said in self.believed.remove(&sequence)? {
            let Checkpoint { at_ms, hash: seen, .. } = *said.checkpoint;
            if seen != *hash {
                let what = LedgerBreak::Rewritten { until: sequence, checkpoint_at_ms: at_ms };
                return Some(said.fault(self.covered + 1, what));
            }
            match said.witness {
                None => self.checkpoints += 1,
                Some(name) => self.witnesses.push(name.to_owned()),
            }
            self.covered_at_ms = Some(at_ms);
        }
        self.covered = sequence;
        None
    }

    /// There are no more records: whatever checkpoint is left saw some that are gone.
    fn meet_the_end(&mut self, last: u64) {
        for (until, said) in std::mem::take(&mut self.believed) {
            for said in said {
                let checkpoint_at_ms = said.checkpoint.at_ms;
                self.fault(said.fault(last + 1, LedgerBreak::CutOff { until, checkpoint_at_ms }));
            }
        }
    }

    fn fault(&mut self, fault: LedgerFault) {
        if self.faults.len() < FAULTS_LIMIT {
            self.faults.push(fault);
        }
    }
}

impl Said<'_> {
    fn fault(&self, sequence: u64, what: LedgerBreak) -> LedgerFault {
        LedgerFault { sequence, what, witness: self.witness.map(str::to_owned) }
    }
}

/// Why a checkpoint is not to be believed.
fn doubt(checkpoint: &Checkpoint, store: &str, keys: &[LedgerPublicKey]) -> Option<LedgerBreak> {
    if checkpoint.store != store {
        return Some(LedgerBreak::OtherStore { store: checkpoint.store.clone() });
    }
    if !checkpoint.is_genuine() || checkpoint.count != checkpoint.sequence {
        return Some(LedgerBreak::Forged);
    }
    let unknown = !keys.contains(&checkpoint.key);
    unknown.then_some(LedgerBreak::UnknownKey { key: checkpoint.key })
}

/// The records from somewhere on, one after the other.
#[derive(Debug)]
pub(super) struct Chain {
    /// Rows behind this one are looked at.
    from: i64,
    last: i64,
    hash: LedgerHash,
    first_at_ms: Option<i64>,
    last_at_ms: Option<i64>,
    steps_back: u64,
    first_step_back: Option<u64>,
    buffer: Vec<u8>,
}

impl Chain {
    /// From the first record of all.
    pub(super) fn of_store(store: &str) -> Self {
        // Rows with numbers that no record has are to be found too.
        Self::begin(i64::MIN, 0, record::origin(store.as_bytes()))
    }

    /// From the record behind a checkpoint.
    pub(super) fn after(checkpoint: &Checkpoint) -> Self {
        let last = from_sequence(checkpoint.sequence);
        Self::begin(last, last, checkpoint.hash)
    }

    fn begin(from: i64, last: i64, hash: LedgerHash) -> Self {
        Self {
            from,
            last,
            hash,
            first_at_ms: None,
            last_at_ms: None,
            steps_back: 0,
            first_step_back: None,
            buffer: Vec::new(),
        }
    }

    /// Of the last record that holds.
    pub(super) fn sequence(&self) -> u64 {
        to_sequence(self.last)
    }

    pub(super) fn hash(&self) -> LedgerHash {
        self.hash
    }

    /// Whether the record that a checkpoint is about is still the one it saw.
    pub(super) fn check_anchor(
        &mut self,
        connection: &Connection,
        anchor: &Checkpoint,
    ) -> Result<Option<LedgerFault>, rusqlite::Error> {
        let (sequence, checkpoint_at_ms) = (anchor.sequence, anchor.at_ms);
        let fault = |what| Ok(Some(LedgerFault { sequence, what, witness: None }));
        if !anchor.is_genuine() {
            return fault(LedgerBreak::Forged);
        }
        let mut select = connection.prepare_cached(&select("sequence = ?1"))?;
        let mut rows = select.query([from_sequence(sequence)])?;
        let Some(row) = rows.next()? else {
            return fault(LedgerBreak::CutOff { until: sequence, checkpoint_at_ms });
        };
        let seen = Seen::of(row)?;
        let hash = record::hash(&seen.fields, &seen.previous, &mut self.buffer);
        if hash == anchor.hash && seen.hash == anchor.hash {
            return Ok(None);
        }
        fault(LedgerBreak::Rewritten { until: sequence, checkpoint_at_ms })
    }

    /// Follows the chain to its end; the first record that breaks it.
    pub(super) fn follow(
        &mut self,
        connection: &Connection,
    ) -> Result<Option<LedgerFault>, rusqlite::Error> {
        self.follow_with(connection, |_, _| None)
    }

    fn follow_with(
        &mut self,
        connection: &Connection,
        mut meet: impl FnMut(u64, &LedgerHash) -> Option<LedgerFault>,
    ) -> Result<Option<LedgerFault>, rusqlite::Error> {
        let mut select = connection.prepare(&select("sequence > ?1 ORDER BY sequence"))?;
        let mut rows = select.query(params![self.from])?;
        loop {
            let step = match rows.next() {
                Ok(None) => return Ok(None),
                Ok(Some(row)) => Seen::of(row).map(|seen| self.step(&seen)),
                Err(error) => Err(error),
            };
            match step {
                Ok(None) => {}
                Ok(Some(what)) => return Ok(Some(self.fault(what))),
                Err(error) if is_damage(&error) => {
                    let what = LedgerBreak::Unreadable { reason: error.to_string() };
                    return Ok(Some(self.fault(what)));
                }
                Err(error) => return Err(error),
            }
            if let Some(fault) = meet(self.sequence(), &self.hash) {
                return Ok(Some(fault));
            }
        }
    }

    /// Takes one more record, or says why it cannot be the next one.
    fn step(&mut self, seen: &Seen<'_>) -> Option<LedgerBreak> {
        let (sequence, at_ms) = (seen.fields.sequence, seen.fields.at_ms);
        if sequence <= self.last {
            return Some(LedgerBreak::Unexpected);
        }
        if sequence > self.last + 1 {
            return Some(LedgerBreak::Missing { next: to_sequence(sequence) });
        }
        if seen.hash != record::hash(&seen.fields, &seen.previous, &mut self.buffer) {
            return Some(LedgerBreak::Changed);
        }
        if seen.previous != self.hash {
            return Some(LedgerBreak::Unchained);
        }
        (self.last, self.hash) = (sequence, seen.hash);
        if self.last_at_ms.is_some_and(|before| at_ms < before) {
            self.steps_back += 1;
            self.first_step_back.get_or_insert(to_sequence(sequence));
        }
        self.first_at_ms.get_or_insert(at_ms);
        self.last_at_ms = Some(at_ms);
        None
    }

    fn fault(&self, what: LedgerBreak) -> LedgerFault {
        let sequence = match what {
            LedgerBreak::Unexpected => 0,
            _ => self.sequence() + 1,
        };
        LedgerFault { sequence, what, witness: None }
    }
}

/// A row as it lies there.
struct Seen<'a> {
    fields: Fields<'a>,
    previous: LedgerHash,
    hash: LedgerHash,
}

impl<'a> Seen<'a> {
    fn of(row: &'a Row<'_>) -> Result<Self, rusqlite::Error> {
        let bytes = |column| row.get_ref(column)?.as_bytes().map_err(rusqlite::Error::from);
        let optional =
            |column| row.get_ref(column)?.as_bytes_or_null().map_err(rusqlite::Error::from);
        let fields = Fields {
            sequence: row.get(0)?,
            at_ms: row.get(1)?,
            actor: bytes(2)?,
            shop: optional(3)?,
            kind: bytes(4)?,
            subject: optional(5)?,
            params: bytes(6)?,
        };
        Ok(Self { fields, previous: row.get(7)?, hash: row.get(8)? })
    }
}

fn select(rows: &str) -> String {
    format!(
        "SELECT sequence, at_ms, actor, shop, kind, subject, params, previous, hash FROM ledger
         WHERE {rows}"
    )
}

/// Whether an error is about what lies in the file, not about getting at it.
fn is_damage(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(code) => matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase),
        None => true,
    }
}

#[cfg(test)]
mod tests;
