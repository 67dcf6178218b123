//! Content codings: which of them a request accepts, as a small set that is part of the key.
//!
//! The request's own `Accept-Encoding` goes to the shop unchanged, so an answer is only kept when
//! its coding is in the set: everyone who asks with the same set can then read it.

use http::{HeaderMap, HeaderValue, header::CONTENT_ENCODING};

/// A set of `gzip`, `br` and `zstd`. `identity` is in every set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Encodings(u8);

const GZIP: u8 = 1;
const BROTLI: u8 = 2;
const ZSTD: u8 = 4;

impl Encodings {
    /// The set with what a line of `Accept-Encoding` adds; `None` when it refuses `identity` or
    /// cannot be read.
    ///
    /// A coding that only `*` covers is not in the set, which keeps too little, never too much.
    pub(super) fn with(self, accepted: &HeaderValue) -> Option<Self> {
        let mut set = self.0;
        for item in accepted.to_str().ok()?.split(',') {
            let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
            let refused = is_zero_quality(parameters);
            let name = name.trim_matches([' ', '\t']);
            match bit(name) {
                Some(bit) if !refused => set |= bit,
                None if refused && (name == "*" || name.eq_ignore_ascii_case("identity")) => {
                    return None;
                }
                Some(_) | None => {}
            }
        }
        Some(Self(set))
    }

    /// Whether everyone with this set can read an answer with these headers.
    pub(super) fn can_read(self, headers: &HeaderMap) -> bool {
        let mut lines = headers.get_all(CONTENT_ENCODING).iter();
        match (lines.next(), lines.next()) {
            (None, _) => true,
            (Some(one), None) => self.includes(one),
            (Some(_), Some(_)) => false,
        }
    }

    fn includes(self, coding: &HeaderValue) -> bool {
        let coding = coding.to_str().unwrap_or("unreadable");
        coding.eq_ignore_ascii_case("identity") || bit(coding).is_some_and(|bit| self.0 & bit != 0)
    }

    /// One byte of a key.
    pub(super) fn byte(self) -> u8 {
        self.0
    }
}

fn bit(coding: &str) -> Option<u8> {
    const CODINGS: [(&str, u8); 4] =
        [("gzip", GZIP), ("x-gzip", GZIP), ("br", BROTLI), ("zstd", ZSTD)];
    CODINGS.iter().find(|(name, _)| name.eq_ignore_ascii_case(coding)).map(|(_, bit)| *bit)
}

/// `q=0`, `q=0.`, `q=0.000` (RFC 9110 §12.4.2).
fn is_zero_quality(parameters: &str) -> bool {
    parameters.split(';').any(|parameter| {
        let parameter = parameter.trim_matches([' ', '\t']);
        let Some(q) = parameter.strip_prefix(['q', 'Q']) else { return false };
        let Some(q) = q.trim_start().strip_prefix('=') else { return false };
        q.trim_start().bytes().all(|byte| byte == b'0' || byte == b'.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_accepts_what_it_names() {
        let check = |value: &'static str, expect: Option<u8>| {
            let set = Encodings::default().with(&HeaderValue::from_static(value));
            assert_eq!(set.map(Encodings::byte), expect, "{value}");
        };
        check("", Some(0));
        check("gzip", Some(GZIP));
        check("x-gzip", Some(GZIP));
        check("gzip, deflate, br, zstd", Some(GZIP | BROTLI | ZSTD));
        check("GZIP ; q=0.5 ,\tbr;q=1", Some(GZIP | BROTLI));
        check("gzip;q=0, br", Some(BROTLI));
        check("gzip; q=0.000", Some(0));
        check("gzip;q=0.001", Some(GZIP));
        check("*", Some(0));
        check("*;q=0", None);
        check("gzip, identity;q=0", None);
        check("identity;q=0.1", Some(0));
    }

    #[test]
    fn an_answer_must_be_readable_by_all_who_share_its_key() {
        let check = |set: u8, codings: &[&'static str], expect: bool| {
            let mut headers = HeaderMap::new();
            for coding in codings {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(coding));
            }
            assert_eq!(Encodings(set).can_read(&headers), expect, "{set} {codings:?}");
        };
        check(0, &[], true);
        check(0, &["identity"], true);
        check(0, &["gzip"], false);
        check(GZIP, &["gzip"], true);
        check(GZIP, &["x-gzip"], true);
        check(GZIP, &["br"], false);
        check(GZIP | BROTLI, &["br"], true);
        check(GZIP, &["gzip, gzip"], false);
        check(GZIP, &["gzip", "gzip"], false);
        check(GZIP, &["deflate"], false);
    }
}
