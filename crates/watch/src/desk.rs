//! Where incidents are looked after: the task that moves them on once a second, writes down what
//! changed, and has it told. What people do with an incident comes in here too.
//!
//! What changes is written before anybody is told of it. While our records cannot be written, people
//! are told all the same: that is when they must know. Whoever asks for something is answered only
//! when it is on disk.

mod outbox;
#[cfg(test)]
mod tests;

pub use outbox::{LastNotice, RouteState};

use crate::{
    Watch, WatchError,
    incidents::{Action, Case, CaseMemory, Incidents, Kept, Moment, Outcome, RemedyProgress},
    notify,
    orders::now_ms,
    rules::{Rule, Rules},
};
use kernel::{
    Actor, Incident, LedgerEntry, Params, RemedyWish, ShopId, Silence, TimelineEntry,
    config::{AlertSettings, Configuration},
};
use outbox::Outbox;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use store::{IncidentChanges, IncidentFilter, IncidentRecord, Store};
use tokio::sync::{Mutex, mpsc, watch::Receiver};

/// What was resolved before this is not looked at again, unless a person asks for it.
const RECENT_MS: i64 = 60 * 60_000;
/// Without any change, the state of the rules is written down so often, for steady time to go on.
const KEEP_EVERY_MS: i64 = 60_000;
/// Incidents are kept for as long as everything else.
const KEPT_MS: i64 = 400 * 24 * 60 * 60_000;
/// Messages whose fate is decided are kept for so long.
const NOTICES_KEPT_MS: i64 = 90 * 24 * 60 * 60_000;
const PRUNE_EVERY_MS: i64 = 6 * 60 * 60_000;
/// Wishes that wait to be taken up; a machine with more has another trouble.
const WISHES: usize = 64;
/// Entries and messages that wait for a store that cannot be written; the oldest are lost first.
const UNSAVED: usize = 10_000;

/// A handle; clones share the same incidents.
#[derive(Debug, Clone)]
pub struct Desk(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    watch: Watch,
    store: Store,
    state: Mutex<State>,
    outbox: Outbox,
    wishes: mpsc::Sender<RemedyWish>,
}

#[derive(Debug)]
struct State {
    incidents: Incidents,
    /// Steady time at the instant `began`.
    steady_ms: i64,
    began: Instant,
    names: BTreeMap<ShopId, String>,
    /// Where the interface is.
    base: String,
    /// What the store should have and has not yet.
    unsaved: IncidentChanges,
    ledger: Vec<LedgerEntry>,
    kept_steady_ms: i64,
    pruned_steady_ms: Option<i64>,
    next_silence: i64,
}

impl State {
    fn moment(&self) -> Moment {
        let since_ms = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        Moment { wall_ms: now_ms(), steady_ms: self.steady_ms.saturating_add(since_ms) }
    }
}

impl Desk {
    /// Goes on from what the store knows. The receiver gets what remedies wish for.
    ///
    /// # Errors
    /// When the store cannot be read, or no client for HTTP can be made.
    pub async fn open(
        watch: Watch,
        store: Store,
        configuration: &Configuration,
    ) -> Result<(Self, mpsc::Receiver<RemedyWish>), WatchError> {
        let wall_ms = now_ms();
        let kept = match store.rules_state().await? {
            Some(text) => serde_json::from_str(&text).map_err(WatchError::Kept)?,
            None => Kept::default(),
        };
        let kept = kept_until(kept, wall_ms);
        let steady_ms = kept.steady_ms;
        let records = store.standing_incidents(wall_ms - RECENT_MS).await?;
        let cases = records.into_iter().map(to_case).collect();
        let last_id = store.last_incident().await?;
        let silences = store.silences(wall_ms).await?;
        let settings = configuration.alerts.clone();
        let (wishes, wished) = mpsc::channel(WISHES);
        let outbox = Outbox::open(&store, notify::client()?).await?;
        outbox.configure(&settings);
        let state = State {
            incidents: Incidents::new(settings, kept, cases, last_id, silences),
            steady_ms,
            began: Instant::now(),
            names: names(configuration),
            base: base(configuration),
            unsaved: IncidentChanges::default(),
            ledger: Vec::new(),
            kept_steady_ms: steady_ms,
            pruned_steady_ms: None,
            next_silence: store.next_silence().await?,
        };
        let state = Mutex::new(state);
        Ok((Self(Arc::new(Shared { watch, store, state, outbox, wishes })), wished))
    }

    /// Other settings from now on.
    pub async fn configure(&self, configuration: &Configuration) {
        let mut state = self.0.state.lock().await;
        let settings = configuration.alerts.clone();
        self.0.outbox.configure(&settings);
        state.incidents.configure(settings);
        state.names = names(configuration);
        state.base = base(configuration);
    }

