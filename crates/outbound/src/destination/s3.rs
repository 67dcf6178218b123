//! A bucket of Amazon's S3, or of anything that speaks its language (MinIO, Ceph, Garage, …).
//!
//! Objects are addressed by path (`ENDPOINT/BUCKET/KEY`), which all of them understand.

use super::{Copy, DEADLINE, said};
use crate::{
    OutboundError,
    http::{Client, HeaderMap, Method, Request, header, place},
};
use ::http::{HeaderName, HeaderValue};
use kernel::config::S3Settings;
use signature::{Signed, sign};

mod signature;

#[derive(Debug, Clone)]
pub(super) struct S3(S3Settings);

impl S3 {
    pub(super) fn new(settings: S3Settings) -> Self {
        Self(settings)
    }

    pub(super) fn label(&self) -> String {
        let S3Settings { endpoint, bucket, prefix, .. } = &self.0;
        let slash = if prefix.is_empty() { "" } else { "/" };
        let host = place(endpoint).unwrap_or_default();
        let host = host.split_once("://").map_or("", |(_, host)| host);
        format!("s3://{bucket}{slash}{prefix} at {host}")
    }

    pub(super) async fn put(
        &self,
        client: &Client,
        copy: Copy,
        now_ms: i64,
    ) -> Result<(), OutboundError> {
        let S3Settings { endpoint, bucket, prefix, .. } = &self.0;
        let slash = if prefix.is_empty() { "" } else { "/" };
        let url = format!("{endpoint}/{bucket}/{prefix}{slash}{}", copy.name);
        let uri: ::http::Uri =
            url.parse().map_err(|_| OutboundError::Address("the endpoint is no URL"))?;
        let host = uri.authority().ok_or(OutboundError::Address("the endpoint names no host"))?;
        let signed = sign(&self.0, "PUT", host.as_str(), uri.path(), &copy.body, now_ms);
        let request = Request {
            method: Method::PUT,
            url,
            headers: headers(&signed, copy.content_type)?,
            body: copy.body,
            deadline: DEADLINE,
        };
        let answer = client.send(request).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(OutboundError::Refused {
            place: self.label(),
            status: answer.status.as_u16(),
            said: reason(&answer.body),
        })
    }
}

fn headers(signed: &Signed, content_type: &'static str) -> Result<HeaderMap, OutboundError> {
    let odd = |_| OutboundError::Address("the key's id cannot stand in a header");
    let mut authorization = HeaderValue::try_from(&signed.authorization).map_err(odd)?;
    authorization.set_sensitive(true);
    let date = HeaderValue::try_from(&signed.date).map_err(odd)?;
    let content = HeaderValue::try_from(&signed.content_sha256).map_err(odd)?;
    Ok(HeaderMap::from_iter([
        (header::AUTHORIZATION, authorization),
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (HeaderName::from_static("x-amz-date"), date),
        (HeaderName::from_static("x-amz-content-sha256"), content),
    ]))
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
