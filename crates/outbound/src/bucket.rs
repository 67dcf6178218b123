//! A bucket of Amazon's S3, or of anything that speaks its language (MinIO, Ceph, Garage, …).
//!
//! Objects are addressed by path (`ENDPOINT/BUCKET/KEY`), which all of them understand. Nothing is tried
//! twice here; every request may be, since each says all of what it wants.

use crate::{
    OutboundError,
    http::{Client, HeaderMap, Method, Request, Response, header, place, said},
};
use ::http::{HeaderName, HeaderValue, Uri};
use bytes::Bytes;
use kernel::config::S3Settings;
use signature::{Signed, Wanted, encoded, sign};
use std::{fmt::Write as _, ops::Range, time::Duration};

mod listing;
mod locks;
mod served;
mod signature;
mod versions;

pub use locks::{Found, LockMode};
pub use served::{LEAST_PART_BYTES, MOST_PARTS, Only, Served, Told};
pub use versions::Version;

/// Of a request at least, and a second more for every so many bytes that travel with it.
const DEADLINE: Duration = Duration::from_secs(30);
const SLOWEST_BYTES_PER_SECOND: u64 = 64 << 10;

/// A handle; clones share the client's connections.
#[derive(Debug, Clone)]
pub struct Bucket {
    settings: S3Settings,
    client: Client,
}

/// An object that is there, by its key below the settings' prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub key: String,
    pub size_bytes: u64,
    /// Another one with another content, without its quotes; empty where the server tells none.
    pub etag: String,
    /// By the server's clock, unix milliseconds; `None` where it does not say.
    pub modified_ms: Option<i64>,
}

/// What came of asking for a content that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Same(Bytes),
    /// Another content is there by now.
    Changed,
    Gone,
}

/// How an object is kept.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keeping {
    pub content_type: Option<&'static str>,
    /// It cannot be deleted before, not even with the keys that wrote it (object lock): unix
    /// milliseconds.
    pub locked_until_ms: Option<i64>,
    pub lock_mode: LockMode,
    /// Refused with status 412 when there is one of this key already (`If-None-Match`).
    pub only_new: bool,
}

impl Bucket {
    /// Reaches nothing yet. Answers are as long at most as the client reads.
    #[must_use]
    pub fn new(settings: S3Settings, client: Client) -> Self {
        Self { settings, client }
    }

    /// Which one it is, for people. Holds no secret.
    #[must_use]
    pub fn label(&self) -> String {
        label(&self.settings)
    }

    /// An object, or a part of it; `None` when there is none of this key.
    ///
    /// # Errors
    /// [`OutboundError::Refused`], also of a bucket that does not exist and of a range that lies behind
    /// the end; and as of [`Client::send`].
    pub async fn get(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        now_ms: i64,
    ) -> Result<Option<Bytes>, OutboundError> {
        self.get_as(key, String::new(), range, now_ms).await
    }

    /// A part of an object, if it is still the one with this ETag, as [`Object`] has it.
    ///
    /// # Errors
    /// As of [`Bucket::get`].
    pub async fn get_same(
        &self,
        key: &str,
        etag: &str,
        range: Range<u64>,
        now_ms: i64,
    ) -> Result<Part, OutboundError> {
        let Range { start, end } = range;
        let wanted_bytes = end.saturating_sub(start);
        let ask = Ask {
            key,
            expected_bytes: wanted_bytes,
            headers: vec![
                ("if-match", format!("\"{etag}\"")),
                ("range", format!("bytes={start}-{}", end.saturating_sub(1))),
            ],
            ..Ask::new(Method::GET)
        };
        let answer = self.send(ask, now_ms).await?;
        match answer.status.as_u16() {
            404 if reason(&answer.body) == "NoSuchKey" => return Ok(Part::Gone),
            // Another ETag; no such bytes in it, so that it is shorter.
            412 | 416 => return Ok(Part::Changed),
            _ => {}
        }
        // Some servers do not know the condition, and say which content it was.
        let told = answer.headers.get(header::ETAG).and_then(|told| told.to_str().ok());
        let is_other = told.is_some_and(|told| bare(told) != etag);
        let body = self.accepted("get an object", answer)?.body;
        let is_whole = body.len() as u64 == wanted_bytes;
        Ok(if is_other || !is_whole { Part::Changed } else { Part::Same(body) })
    }

