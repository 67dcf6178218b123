//! Moments between backups: which there are, by the dumps and the journal of changes, how long going back to
//! one takes, and what of it a backup may rely on.

use super::{BackedUp, Backups, PATIENCE, unexpected, worker};
use crate::backup_worker::{Done, Points as Asked, ReachedSpan, Stream, Taken, Trouble, Work};
use ::watch::{
    backups::{SnapshotRow, Trouble as Told},
    restore_points::{MomentSpan, Moments, Rates, RestorePoint},
    streams::{StreamStanding, StreamState},
};
use databases::restore::name_of;
use kernel::{
    ShopId,
    config::{BackupSettings, DatabaseKind, ShopSettings, StreamSettings},
};
use std::sync::{MutexGuard, PoisonError};
use tokio::time::timeout;

/// Older dumps than so many are not looked into.
const MOST_DUMPS: usize = 64;
/// So often it is looked at most; segments of the journal that are too old go meanwhile.
const LOOK_MS: i64 = 10 * 60 * 1000;
/// So often everything is looked at anew, and not the newest dump alone.
const WHOLE_MS: i64 = 6 * 60 * 60 * 1000;
/// A dump is old enough for the next one by so much of the gap between two backups before its time.
const SLACK: u64 = 2;

/// What was looked up last.
#[derive(Debug, Clone, Default)]
pub(super) struct Points {
    /// Unix milliseconds.
    looked_ms: Option<i64>,
    /// When all of it was.
    whole_ms: i64,
    /// The newest dump by then.
    newest: Option<String>,
    /// The newest first.
    spans: Vec<ReachedSpan>,
    trouble: Option<Told>,
}

/// Whether the changes of the database that is backed up are followed.
pub(super) fn has_stream(shop: &ShopSettings, settings: &BackupSettings) -> bool {
    stream_of(shop, settings).is_some()
}

fn stream_of<'a>(shop: &'a ShopSettings, settings: &BackupSettings) -> Option<&'a StreamSettings> {
    let kind = shop.database.as_ref().filter(|_| settings.database)?.kind;
    shop.stream.as_ref().filter(|_| kind != DatabaseKind::Sqlite)
}

