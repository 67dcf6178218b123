//! Sets of names (cookies, query parameters), some of which end in `*`.

/// Names to look for; `*` at the end of one matches any rest.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Sorted.
    exact: Box<[Box<[u8]>]>,
    prefixes: Box<[Box<[u8]>]>,
}

impl Names {
    pub(crate) fn new(names: &[String]) -> Self {
        let bytes = |name: &str| Box::<[u8]>::from(name.as_bytes());
        let (prefixes, exact): (Vec<&String>, Vec<&String>) =
            names.iter().partition(|name| name.ends_with('*'));
        let mut exact: Vec<_> = exact.iter().map(|name| bytes(name)).collect();
        exact.sort_unstable();
        let prefixes = prefixes.iter().map(|name| bytes(name.trim_end_matches('*'))).collect();
        Self { exact: exact.into(), prefixes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefixes.is_empty()
    }

    pub(crate) fn has(&self, name: &[u8]) -> bool {
        self.exact.binary_search_by(|known| known.as_ref().cmp(name)).is_ok()
            || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }

    /// The same for a name that may be percent-encoded.
    pub(crate) fn has_encoded(&self, name: &[u8]) -> bool {
        if !name.contains(&b'%') {
            return self.has(name);
        }
        let plain = || super::encoding::decoded(name);
        self.exact.iter().any(|known| plain().eq(known.iter().copied()))
            || self.prefixes.iter().any(|prefix| {
                let mut name = plain();
                prefix.iter().all(|byte| name.next() == Some(*byte))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_plain_by_prefix_and_encoded() {
        let names = Names::new(&["utm_*".into(), "gclid".into(), "add-to-cart".into()]);
        let check = |name: &str, expect: bool| {
            assert_eq!(names.has_encoded(name.as_bytes()), expect, "{name}");
        };
        check("gclid", true);
        check("gclid2", false);
        check("utm_", true);
        check("utm_source", true);
        check("utm", false);
        check("add%2Dto-cart", true);
        check("utm%5Fx", true);
        check("%", false);
        check("", false);
    }
}
