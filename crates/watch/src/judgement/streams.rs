//! Checks of a shop's stream of changes.

use super::Sign;
use crate::{
    backups::{ShopBackups, Trouble},
    streams::{LogStanding, StreamCopy, StreamGap, StreamStanding, StreamState},
};
use kernel::Level;

pub(super) fn signs(backups: &ShopBackups, now_ms: i64) -> Vec<Sign> {
    let Some(stream) = &backups.stream else { return Vec::new() };
    let own = [state_sign(stream), behind_sign(stream, now_ms), gap_sign(stream, backups)];
    let copies = stream.copies.iter().filter_map(|copy| copy_sign(stream, copy, now_ms));
    let log = stream.log.iter().flat_map(|log| log_signs(stream, log, now_ms));
    own.into_iter().flatten().chain(copies).chain(log).collect()
}

/// What findings of the server's own log are about.
const LOG: &str = "WAL";

/// Of the server's own log what is said of the journal; a base backup that began after a gap makes up for it.
fn log_signs(stream: &StreamStanding, log: &LogStanding, now_ms: i64) -> Vec<Sign> {
    let as_stream = StreamStanding {
        state: log.state,
        current_ms: log.current_ms,
        trouble: log.trouble.clone(),
        ..stream.clone()
    };
    let gap = log.gap.as_ref().filter(|_| log.reaches_from_ms.is_none());
    let own = [state_sign(&as_stream), behind_sign(&as_stream, now_ms), gap.map(lost_sign)];
    let failing = log.copies.iter().filter_map(|copy| {
        let trouble = copy.trouble.as_ref()?;
        let sign = Sign::new("stream_copy_failing", Level::Attention);
        let sign = sign.about(format!("{LOG} {}", copy.to)).with("place", copy.to.as_str());
        Some(because(sign, Some(trouble)))
    });
    own.into_iter().flatten().map(|sign| sign.about(LOG)).chain(failing).collect()
}

/// Of copies nothing is known while nobody says how the stream is, which is told by itself.
fn copy_sign(stream: &StreamStanding, copy: &StreamCopy, now_ms: i64) -> Option<Sign> {
    if stream.state == StreamState::Unknown {
        return None;
    }
    if let Some(trouble) = &copy.trouble {
        let sign = Sign::new("stream_copy_failing", Level::Attention).about(&copy.to);
        let sign = sign.with("place", copy.to.as_str());
        let current_ms = copy.current_ms.into_iter();
        let sign = current_ms.fold(sign, |sign, current_ms| sign.with("current_ms", current_ms));
        return Some(because(sign, Some(trouble)));
    }
    let most_ms = stream.behind_at_most_ms.saturating_add(copy.every_ms);
    // Of a stream that is behind itself, every copy is: that is told once.
    let known_ms = stream.current_ms?.min(now_ms);
    let behind_of_ms = copy.current_ms.or(stream.begun_ms)?;
    let late_ms = behind_of_ms.saturating_add(i64::try_from(most_ms).unwrap_or(i64::MAX));
    let sign = Sign::new("stream_copy_behind", Level::Attention).about(&copy.to);
    let sign = sign.with("place", copy.to.as_str()).with("current_ms", behind_of_ms);
    (late_ms < known_ms).then(|| sign.with("behind_at_most_ms", most_ms).since(late_ms))
}

fn state_sign(stream: &StreamStanding) -> Option<Sign> {
    let sign = match stream.state {
        StreamState::Starting | StreamState::Following | StreamState::Away => return None,
        StreamState::Refused => Sign::new("stream_refused", Level::Attention),
        StreamState::Stopped => Sign::new("stream_stopped", Level::Broken),
        StreamState::Unknown => Sign::new("stream_unknown", Level::Attention),
    };
    Some(because(sign, stream.trouble.as_ref()))
}

/// A stream that nobody follows is behind as well, and is told once.
fn behind_sign(stream: &StreamStanding, now_ms: i64) -> Option<Sign> {
    let is_tried =
        matches!(stream.state, StreamState::Starting | StreamState::Following | StreamState::Away);
    let current_ms = stream.current_ms.filter(|_| is_tried)?;
    let most_ms = i64::try_from(stream.behind_at_most_ms).unwrap_or(i64::MAX);
    let late_ms = current_ms.saturating_add(most_ms);
    let sign = Sign::new("stream_behind", Level::Attention).with("current_ms", current_ms);
    let sign = because(sign.with("behind_at_most_ms", stream.behind_at_most_ms), None);
    let sign = stream.trouble.iter().fold(sign, |sign, trouble| because(sign, Some(trouble)));
    (late_ms < now_ms).then(|| sign.since(late_ms))
}