fn whole(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

impl Backups {
    fn points(&self) -> MutexGuard<'_, std::collections::BTreeMap<ShopId, Points>> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The journal that may stand for the database in a backup.
    pub(super) async fn may_stand_in(&self, of: &BackedUp) -> Option<Stream> {
        let stream = stream_of(&of.shop, &of.settings)?;
        // Which backup comes nearest to its time dumps it, and not always the one after.
        let gap_ms = of.settings.schedule.longest_gap_ms();
        let every_ms = of.settings.database_every_ms.saturating_sub(gap_ms / SLACK);
        Some(Stream {
            state: self.state.clone(),
            every_ms: whole(every_ms),
            behind_at_most_ms: whole(stream.behind_at_most_ms),
            back_within_ms: of.settings.back_within_ms,
            changes_a_second: self.rates(&of.shop.id).await.changes_a_second(),
        })
    }

    async fn rates(&self, shop: &ShopId) -> Rates {
        Rates::of(&self.drills(shop).await)
    }

    /// The oldest moment that the journal is to go back to, which needs a dump before it.
    pub(super) fn promised_ms(&self, of: &BackedUp) -> Option<i64> {
        let settings = stream_of(&of.shop, &of.settings)?;
        let now_ms = crate::control::now_ms();
        let begun_ms = self.stream(&of.shop, now_ms).and_then(|stream| stream.begun_ms);
        let kept_ms = now_ms.saturating_sub(whole(settings.keep_ms));
        Some(begun_ms.map_or(kept_ms, |begun_ms| begun_ms.max(kept_ms)))
    }

    /// Looks again when a step of the clock has passed since, or a dump has come.
    pub(super) async fn keep_points(&self, of: &BackedUp, now_ms: i64) {
        let Some(stream) = stream_of(&of.shop, &of.settings) else { return };
        let places: Vec<String> = of.settings.to.iter().map(ToString::to_string).collect();
        let rows = self.book().snapshots(&places).snapshots;
        let every_ms = whole(stream.points_ms).max(LOOK_MS);
        if self.is_to_be_looked(&of.shop.id, &rows, (now_ms, every_ms)) {
            self.look_for_points(of, &rows, now_ms).await;
        }
    }

    fn is_to_be_looked(
        &self,
        shop: &ShopId,
        rows: &[SnapshotRow],
        (now_ms, every_ms): (i64, i64),
    ) -> bool {
        let newest = rows.iter().find(|row| !row.databases.is_empty()).map(|row| &row.id);
        let points = self.points();
        let known = points.get(shop);
        let looked_ms = known.and_then(|known| known.looked_ms);
        newest.is_some()
            && (newest != known.and_then(|known| known.newest.as_ref())
                || looked_ms.is_none_or(|looked| !(0..every_ms).contains(&(now_ms - looked))))
    }

    async fn look_for_points(&self, of: &BackedUp, rows: &[SnapshotRow], now_ms: i64) {
        let Some(stream) = stream_of(&of.shop, &of.settings) else { return };
        let known = self.points().get(&of.shop.id).cloned().unwrap_or_default();
        let Some((place, dumps)) = self.dumps(of, rows) else {
            // No dump: there is nothing to go on from.
            let found = Points { looked_ms: Some(now_ms), ..Points::default() };
            self.points().insert(of.shop.id.clone(), found);
            return;
        };
        let is_whole = !(0..WHOLE_MS).contains(&(now_ms - known.whole_ms));
        // Those behind the newest but one do not become others: later moments are the next one's.
        let kept = known.spans.iter().filter(|span| {
            let place = dumps.iter().position(|(taken, _)| taken.id == span.snapshot);
            !is_whole && place.is_some_and(|place| place > 1)
        });
        let kept: Vec<ReachedSpan> = kept.cloned().collect();
        let asked: Vec<_> = match is_whole {
            true => dumps.clone(),
            false => dumps.iter().take(2).cloned().collect(),
        };
        let step_ms = whole(stream.points_ms);
        let work = Work::Points(Asked { state: self.state.clone(), step_ms, dumps: asked });
        let looked = async {
            let job = self.job(of, &place, work).await?;
            match self.work(job, &worker::unheard).await? {
                Done::Points(spans) => Ok(spans),
                other => Err(unexpected(&other)),
            }
        };
        let looked: Result<Vec<ReachedSpan>, Box<Trouble>> = looked.await;
        let newest = rows.iter().find(|row| !row.databases.is_empty()).map(|row| row.id.clone());
        let found = match looked {
            Ok(spans) => Points {
                whole_ms: if is_whole { now_ms } else { known.whole_ms },
                spans: spans.into_iter().chain(kept).collect(),
                trouble: None,
                looked_ms: Some(now_ms),
                newest,
            },
            // What was there once proves nothing of now.
            Err(trouble) => Points {
                trouble: Some(Told::from(*trouble)),
                looked_ms: Some(now_ms),
                newest,
                ..Points::default()
            },
        };
        self.points().insert(of.shop.id.clone(), found);
    }

    /// The dumps of the first place that has the newest, each with when the next was taken.
    fn dumps(&self, of: &BackedUp, rows: &[SnapshotRow]) -> Option<(String, Vec<(Taken, i64)>)> {
        let own = of.shop.database.as_ref().map(name_of)?;
        let named = |row: &SnapshotRow| row.databases.iter().any(|one| one.name == own);
        let rows: Vec<&SnapshotRow> = rows.iter().filter(|row| named(row)).collect();
        let place = rows.first()?.places.first()?.clone();
        let mut before_ms = i64::MAX;
        let mut dumps = Vec::new();
        for row in rows.into_iter().take(MOST_DUMPS) {
            let Some(id) = self.id_at(&place, row) else { continue };
            dumps.push((Taken { id, at_ms: row.at_ms, database: own.clone() }, before_ms));
            before_ms = row.at_ms;
        }
        Some((place, dumps))
    }

    /// What there is between backups, as of now where that can be had in time; `None`: it has no stream.
    pub(super) async fn moments(&self, of: &BackedUp, rows: &[SnapshotRow]) -> Option<Moments> {
        let stream = stream_of(&of.shop, &of.settings)?;
        let now_ms = crate::control::now_ms();
        let every_ms = whole(stream.points_ms).min(LOOK_MS);
        if self.is_to_be_looked(&of.shop.id, rows, (now_ms, every_ms)) {
            // What was known before is told with its time.
            timeout(PATIENCE / 2, self.look_for_points(of, rows, now_ms)).await.ok();
        }
        let known = self.points().get(&of.shop.id).cloned().unwrap_or_default();
        let rates = self.rates(&of.shop.id).await;
        let row_of = |span: &ReachedSpan| {
            let own = rows.iter().find(|row| row.at_ms == span.dump_ms);
            own.map_or_else(|| span.snapshot.clone(), |row| row.id.clone())
        };
        let points = known.spans.iter().flat_map(|span| {
            let snapshot = row_of(span);
            let point = move |(at_ms, changes, transactions): &(i64, u64, u64)| RestorePoint {
                at_ms: *at_ms,
                snapshot: snapshot.clone(),
                dump_ms: span.dump_ms,
                changes: *changes,
                transactions: *transactions,
                expected_ms: rates.expected_ms(span.rows, *changes),
            };
            // Of a span that another one follows, the last moment is no step of the clock.
            span.points.iter().rev().map(point)
        });
        let points = points.collect();
        let span = |span: &ReachedSpan| MomentSpan {
            snapshot: row_of(span),
            from_ms: span.from_ms,
            until_ms: span.until_ms,
            redefined: span.redefined.clone(),
        };
        Some(Moments {
            spans: known.spans.iter().map(span).collect(),
            points,
            step_ms: stream.points_ms,
            looked_ms: known.looked_ms,
            trouble: known.trouble,
        })
    }

    /// How the database of a shop comes back, as far as that is known.
    pub(super) fn standing_dump(
        &self,
        shop: &ShopSettings,
        stream: Option<&StreamStanding>,
        rows: &[SnapshotRow],
    ) -> StandingDump {
        let dump = rows.iter().find(|row| !row.databases.is_empty());
        let Some(dump) = dump else { return StandingDump::default() };
        let found = shop.backup.as_ref().and_then(|backup| stream_of(shop, backup));
        let Some(stream) = stream.filter(|_| found.is_some()) else {
            return StandingDump {
                dump_ms: Some(dump.at_ms),
                until_ms: Some(dump.at_ms),
                ..StandingDump::default()
            };
        };
        let points = self.points();
        let known = points.get(&shop.id);
        if known.is_none_or(|known| known.looked_ms.is_none() || known.trouble.is_some()) {
            // Nobody has looked since control began, or could: how far the database comes back is not known.
            return StandingDump { dump_ms: Some(dump.at_ms), ..StandingDump::default() };
        }
        let span = known.and_then(|known| known.spans.first());
        let span = span.filter(|span| span.dump_ms == dump.at_ms);
        // Backups since, whose runs have seen that the journal stands for them.
        let since = rows.iter().take_while(|row| row.at_ms > dump.at_ms);
        let stood_ms = since.filter_map(|row| row.journal_ms).max();
        judge(dump.at_ms, stood_ms, span, stream)
    }
}

/// How a database comes back. Unix milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct StandingDump {
    /// When its newest dump was taken.
    pub(super) dump_ms: Option<i64>,
    /// Up to when it comes back; `None`: nobody knows, or there is no dump.
    pub(super) until_ms: Option<i64>,
    /// Only another dump goes on from here: changes are missing, or something was redefined.
    pub(super) is_broken: bool,
}

