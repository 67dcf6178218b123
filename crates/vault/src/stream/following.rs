//! One connection's life: events become durable, and are acknowledged only then.

use super::{End, Follower, Hindrance, State, TOLD_EVERY, Tail, is_told, of_database};
use crate::{
    VaultError,
    journal::{self, Place, SegmentFile, Writer},
};
use databases::{
    DatabaseError,
    changes::{self, Change, Event, ObstacleKind, Position, Stream},
};
use std::{
    collections::BTreeMap,
    future::ready,
    time::{Duration, Instant},
};
use tokio::time::{MissedTickBehavior, interval};

/// So many events are taken before they are made durable, where they come without a pause.
const GROUP: usize = 2_000;
/// A server that has said nothing for longer may have changes that we do not know of: one that is well
/// says every ten seconds that it is there.
const HEARD_WITHIN: Duration = Duration::from_secs(15);
/// Nothing came for so long, from a server that is there: there is nothing.
const QUIET: Duration = Duration::from_millis(500);
/// How often the schema is looked at for tables that came since, and old changes are forgotten.
const SURVEY_EVERY: Duration = Duration::from_secs(60);

pub(super) struct Following<'f, 'a> {
    follower: &'f mut Follower<'a>,
    writer: Writer,
    options: changes::Options,
    stream: Stream,
    /// When the last event came.
    came: Instant,
    surveyed: Instant,
    /// Bytes of the server's log in each segment, by its number.
    raw: BTreeMap<u64, u64>,
}

impl<'f, 'a> Following<'f, 'a> {
    /// Opens the stream where the journal ends; of a journal without a beginning, makes one.
    ///
    /// # Errors
    /// Why it is not followed, which may be the journal's failure.
    pub(super) async fn begin(
        follower: &'f mut Follower<'a>,
        mut writer: Writer,
        options: changes::Options,
    ) -> Result<Self, Result<End, VaultError>> {
        let url = &follower.settings.database;
        let from = match writer.last() {
            Some(position) => position.clone(),
            None => first(follower, &mut writer, &options).await?,
        };
        let stream = Stream::open(url, &options, &from).await;
        let stream = stream.map_err(|error| Ok(of_database(&error)))?;
        let now = Instant::now();
        Ok(Self {
            follower,
            writer,
            options,
            stream,
            came: now,
            surveyed: now,
            raw: BTreeMap::new(),
        })
    }

