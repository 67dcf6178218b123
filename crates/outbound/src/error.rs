//! What can go wrong on the way out, as one type.
//!
//! `place` is scheme and host of an address, never its path or query, where secrets may stand.

use std::{error::Error, io, path::PathBuf, time::Duration};

#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("understand the address of a request: {0}")]
    Address(&'static str),
    #[error("trust an additional root certificate")]
    Root(#[source] Box<dyn Error + Send + Sync>),
    #[error("reach {place}")]
    Reach { place: String, source: hyper_util::client::legacy::Error },
    #[error("connect to {place}")]
    Connect { place: String, source: io::Error },
    #[error("read the answer of {place}")]
    Answer { place: String, source: Box<dyn Error + Send + Sync> },
    #[error("read the answer of {place}: it is longer than {limit_bytes} bytes")]
    TooLong { place: String, limit_bytes: usize },
    #[error("{operation} at {place}: it answered with status {status}: {said}")]
    Refused { operation: &'static str, place: String, status: u16, said: String },
    #[error("understand {what} from {place}")]
    Malformed { place: String, what: &'static str },
    #[error("keep a copy as `{path}`; is the folder there, its disk mounted?")]
    Keep { path: PathBuf, source: io::Error },
    #[error("keep a copy as `{path}`: something else lies there already")]
    Other { path: PathBuf },
    #[error("keep a copy under the name `{0}`: it is no name for all places")]
    Name(String),
    #[error("hear from {place} within {} ms", deadline.as_millis())]
    Deadline { place: String, deadline: Duration },
}

impl OutboundError {
    /// Whether the machine said by itself that it has no way out, whoever is asked.
    #[must_use]
    pub fn is_own_network(&self) -> bool {
        let mut behind: Option<&(dyn Error + 'static)> = Some(self);
        while let Some(error) = behind {
            if error.downcast_ref::<io::Error>().is_some_and(crate::reach::is_no_way) {
                return true;
            }
            behind = error.source();
        }
        false
    }

    /// The whole story in one line, for findings and logs: the error and what lies behind it.
    #[must_use]
    pub fn story(&self) -> String {
        let mut text = self.to_string();
        let mut behind = self.source();
        while let Some(error) = behind {
            text.push_str(": ");
            text.push_str(&error.to_string());
            behind = error.source();
        }
        text
    }
}
