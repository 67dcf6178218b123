//! Which form and which language of a page a visitor wants.

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{ACCEPT, ACCEPT_LANGUAGE},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Html,
    /// RFC 9457.
    Json,
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    German,
}

impl Format {
    /// What is asked for most. A wildcard asks for nothing in particular: that is a program, or a
    /// picture's place in a page, and gets text.
    pub(super) fn of(asked: &HeaderMap) -> Self {
        best(asked, &ACCEPT, |media| {
            let (kind, subtype) = media.split_once('/')?;
            let is = |text: &str, other: &str| text.eq_ignore_ascii_case(other);
            let json = is(subtype, "json") || ends_with_ignoring_case(subtype, "+json");
            match () {
                () if is(kind, "text") && is(subtype, "html") => Some(Self::Html),
                () if is(subtype, "xhtml+xml") => Some(Self::Html),
                () if is(kind, "application") && json => Some(Self::Json),
                () if is(kind, "text") && is(subtype, "plain") => Some(Self::Text),
                () => None,
            }
        })
        .unwrap_or(Self::Text)
    }

    pub(super) fn media_type(self, status: StatusCode) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json if status.is_success() => "application/json",
            Self::Json => "application/problem+json",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

impl Language {
    pub(super) fn of(asked: &HeaderMap) -> Self {
        best(asked, &ACCEPT_LANGUAGE, |range| {
            let primary = range.split('-').next()?;
            match () {
                () if primary.eq_ignore_ascii_case("de") => Some(Self::German),
                () if primary.eq_ignore_ascii_case("en") => Some(Self::English),
                () => None,
            }
        })
        .unwrap_or(Self::English)
    }

    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }
}

fn ends_with_ignoring_case(text: &str, end: &str) -> bool {
    let at = text.len().checked_sub(end.len());
    at.and_then(|at| text.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// The known item of highest quality, the first of several.
fn best<T>(headers: &HeaderMap, name: &HeaderName, know: impl Fn(&str) -> Option<T>) -> Option<T> {
    let mut best = None;
    let lines = headers.get_all(name).iter().filter_map(|line: &HeaderValue| line.to_str().ok());
    for item in lines.flat_map(|line| line.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let Some(known) = parts.next().and_then(&know) else { continue };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), parse);
        let Some(quality) = quality.filter(|quality: &f32| *quality > 0.0) else { continue };
        if best.as_ref().is_none_or(|(highest, _)| quality > *highest) {
            best = Some((quality, known));
        }
    }
    best.map(|(_, known)| known)
}

fn parse(quality: &str) -> Option<f32> {
    quality.parse().ok().filter(|quality| (0.0..=1.0).contains(quality))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn browsers_get_html_programs_json_and_all_others_text() {
        let check = |accept: &'static str, expect: Format| {
            assert_eq!(Format::of(&map(ACCEPT, accept)), expect, "{accept}");
        };
        check("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::Html);
        check("application/json", Format::Json);
        check("application/vnd.api+JSON", Format::Json);
        check("application/problem+json, text/html;q=0.5", Format::Json);
        check("application/json;q=0.5, text/html", Format::Html);
        check("text/html;q=0, application/json;q=0.1", Format::Json);
        check("*/*", Format::Text);
        check("image/avif,image/webp,*/*;q=0.8", Format::Text);
        check("text/html;q=x, text/plain", Format::Text);
        check("", Format::Text);
        assert_eq!(Format::of(&HeaderMap::new()), Format::Text);
    }

    #[test]
    fn german_for_those_who_prefer_it() {
        let check = |accept: &'static str, expect: Language| {
            assert_eq!(Language::of(&map(ACCEPT_LANGUAGE, accept)), expect, "{accept}");
        };
        check("de-DE,de;q=0.9,en;q=0.8", Language::German);
        check("de-AT", Language::German);
        check("en-GB,de;q=0.9", Language::English);
        check("fr,de;q=0.3,en;q=0.2", Language::German);
        check("fr", Language::English);
        check("den", Language::English);
        assert_eq!(Language::of(&HeaderMap::new()), Language::English);
    }
}
