//! The cookies of one visitor (RFC 6265), as far as one host needs them: `Domain` and `Path` are not looked at, every cookie goes to
//! every page of the host it came from.

use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};
use std::collections::BTreeMap;

/// RFC 6265, 6.1, asks for as many; whoever sets more does not get them back.
const MOST: usize = 50;
/// Of name and value together (RFC 6265, 6.1).
const LONGEST_BYTES: usize = 4096;

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Cookies {
    by_name: BTreeMap<String, Cookie>,
}

#[derive(Debug, Clone, PartialEq)]
struct Cookie {
    value: String,
    /// Only over TLS.
    is_secure: bool,
}

impl Cookies {
    /// Takes what an answer sets, and lets go of what it ends.
    pub(super) fn take(&mut self, headers: &HeaderMap) {
        for line in headers.get_all(SET_COOKIE) {
            if let Ok(line) = line.to_str() {
                self.take_one(line);
            }
        }
    }

    fn take_one(&mut self, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let (name, value) = (name.trim(), value.trim());
        let (mut is_secure, mut has_ended) = (false, false);
        for attribute in parts {
            let (key, told) = attribute.split_once('=').unwrap_or((attribute, ""));
            match key.trim().to_ascii_lowercase().as_str() {
                "secure" => is_secure = true,
                "max-age" => has_ended = told.trim().parse().is_ok_and(|age: i64| age <= 0),
                // Who ends a cookie by a date takes the first of all; another one that has passed is as good as none here.
                "expires" => has_ended |= told.contains("1970"),
                _ => {}
            }
        }
        if name.is_empty() || has_ended {
            self.by_name.remove(name);
            return;
        }
        let is_known = self.by_name.contains_key(name);
        if name.len() + value.len() > LONGEST_BYTES || (!is_known && self.by_name.len() >= MOST) {
            return;
        }
        let cookie = Cookie { value: value.to_owned(), is_secure };
        self.by_name.insert(name.to_owned(), cookie);
    }

    /// As a request sends them.
    pub(super) fn header(&self, is_https: bool) -> Option<HeaderValue> {
        let sent = self.by_name.iter().filter(|(_, cookie)| is_https || !cookie.is_secure);
        let pairs: Vec<String> =
            sent.map(|(name, cookie)| format!("{name}={}", cookie.value)).collect();
        if pairs.is_empty() { None } else { HeaderValue::try_from(pairs.join("; ")).ok() }
    }

    pub(super) fn write(&self, is_https: bool, headers: &mut HeaderMap) {
        headers.remove(COOKIE);
        if let Some(line) = self.header(is_https) {
            headers.insert(COOKIE, line);
        }
    }

    /// Without the quotes that a value may stand in.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(|cookie| cookie.value.trim_matches('"'))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.by_name.values().map(|cookie| cookie.value.trim_matches('"'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &[&str], is_https: bool) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SET_COOKIE, line.parse().unwrap());
        }
        let mut cookies = Cookies::default();
        cookies.take(&headers);
        let line = cookies.header(is_https);
        line.map_or(String::new(), |line| line.to_str().unwrap().to_owned())
    }

    #[test]
    fn cookies_are_kept_replaced_and_ended_as_the_host_says() {
        let check = |lines: &[&str], is_https: bool, expect: &str| {
            assert_eq!(after(lines, is_https), expect, "{lines:?}");
        };
        check(&["a=1; Path=/; HttpOnly", "b=2"], false, "a=1; b=2");
        check(&["a=1", "a=2; SameSite=Lax"], false, "a=2");
        check(&["a=1", "a=; Max-Age=0"], false, "");
        check(&["a=1", "a=x; expires=Thu, 01 Jan 1970 00:00:00 GMT"], false, "");
        check(&["a=1; Secure"], false, "");
        check(&["a=1; Secure"], true, "a=1");
        check(&["a=b=c"], false, "a=b=c");
        check(&["nothing", "=x"], false, "");
        check(&[&format!("a={}", "x".repeat(LONGEST_BYTES))], false, "");
    }

    #[test]
    fn a_host_that_sets_cookies_without_end_is_given_few_back() {
        let lines: Vec<String> = (0..500).map(|n| format!("c{n}=1")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(after(&lines, false).split("; ").count(), MOST);
    }

    #[test]
    fn no_line_makes_it_panic_and_each_fits_into_a_header() {
        bolero::check!().with_type::<Vec<String>>().for_each(|lines| {
            let mut headers = HeaderMap::new();
            for line in lines.iter().filter_map(|line| HeaderValue::try_from(line).ok()) {
                headers.append(SET_COOKIE, line);
            }
            let mut cookies = Cookies::default();
            cookies.take(&headers);
            assert!(cookies.values().count() <= MOST);
            assert_eq!(cookies.header(true).is_some(), cookies.values().count() > 0);
        });
    }
}
