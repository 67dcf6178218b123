//! The folder that is restored into. Everything is done from its descriptor down, one name at a time
//! and through no link, so that neither a snapshot nor what lies in the target leads out of it.

use crate::{Id, Node, VaultError};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustix::{
    fs::{self as system, AtFlags, Mode, OFlags, Timespec, Timestamps, XattrFlags},
    io::Errno,
    process::{Gid, Uid},
};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Component, Path, PathBuf},
};

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

/// A folder in the target, by its descriptor.
#[derive(Debug)]
pub(super) struct Folder {
    descriptor: OwnedFd,
    /// Below the target, for people.
    pub(super) path: PathBuf,
    /// Made by this run: nothing that is not ours lies in it.
    is_new: bool,
}

/// Whether a name is one part of a path.
pub(super) fn is_name(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    !bytes.is_empty()
        && bytes != b"."
        && bytes != b".."
        && !bytes.iter().any(|byte| matches!(byte, b'/' | 0))
}

impl Folder {
    /// The target itself, which may be reached through links: a person named it.
    pub(super) fn target(path: &Path) -> Result<std::sync::Arc<Self>, VaultError> {
        let failed = |operation| {
            move |source: io::Error| VaultError::File { operation, path: path.to_owned(), source }
        };
        let is_new = !path.exists();
        std::fs::create_dir_all(path).map_err(failed("make the target"))?;
        let descriptor = system::open(path, FOLDER.difference(OFlags::NOFOLLOW), Mode::empty())
            .map_err(|error| failed("open the target")(error.into()))?;
        Ok(std::sync::Arc::new(Self { descriptor, path: PathBuf::new(), is_new }))
    }