    /// Until it is told to end, or something goes wrong.
    pub(super) async fn run(mut self) -> Result<End, VaultError> {
        tracing::info!(shop = %self.follower.place.shop(), "changes are followed");
        self.follower.standing.state = State::Following;
        self.follower.standing.trouble = None;
        // What was written down of them last may be older than the journal.
        self.follower.standing.orders_deleted += 1;
        let mut ticks = interval(TOLD_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let outcome = tokio::select! {
                biased;
                () = is_told(&mut self.follower.stop) => {
                    self.note(false)?;
                    self.writer.close()?;
                    return Ok(End::Told);
                }
                _ = ticks.tick() => self.look().await,
                event = self.stream.next() => match event {
                    Ok(event) => self.take(event).await,
                    Err(error) => Ok(Some(of_database(&error))),
                },
            };
            match outcome {
                Ok(None) => {}
                Ok(Some(End::Lost(reason))) => return Ok(End::Lost(reason)),
                Ok(Some(end)) => {
                    // What has come is not to come again.
                    self.writer.sync()?;
                    self.note(false)?;
                    return Ok(end);
                }
                Err(VaultError::OtherHistory { last, next }) => {
                    let reason =
                        format!("the journal ends at {last}, and {next} is another server's");
                    return Ok(End::Lost(reason));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes an event and all that are there with it, makes them durable, and says so to the server.
    async fn take(&mut self, event: Event) -> Result<Option<End>, VaultError> {
        let mut next = Some(event);
        let mut failed: Option<DatabaseError> = None;
        let mut ends = false;
        for _ in 0..GROUP {
            let Some(event) = next.take() else { break };
            ends |= matches!(event, Event::Commit { .. } | Event::Reached { .. });
            self.note_orders(&event);
            self.writer.append(&event)?;
            let following = tokio::select! {
                biased;
                event = self.stream.next() => Some(event),
                () = ready(()) => None,
            };
            match following {
                Some(Ok(event)) => next = Some(event),
                Some(Err(error)) => failed = Some(error),
                None => {}
            }
        }
        if let Some(event) = next {
            ends |= matches!(event, Event::Commit { .. } | Event::Reached { .. });
            self.note_orders(&event);
            self.writer.append(&event)?;
        }
        self.came = Instant::now();
        if ends {
            let position = self.writer.sync()?.cloned();
            let last_ms = self.writer.last_ms();
            let standing = &mut self.follower.standing;
            standing.current_ms = standing.current_ms.max((last_ms > 0).then_some(last_ms));
            self.follower.tell_copies(&self.writer);
            if let Some(error) = self.acknowledge(position).await {
                failed = failed.or(Some(error));
            }
        }
        Ok(failed.as_ref().map(of_database))
    }

    /// Takes note of orders that go, so that somebody looks.
    fn note_orders(&mut self, event: &Event) {
        let graphs = &self.follower.settings.graphs;
        let is_root = |name: &str| graphs.iter().any(|graph| graph.may_be_root(name));
        let is_one = match event {
            Event::Row(row) => is_root(&row.table.name) && matches!(row.change, Change::Deleted(_)),
            Event::Emptied { table } => table.rsplit('.').next().is_some_and(is_root),
            _ => false,
        };
        self.follower.standing.orders_deleted += u64::from(is_one);
    }

    async fn acknowledge(&mut self, position: Option<Position>) -> Option<DatabaseError> {
        let position = position?;
        self.stream.acknowledge(&position).await.err()
    }

    /// Says how it stands, and every now and then looks around.
    async fn look(&mut self) -> Result<Option<End>, VaultError> {
        let is_current = self.came.elapsed() >= QUIET && self.stream.silent_for() < HEARD_WITHIN;
        self.note(is_current)?;
        if self.follower.is_to_begin_anew()? {
            return Ok(Some(End::Lost("a person had it begin anew".to_owned())));
        }
        if self.surveyed.elapsed() < SURVEY_EVERY {
            return Ok(None);
        }
        self.surveyed = Instant::now();
        let key = self.follower.place.make_key()?;
        journal::forget(&self.follower.place.folder(), &key, self.follower.oldest_ms())?;
        Ok(self.survey().await.err().map(|error| of_database(&error)))
    }

    /// Tables that came since are followed as well, where nothing speaks against it.
    async fn survey(&mut self) -> Result<(), DatabaseError> {
        let url = &self.follower.settings.database;
        let found = changes::survey(url, &self.options).await?;
        let has = |kind| found.iter().any(|obstacle| obstacle.kind == kind);
        let is_new = has(ObstacleKind::NotFollowed) && !has(ObstacleKind::NoIdentity);
        self.follower.standing.obstacles = found.iter().map(Hindrance::of).collect();
        if is_new {
            changes::follow_new_tables(url, &self.options).await?;
            let is_it = |one: &Hindrance| one.code == "not_followed";
            self.follower.standing.obstacles.retain(|one| !is_it(one));
        }
        Ok(())
    }

    fn note(&mut self, is_current: bool) -> Result<(), VaultError> {
        let now_ms = (self.follower.now)();
        let folder = self.follower.place.folder();
        let standing = &mut self.follower.standing;
        if is_current {
            standing.current_ms = Some(now_ms);
        }
        let (last_ms, tail) = (self.writer.last_ms(), self.writer.tail());
        standing.last_ms = (last_ms > 0).then_some(last_ms);
        standing.position = self.writer.last().map(ToString::to_string);
        standing.behind_bytes = self.stream.behind_bytes();
        let segments = journal::segments(&folder)?;
        let sealed: u64 = segments.iter().map(|segment| segment.bytes).sum();
        standing.journal_bytes = sealed + tail.durable_bytes;
        standing.raw_bytes = match self.follower.settings.raw {
            true => Some(packed(&segments, &mut self.raw, self.follower.place)?),
            false => None,
        };
        standing.tail = Some(Tail { number: tail.number, durable_bytes: tail.durable_bytes });
        self.follower.tell_copies(&self.writer);
        self.follower.tell()
    }
}

/// Bytes of the server's log in the segments; those that are not known yet are looked at.
fn packed(
    segments: &[SegmentFile],
    known: &mut BTreeMap<u64, u64>,
    place: &Place,
) -> Result<u64, VaultError> {
    let mut bytes = 0;
    for segment in segments {
        bytes += match known.get(&segment.number) {
            Some(bytes) => *bytes,
            None => {
                let found = journal::raw_bytes(segment, &place.make_key()?)?;
                known.insert(segment.number, found);
                found
            }
        };
    }
    Ok(bytes)
}

/// Where a journal without one begins. A slot that is there already was made by one who was killed
/// before it was written down: its name is this journal's alone.
async fn first(
    follower: &mut Follower<'_>,
    writer: &mut Writer,
    options: &changes::Options,
) -> Result<Position, Result<End, VaultError>> {
    let url = &follower.settings.database;
    let failed = |error: DatabaseError| Ok(of_database(&error));
    changes::remove(url, options).await.map_err(failed)?;
    let position = changes::begin(url, options).await.map_err(failed)?;
    writer.append(&Event::Reached { position: position.clone() }).map_err(Err)?;
    writer.sync().map_err(Err)?;
    let now_ms = (follower.now)();
    follower.standing.begun_ms = Some(now_ms);
    follower.standing.current_ms = Some(now_ms);
    Ok(position)
}
