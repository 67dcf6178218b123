//! A bucket that keeps what was written over and deleted: every version of every object
//! (docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html, read 2026-11).

use super::{Ask, Bucket, encoded, listing, signature, whole_key};
use crate::{OutboundError, http::Method};
use bytes::Bytes;
use std::{fmt::Write as _, ops::Range};

/// A version of an object, or a mark of its deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Below the settings' prefix.
    pub key: String,
    pub id: String,
    /// Of a mark of deletion none.
    pub size_bytes: Option<u64>,
    /// As an [`Object`](super::Object) has it; of a mark of deletion empty.
    pub etag: String,
    /// By the server's clock, in seconds where it tells no more: unix milliseconds.
    pub written_ms: i64,
    /// The one that is seen by whoever asks for none.
    pub is_latest: bool,
}

impl Bucket {
    /// Whether what is written over and deleted from now on is kept.
    ///
    /// # Errors
    /// As of [`Bucket::get`]; it takes a right of its own to see it (`s3:GetBucketVersioning`).
    pub async fn keeps_versions(&self, now_ms: i64) -> Result<bool, OutboundError> {
        let query = "versioning=".to_owned();
        let answer = self.send(Ask { query, ..Ask::new(Method::GET) }, now_ms).await?;
        let answer = self.accepted("see whether versions are kept", answer)?;
        let status = listing::text_of(&answer.body, "Status");
        Ok(status.is_some_and(|status| status == "Enabled"))
    }

    /// Has it keep versions from now on.
    ///
    /// # Errors
    /// As of [`Bucket::get`].
    pub async fn keep_versions(&self, now_ms: i64) -> Result<(), OutboundError> {
        let body = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                    <Status>Enabled</Status></VersioningConfiguration>";
        let headers = vec![("x-amz-checksum-sha256", signature::checksum(body.as_bytes()))];
        let query = "versioning=".to_owned();
        let ask = Ask { query, headers, body: body.into(), ..Ask::new(Method::PUT) };
        let answer = self.send(ask, now_ms).await?;
        self.accepted("have versions kept", answer).map(drop)
    }

    /// Every version whose key begins so, the newest of a key before its older ones.
    ///
    /// # Errors
    /// As of [`Bucket::list`].
    pub async fn versions(&self, begin: &str, now_ms: i64) -> Result<Vec<Version>, OutboundError> {
        let whole = whole_key(&self.settings, begin);
        let above = whole.len() - begin.len();
        let mut versions = Vec::new();
        let mut next: Option<(String, String)> = None;
        loop {
            let mut query = String::new();
            if let Some((key, _)) = &next {
                write!(query, "key-marker={}&", encoded(key))
                    .expect("invariant: a String takes all text");
            }
            write!(query, "prefix={}", encoded(&whole)).expect("invariant: as above");
            if let Some((_, id)) = next.as_ref().filter(|(_, id)| !id.is_empty()) {
                write!(query, "&version-id-marker={}", encoded(id)).expect("invariant: as above");
            }
            query.push_str("&versions=");
            let answer = self.send(Ask { query, ..Ask::new(Method::GET) }, now_ms).await?;
            let answer = self.accepted("list versions of objects", answer)?;
            let page = listing::parse_versions(&answer.body).ok_or(OutboundError::Malformed {
                place: self.label(),
                what: "a list of versions",
            })?;
            versions.extend(page.versions.into_iter().filter_map(|version| {
                let key = version.key.get(above..)?.to_owned();
                Some(Version { key, ..version })
            }));
            match page.next {
                // The same page again would be so for ever.
                Some(marker) if next.as_ref() != Some(&marker) => next = Some(marker),
                _ => return Ok(versions),
            }
        }
    }

    /// As [`Bucket::get`], of one version.
    ///
    /// # Errors
    /// As of [`Bucket::get`].
    pub async fn get_version(
        &self,
        key: &str,
        id: &str,
        range: Option<Range<u64>>,
        now_ms: i64,
    ) -> Result<Option<Bytes>, OutboundError> {
        self.get_as(key, format!("versionId={}", encoded(id)), range, now_ms).await
    }

    /// Deletes one version for good; one that is locked cannot be.
    ///
    /// # Errors
    /// As of [`Bucket::get`].
    pub async fn delete_version(
        &self,
        key: &str,
        id: &str,
        now_ms: i64,
    ) -> Result<(), OutboundError> {
        let query = format!("versionId={}", encoded(id));
        let answer = self.send(Ask { key, query, ..Ask::new(Method::DELETE) }, now_ms).await?;
        self.accepted("delete a version of an object", answer).map(drop)
    }
}
