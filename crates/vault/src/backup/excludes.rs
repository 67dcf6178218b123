//! What is left out, by patterns of names and paths.

use crate::VaultError;
use std::{os::unix::ffi::OsStrExt as _, path::Path};

#[derive(Debug, Default)]
pub(super) struct Excludes(Vec<Pattern>);

#[derive(Debug)]
struct Pattern {
    /// Whether it begins at the root.
    is_whole: bool,
    parts: Vec<Vec<u8>>,
}

impl Excludes {
    pub(super) fn new(patterns: &[String]) -> Result<Self, VaultError> {
        let parse = |text: &String| {
            let parts: Vec<Vec<u8>> =
                text.split('/').filter(|part| !part.is_empty()).map(Vec::from).collect();
            if parts.is_empty() {
                return Err(VaultError::Malformed { what: "exclusion", text: text.clone() });
            }
            Ok(Pattern { is_whole: text.starts_with('/'), parts })
        };
        patterns.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a path is left out. Asked from the root down: below what is left out nobody asks.
    pub(super) fn contain(&self, path: &Path) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let parts: Vec<&[u8]> = path
            .components()
            .filter_map(|part| match part {
                std::path::Component::Normal(name) => Some(name.as_bytes()),
                _ => None,
            })
            .collect();
        self.0.iter().any(|pattern| {
            if pattern.is_whole {
                return all_fit(&pattern.parts, &parts);
            }
            // Its end is the path's end; what comes before it is of no matter.
            (0..parts.len()).any(|begin| all_fit(&pattern.parts, &parts[begin..]))
        })
    }
}

fn all_fit(pattern: &[Vec<u8>], parts: &[&[u8]]) -> bool {
    match pattern.split_first() {
        None => parts.is_empty(),
        Some((first, rest)) if first == b"**" => {
            (0..=parts.len()).any(|skip| all_fit(rest, &parts[skip..]))
        }
        Some((first, rest)) => parts
            .split_first()
            .is_some_and(|(part, others)| fits(first, part) && all_fit(rest, others)),
    }
}

/// `*` and `?` within one name.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut star, mut resume) = (0, None, 0);
    let mut index = 0;
    while index < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some(at);
                resume = index;
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || *wanted == name[index] => {
                at += 1;
                index += 1;
            }
            _ => {
                let Some(star) = star else { return false };
                at = star + 1;
                resume += 1;
                index = resume;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names_and_paths() {
        let check = |pattern: &str, path: &str, expect: bool| {
            let excludes = Excludes::new(&[pattern.to_owned()]).unwrap();
            assert_eq!(excludes.contain(Path::new(path)), expect, "{pattern} {path}");
        };
        check("cache", "/srv/shop/cache", true);
        check("cache", "/srv/shop/caches", false);
        check("*.tmp", "/a/b.tmp", true);
        check("*.tmp", "/a/b.tmp.keep", false);
        check("a?c*", "/abcd", true);
        check("var/cache", "/srv/shop/var/cache", true);
        check("var/cache", "/srv/var/shop/cache", false);
        check("/srv/*/cache", "/srv/shop/cache", true);
        check("/srv/*/cache", "/mnt/srv/shop/cache", false);
        check("/srv/**/*.log", "/srv/a/b/c.log", true);
        check("/srv/**/*.log", "/srv/c.log", true);
        check("*a*b*c", "/xaybzc", true);
        check("*a*b*c", "/xaybz", false);
        assert!(Excludes::new(&["/".to_owned()]).is_err());
        assert!(!Excludes::default().contain(Path::new("/a")));
    }
}
