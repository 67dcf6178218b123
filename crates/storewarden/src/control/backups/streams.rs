//! How far the changes of shops' databases are followed, out of what their own process says.

use super::{Backups, logs};
use crate::stream::SILENT_MS;
use ::watch::{
    backups::Trouble,
    streams::{LogStanding, StreamCopy, StreamGap, StreamObstacle, StreamStanding, StreamState},
};
use kernel::{Params, config::ShopSettings};
use vault::{
    journal::Place,
    stream::{CopyStanding, Gap, Hindrance, Standing, State},
    wal,
};

impl Backups {
    /// `None` where the configuration does not ask for it.
    pub(super) fn stream(&self, shop: &ShopSettings, now_ms: i64) -> Option<StreamStanding> {
        let settings = shop.stream.as_ref()?;
        let read = Standing::read(&Place::of(&self.state, &shop.id));
        let told = match &read {
            Ok(told) => told.clone().unwrap_or_default(),
            Err(_) => Standing::default(),
        };
        let trouble = match read {
            Err(error) => Some(trouble("stream_unreadable", error.story())),
            Ok(None) => Some(trouble("stream_silent", "its process has not begun")),
            Ok(Some(told)) if is_silent(&told, now_ms) => {
                Some(trouble("stream_silent", "its process does not run, or hangs"))
            }
            Ok(Some(told)) => told.trouble.map(|one| trouble(&one.code, one.message)),
        };
        Some(StreamStanding {
            state: state(&told, now_ms),
            begun_ms: told.begun_ms,
            current_ms: told.current_ms,
            behind_at_most_ms: settings.behind_at_most_ms,
            last_ms: told.last_ms,
            behind_bytes: told.behind_bytes,
            journal_bytes: told.journal_bytes,
            raw_bytes: told.raw_bytes,
            obstacles: told.obstacles.into_iter().map(obstacle).collect(),
            trouble,
            gap: told.gap.map(gap),
            copies: told.copies.into_iter().map(copy).collect(),
            log: self.log(shop, now_ms),
        })
    }
}

impl Backups {
    /// The server's own log; `None` where another program does not receive it.
    fn log(&self, shop: &ShopSettings, now_ms: i64) -> Option<LogStanding> {
        logs::account(shop)?;
        let read = wal::Standing::read(&Place::of(&self.state, &shop.id));
        let told = match &read {
            Ok(told) => told.clone().unwrap_or_default(),
            Err(_) => wal::Standing::default(),
        };
        let is_silent = (now_ms - told.at_ms).abs() >= SILENT_MS;
        let message = match (read, told.trouble) {
            (Err(error), _) => Some(trouble("stream_unreadable", error.story())),
            (Ok(_), _) if is_silent => {
                Some(trouble("stream_silent", "its process does not run, or hangs"))
            }
            (Ok(_), said) => said.map(|one| trouble(&one.code, one.message)),
        };
        let begun_ms = told.begun_ms.filter(|_| shop.backup.is_some());
        let reaches_from_ms = begun_ms.and_then(|begun_ms| self.log_reaches(shop, begun_ms));
        Some(LogStanding {
            state: if is_silent { StreamState::Unknown } else { of_state(told.state) },
            reaches_from_ms,
            current_ms: told.current_ms,
            bytes: told.bytes,
            trouble: message,
            gap: told.gap.map(gap),
            copies: told.copies.into_iter().map(copy).collect(),
        })
    }
}

/// A clock that went back makes nobody silent.
fn is_silent(told: &Standing, now_ms: i64) -> bool {
    (now_ms - told.at_ms).abs() >= SILENT_MS
}

fn state(told: &Standing, now_ms: i64) -> StreamState {
    if is_silent(told, now_ms) { StreamState::Unknown } else { of_state(told.state) }
}

fn of_state(state: State) -> StreamState {
    match state {
        State::Starting => StreamState::Starting,
        State::Following => StreamState::Following,
        State::Away => StreamState::Away,
        State::Refused => StreamState::Refused,
        State::Stopped => StreamState::Stopped,
        State::Ended => StreamState::Unknown,
    }
}

fn trouble(code: &str, message: impl Into<String>) -> Trouble {
    Trouble { code: code.to_owned(), params: Params::new(), message: message.into() }
}

fn obstacle(one: Hindrance) -> StreamObstacle {
    let Hindrance { code, subject, mend, refuses } = one;
    StreamObstacle { code, subject, mend, refuses }
}

fn gap(gap: Gap) -> StreamGap {
    let Gap { from_ms, until_ms, reason } = gap;
    StreamGap { from_ms, until_ms, reason }
}

fn copy(one: CopyStanding) -> StreamCopy {
    let CopyStanding { to, every_ms, requests_a_month, current_ms, sent_ms, delay_ms, .. } = one;
    let CopyStanding { bytes, keeps_all, .. } = one;
    let trouble = one.trouble.map(|one| trouble(&one.code, one.message));
    StreamCopy {
        to,
        every_ms,
        requests_a_month,
        current_ms,
        sent_ms,
        delay_ms,
        bytes,
        keeps_all,
        trouble,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_nothing_is_not_known_to_follow() {
        let check = |state_told, at_ms, expect| {
            let told = Standing { state: state_told, at_ms, ..Standing::default() };
            assert_eq!(state(&told, 100_000), expect, "{state_told:?} {at_ms}");
        };
        check(State::Following, 99_000, StreamState::Following);
        check(State::Following, 101_000, StreamState::Following);
        check(State::Following, 85_000, StreamState::Unknown);
        check(State::Refused, 0, StreamState::Unknown);
        check(State::Ended, 99_999, StreamState::Unknown);
    }
}