    /// Moves on once a second and sends what is due until `stop` is true.
    pub async fn run(self, mut stop: Receiver<bool>) {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let stepping = async {
            loop {
                tokio::select! {
                    _ = seconds.tick() => {}
                    _ = stop.wait_for(|stop| *stop) => break,
                }
                self.step().await;
            }
        };
        // Side by side: both hold the state while they write.
        tokio::select! {
            () = stepping => {}
            () = self.0.outbox.run(&self) => {}
        }
        let mut state = self.0.state.lock().await;
        self.keep(&mut state);
        if let Err(error) = self.save(&mut state).await {
            tracing::warn!(%error, "what incidents were at was not written down");
        }
    }

    /// One second.
    async fn step(&self) {
        let failing = self.0.outbox.failing();
        let seen = self.0.watch.with(|live| {
            live.notify_failing(failing);
            live.seen()
        });
        let mut state = self.0.state.lock().await;
        let at = state.moment();
        let (outcome, changed) = state.incidents.step(&seen, at);
        if changed || at.steady_ms - state.kept_steady_ms >= KEEP_EVERY_MS {
            self.keep(&mut state);
        }
        let wishes = self.take(&mut state, outcome);
        let saved = self.save(&mut state).await;
        match &saved {
            Ok(()) => self.prune(&mut state, at).await,
            Err(error) => tracing::warn!(%error, "incidents were not written down"),
        }
        self.wish(&mut state, wishes, saved.is_ok(), at);
    }

    fn keep(&self, state: &mut State) {
        let at = state.moment();
        state.kept_steady_ms = at.steady_ms;
        let kept = state.incidents.keep(at);
        let text = serde_json::to_string(&kept).expect("invariant: plain data becomes JSON");
        state.unsaved.rules = Some(text);
    }

    /// Adds what came of a step to what must be written down, and queues what must be told.
    fn take(&self, state: &mut State, outcome: Outcome) -> Vec<RemedyWish> {
        let at = state.moment();
        for id in outcome.touched {
            let Some(case) = state.incidents.case(id) else { continue };
            let record = to_record(case);
            state.unsaved.incidents.retain(|known| known.incident.id != id);
            state.unsaved.incidents.push(record);
        }
        state.unsaved.entries.extend(outcome.entries);
        let settings = state.incidents.settings();
        for notice in &outcome.notices {
            let Some(route) = settings.routes.iter().find(|route| route.name == notice.route)
            else {
                continue;
            };
            let name = |shop: &ShopId| {
                state.names.get(shop).cloned().unwrap_or_else(|| shop.as_str().to_owned())
            };
            let message = notify::Message::of(notice, route, name, &state.base, at.wall_ms);
            let record = outbox::queued(&notice.route, Some(notice.incident.id), &message, at);
            self.0.outbox.queue(record.clone(), message);
            state.unsaved.notices.push(record);
        }
        state.ledger.extend(outcome.ledger);
        for surplus in
            [state.unsaved.entries.len(), state.unsaved.notices.len(), state.ledger.len()]
        {
            if surplus > UNSAVED {
                tracing::error!("what happened in incidents is lost: our records are not writable");
                state.unsaved.entries.drain(..state.unsaved.entries.len() / 2);
                state.unsaved.notices.drain(..state.unsaved.notices.len() / 2);
                state.ledger.drain(..state.ledger.len() / 2);
            }
        }
        outcome.wishes
    }

    async fn save(&self, state: &mut State) -> Result<(), WatchError> {
        // Taken out first: whoever stops waiting for a write does not know that it failed.
        let changes = std::mem::take(&mut state.unsaved);
        if !changes.is_empty()
            && let Err(error) = self.0.store.record_incidents(changes.clone()).await
        {
            state.unsaved = changes;
            return Err(error.into());
        }
        while let Some(entry) = state.ledger.first().cloned() {
            self.0.store.append_to_ledger(entry).await?;
            state.ledger.remove(0);
        }
        Ok(())
    }

    async fn prune(&self, state: &mut State, at: Moment) {
        let last_ms = state.pruned_steady_ms;
        if last_ms.is_some_and(|last_ms| at.steady_ms - last_ms < PRUNE_EVERY_MS) {
            return;
        }
        state.pruned_steady_ms = Some(at.steady_ms);
        let (before_ms, notices_ms) = (at.wall_ms - KEPT_MS, at.wall_ms - NOTICES_KEPT_MS);
        if let Err(error) = self.0.store.prune_incidents(before_ms, notices_ms).await {
            tracing::warn!(%error, "old incidents were not forgotten");
        }
    }

