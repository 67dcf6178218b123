//! Folders as the repository keeps them: a list of nodes, sorted by name (restic's design document,
//! "Trees and Data").

use crate::Id;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{ffi::OsString, time::SystemTime};

mod name;

/// Of a mode as Go has it, which is how restic writes it (pkg.go.dev/io/fs#FileMode).
const GO_DIR: u32 = 1 << 31;
const GO_SYMLINK: u32 = 1 << 27;
const GO_SETUID: u32 = 1 << 23;
const GO_SETGID: u32 = 1 << 22;
const GO_STICKY: u32 = 1 << 20;

/// A moment, to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(Timestamp);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    File,
    Dir,
    Symlink,
    Dev,
    Chardev,
    Fifo,
    Socket,
    #[serde(other)]
    Other,
}

/// A file, folder or link in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// One part of a path. Whoever writes it somewhere asks whether it is one.
    #[serde(with = "name")]
    pub name: OsString,
    #[serde(rename = "type")]
    pub kind: NodeKind,
    /// As Go has it; [`Node::permissions`] gives what chmod(2) takes.
    #[serde(default, skip_serializing_if = "is_nought_32")]
    pub mode: u32,
    pub mtime: Time,
    pub atime: Time,
    pub ctime: Time,
    #[serde(default)]
    pub uid: u32,
    #[serde(default)]
    pub gid: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    #[serde(default, skip_serializing_if = "is_nought")]
    pub inode: u64,
    #[serde(default, skip_serializing_if = "is_nought")]
    pub device_id: u64,
    /// Of a file, in bytes.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub size: u64,
    #[serde(default, skip_serializing_if = "is_nought")]
    pub links: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) linktarget: String,
    /// Beside `linktarget` where that cannot be said in UTF-8; base64 (restic 0.17).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) linktarget_raw: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended_attributes: Vec<Xattr>,
    /// Of a file its pieces, in order.
    #[serde(default)]
    pub content: Option<Vec<Id>>,
    /// Of a folder what is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtree: Option<Id>,
}

/// An extended attribute (xattr(7)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Xattr {
    pub name: String,
    /// Base64.
    pub value: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tree {
    #[serde(default)]
    pub(crate) nodes: Vec<Node>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_nought_32(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_nought(number: &u64) -> bool {
    *number == 0
}

impl Time {
    /// Times that no calendar has become the first or last it has.
    #[must_use]
    pub fn from_ms(ms: i64) -> Self {
        let edge = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Self(Timestamp::from_millisecond(ms).unwrap_or(edge))
    }

    pub(crate) fn from_parts(seconds: i64, nanoseconds: i64) -> Self {
        let nanoseconds = i32::try_from(nanoseconds).unwrap_or(0);
        let edge = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Self(Timestamp::new(seconds, nanoseconds).unwrap_or(edge))
    }

    /// Unix milliseconds.
    #[must_use]
    pub fn ms(self) -> i64 {
        self.0.as_millisecond()
    }

    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl From<Time> for SystemTime {
    fn from(time: Time) -> Self {
        time.0.into()
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

impl Node {
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.kind == NodeKind::Dir
    }

    #[must_use]
    pub fn is_file(&self) -> bool {
        self.kind == NodeKind::File
    }

    /// What chmod(2) takes: permissions with setuid, setgid and sticky.
    #[must_use]
    pub fn permissions(&self) -> u32 {
        let bit = |go: u32, unix: u32| if self.mode & go != 0 { unix } else { 0 };
        self.mode & 0o777 | bit(GO_SETUID, 0o4000) | bit(GO_SETGID, 0o2000) | bit(GO_STICKY, 0o1000)
    }

    /// Where a symbolic link leads, byte for byte.
    #[must_use]
    pub fn link_target(&self) -> OsString {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        use std::os::unix::ffi::OsStringExt as _;
        let raw = self.linktarget_raw.as_ref().and_then(|raw| BASE64_STANDARD.decode(raw).ok());
        raw.map_or_else(|| OsString::from(&self.linktarget), OsString::from_vec)
    }
}

/// A mode of stat(2) as Go has it.
pub(crate) fn go_mode(unix: u32, kind: NodeKind) -> u32 {
    let bit = |unix_bit: u32, go: u32| if unix & unix_bit != 0 { go } else { 0 };
    let kind = match kind {
        NodeKind::Dir => GO_DIR,
        NodeKind::Symlink => GO_SYMLINK,
        _ => 0,
    };
    unix & 0o777 | bit(0o4000, GO_SETUID) | bit(0o2000, GO_SETGID) | bit(0o1000, GO_STICKY) | kind
}

impl Tree {
    /// As a blob. restic ends it with a line feed, and so do we.
    pub(crate) fn to_blob(&self) -> Vec<u8> {
        let mut blob = serde_json::to_vec(self).expect("invariant: our own types are JSON");
        blob.push(b'\n');
        blob
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_of_restic_is_read_and_written_again() {
        let text = concat!(
            r#"{"nodes":[{"name":"a\\\"b\\xff","type":"file","mode":8388996,"#,
            r#""mtime":"2026-11-22T03:04:05.123456789Z","atime":"2026-11-22T03:04:05.123456789Z","#,
            r#""ctime":"2026-11-22T03:04:05Z","uid":1,"gid":2,"user":"u","group":"g","inode":5,"#,
            r#""device_id":6,"size":0,"links":1,"content":[]}]}"#,
            "\n"
        );
        let tree: Tree = serde_json::from_str(text).unwrap();
        let node = &tree.nodes[0];
        assert_eq!(node.name.as_encoded_bytes(), b"a\"b\xff");
        assert_eq!(node.permissions(), 0o4604);
        assert_eq!(go_mode(0o104_604, NodeKind::File), node.mode);
        let again = String::from_utf8(tree.to_blob()).unwrap();
        assert_eq!(again, text.replace(r#""size":0,"#, ""));
        let zoned: Time = serde_json::from_str(r#""2026-11-22T04:04:05.5+01:00""#).unwrap();
        assert_eq!(zoned.to_string(), "2026-11-22T03:04:05.5Z");
    }

    #[test]
    fn no_tree_makes_its_reader_panic() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
            if let Ok(tree) = serde_json::from_slice::<Tree>(bytes) {
                tree.to_blob();
            }
        });
    }
}
