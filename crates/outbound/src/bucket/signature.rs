//! AWS Signature Version 4 of one request, in its headers
//! (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, read 2026-11).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use kernel::config::S3Settings;
use ring::{digest, hmac};
use std::fmt::Write as _;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What is to be signed.
pub(super) struct Wanted<'a> {
    pub(super) method: &'a str,
    pub(super) host: &'a str,
    /// Begins with a slash and needs no encoding.
    pub(super) path: &'a str,
    /// In canonical form: sorted by name, encoded as [`encoded`] does; empty for none.
    pub(super) query: &'a str,
    /// Further ones, by lower-case names.
    pub(super) headers: &'a [(&'static str, String)],
    pub(super) body: &'a [u8],
}

/// Values of the headers that carry a signature.
pub(super) struct Signed {
    pub(super) authorization: String,
    /// `x-amz-date`.
    pub(super) date: String,
    /// `x-amz-content-sha256`.
    pub(super) content_sha256: String,
}

pub(super) fn sign(settings: &S3Settings, wanted: &Wanted<'_>, now_ms: i64) -> Signed {
    let content_sha256 = sha256(wanted.body);
    let date = amazon_date(now_ms);
    let mut headers: Vec<(&str, &str)> = vec![
        ("host", wanted.host),
        ("x-amz-content-sha256", &content_sha256),
        ("x-amz-date", &date),
    ];
    headers.extend(wanted.headers.iter().map(|(name, value)| (*name, value.as_str())));
    headers.sort_unstable();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let Wanted { method, path, query, .. } = wanted;
    let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{content_sha256}");
    let (scope, signature) = signature(settings, &date, &canonical);
    let id = settings.key_id.reveal();
    let authorization =
        format!("{ALGORITHM} Credential={id}/{scope},SignedHeaders={names},Signature={signature}");
    Signed { authorization, date, content_sha256 }
}

/// A value in a query, as Amazon wants it (RFC 3986, everything but unreserved characters).
pub(super) fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("invariant: a String takes all text");
        }
    }
    text
}

/// `x-amz-checksum-sha256`, which an object with a lock must come with.
pub(super) fn checksum(body: &[u8]) -> String {
    BASE64_STANDARD.encode(digest::digest(&digest::SHA256, body))
}

/// The scope and the signature of a canonical request.
fn signature(settings: &S3Settings, date: &str, canonical: &str) -> (String, String) {
    let day = &date[..8];
    let scope = format!("{day}/{}/s3/aws4_request", settings.region);
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let first = format!("AWS4{}", settings.secret.reveal());
    let parts = [day, &settings.region, "s3", "aws4_request", &to_sign];
    let last = parts.iter().fold(first.into_bytes(), |key, part| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        hmac::sign(&key, part.as_bytes()).as_ref().to_vec()
    });
    (scope, hex(&last))
}

/// `20130524T000000Z`.
fn amazon_date(now_ms: i64) -> String {
    let now = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("invariant: a String takes all text");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::config::Secret;

    /// Of Amazon's documentation: "GET Object" and "PUT Object" of the page named above.
    #[test]
    fn signatures_are_those_of_the_documentation() {
        let settings = S3Settings {
            endpoint: "https://s3.amazonaws.com".into(),
            region: "us-east-1".into(),
            bucket: "examplebucket".into(),
            prefix: String::new(),
            key_id: Secret::new("AKIAIOSFODNN7EXAMPLE".into()),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into()),
        };
        let date = amazon_date(1_369_353_600_000);
        assert_eq!(date, "20130524T000000Z");
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), empty);
        let get = format!(
            "GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\nrange:bytes=0-9\n\
             x-amz-content-sha256:{empty}\nx-amz-date:{date}\n\n\
             host;range;x-amz-content-sha256;x-amz-date\n{empty}"
        );
        let expect = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        assert_eq!(signature(&settings, &date, &get).1, expect);
        let content = sha256(b"Welcome to Amazon S3.");
        let put = format!(
            "PUT\n/test%24file.text\n\ndate:Fri, 24 May 2013 00:00:00 GMT\n\
             host:examplebucket.s3.amazonaws.com\nx-amz-content-sha256:{content}\n\
             x-amz-date:{date}\nx-amz-storage-class:REDUCED_REDUNDANCY\n\n\
             date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class\n{content}"
        );
        let expect = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
        assert_eq!(signature(&settings, &date, &put).1, expect);
        let host = "examplebucket.s3.amazonaws.com";
        let wanted = Wanted {
            method: "PUT",
            host,
            path: "/a",
            query: "",
            headers: &[("range", "bytes=0-9".to_owned())],
            body: b"",
        };
        let signed = sign(&settings, &wanted, 1_369_353_600_000);
        let begin = "AWS4-HMAC-SHA256 \
                     Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
                     SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=";
        assert!(signed.authorization.starts_with(begin), "{}", signed.authorization);
        assert!(!signed.authorization.contains("wJalr"));
        assert_eq!(encoded("a/b=c d~é"), "a%2Fb%3Dc%20d~%C3%A9");
    }
}
