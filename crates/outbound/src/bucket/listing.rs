//! A page of S3's ListObjectsV2 (docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html, read
//! 2026-11): of its XML what we ask for, which is flat.

use super::Object;

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
        let key = unescaped(between(object, "Key")?);
        objects.push(Object { key, size_bytes: between(object, "Size")?.parse().ok()? });
        rest = behind;
    }
    // More, and no way to ask for it: half a list is none.
    if is_truncated && next.is_none() {
        return None;
    }
    Some(Page { objects, next: next.filter(|_| is_truncated) })
}

fn between<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    rest.split_once(&format!("</{tag}>")).map(|(inner, _)| inner)
}

fn unescaped(text: &str) -> String {
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    plain.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_whole_or_not_at_all() {
        let object = |key: &str, size_bytes| Object { key: key.into(), size_bytes };
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
        check("<html>", None);
        check("", None);
    }

    #[test]
    fn no_page_makes_it_panic() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|body| {
            parse(body);
        });
    }
}
