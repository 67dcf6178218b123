//! Places off this machine where small copies go, to be kept there under a name.
//!
//! A copy once kept is never replaced by another one: the same name twice is the same content twice,
//! or an error where the place can tell.

use crate::{OutboundError, http::Client};
use bytes::Bytes;
use folder::Folder;
use kernel::config::DestinationSettings;
use s3::S3;
use std::time::Duration;
use webhook::Webhook;

mod folder;
mod s3;
mod webhook;

/// For one copy, all of it.
const DEADLINE: Duration = Duration::from_secs(30);

/// A place that takes copies.
#[derive(Debug, Clone)]
pub struct Destination {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Folder(Folder),
    Webhook(Webhook),
    S3(S3),
}

/// What is to be kept, and under which name.
#[derive(Debug, Clone)]
pub struct Copy {
    /// Of `A-Z`, `a-z`, `0-9`, `-`, `_`, `.` and `/`; no part of it is empty or begins with a dot.
    pub name: String,
    pub body: Bytes,
    /// Such as `application/json`.
    pub content_type: &'static str,
}

impl Destination {
    /// Reaches nothing yet.
    #[must_use]
    pub fn new(settings: &DestinationSettings) -> Self {
        let kind = match settings {
            DestinationSettings::Folder(path) => Kind::Folder(Folder::new(path.clone())),
            DestinationSettings::Webhook(url) => Kind::Webhook(Webhook::new(url.clone())),
            DestinationSettings::S3(settings) => Kind::S3(S3::new(settings.clone())),
        };
        Self { kind }
    }

    /// What it is remembered by. Holds no secret, and differs where the secret does.
    #[must_use]
    pub fn id(&self) -> String {
        match &self.kind {
            Kind::Folder(_) | Kind::S3(_) => self.label(),
            Kind::Webhook(webhook) => webhook.id(),
        }
    }

    /// Which one it is, for people. Holds no secret.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.kind {
            Kind::Folder(folder) => folder.label(),
            Kind::Webhook(webhook) => webhook.label(),
            Kind::S3(s3) => s3.label(),
        }
    }

    /// Puts a copy there. `now_ms` is the time for what must be signed, unix milliseconds.
    ///
    /// # Errors
    /// When it is not certain that the copy is kept. Trying again does no harm.
    pub async fn put(&self, client: &Client, copy: Copy, now_ms: i64) -> Result<(), OutboundError> {
        if !is_name(&copy.name) {
            return Err(OutboundError::Name(copy.name));
        }
        match &self.kind {
            Kind::Folder(folder) => folder.put(copy).await,
            Kind::Webhook(webhook) => webhook.put(client, copy).await,
            Kind::S3(s3) => s3.put(client, copy, now_ms).await,
        }
    }
}

/// Whether a name means the same in a folder, in a URL and in a bucket.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.len() <= 200
        && name
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && part.bytes().all(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        let check = |name: &str, expect: bool| assert_eq!(is_name(name), expect, "{name}");
        check("0a1b/000000001204-89abcdef.json", true);
        check("a", true);
        check("", false);
        check("/etc/passwd", false);
        check("a//b", false);
        check("../a", false);
        check("a/..", false);
        check(".hidden", false);
        check("a b", false);
        check("ä", false);
        check("a%2e", false);
        check(&"a".repeat(201), false);
    }
}