    /// The folder of this name, made when it is missing. A link of this name is refused.
    pub(super) fn folder(&self, name: &OsStr) -> io::Result<Self> {
        let is_new = match system::mkdirat(&self.descriptor, name, Mode::RWXU) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error.into()),
        };
        let descriptor = system::openat(&self.descriptor, name, FOLDER, Mode::empty())?;
        Ok(Self { descriptor, path: self.path.join(name), is_new })
    }

    /// A file of this name that lies there already, when it has this length.
    pub(super) fn existing(&self, name: &OsStr, length: u64) -> Option<File> {
        if self.is_new {
            return None;
        }
        let opened = system::openat(&self.descriptor, name, FILE | OFlags::RDONLY, Mode::empty());
        let file = File::from(opened.ok()?);
        let metadata = file.metadata().ok()?;
        (metadata.is_file() && metadata.len() == length).then_some(file)
    }

    /// The file that a file of this name is written to first, and whether it is new.
    pub(super) fn unfinished(&self, name: &OsStr) -> io::Result<(File, bool)> {
        let name = unfinished_name(name);
        let flags = FILE | OFlags::RDWR | OFlags::CREATE;
        let mode = Mode::RUSR | Mode::WUSR;
        match system::openat(&self.descriptor, &name, flags | OFlags::EXCL, mode) {
            Ok(file) => Ok((file.into(), true)),
            Err(Errno::EXIST) => {
                let file = File::from(system::openat(&self.descriptor, &name, flags, mode)?);
                let metadata = file.metadata()?;
                if metadata.is_file() {
                    return Ok((file, false));
                }
                Err(io::ErrorKind::AlreadyExists.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the unfinished file a name; what lay there under it goes.
    pub(super) fn finish(&self, name: &OsStr, as_name: &OsStr) -> io::Result<()> {
        Ok(system::renameat(&self.descriptor, unfinished_name(name), &self.descriptor, as_name)?)
    }

    /// Makes a symbolic link.
    pub(super) fn link(&self, node: &Node, may_own: bool) -> io::Result<()> {
        let unfinished = unfinished_name(&node.name);
        let make = || system::symlinkat(node.link_target(), &self.descriptor, &unfinished);
        match make() {
            Err(Errno::EXIST) => {
                system::unlinkat(&self.descriptor, &unfinished, AtFlags::empty())?;
                make()?;
            }
            other => other?,
        }
        let itself = AtFlags::SYMLINK_NOFOLLOW;
        if may_own {
            let (uid, gid) = owner(node);
            system::chownat(&self.descriptor, &unfinished, uid, gid, itself)?;
        }
        system::utimensat(&self.descriptor, &unfinished, &times(node), itself)?;
        self.finish(&node.name, &node.name)
    }

    /// Makes a further name for a file that was restored before; `first` is below the target.
    pub(super) fn hard_link(&self, root: &Self, first: &Path, name: &OsStr) -> io::Result<()> {
        let mut parts: Vec<&OsStr> = Vec::new();
        for part in first.components() {
            match part {
                Component::Normal(name) => parts.push(name),
                _ => return Err(io::ErrorKind::InvalidInput.into()),
            }
        }
        let (last, folders) = parts.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let mut descriptor = root.descriptor.try_clone()?;
        for folder in folders {
            descriptor = system::openat(&descriptor, *folder, FOLDER, Mode::empty())?;
        }
        let unfinished = unfinished_name(name);
        let link =
            || system::linkat(&descriptor, *last, &self.descriptor, &unfinished, AtFlags::empty());
        match link() {
            Err(Errno::EXIST) => {
                system::unlinkat(&self.descriptor, &unfinished, AtFlags::empty())?;
                link()?;
            }
            other => other?,
        }
        self.finish(name, name)?;
        // Where both were names of one file already, rename(2) leaves the unfinished one.
        match system::unlinkat(&self.descriptor, &unfinished, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Mode, owner and times of this folder, when everything in it is there.
    pub(super) fn end(&self, node: &Node, may_own: bool) -> io::Result<bool> {
        set_metadata(&self.descriptor, node, may_own)
    }

    /// Brings everything that was written to the disk.
    pub(super) fn sync(&self) -> Result<(), VaultError> {
        system::syncfs(&self.descriptor).map_err(|error| VaultError::File {
            operation: "bring to the disk what was restored to",
            path: self.path.clone(),
            source: error.into(),
        })
    }
}

/// Owner, mode, attributes and times, in the order in which none undoes another. Tells whether the
/// file system took the attributes.
pub(super) fn set_metadata(file: &OwnedFd, node: &Node, may_own: bool) -> io::Result<bool> {
    if may_own {
        let (uid, gid) = owner(node);
        system::fchown(file, uid, gid)?;
    }
    system::fchmod(file, Mode::from_raw_mode(node.permissions()))?;
    let mut took_attributes = true;
    for attribute in &node.extended_attributes {
        let value = attribute.value.as_deref().unwrap_or_default();
        let Ok(value) = BASE64_STANDARD.decode(value) else {
            took_attributes = false;
            continue;
        };
        let set = system::fsetxattr(file, attribute.name.as_str(), &value, XattrFlags::empty());
        took_attributes &= set.is_ok();
    }
    system::futimens(file, &times(node))?;
    Ok(took_attributes)
}

fn owner(node: &Node) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(node.uid)), Some(Gid::from_raw(node.gid)))
}

fn times(node: &Node) -> Timestamps {
    let of = |time: crate::Time| {
        let time = time.timestamp();
        let (mut seconds, mut nanoseconds) = (time.as_second(), time.subsec_nanosecond());
        if nanoseconds < 0 {
            seconds -= 1;
            nanoseconds += 1_000_000_000;
        }
        Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() }
    };
    Timestamps { last_access: of(node.atime), last_modification: of(node.mtime) }
}

/// The same for the same name, so that the next run finds it, and never longer than a name may be.
fn unfinished_name(name: &OsStr) -> OsString {
    format!(".storewarden-{}", Id::of(name.as_bytes()).short()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_part_of_a_path() {
        let check = |name: &str, expect: bool| assert_eq!(is_name(name.as_ref()), expect, "{name}");
        check("lamp.jpg", true);
        check("...", true);
        check("-rf", true);
        check("", false);
        check(".", false);
        check("..", false);
        check("a/b", false);
        check("/etc", false);
        check("a\0b", false);
    }
}
