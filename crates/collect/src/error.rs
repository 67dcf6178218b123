//! Why a service said nothing of itself. No message shows a password.

use databases::DatabaseError;
use outbound::OutboundError;
use std::{io, time::Duration};

#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    #[error("ask {place}")]
    Ask { place: String, source: io::Error },
    #[error("ask by HTTP")]
    Http(#[source] OutboundError),
    #[error("ask the database at {place}")]
    Database { place: String, source: DatabaseError },
    #[error("hear from {place} within {deadline:?}")]
    Deadline { place: String, deadline: Duration },
    /// Reading ended there; nothing of the answer was kept.
    #[error("read the answer of {place}: it is longer than {limit_bytes} bytes")]
    TooLong { place: String, limit_bytes: usize },
    /// It answers, and not to us: a name, a password or a setting is missing.
    #[error("be let in by {place}: it says `{said}`")]
    Refused { place: String, said: String },
    #[error("understand the answer of {place}: {reason}")]
    Odd { place: String, reason: String },
}

impl CollectError {
    pub(crate) fn odd(place: &impl ToString, reason: impl Into<String>) -> Self {
        Self::Odd { place: place.to_string(), reason: reason.into() }
    }
}

/// The beginning of what a service said, on one line, for errors.
pub(crate) fn said(answer: &[u8]) -> String {
    const MOST_BYTES: usize = 200;
    let text = String::from_utf8_lossy(&answer[..answer.len().min(MOST_BYTES)]);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}
