//! What a command finds in its environment: little of the system's, the port it shall listen on,
//! and what a person wrote into a file. Nothing of our own, which may hold passwords.

use super::folder::Order;
use crate::AppsError;
use host::users;
use std::{fs, path::Path};

/// Marks a life of a command, so that it is found when nobody could write down who it is.
pub(super) const MARK: &str = "STOREWARDEN_LIFE";

/// As systemd gives its services (systemd.exec(5)).
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Names and values; of one name the last counts.
pub(super) fn of(order: &Order, mark: &str) -> Result<Vec<(String, String)>, AppsError> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut all = vec![pair("PATH", PATH), pair("LANG", "C.UTF-8")];
    if let Some(name) = &order.user {
        let user = users::find(name).map_err(AppsError::Process)?;
        all.extend([pair("USER", name), pair("LOGNAME", name)]);
        all.push(pair("HOME", &user.home.to_string_lossy()));
    } else {
        let own = ["HOME", "USER", "LOGNAME"].into_iter();
        all.extend(own.filter_map(|name| Some(pair(name, &std::env::var(name).ok()?))));
    }
    all.push(pair("PORT", &order.port.to_string()));
    if let Some(path) = &order.environment_file {
        all.extend(file(path)?);
    }
    all.push(pair(MARK, mark));
    Ok(all)
}

fn file(path: &Path) -> Result<Vec<(String, String)>, AppsError> {
    let text = fs::read_to_string(path)
        .map_err(|source| AppsError::Read { path: path.to_owned(), source })?;
    parse(&text).map_err(|line| AppsError::Environment { path: path.to_owned(), line })
}

/// Lines of `NAME=value`, those empty or beginning with `#` or `;` aside; a value may stand in
/// quotes, which are taken off. Fails with the number of the first other line.
fn parse(text: &str) -> Result<Vec<(String, String)>, usize> {
    let mut all = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or(number + 1)?;
        let name = name.trim_end();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(fits) || value.contains('\0') {
            return Err(number + 1);
        }
        all.push((name.to_owned(), unquoted(value.trim()).to_owned()));
    }
    Ok(all)
}

fn unquoted(value: &str) -> &str {
    let between = |quote| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    between('"').or_else(|| between('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_names_and_values() {
        let check = |text: &str, expect: Result<&[(&str, &str)], usize>| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let expect = expect.map(|all| all.iter().map(owned).collect());
            assert_eq!(parse(text), expect, "{text:?}");
        };
        check("", Ok(&[]));
        check("# a\n; b\n\nA=1\n B_2 = \"x y\" \r\n", Ok(&[("A", "1"), ("B_2", "x y")]));
        check("A='it is'\nA=\nexport C=a=b\n", Ok(&[("A", "it is"), ("A", ""), ("C", "a=b")]));
        check("A=\"half", Ok(&[("A", "\"half")]));
        check("A=1\nnothing", Err(2));
        check("A B=1", Err(1));
        check("=1", Err(1));
    }

    #[test]
    fn no_text_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|text| {
            assert!(
                parse(text).is_ok_and(|all| all.len() <= text.lines().count()) || !text.is_empty()
            );
        });
    }
}
