//! `Cache-Control` of a response (RFC 9111 §5.2), read so that a doubt never keeps anything.

use http::{HeaderMap, HeaderName};

/// What all lines of one field say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Directives {
    /// At least one line was there.
    pub(super) present: bool,
    /// `no-store`, `private` or `no-cache`, in whichever form, or a line that cannot be read.
    pub(super) forbids: bool,
    pub(super) s_maxage: Seconds,
    pub(super) max_age: Seconds,
}

/// The argument of a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Seconds {
    #[default]
    Absent,
    /// Stands twice with different values, or is no number: then nothing is fresh.
    Invalid,
    Given(u32),
}

impl Directives {
    pub(super) fn of(headers: &HeaderMap, name: &HeaderName) -> Self {
        let mut all = Self::default();
        for line in headers.get_all(name) {
            all.present = true;
            let Ok(line) = line.to_str() else {
                all.forbids = true;
                continue;
            };
            if all.read(line).is_none() {
                all.forbids = true;
            }
        }
        all
    }

    /// `None` when a quoted string does not end.
    fn read(&mut self, line: &str) -> Option<()> {
        let mut rest = line;
        while !rest.is_empty() {
            let (directive, after) = split_directive(rest)?;
            self.note(directive);
            rest = after;
        }
        Some(())
    }

    fn note(&mut self, directive: &str) {
        let (name, argument) = match directive.split_once('=') {
            Some((name, argument)) => (name.trim(), Some(argument.trim())),
            None => (directive.trim(), None),
        };
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("no-store") || is("private") || is("no-cache") {
            self.forbids = true;
        } else if is("s-maxage") {
            self.s_maxage = self.s_maxage.and(argument);
        } else if is("max-age") {
            self.max_age = self.max_age.and(argument);
        }
    }
}

impl Seconds {
    fn and(self, argument: Option<&str>) -> Self {
        let new = argument.map_or(Self::Invalid, parse_seconds);
        if self == Self::Absent || self == new { new } else { Self::Invalid }
    }
}

/// `delta-seconds`, at most 2³¹ (RFC 9111 §1.2.2), quoted or not.
fn parse_seconds(argument: &str) -> Seconds {
    let quoted = argument.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let digits = quoted.unwrap_or(argument);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Seconds::Invalid;
    }
    const MOST: u64 = 1 << 31;
    let seconds = digits.parse::<u64>().map_or(MOST, |seconds| seconds.min(MOST));
    Seconds::Given(u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// The first directive and what follows its comma; commas within quotes belong to the directive.
fn split_directive(line: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return Some((&line[..at], &line[at + 1..])),
            _ => {}
        }
    }
    (!quoted).then_some((line, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header::CACHE_CONTROL};

    #[test]
    fn directives_are_read_with_doubt() {
        use Seconds::{Absent, Given, Invalid};
        let check = |lines: &[&'static str], forbids: bool, s_maxage: Seconds, max_age: Seconds| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(line));
            }
            let read = Directives::of(&headers, &CACHE_CONTROL);
            let expect = Directives { present: !lines.is_empty(), forbids, s_maxage, max_age };
            assert_eq!(read, expect, "{lines:?}");
        };
        check(&[], false, Absent, Absent);
        check(&["public, max-age=60"], false, Absent, Given(60));
        check(&["public", "Max-Age = \"60\" ,S-MaxAge=5"], false, Given(5), Given(60));
        check(&["max-age=60, max-age=60"], false, Absent, Given(60));
        check(&["max-age=60", "max-age=61"], false, Absent, Invalid);
        check(&["max-age=-1"], false, Absent, Invalid);
        check(&["max-age=1.5"], false, Absent, Invalid);
        check(&["max-age"], false, Absent, Invalid);
        check(&["max-age="], false, Absent, Invalid);
        check(&["max-age=99999999999999999999999"], false, Absent, Given(1 << 31));
        check(&["no-store"], true, Absent, Absent);
        check(&["max-age=60,PRIVATE"], true, Absent, Given(60));
        check(&["private=\"x-a, x-b\", max-age=9"], true, Absent, Given(9));
        check(&["no-cache=\"set-cookie\""], true, Absent, Absent);
        check(&["x=\"a, no-store\", max-age=9"], false, Absent, Given(9));
        check(&["x=\"a, max-age=9"], true, Absent, Absent);
        check(&["x=\"\\\"\", max-age=9"], false, Absent, Given(9));
        check(&[",,max-age=9,,"], false, Absent, Given(9));
    }
}