    /// Hands wishes on, but only those that are on disk and in the ledger: no change without a trace.
    fn wish(&self, state: &mut State, wishes: Vec<RemedyWish>, saved: bool, at: Moment) {
        for wish in wishes {
            let id = wish.id.clone();
            let why = if !saved {
                "our records cannot be written"
            } else if self.0.wishes.try_send(wish).is_err() {
                "nothing here carries changes out"
            } else {
                continue;
            };
            let kind = crate::incidents::ProgressKind::Failed { why: why.to_owned() };
            let progress = RemedyProgress { wish: id, kind };
            let outcome = state.incidents.remedy_progress(&progress, at);
            self.take(state, outcome);
        }
    }

    /// How many incidents are not over, and in how many of them something is broken.
    pub async fn count(&self) -> (u64, u64) {
        self.0.state.lock().await.incidents.count()
    }

    /// The rules in force, by the codes of findings that have one of their own.
    pub async fn rules(&self) -> Vec<(String, Rule)> {
        let rules = Rules::new(&self.0.state.lock().await.incidents.settings().rules);
        rules.all()
    }

    /// Whether a person has taken on what was found by this code at this time, or called it over.
    pub async fn is_taken_on(&self, code: &str, since_ms: i64) -> bool {
        self.0.state.lock().await.incidents.is_taken_on(code, since_ms)
    }

    /// When a person called an incident of a shop over that this code's findings are in, if that was at
    /// this time or later.
    pub async fn called_over_ms(&self, shop: &ShopId, code: &str, since_ms: i64) -> Option<i64> {
        self.0.state.lock().await.incidents.called_over_ms(shop, code, since_ms)
    }

    /// Wishes with the runs that were made of them and whose end nobody told yet, as after a restart.
    pub async fn remedy_runs(&self) -> Vec<(String, String)> {
        self.0.state.lock().await.incidents.remedy_runs()
    }

    /// What became of a wish, from whoever carries it out.
    pub async fn remedy_progress(&self, progress: RemedyProgress) {
        let mut state = self.0.state.lock().await;
        let at = state.moment();
        let outcome = state.incidents.remedy_progress(&progress, at);
        self.take(&mut state, outcome);
        self.keep(&mut state);
        if let Err(error) = self.save(&mut state).await {
            tracing::warn!(%error, "what became of a remedy was not written down yet");
        }
    }

