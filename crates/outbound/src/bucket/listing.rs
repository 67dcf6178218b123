//! A page of S3's ListObjectsV2 or ListObjectVersions (docs.aws.amazon.com/AmazonS3/latest/API, read
//! 2026-11): of its XML what we ask for, which is flat.

use super::{Object, Version, bare};
use jiff::Timestamp;

pub(super) struct Page {
    pub(super) objects: Vec<Object>,
    /// What the next page is asked for with; at the last one none.
    pub(super) next: Option<String>,
}

/// `None` when it is no such page.
pub(super) fn parse(body: &[u8]) -> Option<Page> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, mut rest) = text.split_once("<ListBucketResult")?;
    let is_truncated = between(rest, "IsTruncated")? == "true";
    let next = between(rest, "NextContinuationToken").map(unescaped);
    let mut objects = Vec::new();
    while let Some((_, behind)) = rest.split_once("<Contents>") {
        let (object, behind) = behind.split_once("</Contents>")?;
        let written: Option<Timestamp> =
            between(object, "LastModified").and_then(|at| at.parse().ok());
        objects.push(Object {
            key: unescaped(between(object, "Key")?),
            size_bytes: between(object, "Size")?.parse().ok()?,
            etag: bare(&between(object, "ETag").map(unescaped).unwrap_or_default()).to_owned(),
            modified_ms: written.map(Timestamp::as_millisecond),
        });
        rest = behind;
    }
    // More, and no way to ask for it: half a list is none.
    if is_truncated && next.is_none() {
        return None;
    }
    Some(Page { objects, next: next.filter(|_| is_truncated) })
}

/// A page of versions, the newest of a key before its older ones.
pub(super) struct VersionPage {
    pub(super) versions: Vec<Version>,
    /// The key and the version that the next page begins behind.
    pub(super) next: Option<(String, String)>,
}

/// As [`parse`].
pub(super) fn parse_versions(body: &[u8]) -> Option<VersionPage> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, mut rest) = text.split_once("<ListVersionsResult")?;
    let is_truncated = between(rest, "IsTruncated").is_some_and(|said| said == "true");
    let next = between(rest, "NextKeyMarker").map(unescaped);
    let next =
        next.zip(Some(between(rest, "NextVersionIdMarker").map_or(String::new(), unescaped)));
    let mut versions = Vec::new();
    loop {
        let begins = ["Version", "DeleteMarker"].map(|tag| rest.find(&format!("<{tag}>")));
        let (tag, begin) = match begins {
            [None, None] => break,
            [Some(version), Some(marker)] if marker < version => ("DeleteMarker", marker),
            [None, Some(marker)] => ("DeleteMarker", marker),
            [Some(version), _] => ("Version", version),
        };
        let (version, behind) = rest[begin..].split_once(&format!("</{tag}>"))?;
        let written: Timestamp = between(version, "LastModified")?.parse().ok()?;
        let is_marker = tag == "DeleteMarker";
        versions.push(Version {
            key: unescaped(between(version, "Key")?),
            id: unescaped(between(version, "VersionId")?),
            etag: bare(&between(version, "ETag").map(unescaped).unwrap_or_default()).to_owned(),
            written_ms: written.as_millisecond(),
            is_latest: between(version, "IsLatest")? == "true",
            size_bytes: match is_marker {
                true => None,
                false => Some(between(version, "Size")?.parse().ok()?),
            },
        });
        rest = behind;
    }
    if is_truncated && next.is_none() {
        return None;
    }
    Some(VersionPage { versions, next: next.filter(|_| is_truncated) })
}

/// What stands in the first element of this name.
pub(super) fn text_of(body: &[u8], tag: &str) -> Option<String> {
    between(std::str::from_utf8(body).ok()?, tag).map(unescaped)
}

fn between<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    rest.split_once(&format!("</{tag}>")).map(|(inner, _)| inner)
}

fn unescaped(text: &str) -> String {
    let text = numbered(text);
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    plain.iter().fold(text, |text, (escaped, plain)| text.replace(escaped, plain))
}