    async fn get_as(
        &self,
        key: &str,
        query: String,
        range: Option<Range<u64>>,
        now_ms: i64,
    ) -> Result<Option<Bytes>, OutboundError> {
        let expected = range.as_ref().map_or(0, |range| range.end.saturating_sub(range.start));
        let range = range.map(|Range { start, end }| {
            ("range", format!("bytes={start}-{}", end.saturating_sub(1)))
        });
        let ask = Ask {
            key,
            query,
            expected_bytes: expected.max(16 << 20),
            headers: range.into_iter().collect(),
            ..Ask::new(Method::GET)
        };
        let answer = self.send(ask, now_ms).await?;
        let is_none = matches!(reason(&answer.body).as_str(), "NoSuchKey" | "NoSuchVersion");
        if answer.status.as_u16() == 404 && is_none {
            return Ok(None);
        }
        Ok(Some(self.accepted("get an object", answer)?.body))
    }

    /// How long an object is; `None` when there is none of this key.
    ///
    /// # Errors
    /// As of [`Bucket::look`].
    pub async fn size(&self, key: &str, now_ms: i64) -> Result<Option<u64>, OutboundError> {
        Ok(self.look(key, now_ms).await?.map(|found| found.size_bytes))
    }

    /// Keeps an object. The same key twice is the same content twice; whoever writes sees to that.
    ///
    /// # Errors
    /// As of [`Bucket::get`].
    pub async fn put(
        &self,
        key: &str,
        body: Bytes,
        keeping: Keeping,
        now_ms: i64,
    ) -> Result<(), OutboundError> {
        let mut headers = Vec::new();
        if let Some(until_ms) = keeping.locked_until_ms {
            headers.push(("x-amz-checksum-sha256", signature::checksum(&body)));
            headers.push(("x-amz-object-lock-mode", keeping.lock_mode.name().to_owned()));
            headers.push(("x-amz-object-lock-retain-until-date", locks::until(until_ms)));
        }
        if keeping.only_new {
            headers.push(("if-none-match", "*".to_owned()));
        }
        let content_type = keeping.content_type;
        let expected_bytes = body.len() as u64;
        let ask = Ask { key, headers, body, content_type, expected_bytes, ..Ask::new(Method::PUT) };
        let answer = self.send(ask, now_ms).await?;
        self.accepted("keep an object", answer).map(drop)
    }

    /// Removes an object; one that is gone is no error.
    ///
    /// # Errors
    /// As of [`Bucket::get`].
    pub async fn delete(&self, key: &str, now_ms: i64) -> Result<(), OutboundError> {
        let answer = self.send(Ask { key, ..Ask::new(Method::DELETE) }, now_ms).await?;
        if answer.status.as_u16() == 404 && reason(&answer.body) == "NoSuchKey" {
            return Ok(());
        }
        self.accepted("delete an object", answer).map(drop)
    }

    /// Makes the bucket; one with object lock keeps every version of its objects.
    ///
    /// # Errors
    /// As of [`Bucket::get`], also when there is one already.
    pub async fn make(&self, with_lock: bool, now_ms: i64) -> Result<(), OutboundError> {
        let lock = with_lock.then(|| ("x-amz-bucket-object-lock-enabled", "true".to_owned()));
        let headers = lock.into_iter().collect();
        let answer = self.send(Ask { headers, ..Ask::new(Method::PUT) }, now_ms).await?;
        self.accepted("make a bucket", answer).map(drop)
    }

    /// Says who may do what in the bucket: a policy as JSON text
    /// (docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html).
    ///
    /// # Errors
    /// As of [`Bucket::get`].
    pub async fn set_policy(&self, policy: String, now_ms: i64) -> Result<(), OutboundError> {
        let query = "policy=".to_owned();
        let ask = Ask { query, body: policy.into(), ..Ask::new(Method::PUT) };
        let answer = self.send(ask, now_ms).await?;
        self.accepted("set a bucket's policy", answer).map(drop)
    }

