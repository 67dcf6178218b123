//! Finds the shop that a request's host belongs to.

use std::collections::HashMap;

/// Longest host name (RFC 1035 §2.3.4); longer ones belong to nobody.
const MAX_HOST: usize = 255;

/// Who owns which host: exact names first, then `*.example.com`, then `*`.
#[derive(Debug, Clone)]
pub struct Hosts<T> {
    exact: HashMap<Box<str>, T>,
    /// By what stands behind `*.`: one label more, and only one.
    wildcards: HashMap<Box<str>, T>,
    any: Option<T>,
}

impl<T> Hosts<T> {
    /// Takes (host, owner) pairs; hosts are lower-case and without port. Of two owners of one host
    /// the later wins; a valid snapshot has none.
    #[must_use]
    pub fn new<'a>(hosts: impl IntoIterator<Item = (&'a str, T)>) -> Self {
        let mut table = Self { exact: HashMap::new(), wildcards: HashMap::new(), any: None };
        for (host, owner) in hosts {
            match (host, host.strip_prefix("*.")) {
                ("*", _) => table.any = Some(owner),
                (_, Some(parent)) => {
                    table.wildcards.insert(parent.into(), owner);
                }
                _ => {
                    table.exact.insert(host.into(), owner);
                }
            }
        }
        table
    }

    /// The owner of `host`, given as a `Host` header or `:authority` has it: any case, with or
    /// without port and final dot. Does not allocate.
    #[must_use]
    pub fn find(&self, host: &str) -> Option<&T> {
        let mut buffer = [0; MAX_HOST];
        let name = plain_host(host);
        if name.len() > MAX_HOST {
            return None;
        }
        let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            let lower = buffer.get_mut(..name.len())?;
            lower.copy_from_slice(name.as_bytes());
            lower.make_ascii_lowercase();
            std::str::from_utf8(lower).ok()?
        } else {
            name
        };
        let wildcard = || {
            let (label, parent) = name.split_once('.')?;
            if label.is_empty() { None } else { self.wildcards.get(parent) }
        };
        self.exact.get(name).or_else(wildcard).or(self.any.as_ref())
    }
}

/// A host without its port and without the dot that may end it. IPv6 literals keep their brackets.
#[must_use]
pub fn plain_host(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit())
                && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_find_their_owner() {
        let hosts = [("shop.example", 1), ("*.shop.example", 2), ("a.shop.example", 3)];
        let table = Hosts::new(hosts);
        let with_any = Hosts::new(hosts.into_iter().chain([("*", 9)]));
        let check = |host: &str, expect: Option<i32>| {
            assert_eq!(table.find(host).copied(), expect, "{host}");
            assert_eq!(with_any.find(host).copied(), expect.or(Some(9)), "{host}");
        };
        check("shop.example", Some(1));
        check("SHOP.Example:8443", Some(1));
        check("shop.example.", Some(1));
        check("a.shop.example", Some(3));
        check("b.shop.example:80", Some(2));
        check("b.c.shop.example", None);
        check(".shop.example", None);
        check("example", None);
        check("", None);
        check("[::1]:8080", None);
        assert_eq!(with_any.find(&"a".repeat(256)), None);
    }

    #[test]
    fn no_host_makes_it_panic() {
        let table = Hosts::new([("shop.example", ()), ("*.shop.example", ())]);
        bolero::check!().for_each(|bytes: &[u8]| {
            let host = String::from_utf8_lossy(bytes);
            let _owner = table.find(&host);
        });
    }
}
