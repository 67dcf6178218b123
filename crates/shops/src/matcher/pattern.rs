//! Path patterns, compiled once and matched without allocation.
//!
//! `*` stands for any run of characters without `/`, `**` for any run; everything else for itself.

/// One compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `/search`
    Exact(Box<[u8]>),
    /// `/cart**`
    Prefix(Box<[u8]>),
    /// `/product/*`
    PrefixWithinSegment(Box<[u8]>),
    /// `**.css`
    Suffix(Box<[u8]>),
    /// All others, such as `/*/checkout/**`.
    General(Box<[Unit]>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Byte(u8),
    Star,
    Stars,
}

impl Pattern {
    pub(crate) fn new(pattern: &str) -> Self {
        let literal = |text: &str| !text.contains('*');
        let bytes = |text: &str| text.as_bytes().into();
        if literal(pattern) {
            return Self::Exact(bytes(pattern));
        }
        if let Some(prefix) = pattern.strip_suffix("**").filter(|text| literal(text)) {
            return Self::Prefix(bytes(prefix));
        }
        if let Some(prefix) = pattern.strip_suffix('*').filter(|text| literal(text)) {
            return Self::PrefixWithinSegment(bytes(prefix));
        }
        if let Some(suffix) = pattern.strip_prefix("**").filter(|text| literal(text)) {
            return Self::Suffix(bytes(suffix));
        }
        Self::General(units(pattern))
    }

    /// Whether the whole of `path` fits.
    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        self.matches_by(path, |a, b| a == b)
    }

    /// The same without regard to the case of ASCII letters.
    pub(crate) fn matches_any_case(&self, path: &[u8]) -> bool {
        self.matches_by(path, |a, b| a.eq_ignore_ascii_case(&b))
    }

    fn matches_by(&self, path: &[u8], same: impl Fn(u8, u8) -> bool + Copy) -> bool {
        let equal =
            |a: &[u8], b: &[u8]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(*a, *b));
        let after = |prefix: &[u8]| {
            let (start, rest) = path.split_at_checked(prefix.len())?;
            equal(start, prefix).then_some(rest)
        };
        match self {
            Self::Exact(text) => equal(path, text),
            Self::Prefix(prefix) => after(prefix).is_some(),
            Self::PrefixWithinSegment(prefix) => {
                after(prefix).is_some_and(|rest| !rest.contains(&b'/'))
            }
            Self::Suffix(suffix) => path
                .len()
                .checked_sub(suffix.len())
                .is_some_and(|start| equal(&path[start..], suffix)),
            Self::General(units) => general(units, path, same),
        }
    }
}

fn units(pattern: &str) -> Box<[Unit]> {
    let mut units = Vec::with_capacity(pattern.len());
    let mut bytes = pattern.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'*' {
            units.push(Unit::Byte(byte));
            continue;
        }
        let mut unit = Unit::Star;
        while bytes.next_if_eq(&b'*').is_some() {
            unit = Unit::Stars;
        }
        units.push(unit);
    }
    units.into()
}

/// Where to go on after a mismatch: the unit behind a star, and the first byte not tried for it.
type Retry = Option<(usize, usize)>;