/// Signs that stand there by their number, as `&#13;` or `&#xD;`; what is none stays.
fn numbered(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("&#") {
        out.push_str(before);
        let sign = behind.split_once(';').and_then(|(number, behind)| {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            Some((char::from_u32(code.ok()?)?, behind))
        });
        if let Some((sign, behind)) = sign {
            out.push(sign);
            rest = behind;
        } else {
            out.push_str("&#");
            rest = behind;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_whole_or_not_at_all() {
        let object = |key: &str, size_bytes| Object {
            key: key.into(),
            size_bytes,
            etag: String::new(),
            modified_ms: None,
        };
        let check = |body: &str, expect: Option<(Vec<Object>, Option<&str>)>| {
            let page = parse(body.as_bytes()).map(|page| (page.objects, page.next));
            let expect = expect.map(|(objects, next)| (objects, next.map(str::to_owned)));
            assert_eq!(page, expect, "{body}");
        };
        let one = "<Contents><Key>a&amp;b</Key><Size>5</Size></Contents>";
        let page = |inner: &str| format!("<?xml?><ListBucketResult xmlns=\"x\">{inner}</List>");
        let last = page(&format!("<IsTruncated>false</IsTruncated>{one}{one}"));
        check(&last, Some((vec![object("a&b", 5), object("a&b", 5)], None)));
        let more = "<IsTruncated>true</IsTruncated>";
        let token = "<NextContinuationToken>t=1</NextContinuationToken>";
        check(&page(&format!("{more}{token}{one}")), Some((vec![object("a&b", 5)], Some("t=1"))));
        check(&page(&format!("{more}{one}")), None);
        check(&page("<IsTruncated>false</IsTruncated><Contents><Key>a</Key>"), None);
        let odd = "<Contents><Key>a&#xA;b&#38;#c</Key><Size>1</Size><ETag>&quot;e-1&quot;</ETag>\
                   <LastModified>1970-01-01T00:00:01Z</LastModified></Contents>";
        let told = Object { etag: "e-1".into(), modified_ms: Some(1_000), ..object("a\nb&#c", 1) };
        check(&page(&format!("<IsTruncated>false</IsTruncated>{odd}")), Some((vec![told], None)));
        check("<html>", None);
        check("", None);
    }

    type Marker<'a> = Option<(&'a str, &'a str)>;

    #[test]
    fn versions_and_marks_of_deletion_are_told_apart() {
        let version = |id: &str, size_bytes: Option<u64>, is_latest| Version {
            key: "p/a".into(),
            id: id.into(),
            size_bytes,
            etag: String::new(),
            written_ms: 1_000,
            is_latest,
        };
        let common = |id: &str, latest: bool| {
            format!(
                "<Key>p/a</Key><VersionId>{id}</VersionId><IsLatest>{latest}</IsLatest>\
                 <LastModified>1970-01-01T00:00:01.000Z</LastModified><Owner><ID>x</ID></Owner>"
            )
        };
        let check = |inner: &str, expect: Option<(Vec<Version>, Marker<'_>)>| {
            let page = format!("<?xml?><ListVersionsResult xmlns=\"x\">{inner}</List>");
            let page = parse_versions(page.as_bytes()).map(|page| (page.versions, page.next));
            let owned = |(key, id): (&str, &str)| (key.to_owned(), id.to_owned());
            assert_eq!(page, expect.map(|(all, next)| (all, next.map(owned))), "{inner}");
        };
        let marker = format!("<DeleteMarker>{}</DeleteMarker>", common("3", true));
        let old = format!("<Version>{}<Size>5</Size></Version>", common("1", false));
        let both = vec![version("3", None, true), version("1", Some(5), false)];
        check(&format!("{marker}{old}"), Some((both.clone(), None)));
        let more = "<NextKeyMarker>p/a</NextKeyMarker><NextVersionIdMarker>1</NextVersionIdMarker>\
                    <IsTruncated>true</IsTruncated>";
        check(&format!("{more}{marker}{old}"), Some((both, Some(("p/a", "1")))));
        check("<IsTruncated>true</IsTruncated>", None);
        check("<Version><Key>a</Key></Version>", None);
        check("", Some((Vec::new(), None)));
    }

    #[test]
    fn no_page_makes_it_panic() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|body| {
            parse(body);
            parse_versions(body);
        });
    }
}
