//! Patterns of file names: `*` stands for any run of characters, all else for itself.

/// Whether a file's name fits a pattern. As for a shell, `*` at its beginning means no hidden file.
#[must_use]
pub fn fits_pattern(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    if start.is_empty() && name.starts_with('.') {
        return false;
    }
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_as_in_a_shell() {
        let check = |pattern: &str, name: &str, expect: bool| {
            assert_eq!(fits_pattern(pattern, name), expect, "{pattern} {name}");
        };
        check("a.toml", "a.toml", true);
        check("*.toml", "a.toml", true);
        check("*.toml", ".a.toml", false);
        check("*.toml", "a.toml.old", false);
        check("shop-*-*.toml", "shop-a-b.toml", true);
        check("shop-*-*.toml", "shop-a.toml", false);
        check("*", "a", true);
        check("a*a", "a", false);
    }

    #[test]
    fn no_text_makes_it_panic() {
        bolero::check!().with_type::<(String, String)>().for_each(|(pattern, name)| {
            let _fits = fits_pattern(pattern, name);
        });
    }
}
