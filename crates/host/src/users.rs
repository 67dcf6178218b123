//! Users of this machine by name (passwd(5)). Knows no directory service: only `/etc/passwd`.

use crate::HostError;
use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    pub home: PathBuf,
}

/// Whether this process may become any user.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// # Errors
/// [`HostError::UnknownUser`], or when `/etc/passwd` cannot be read.
pub fn find(name: &str) -> Result<User, HostError> {
    let path = PathBuf::from("/etc/passwd");
    let text = std::fs::read_to_string(&path).map_err(|source| HostError::Read { path, source })?;
    find_in(&text, name).ok_or_else(|| HostError::UnknownUser(name.to_owned()))
}

/// The name of a user; `None` when `/etc/passwd` has none for it.
#[must_use]
pub fn name_of(uid: u32) -> Option<String> {
    name_in(&std::fs::read_to_string("/etc/passwd").ok()?, uid)
}

fn name_in(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let is_theirs = fields.nth(1)?.parse() == Ok(uid);
        is_theirs.then(|| name.to_owned())
    })
}

fn find_in(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        let home = fields.nth(1)?.into();
        Some(User { uid, gid, home })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\n\nbroken\npostgres:x:104:112:,,,:/:/bin/sh\n";
        let check = |name: &str, expect: Option<(u32, u32, &str)>| {
            let expect = expect.map(|(uid, gid, home)| User { uid, gid, home: home.into() });
            assert_eq!(find_in(passwd, name), expect, "{name}");
        };
        check("root", Some((0, 0, "/root")));
        check("postgres", Some((104, 112, "/")));
        check("post", None);
        check("broken", None);
        assert_eq!(name_in(passwd, 104).as_deref(), Some("postgres"));
        assert_eq!(name_in(passwd, 112), None, "a group is no user");
    }

    #[test]
    fn no_text_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|text| {
            find_in(text, "a");
        });
    }
}
