//! What a file system says of a file, as a node says it.

use crate::{Node, NodeKind, Time, Xattr, tree::go_mode};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustix::{fs as system, io::Errno};
use std::{
    collections::HashMap,
    ffi::{CStr, OsStr},
    fs::Metadata,
    io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::Path,
};

/// More than any file system of ours gives a file (xattr(7)).
const MOST_BYTES: usize = 64 << 10;

/// Names of users and groups, as passwd(5) and group(5) have them when the run begins.
#[derive(Debug)]
pub(super) struct Owners {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Owners {
    /// Machines without these files have numbers only.
    pub(super) fn of_this_machine() -> Self {
        let read = |path: &str| names(&std::fs::read_to_string(path).unwrap_or_default());
        Self { users: read("/etc/passwd"), groups: read("/etc/group") }
    }
}

fn names(text: &str) -> HashMap<u32, String> {
    let name = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        Some((fields.nth(1)?.parse().ok()?, name))
    };
    // Of two names the first, as getpwuid(3).
    let mut found = HashMap::new();
    for (id, name) in text.lines().filter_map(name) {
        found.entry(id).or_insert(name);
    }
    found
}

/// The node of a file, without content.
pub(super) fn node(name: &OsStr, kind: NodeKind, metadata: &Metadata, owners: &Owners) -> Node {
    let time = |seconds, nanoseconds| Time::from_parts(seconds, nanoseconds);
    let mtime = time(metadata.mtime(), metadata.mtime_nsec());
    let name_of = |names: &HashMap<u32, String>, id| names.get(&id).cloned().unwrap_or_default();
    Node {
        name: name.to_owned(),
        kind,
        mode: go_mode(metadata.mode(), kind),
        mtime,
        // As restic does: reading a file must not make its folder another one.
        atime: mtime,
        ctime: time(metadata.ctime(), metadata.ctime_nsec()),
        uid: metadata.uid(),
        gid: metadata.gid(),
        user: name_of(&owners.users, metadata.uid()),
        group: name_of(&owners.groups, metadata.gid()),
        inode: metadata.ino(),
        device_id: metadata.dev(),
        size: if kind == NodeKind::File { metadata.len() } else { 0 },
        links: if kind == NodeKind::Dir { 0 } else { metadata.nlink() },
        linktarget: String::new(),
        linktarget_raw: None,
        extended_attributes: Vec::new(),
        content: None,
        subtree: None,
    }
}

/// The node of something that no file system has: a stream, or a folder on the way to one.
pub(super) fn invented(name: &OsStr, kind: NodeKind, now_ms: i64) -> Node {
    let time = Time::from_ms(now_ms);
    let mode = if kind == NodeKind::Dir { 0o700 } else { 0o600 };
    Node {
        name: name.to_owned(),
        kind,
        mode: go_mode(mode, kind),
        mtime: time,
        atime: time,
        ctime: time,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        user: String::new(),
        group: String::new(),
        inode: 0,
        device_id: 0,
        size: 0,
        links: u64::from(kind == NodeKind::File),
        linktarget: String::new(),
        linktarget_raw: None,
        extended_attributes: Vec::new(),
        content: None,
        subtree: None,
    }
}

/// Says in a node where its link leads.
pub(super) fn set_link_target(node: &mut Node, target: &OsStr) {
    node.linktarget = target.to_string_lossy().into_owned();
    if target.to_str().is_none() {
        node.linktarget_raw = Some(BASE64_STANDARD.encode(target.as_bytes()));
    }
}

/// Extended attributes of a file itself, never of where it leads; none where there are no such things.
pub(super) fn attributes(path: &Path) -> io::Result<Vec<Xattr>> {
    let mut none = [0_u8; 0];
    match system::llistxattr(path, &mut none) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(Vec::new()),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let mut names = vec![0_u8; MOST_BYTES];
    let length = system::llistxattr(path, &mut names)?;
    names.truncate(length);
    let mut found = Vec::new();
    let mut value = vec![0_u8; MOST_BYTES];
    for name in names.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        let length = match system::lgetxattr(path, name, &mut value) {
            // Removed since.
            Err(Errno::NODATA) => continue,
            other => other?,
        };
        let value = Some(BASE64_STANDARD.encode(&value[..length]));
        found.push(Xattr { name: name.to_string_lossy().into_owned(), value });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_have_the_first_name_of_their_number() {
        let found = names("root:x:0:0::/:/bin/sh\ntoor:x:0:0\n\nbroken\na:x:y\nshop:x:33:\n");
        assert_eq!(found.len(), 2);
        assert_eq!(found[&0], "root");
        assert_eq!(found[&33], "shop");
    }
}
