//! Messages on their way out: each is tried until the other side takes it, later and later, for a
//! day; then it is given up, and that is a finding.
//!
//! Routes are tried side by side, the messages of one route one after the other, so that a dead
//! server holds up nobody else and "resolved" never comes before "opened".

use super::Desk;
use crate::{
    WatchError,
    incidents::Moment,
    notify::{self, Channel, DEADLINE, Message},
    orders::now_ms,
};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use kernel::{
    Actor, Params, TimelineEntry, TimelineKind,
    config::{AlertSettings, NotifySettings},
};
use outbound::http::Client;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use store::{IncidentChanges, NoticeOutcome, NoticeRecord, Store};
use tokio::{sync::Notify, time::Instant};

/// Waits between two attempts; the last one again and again.
const WAITS: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(20),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(60 * 60),
];
/// A message older than this helps nobody.
const GIVEN_UP_MS: i64 = 24 * 60 * 60_000;
/// A route that could not be told so often in a row is a finding.
const FAILING: u32 = 2;
/// Messages that wait for one route; the oldest is given up for a newer one.
const QUEUE: usize = 500;

/// How a route fares.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteState {
    pub name: String,
    /// `email`, `webhook`, `slack` or `ntfy`.
    pub kind: &'static str,
    /// Messages that wait.
    pub waiting: usize,
    /// Why it cannot be told now; `None` when nothing is known against it.
    pub error: Option<String>,
    pub last: Option<LastNotice>,
}

/// The last message whose fate is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastNotice {
    /// Unix milliseconds.
    pub at_ms: i64,
    pub sent: bool,
    pub error: Option<String>,
}

#[derive(Debug)]
pub(super) struct Outbox {
    client: Client,
    lanes: Mutex<BTreeMap<String, Lane>>,
    nudge: Notify,
}

/// One route.
#[derive(Debug, Default)]
struct Lane {
    route: Option<NotifySettings>,
    channel: Option<Arc<Channel>>,
    waiting: VecDeque<(NoticeRecord, Message)>,
    /// Not before this.
    due: Option<Instant>,
    is_sending: bool,
    failures: u32,
    error: Option<String>,
}

/// A message as it is first written down.
pub(super) fn queued(
    route: &str,
    incident: Option<i64>,
    message: &Message,
    at: Moment,
) -> NoticeRecord {
    NoticeRecord {
        dedup: message.dedup.clone(),
        route: route.to_owned(),
        incident,
        message: serde_json::to_string(message).expect("invariant: plain data becomes JSON"),
        queued_ms: at.wall_ms,
        attempts: 0,
        error: None,
        outcome: None,
    }
}

impl Outbox {
    /// With the messages that were on their way before a restart.
    pub(super) async fn open(store: &Store, client: Client) -> Result<Self, WatchError> {
        let mut lanes: BTreeMap<String, Lane> = BTreeMap::new();
        for record in store.waiting_notices().await? {
            match serde_json::from_str(&record.message) {
                Ok(message) => {
                    lanes
                        .entry(record.route.clone())
                        .or_default()
                        .waiting
                        .push_back((record, message));
                }
                Err(error) => {
                    tracing::warn!(%error, dedup = record.dedup, "a message is not understood");
                }
            }
        }
        Ok(Self { client, lanes: Mutex::new(lanes), nudge: Notify::new() })
    }

    fn lanes(&self) -> MutexGuard<'_, BTreeMap<String, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Routes that stayed the same keep their channels; messages of routes that went away wait for
    /// them to come back, until they are given up.
    pub(super) fn configure(&self, settings: &AlertSettings) {
        let mut lanes = self.lanes();
        for lane in lanes.values_mut() {
            lane.route = None;
            lane.channel = None;
        }
        for route in &settings.routes {
            let lane = lanes.entry(route.name.clone()).or_default();
            lane.route = Some(route.clone());
            match Channel::new(route, settings, &self.client) {
                Ok(channel) => {
                    lane.channel = Some(Arc::new(channel));
                    (lane.error, lane.failures, lane.due) = (None, 0, None);
                }
                Err(error) => {
                    (lane.error, lane.failures) = (Some(story(&error)), FAILING);
                }
            }
        }
        drop(lanes);
        self.nudge.notify_one();
    }

    pub(super) fn queue(&self, record: NoticeRecord, message: Message) {
        let mut lanes = self.lanes();
        let lane = lanes.entry(record.route.clone()).or_default();
        if lane.waiting.len() >= QUEUE {
            // Its record stays undecided and is tried after the next start.
            lane.waiting.pop_front();
        }
        lane.waiting.push_back((record, message));
        drop(lanes);
        self.nudge.notify_one();
    }

    /// A route that cannot be told, and why.
    pub(super) fn failing(&self) -> Option<(String, String)> {
        let lanes = self.lanes();
        let mut failing = lanes.iter().filter(|(_, lane)| lane.failures >= FAILING);
        let known = failing.find(|(_, lane)| lane.route.is_some());
        known.map(|(name, lane)| (name.clone(), lane.error.clone().unwrap_or_default()))
    }