    /// Every object whose key begins so, however many pages that takes.
    ///
    /// # Errors
    /// As of [`Bucket::get`]; [`OutboundError::Malformed`] for an answer that is no list.
    pub async fn list(&self, begin: &str, now_ms: i64) -> Result<Vec<Object>, OutboundError> {
        let whole = whole_key(&self.settings, begin);
        let above = whole.len() - begin.len();
        let mut objects = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut query = String::new();
            if let Some(token) = &next {
                write!(query, "continuation-token={}&", encoded(token))
                    .expect("invariant: a String takes all text");
            }
            query.push_str("list-type=2&prefix=");
            query.push_str(&encoded(&whole));
            let answer = self.send(Ask { query, ..Ask::new(Method::GET) }, now_ms).await?;
            let answer = self.accepted("list objects", answer)?;
            let page = listing::parse(&answer.body).ok_or(OutboundError::Malformed {
                place: self.label(),
                what: "a list of objects",
            })?;
            objects.extend(page.objects.into_iter().filter_map(|object| {
                let key = object.key.get(above..)?.to_owned();
                Some(Object { key, ..object })
            }));
            match page.next {
                // The same page again would be so for ever.
                Some(token) if next.as_ref() != Some(&token) => next = Some(token),
                _ => return Ok(objects),
            }
        }
    }

    async fn send(&self, ask: Ask<'_>, now_ms: i64) -> Result<Response, OutboundError> {
        let S3Settings { endpoint, bucket, .. } = &self.settings;
        // Lists are of the bucket, everything else of a key in it.
        let path = match ask.key {
            "" => bucket.clone(),
            key => format!("{bucket}/{}", in_path(&whole_key(&self.settings, key))),
        };
        let mut url = format!("{endpoint}/{path}");
        if !ask.query.is_empty() {
            url = format!("{url}?{}", ask.query);
        }
        let uri: Uri = url.parse().map_err(|_| OutboundError::Address("the endpoint is no URL"))?;
        let host = uri.authority().ok_or(OutboundError::Address("the endpoint names no host"))?;
        let wanted = Wanted {
            method: ask.method.as_str(),
            host: host.as_str(),
            path: uri.path(),
            query: &ask.query,
            headers: &ask.headers,
            body: &ask.body,
        };
        let signed = sign(&self.settings, &wanted, now_ms);
        let headers = headers(&signed, &ask)?;
        let extra = Duration::from_secs(ask.expected_bytes / SLOWEST_BYTES_PER_SECOND);
        let deadline = DEADLINE + extra;
        let request = Request { method: ask.method, url, headers, body: ask.body, deadline };
        self.client.send(request).await
    }

    fn accepted(
        &self,
        operation: &'static str,
        answer: Response,
    ) -> Result<Response, OutboundError> {
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(OutboundError::Refused {
            operation,
            place: self.label(),
            status: answer.status.as_u16(),
            said: reason(&answer.body),
        })
    }
}

/// What is asked for.
struct Ask<'a> {
    method: Method,
    key: &'a str,
    /// In canonical form.
    query: String,
    headers: Vec<(&'static str, String)>,
    content_type: Option<&'static str>,
    body: Bytes,
    expected_bytes: u64,
}

impl Ask<'_> {
    fn new(method: Method) -> Self {
        Self {
            method,
            key: "",
            query: String::new(),
            headers: Vec::new(),
            content_type: None,
            body: Bytes::new(),
            expected_bytes: 0,
        }
    }
}

pub(crate) fn label(settings: &S3Settings) -> String {
    let S3Settings { endpoint, bucket, prefix, .. } = settings;
    let slash = if prefix.is_empty() { "" } else { "/" };
    let host = place(endpoint).unwrap_or_default();
    let host = host.split_once("://").map_or("", |(_, host)| host);
    format!("s3://{bucket}{slash}{prefix} at {host}")
}

fn whole_key(settings: &S3Settings, key: &str) -> String {
    let slash = if settings.prefix.is_empty() { "" } else { "/" };
    format!("{}{slash}{key}", settings.prefix)
}

/// A key as a path has it: whatever a name may hold, encoded but for its slashes.
fn in_path(key: &str) -> String {
    key.split('/').map(encoded).collect::<Vec<_>>().join("/")
}

/// An ETag without its quotes.
fn bare(etag: &str) -> &str {
    etag.trim().trim_start_matches("W/").trim_matches('"')
}

fn headers(signed: &Signed, ask: &Ask<'_>) -> Result<HeaderMap, OutboundError> {
    let odd = |_| OutboundError::Address("the key's id cannot stand in a header");
    let mut authorization = HeaderValue::try_from(&signed.authorization).map_err(odd)?;
    authorization.set_sensitive(true);
    let mut headers = HeaderMap::from_iter([
        (header::AUTHORIZATION, authorization),
        (HeaderName::from_static("x-amz-date"), HeaderValue::try_from(&signed.date).map_err(odd)?),
        (
            HeaderName::from_static("x-amz-content-sha256"),
            HeaderValue::try_from(&signed.content_sha256).map_err(odd)?,
        ),
    ]);
    if let Some(content_type) = ask.content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    for (name, value) in &ask.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).map_err(odd)?);
    }
    Ok(headers)
}

/// The code of an error in S3's XML; whatever else was said as it came.
fn reason(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    code.map_or_else(|| said(body), |(code, _)| said(code.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_error_its_code_is_told() {
        let check = |body: &str, expect: &str| assert_eq!(reason(body.as_bytes()), expect);
        check("<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code></Error>", "NoSuchBucket");
        check("<Code>", "<Code>");
        check("", "");
    }
}