    /// Incidents, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(
        &self,
        filter: IncidentFilter,
        limit: u32,
    ) -> Result<Vec<Incident>, WatchError> {
        Ok(self.0.store.incidents(filter, limit).await?)
    }

    /// One incident with what happened in it, the oldest first; `None` when there is none such.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn one(&self, id: i64) -> Result<Option<(Incident, Vec<TimelineEntry>)>, WatchError> {
        let found = self.0.store.incident(id).await?;
        Ok(found.map(|(record, timeline)| (record.incident, timeline)))
    }

    /// Does what a person asks for, durably.
    ///
    /// # Errors
    /// When it makes no sense now, or cannot be written down; nothing changed then.
    pub async fn act(
        &self,
        id: i64,
        action: Action,
        actor: &Actor,
    ) -> Result<Incident, WatchError> {
        let mut state = self.0.state.lock().await;
        if state.incidents.case(id).is_none()
            && let Some((record, _)) = self.0.store.incident(id).await?
        {
            state.incidents.recall(to_case(record));
        }
        let before = state.incidents.clone();
        let at = state.moment();
        let outcome = state.incidents.act(id, action, actor, at)?;
        let kept = std::mem::take(&mut state.unsaved);
        self.take(&mut state, outcome);
        self.keep(&mut state);
        let own = std::mem::replace(&mut state.unsaved, kept);
        if let Err(error) = self.0.store.record_incidents(own).await {
            state.incidents = before;
            return Err(error.into());
        }
        // What is older must not overwrite it.
        state.unsaved.incidents.retain(|record| record.incident.id != id);
        if let Err(error) = self.save(&mut state).await {
            tracing::warn!(%error, "the ledger was not told of a deed yet");
        }
        let case = state.incidents.case(id).ok_or(crate::incidents::Refused::Missing)?;
        Ok(case.incident.clone())
    }

    /// Silences that have not ended.
    pub async fn silences(&self) -> Vec<Silence> {
        let state = self.0.state.lock().await;
        let now_ms = now_ms();
        let silences = state.incidents.silences().iter();
        silences.filter(|silence| silence.until_ms > now_ms).cloned().collect()
    }

    /// Makes a silence, durably; its id is given here.
    ///
    /// # Errors
    /// When it cannot be written down; there is none then.
    pub async fn add_silence(&self, silence: Silence) -> Result<Silence, WatchError> {
        let mut state = self.0.state.lock().await;
        let silence = Silence { id: state.next_silence, ..silence };
        let changes = IncidentChanges { silences: vec![silence.clone()], ..Default::default() };
        self.0.store.record_incidents(changes).await?;
        state.next_silence += 1;
        state.incidents.add_silence(silence.clone());
        state.ledger.push(silence_entry("silence_made", &silence, silence.by.clone()));
        self.tell_ledger(&mut state).await;
        Ok(silence)
    }

    /// Ends a silence before its time.
    ///
    /// # Errors
    /// When there is none such, or it cannot be written down; it goes on then.
    pub async fn end_silence(&self, id: i64, actor: &Actor) -> Result<(), WatchError> {
        let mut state = self.0.state.lock().await;
        let found = state.incidents.silences().iter().find(|silence| silence.id == id).cloned();
        let missing = || WatchError::Missing { what: "silence", name: id.to_string() };
        let silence = found.ok_or_else(missing)?;
        let changes = IncidentChanges { silences_ended: vec![id], ..Default::default() };
        self.0.store.record_incidents(changes).await?;
        state.incidents.end_silence(id);
        state.ledger.push(silence_entry("silence_ended", &silence, actor.clone()));
        self.tell_ledger(&mut state).await;
        Ok(())
    }

    async fn tell_ledger(&self, state: &mut State) {
        if let Err(error) = self.save(state).await {
            tracing::warn!(%error, "the ledger was not told of a silence yet");
        }
    }

    /// Every route, and how its last message fared.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn routes(&self) -> Result<Vec<RouteState>, WatchError> {
        let settings = self.settings().await;
        let mut routes = Vec::new();
        for route in &settings.routes {
            let last = self.0.store.last_notice(&route.name).await?;
            routes.push(self.0.outbox.state_of(route, last));
        }
        Ok(routes)
    }

    async fn settings(&self) -> AlertSettings {
        self.0.state.lock().await.incidents.settings().clone()
    }

    /// Sends a test by a route, now and once.
    ///
    /// # Errors
    /// When there is no such route, and whatever the sending met.
    pub async fn test(&self, route: &str) -> Result<(), WatchError> {
        let (settings, base, at) = {
            let state = self.0.state.lock().await;
            (state.incidents.settings().clone(), state.base.clone(), state.moment())
        };
        let missing = || WatchError::Missing { what: "route", name: route.to_owned() };
        let route = settings.routes.iter().find(|known| known.name == route).ok_or_else(missing)?;
        let dedup = format!("test-{}-{}", route.name, at.wall_ms);
        let message = notify::Message::test(route, dedup, &base);
        let record = outbox::queued(&route.name, None, &message, at);
        self.0.outbox.send_now(&self.0.store, record, &message).await
    }

    /// A message was sent or given up: the incident's timeline says so.
    async fn note_sent(
        &self,
        incident: Option<i64>,
        entry: TimelineEntry,
        notice: store::NoticeRecord,
    ) {
        let mut state = self.0.state.lock().await;
        state.unsaved.entries.extend(incident.map(|id| (id, entry)));
        state.unsaved.notices.push(notice);
        if let Err(error) = self.save(&mut state).await {
            tracing::warn!(%error, "what became of a message was not written down yet");
        }
    }
}

/// What was kept, brought to now: the time in between counts, unless the clock says that there was
/// none.
fn kept_until(mut kept: Kept, wall_ms: i64) -> Kept {
    if kept.wall_ms > 0 {
        kept.steady_ms = kept.steady_ms.saturating_add((wall_ms - kept.wall_ms).max(0));
    }
    kept
}

fn to_case(record: IncidentRecord) -> Case {
    let memory = serde_json::from_str(&record.memory).unwrap_or_else(|error| {
        // People may be told a second time; nothing of the incident itself is lost.
        tracing::warn!(%error, id = record.incident.id, "who was told of an incident is not known");
        CaseMemory::default()
    });
    Case { incident: record.incident, memory }
}

fn to_record(case: &Case) -> IncidentRecord {
    let memory = serde_json::to_string(&case.memory).expect("invariant: plain data becomes JSON");
    IncidentRecord { incident: case.incident.clone(), memory }
}

fn silence_entry(kind: &str, silence: &Silence, actor: Actor) -> LedgerEntry {
    LedgerEntry {
        at_ms: now_ms(),
        actor,
        shop: silence.shop.clone(),
        kind: kind.to_owned(),
        subject: Some(format!("silence:{}", silence.id)),
        params: Params::from([("until_ms".to_owned(), silence.until_ms.into())]),
    }
}

fn names(configuration: &Configuration) -> BTreeMap<ShopId, String> {
    configuration.shops.iter().map(|shop| (shop.id.clone(), shop.name.clone())).collect()
}

fn base(configuration: &Configuration) -> String {
    format!("http://{}", configuration.control.listen)
}
