//! Objects that others are served with: what is said of them beside their content, and long ones in parts
//! (docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html, read 2026-11).

use super::{Ask, Bucket, bare, encoded, listing, locks::told, reason};
use crate::{
    OutboundError,
    http::{Method, header},
};
use bytes::Bytes;
use std::fmt::Write as _;

/// What visitors are told of an object, and what we have noted on it ourselves.
const SERVED: [&str; 5] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
];
const NOTE: &str = "x-amz-meta-storewarden";

/// Every part but the last one is at least so long (Amazon's "multipart upload limits").
pub const LEAST_PART_BYTES: u64 = 5 << 20;
/// An object has no more of them.
pub const MOST_PARTS: u64 = 10_000;

/// How an object is told of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    /// `content-type` and such, by their names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// What whoever wrote it has noted.
    pub note: Option<String>,
}

/// When an object may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only<'a> {
    Always,
    /// There is none of this key: otherwise refused with status 412.
    New,
    /// The one with this ETag is there: otherwise refused likewise.
    InPlaceOf(&'a str),
}

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub size_bytes: u64,
    /// As an [`Object`](super::Object) has it.
    pub etag: String,
    /// `None` where the bucket keeps no versions.
    pub version: Option<String>,
    pub served: Served,
}

impl Only<'_> {
    fn header(self) -> Option<(&'static str, String)> {
        match self {
            Self::Always => None,
            Self::New => Some(("if-none-match", "*".to_owned())),
            Self::InPlaceOf(etag) => Some(("if-match", format!("\"{etag}\""))),
        }
    }
}

impl Served {
    fn headers(&self) -> Vec<(&'static str, String)> {
        let note = self.note.clone().map(|note| (NOTE, note));
        self.headers.iter().cloned().chain(note).collect()
    }
}

impl Bucket {
    /// What is told of an object; `None` when there is none of this key.
    ///
    /// # Errors
    /// As of [`Bucket::look`].
    pub async fn told(&self, key: &str, now_ms: i64) -> Result<Option<Told>, OutboundError> {
        let answer = self.send(Ask { key, ..Ask::new(Method::HEAD) }, now_ms).await?;
        if answer.status.as_u16() == 404 {
            return Ok(None);
        }
        let answer = self.accepted("look at an object", answer)?;
        let said = |name: &str| told(&answer.headers, name);
        let size_bytes = said(header::CONTENT_LENGTH.as_str()).and_then(|size| size.parse().ok());
        let size_bytes = size_bytes.ok_or_else(|| OutboundError::Malformed {
            place: self.label(),
            what: "the length of an object",
        })?;
        // Its value is signed as one with single spaces.
        let kept = |value: &str| value.split_whitespace().collect::<Vec<_>>().join(" ");
        let headers = SERVED.into_iter().filter_map(|name| Some((name, kept(said(name)?))));
        Ok(Some(Told {
            size_bytes,
            etag: bare(said(header::ETAG.as_str()).unwrap_or_default()).to_owned(),
            version: said("x-amz-version-id").filter(|id| *id != "null").map(str::to_owned),
            served: Served { headers: headers.collect(), note: said(NOTE).map(str::to_owned) },
        }))
    }

    /// Writes an object whole.
    ///
    /// # Errors
    /// As of [`Bucket::get`]; with status 412 where it is not as `only` says.
    pub async fn serve(
        &self,
        key: &str,
        body: Bytes,
        (served, only): (&Served, Only<'_>),
        now_ms: i64,
    ) -> Result<(), OutboundError> {
        let headers = served.headers().into_iter().chain(only.header()).collect();
        let expected_bytes = body.len() as u64;
        let ask = Ask { key, headers, body, expected_bytes, ..Ask::new(Method::PUT) };
        let answer = self.send(ask, now_ms).await?;
        self.accepted("keep an object", answer).map(drop)
    }

    /// Begins an object that comes in parts: the id by which these belong to it. Nobody sees it before
    /// [`Bucket::end_parts`].
    ///
    /// # Errors
    /// As of [`Bucket::get`]; [`OutboundError::Malformed`] for an answer without an id.
    pub async fn begin_parts(
        &self,
        key: &str,
        served: &Served,
        now_ms: i64,
    ) -> Result<String, OutboundError> {
        let (query, headers) = ("uploads=".to_owned(), served.headers());
        let answer =
            self.send(Ask { key, query, headers, ..Ask::new(Method::POST) }, now_ms).await?;
        let answer = self.accepted("begin an object of several parts", answer)?;
        listing::text_of(&answer.body, "UploadId").ok_or_else(|| OutboundError::Malformed {
            place: self.label(),
            what: "the id of an object of several parts",
        })
    }

    /// Sends a part, the first of which is number 1: its ETag.
    ///
    /// # Errors
    /// As of [`Bucket::get`]; [`OutboundError::Malformed`] for an answer without an ETag.
    pub async fn put_part(
        &self,
        key: &str,
        (upload, number): (&str, usize),
        body: Bytes,
        now_ms: i64,
    ) -> Result<String, OutboundError> {
        let query = format!("partNumber={number}&uploadId={}", encoded(upload));
        let expected_bytes = body.len() as u64;
        let ask = Ask { key, query, body, expected_bytes, ..Ask::new(Method::PUT) };
        let answer = self.send(ask, now_ms).await?;
        let answer = self.accepted("keep a part of an object", answer)?;
        let etag = told(&answer.headers, header::ETAG.as_str());
        etag.map(|etag| bare(etag).to_owned()).ok_or_else(|| OutboundError::Malformed {
            place: self.label(),
            what: "the ETag of a part",
        })
    }

    /// Makes the object of its parts.
    ///
    /// # Errors
    /// As of [`Bucket::serve`].
    pub async fn end_parts(
        &self,
        key: &str,
        (upload, etags): (&str, &[String]),
        only: Only<'_>,
        now_ms: i64,
    ) -> Result<(), OutboundError> {
        let mut body =
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                .to_owned();
        for (number, etag) in (1..).zip(etags) {
            let part = format_args!("<PartNumber>{number}</PartNumber><ETag>\"{etag}\"</ETag>");
            write!(body, "<Part>{part}</Part>").expect("invariant: a String takes all text");
        }
        body.push_str("</CompleteMultipartUpload>");
        let query = format!("uploadId={}", encoded(upload));
        let headers = only.header().into_iter().collect();
        // It may take the server a while to put them together.
        let expected_bytes = 64 << 20;
        let ask = Ask {
            key,
            query,
            headers,
            body: body.into(),
            expected_bytes,
            ..Ask::new(Method::POST)
        };
        let answer = self.send(ask, now_ms).await?;
        let operation = "make an object of its parts";
        let answer = self.accepted(operation, answer)?;
        // It begins to answer before it knows.
        if listing::text_of(&answer.body, "Code").is_some() {
            let (place, said) = (self.label(), reason(&answer.body));
            return Err(OutboundError::Refused { operation, place, status: 500, said });
        }
        Ok(())
    }

    /// Gives up an object of which parts are there; one that is not known is no error.
    ///
    /// # Errors
    /// As of [`Bucket::get`].
    pub async fn drop_parts(
        &self,
        key: &str,
        upload: &str,
        now_ms: i64,
    ) -> Result<(), OutboundError> {
        let query = format!("uploadId={}", encoded(upload));
        let answer = self.send(Ask { key, query, ..Ask::new(Method::DELETE) }, now_ms).await?;
        if answer.status.as_u16() == 404 {
            return Ok(());
        }
        self.accepted("give up an object of several parts", answer).map(drop)
    }
}