/// Greedy matching with one retry for the last `*` and one for the last `**`: what stands before a
/// `**` that matched once never needs to be tried again, since that `**` can swallow the difference.
fn general(units: &[Unit], path: &[u8], same: impl Fn(u8, u8) -> bool) -> bool {
    let (mut unit, mut at) = (0, 0);
    let (mut star, mut stars): (Retry, Retry) = (None, None);
    loop {
        match units.get(unit) {
            Some(Unit::Star) => {
                unit += 1;
                star = Some((unit, at));
                continue;
            }
            Some(Unit::Stars) => {
                unit += 1;
                stars = Some((unit, at));
                star = None;
                continue;
            }
            Some(Unit::Byte(byte)) if path.get(at).is_some_and(|found| same(*found, *byte)) => {
                unit += 1;
                at += 1;
                continue;
            }
            None if at == path.len() => return true,
            _ => {}
        }
        let within = star.filter(|(_, from)| path.get(*from).is_some_and(|byte| *byte != b'/'));
        if let Some((next, from)) = within {
            star = Some((next, from + 1));
            (unit, at) = (next, from + 1);
        } else if let Some((next, from)) = stars.filter(|(_, from)| *from < path.len()) {
            stars = Some((next, from + 1));
            star = None;
            (unit, at) = (next, from + 1);
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The meaning of a pattern, written for clearness alone.
    fn reference(pattern: &[u8], path: &[u8]) -> bool {
        match pattern {
            [] => path.is_empty(),
            [b'*', b'*', rest @ ..] => {
                let rest = &rest[rest.iter().take_while(|byte| **byte == b'*').count()..];
                (0..=path.len()).any(|from| reference(rest, &path[from..]))
            }
            [b'*', rest @ ..] => {
                let segment = path.iter().take_while(|byte| **byte != b'/').count();
                (0..=segment).any(|from| reference(rest, &path[from..]))
            }
            [first, rest @ ..] => path.first() == Some(first) && reference(rest, &path[1..]),
        }
    }

    #[test]
    fn patterns_match_what_they_say() {
        let check = |pattern: &str, path: &str, expect: bool| {
            assert_eq!(Pattern::new(pattern).matches(path.as_bytes()), expect, "{pattern} {path}");
            assert_eq!(reference(pattern.as_bytes(), path.as_bytes()), expect, "{pattern} {path}");
        };
        check("/", "/", true);
        check("/", "/a", false);
        check("/product/*", "/product/lamp-7", true);
        check("/product/*", "/product/", true);
        check("/product/*", "/product/lamp/7", false);
        check("/product/*", "/product", false);
        check("/cart**", "/cart", true);
        check("/cart**", "/cart/lines/1", true);
        check("/cart**", "/car", false);
        check("/assets/**", "/assets/a/b.css", true);
        check("**.css", "/a/b.css", true);
        check("**.css", ".css", true);
        check("**.css", "/a.css/b", false);
        check("/*/checkout/**", "/de/checkout/pay", true);
        check("/*/checkout/**", "/de/at/checkout/pay", false);
        check("/**/checkout/*", "/de/at/checkout/pay", true);
        check("/**/checkout/*", "/de/checkout/checkout/pay", true);
        check("/a*b*c", "/aXbYbZc", true);
        check("/a*b*c", "/aXb/c", false);
        check("**", "", true);
        check("*", "/", false);
        check("***", "/a/b", true);
    }

    #[test]
    fn case_is_ignored_only_where_asked() {
        let pattern = Pattern::new("/cart**");
        assert!(!pattern.matches(b"/CART/x"));
        assert!(pattern.matches_any_case(b"/CART/x"));
        assert!(Pattern::new("/*/Pay/**").matches_any_case(b"/de/pAY/1"));
    }

    #[test]
    fn compiled_patterns_mean_what_the_reference_means() {
        // A tiny alphabet, so that stars and slashes meet often.
        let letters = |bytes: &[u8], alphabet: &[u8]| -> Vec<u8> {
            bytes
                .iter()
                .take(12)
                .map(|byte| alphabet[usize::from(*byte) % alphabet.len()])
                .collect()
        };
        bolero::check!().with_type::<(Vec<u8>, Vec<u8>)>().for_each(|(pattern, path)| {
            let pattern = letters(pattern, b"/a*b*");
            let path = letters(path, b"/ab");
            let text = std::str::from_utf8(&pattern).unwrap();
            let compiled = Pattern::new(text);
            assert_eq!(
                compiled.matches(&path),
                reference(&pattern, &path),
                "{text} {}",
                path.escape_ascii()
            );
        });
    }
}