/// A dump that began after it makes up for it.
fn gap_sign(stream: &StreamStanding, backups: &ShopBackups) -> Option<Sign> {
    let gap = stream.gap.as_ref()?;
    if backups.dump_ms.is_some_and(|dump_ms| dump_ms >= gap.until_ms) {
        return None;
    }
    Some(lost_sign(gap))
}

fn lost_sign(gap: &StreamGap) -> Sign {
    let sign = Sign::new("stream_gap", Level::Broken).with("error", gap.reason.as_str());
    let sign = gap.from_ms.into_iter().fold(sign, |sign, from_ms| sign.with("from_ms", from_ms));
    sign.with("until_ms", gap.until_ms).since(gap.until_ms)
}

fn because(sign: Sign, trouble: Option<&Trouble>) -> Sign {
    let said = trouble.map_or("unknown", |trouble| trouble.message.as_str());
    let sign = sign.with("error", said);
    trouble.into_iter().fold(sign, |sign, trouble| sign.with("code", trouble.code.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backups::BackupState;

    fn stream(state: StreamState, current_ms: i64) -> StreamStanding {
        StreamStanding {
            state,
            begun_ms: Some(1),
            current_ms: Some(current_ms),
            behind_at_most_ms: 100,
            last_ms: Some(current_ms),
            behind_bytes: None,
            journal_bytes: 9,
            raw_bytes: None,
            obstacles: Vec::new(),
            trouble: None,
            gap: None,
            copies: Vec::new(),
            log: None,
        }
    }

    fn copy(current_ms: Option<i64>, trouble: Option<&str>) -> StreamCopy {
        let trouble = trouble.map(|code| Trouble {
            code: code.to_owned(),
            params: Default::default(),
            message: "nobody answers".to_owned(),
        });
        StreamCopy {
            to: "/mnt/usb".to_owned(),
            every_ms: 50,
            requests_a_month: None,
            current_ms,
            sent_ms: current_ms,
            delay_ms: Some(1),
            bytes: Some(1),
            keeps_all: false,
            trouble,
        }
    }

    fn check(stream: Option<StreamStanding>, expect: &[&str]) {
        let backups = ShopBackups {
            shop: "lamps".parse().unwrap(),
            state: BackupState::Ok,
            since_ms: None,
            lose_at_most_ms: 100,
            due: None,
            back_within_ms: 100,
            places: Vec::new(),
            newest: None,
            dump_ms: None,
            database_ms: None,
            next_ms: None,
            running: None,
            last_run: None,
            history: Vec::new(),
            drills: Vec::new(),
            drill_late_ms: None,
            failed_drill: None,
            sheet: None,
            stream,
            vanished: Vec::new(),
            missing: None,
        };
        let said: Vec<String> = signs(&backups, 1_000).iter().map(Sign::id).collect();
        assert_eq!(said, expect);
    }

    #[test]
    fn what_is_known_of_a_stream_becomes_findings() {
        check(None, &[]);
        check(Some(stream(StreamState::Following, 950)), &[]);
        check(Some(stream(StreamState::Following, 899)), &["stream_behind"]);
        check(Some(stream(StreamState::Away, 950)), &[]);
        check(Some(stream(StreamState::Away, 5)), &["stream_behind"]);
        check(Some(stream(StreamState::Refused, 5)), &["stream_refused"]);
        check(Some(stream(StreamState::Stopped, 5)), &["stream_stopped"]);
        // Whatever was said last: who says nothing is not well.
        check(Some(stream(StreamState::Unknown, 999)), &["stream_unknown"]);
        let gap = Some(StreamGap { from_ms: Some(4), until_ms: 5, reason: "lost".into() });
        let with_gap = StreamStanding { gap, ..stream(StreamState::Following, 999) };
        check(Some(with_gap), &["stream_gap"]);
    }

    #[test]
    fn each_copy_has_findings_of_its_own() {
        let with = |state, current_ms, copy| {
            Some(StreamStanding { copies: vec![copy], ..stream(state, current_ms) })
        };
        let following = StreamState::Following;
        check(with(following, 990, copy(Some(980), None)), &[]);
        check(with(following, 990, copy(Some(840), None)), &[]);
        let behind = "stream_copy_behind:/mnt/usb";
        check(with(following, 990, copy(Some(839), None)), &[behind]);
        // It has never got anything.
        check(with(following, 990, copy(None, None)), &[behind]);
        check(with(following, 800, copy(Some(700), None)), &["stream_behind"]);
        let failing = "stream_copy_failing:/mnt/usb";
        check(with(following, 990, copy(Some(980), Some("storage_unreachable"))), &[failing]);
        check(with(following, 990, copy(None, Some("storage_unreachable"))), &[failing]);
        check(with(StreamState::Unknown, 990, copy(None, Some("x"))), &["stream_unknown"]);
    }
}