    pub(super) fn state_of(
        &self,
        route: &NotifySettings,
        last: Option<NoticeRecord>,
    ) -> RouteState {
        let lanes = self.lanes();
        let lane = lanes.get(&route.name);
        let last = last.and_then(|last| {
            let NoticeOutcome { sent, at_ms } = last.outcome?;
            Some(LastNotice { at_ms, sent, error: last.error.filter(|_| !sent) })
        });
        RouteState {
            name: route.name.clone(),
            kind: notify::kind(route),
            waiting: lane.map_or(0, |lane| lane.waiting.len()),
            error: lane.and_then(|lane| lane.error.clone()),
            last,
        }
    }

    /// Sends what is due, for as long as it is polled.
    pub(super) async fn run(&self, desk: &Desk) {
        let mut sending = FuturesUnordered::new();
        loop {
            for (channel, record, message) in self.take_due() {
                sending.push(async move {
                    let outcome = channel.send(&message, DEADLINE).await;
                    (record, message, outcome)
                });
            }
            let next = self.next_due();
            let waiting = async {
                match next {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some((record, message, outcome)) = sending.next() => {
                    self.decide(desk, record, message, outcome).await;
                }
                () = self.nudge.notified() => {}
                () = waiting => {}
            }
        }
    }

    /// The first message of every route that may be told now.
    fn take_due(&self) -> Vec<(Arc<Channel>, NoticeRecord, Message)> {
        let now = Instant::now();
        let mut lanes = self.lanes();
        let free = lanes
            .values_mut()
            .filter(|lane| !lane.is_sending && lane.due.is_none_or(|due| due <= now));
        free.filter_map(|lane| {
            let channel = lane.channel.clone()?;
            let (record, message) = lane.waiting.pop_front()?;
            lane.is_sending = true;
            Some((channel, record, message))
        })
        .collect()
    }

    fn next_due(&self) -> Option<Instant> {
        let lanes = self.lanes();
        let waiting = lanes
            .values()
            .filter(|l| !l.is_sending && !l.waiting.is_empty() && l.channel.is_some());
        waiting.filter_map(|lane| lane.due).min()
    }

    async fn decide(
        &self,
        desk: &Desk,
        mut record: NoticeRecord,
        message: Message,
        outcome: Result<(), WatchError>,
    ) {
        let now_ms = now_ms();
        let again = matches!(&outcome, Err(WatchError::NotifyFailed(_)))
            && now_ms - record.queued_ms < GIVEN_UP_MS;
        record.attempts += 1;
        record.error = outcome.as_ref().err().map(story);
        {
            let mut lanes = self.lanes();
            let lane = lanes.entry(record.route.clone()).or_default();
            lane.is_sending = false;
            lane.error.clone_from(&record.error);
            lane.failures = if outcome.is_ok() { 0 } else { lane.failures.saturating_add(1) };
            if again {
                let wait = WAITS[(record.attempts as usize - 1).min(WAITS.len() - 1)];
                lane.due = Some(Instant::now() + wait);
                lane.waiting.push_front((record, message));
                tracing::warn!(error = lane.error, "a message was not taken; it is tried again");
                return;
            }
            lane.due = None;
        }
        let sent = outcome.is_ok();
        record.outcome = Some(NoticeOutcome { sent, at_ms: now_ms });
        let mut params = Params::from([
            ("route".to_owned(), record.route.as_str().into()),
            ("event".to_owned(), message.event.as_str().into()),
        ]);
        params.extend(record.error.as_deref().map(|error| ("error".to_owned(), error.into())));
        let kind = if sent { TimelineKind::Notified } else { TimelineKind::NotifyFailed };
        let entry = TimelineEntry { at_ms: now_ms, actor: Actor::Storewarden, kind, params };
        desk.note_sent(record.incident, entry, record).await;
    }

    /// Sends one message once and says what came of it; nothing of it waits.
    pub(super) async fn send_now(
        &self,
        store: &Store,
        mut record: NoticeRecord,
        message: &Message,
    ) -> Result<(), WatchError> {
        let channel = self.lanes().get(&record.route).and_then(|lane| lane.channel.clone());
        let unfit = || WatchError::NotifySettings("its settings are not in force".to_owned());
        let outcome = match channel {
            Some(channel) => channel.send(message, DEADLINE).await,
            None => Err(unfit()),
        };
        record.attempts = 1;
        record.error = outcome.as_ref().err().map(story);
        record.outcome = Some(NoticeOutcome { sent: outcome.is_ok(), at_ms: now_ms() });
        if let Some(lane) = self.lanes().get_mut(&record.route) {
            lane.error.clone_from(&record.error);
            if outcome.is_ok() {
                (lane.failures, lane.due) = (0, None);
            }
        }
        self.nudge.notify_one();
        let changes = IncidentChanges { notices: vec![record], ..Default::default() };
        store.record_incidents(changes).await?;
        outcome
    }
}

fn story(error: &WatchError) -> String {
    match error {
        // Their own words, without ours before them.
        WatchError::NotifySettings(why)
        | WatchError::NotifyRefused(why)
        | WatchError::NotifyFailed(why) => why.clone(),
        error => error.to_string(),
    }
}
