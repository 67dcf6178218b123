//! Where a request goes, and where an answer sends it on to: RFC 3986, 5.2, as far as HTTP needs it.

use crate::outcome::{Conclusion, Reason};
use http::Uri;

/// As of RFC 9110, 4.1: what is longer is no address.
const LONGEST_BYTES: usize = 8000;

/// An address over HTTP, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) is_https: bool,
    /// Lower case, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// With its query, never empty.
    pub(crate) path: String,
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, Conclusion> {
        let bad = || Conclusion::Unknown(Reason::new("address_invalid"));
        // It also refuses users and passwords, which belong into a header.
        outbound::http::place(url).ok_or_else(bad)?;
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let is_https = uri.scheme_str() == Some("https");
        let host = uri.host().ok_or_else(bad)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let slash = if path.starts_with('/') { "" } else { "/" };
        if host.is_empty() {
            return Err(bad());
        }
        Ok(Self { is_https, host, port, path: format!("{slash}{path}") })
    }

    /// Host and port as a request names them.
    pub(crate) fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        let own = if self.is_https { 443 } else { 80 };
        if self.port == own { host } else { format!("{host}:{}", self.port) }
    }

    fn scheme(&self) -> &'static str {
        if self.is_https { "https" } else { "http" }
    }

    /// Scheme, host and port: what may be shown of it, and who may see what was meant for it.
    pub(crate) fn place(&self) -> String {
        format!("{}://{}", self.scheme(), self.authority())
    }

    pub(crate) fn whole(&self) -> String {
        format!("{}{}", self.place(), self.path)
    }

    /// Where a `Location` leads from here.
    pub(crate) fn follow(&self, location: &str) -> Result<Self, Conclusion> {
        let bad = || {
            Conclusion::Failed(Reason::new("redirect_invalid").with("place", self.place().as_str()))
        };
        let location = location.split('#').next().unwrap_or_default();
        if location.len() > LONGEST_BYTES {
            return Err(bad());
        }
        let whole = if let Some(scheme) = scheme_of(location) {
            if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
                let scheme: String = scheme.chars().take(32).collect();
                let reason = Reason::new("redirect_to_other_scheme").with("scheme", scheme);
                return Err(Conclusion::Failed(reason));
            }
            location.to_owned()
        } else if location.starts_with("//") {
            format!("{}:{location}", self.scheme())
        } else {
            format!("{}{}", self.place(), self.merged(location))
        };
        Self::parse(&whole).map_err(|_| bad())
    }

    /// A relative reference's path with its query, on this place.
    fn merged(&self, reference: &str) -> String {
        let own = self.path.split('?').next().unwrap_or_default();
        let (path, query) = match reference.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (reference, None),
        };
        let path = match path {
            // An empty reference is this very document.
            "" if query.is_none() => return self.path.clone(),
            "" => own.to_owned(),
            path if path.starts_with('/') => without_dots(path),
            path => {
                let folder = own.rfind('/').map_or("/", |end| &own[..=end]);
                without_dots(&format!("{folder}{path}"))
            }
        };
        query.map_or(path.clone(), |query| format!("{path}?{query}"))
    }
}

fn scheme_of(location: &str) -> Option<&str> {
    let (scheme, _) = location.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then_some(scheme)
}

/// RFC 3986, 5.2.4, of a path that begins with a slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = path[1..].split('/').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            "." => {}
            ".." => {
                kept.pop();
            }
            part => {
                kept.push(part);
                continue;
            }
        }
        if is_last {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_leads_where_a_browser_would_go() {
        let from = Address::parse("https://shop.example/a/b?x=1").unwrap();
        let check = |location: &str, expect: &str| {
            assert_eq!(from.follow(location).unwrap().whole(), expect, "{location}");
        };
        check("/cart", "https://shop.example/cart");
        check("c", "https://shop.example/a/c");
        check("../c", "https://shop.example/c");
        check("../../../c/./d/..", "https://shop.example/c/");
        check("?y=2", "https://shop.example/a/b?y=2");
        check("", "https://shop.example/a/b?x=1");
        check("#top", "https://shop.example/a/b?x=1");
        check("//other.example/p", "https://other.example/p");
        check("http://other.example", "http://other.example/");
        check("HTTPS://Other.Example:444/P", "https://other.example:444/P");
        check("https://[::1]:8443/", "https://[::1]:8443/");
    }

    #[test]
    fn other_schemes_and_passwords_are_never_followed() {
        let from = Address::parse("http://shop.example/").unwrap();
        let check = |location: &str, code: &str| {
            let Err(Conclusion::Failed(reason)) = from.follow(location) else {
                panic!("{location} was followed");
            };
            assert_eq!(reason.code, code, "{location}");
        };
        check("ftp://shop.example/", "redirect_to_other_scheme");
        check("file:///etc/passwd", "redirect_to_other_scheme");
        check("javascript:alert(1)", "redirect_to_other_scheme");
        check("http://user:secret@shop.example/", "redirect_invalid");
        check("http:///", "redirect_invalid");
        check(&"a".repeat(LONGEST_BYTES + 1), "redirect_invalid");
    }

    #[test]
    fn no_location_makes_it_panic_and_each_stays_on_http() {
        bolero::check!().with_type::<String>().for_each(|location| {
            let from = Address::parse("https://shop.example/a/b").unwrap();
            if let Ok(to) = from.follow(location) {
                assert!(to.path.starts_with('/') && !to.host.is_empty());
            }
        });
    }
}