fn judge(
    dump_ms: i64,
    stood_ms: Option<i64>,
    span: Option<&ReachedSpan>,
    stream: &StreamStanding,
) -> StandingDump {
    let is_gap = stream.gap.as_ref().is_some_and(|gap| gap.until_ms > dump_ms);
    let redefined_ms = span.filter(|span| span.redefined.is_some()).map(|span| span.until_ms);
    let seen_ms = span.map(|span| span.until_ms).max(stood_ms).unwrap_or(dump_ms);
    let goes_on = span.is_some() && !is_gap && redefined_ms.is_none();
    // What was seen to go on from the dump goes on as far as the journal does.
    let now_ms = stream.current_ms.filter(|_| goes_on).unwrap_or(seen_ms);
    let until_ms = redefined_ms.unwrap_or(seen_ms.max(now_ms)).max(dump_ms);
    // With this machine goes what its copies do not have yet. A backup that was stood for had one.
    let elsewhere_ms =
        stream.copies.iter().filter_map(|copy| copy.current_ms).chain(stood_ms).max();
    let until_ms = match stream.copies.is_empty() {
        true => Some(until_ms),
        false => elsewhere_ms.map(|elsewhere_ms| until_ms.min(elsewhere_ms).max(dump_ms)),
    };
    let is_followed = stream.state == StreamState::Following;
    StandingDump {
        dump_ms: Some(dump_ms),
        until_ms,
        is_broken: is_followed && (is_gap || redefined_ms.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::watch::streams::{StreamCopy, StreamGap};

    fn stream(state: StreamState, current_ms: i64, gap_ms: Option<i64>) -> StreamStanding {
        let gap = |until_ms| StreamGap { from_ms: None, until_ms, reason: "lost".into() };
        StreamStanding {
            state,
            begun_ms: Some(1),
            current_ms: Some(current_ms),
            behind_at_most_ms: 60_000,
            last_ms: None,
            behind_bytes: None,
            journal_bytes: 0,
            raw_bytes: None,
            obstacles: Vec::new(),
            trouble: None,
            gap: gap_ms.map(gap),
            copies: Vec::new(),
            log: None,
        }
    }

    fn span(until_ms: i64, redefined: Option<&str>) -> ReachedSpan {
        ReachedSpan {
            snapshot: "0a".into(),
            dump_ms: 100,
            rows: 1,
            from_ms: 100,
            until_ms,
            redefined: redefined.map(str::to_owned),
            points: Vec::new(),
        }
    }

    #[test]
    fn a_database_comes_back_as_far_as_the_journal_goes_on_from_its_dump() {
        use StreamState::{Following, Unknown};
        let check = |stood_ms, span: Option<ReachedSpan>, stream: &StreamStanding, expect| {
            let judged = judge(100, stood_ms, span.as_ref(), stream);
            assert_eq!((judged.until_ms.unwrap(), judged.is_broken), expect, "{span:?} {stream:?}");
        };
        check(None, Some(span(500, None)), &stream(Following, 900, None), (900, false));
        // As far as it went, when nobody follows any more.
        check(None, Some(span(500, None)), &stream(Unknown, 700, None), (700, false));
        // Nobody has looked: what a backup's own run has seen counts.
        check(None, None, &stream(Following, 900, None), (100, false));
        check(Some(400), None, &stream(Following, 900, None), (400, false));
        // What is on this machine alone is lost with it.
        let copied = |current_ms| {
            let copies = [current_ms, None].map(|current_ms| StreamCopy {
                to: "/b".into(),
                every_ms: 1,
                requests_a_month: None,
                current_ms,
                sent_ms: None,
                delay_ms: None,
                bytes: None,
                keeps_all: false,
                trouble: None,
            });
            StreamStanding { copies: copies.into(), ..stream(Following, 900, None) }
        };
        check(None, Some(span(500, None)), &copied(Some(650)), (650, false));
        check(None, Some(span(500, None)), &copied(Some(50)), (100, false));
        check(Some(400), Some(span(500, None)), &copied(Some(300)), (400, false));
        let unknown = judge(100, None, Some(&span(500, None)), &copied(None));
        assert_eq!(unknown.until_ms, None);
        // Another dump is needed.
        check(Some(300), None, &stream(Following, 900, Some(350)), (300, true));
        check(Some(300), None, &stream(Unknown, 900, Some(350)), (300, false));
        check(None, None, &stream(Following, 900, Some(99)), (100, false));
        let orders = Some("orders");
        check(Some(300), Some(span(500, orders)), &stream(Following, 900, None), (500, true));
    }
}
