//! Object lock: until when an object cannot be deleted
//! (docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html, read 2026-11).

use super::{Ask, Bucket, signature};
use crate::{
    OutboundError,
    http::{HeaderMap, Method, header},
};
use jiff::Timestamp;

/// Who could shorten a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LockMode {
    /// Nobody, whatever happens; the bucket cannot go before either.
    #[default]
    Compliance,
    /// Whoever has a right of its own for that (`s3:BypassGovernanceRetention`).
    Governance,
}

impl LockMode {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Compliance => "COMPLIANCE",
            Self::Governance => "GOVERNANCE",
        }
    }
}

/// An object that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub size_bytes: u64,
    /// Unix milliseconds; `None` also for whoever may not see it.
    pub locked_until_ms: Option<i64>,
}

impl Bucket {
    /// How an object is kept; `None` when there is none of this key.
    ///
    /// # Errors
    /// As of [`Bucket::get`]; a bucket that does not exist cannot be told from an object here.
    pub async fn look(&self, key: &str, now_ms: i64) -> Result<Option<Found>, OutboundError> {
        let answer = self.send(Ask { key, ..Ask::new(Method::HEAD) }, now_ms).await?;
        if answer.status.as_u16() == 404 {
            return Ok(None);
        }
        let answer = self.accepted("look at an object", answer)?;
        let said = |name: &str| told(&answer.headers, name);
        let size_bytes = said(header::CONTENT_LENGTH.as_str()).and_then(|size| size.parse().ok());
        let until = said("x-amz-object-lock-retain-until-date");
        let until: Option<Timestamp> = until.and_then(|until| until.parse().ok());
        let locked_until_ms = until.map(Timestamp::as_millisecond);
        let found = size_bytes.map(|size_bytes| Found { size_bytes, locked_until_ms });
        found.map(Some).ok_or(OutboundError::Malformed {
            place: self.label(),
            what: "the length of an object",
        })
    }

    /// Locks an object, or locks it for longer.
    ///
    /// # Errors
    /// As of [`Bucket::get`]; also when it is locked for longer already and may not be shortened.
    pub async fn lock(
        &self,
        key: &str,
        mode: LockMode,
        until_ms: i64,
        now_ms: i64,
    ) -> Result<(), OutboundError> {
        let body = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{}</Mode>\
             <RetainUntilDate>{}</RetainUntilDate></Retention>",
            mode.name(),
            until(until_ms)
        );
        let headers = vec![("x-amz-checksum-sha256", signature::checksum(body.as_bytes()))];
        let query = "retention=".to_owned();
        let ask = Ask { key, query, headers, body: body.into(), ..Ask::new(Method::PUT) };
        let answer = self.send(ask, now_ms).await?;
        self.accepted("lock an object", answer).map(drop)
    }
}

/// The value of a header, where it is text.
pub(super) fn told<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// As S3 writes a time.
pub(super) fn until(until_ms: i64) -> String {
    let until = Timestamp::from_millisecond(until_ms).unwrap_or(Timestamp::MAX);
    until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
