//! A bucket's objects as the files of a folder: keys are paths, and what has not changed by its ETag, size
//! and time is not read again.

use self::ahead::{Entered, Found, State, Step, Steps};
use super::{
    NoteKind,
    archive::{Archive, Draft},
    earlier_folder, metadata,
};
use crate::{
    Id, Node, NodeKind, VaultError,
    storage::{Ended, MediaBucket},
};
use outbound::bucket::Object;
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
};

mod ahead;

/// An object that is another one each time it is read is given up.
const TRIES: u32 = 4;
/// The longest name of a file (`NAME_MAX` of Linux).
const NAME_BYTES: usize = 255;

/// A folder that no file system has.
#[derive(Debug, Default)]
struct Folder {
    folders: BTreeMap<String, Folder>,
    objects: BTreeMap<String, Object>,
}

impl Archive<'_> {
    /// A bucket, as a folder with all of its objects.
    pub(super) fn bucket(
        &mut self,
        path: &Path,
        bucket: &MediaBucket,
        earlier: Option<&Node>,
    ) -> Result<Draft, VaultError> {
        let mut folder = Folder::default();
        for object in bucket.list()? {
            let at = PathBuf::from(format!("{}/{}", path.display(), object.key));
            let mut above = at.ancestors().take_while(|above| above.starts_with(path));
            if above.any(|above| self.excludes.contain(above)) {
                continue;
            }
            if let Err(why) = folder.put(object) {
                self.refuse(&at, &why);
            }
        }
        let earlier = earlier.and_then(|node| node.subtree);
        let before = earlier_folder(self.reader, earlier).len() as u64;
        if folder.is_empty() && before > 0 {
            return Err(VaultError::Emptied { path: path.to_owned(), count: before });
        }
        let root = Entered::of(path.file_name().unwrap_or_default(), &folder, earlier);
        let reader = self.reader;
        ahead::walk(reader, bucket, (folder, earlier), |steps| {
            self.virtual_folder(path, &root, bucket, steps)
        })
    }

    /// A folder that was entered, until it is left.
    fn virtual_folder(
        &mut self,
        path: &Path,
        entered: &Entered,
        bucket: &MediaBucket,
        steps: &Steps,
    ) -> Result<Draft, VaultError> {
        let mut drafts = Vec::new();
        loop {
            match steps.next()? {
                Step::Enter(below) => {
                    let path = path.join(&below.name);
                    drafts.push(self.virtual_folder(&path, &below, bucket, steps)?);
                }
                Step::Object(found) => drafts.extend(self.object(path, bucket, *found, steps)?),
                Step::Leave => break,
            }
        }
        drafts.sort_by(|one, other| one.node.name.cmp(&other.node.name));
        let tree = self.plant(drafts)?;
        let counter = match entered.earlier {
            None => &mut self.summary.dirs_new,
            Some(earlier) if earlier == tree => &mut self.summary.dirs_unmodified,
            Some(_) => &mut self.summary.dirs_changed,
        };
        *counter += 1;
        let mut node = metadata::invented(&entered.name, NodeKind::Dir, entered.modified_ms);
        node.subtree = Some(tree);
        Ok(node.into())
    }

    /// `None` when it is gone, or cannot be read, which was noted.
    fn object(
        &mut self,
        folder: &Path,
        bucket: &MediaBucket,
        found: Found,
        steps: &Steps,
    ) -> Result<Option<Draft>, VaultError> {
        let Found { name, mut object, state } = found;
        let (was_there, mut begun) = match state {
            State::Unchanged(mut node, content) => {
                node.content = content;
                self.summary.files_unmodified += 1;
                self.meter.add(0, node.size);
                self.count(node.size);
                return Ok(Some(Draft::from(*node)));
            }
            State::ToRead { was_there, ahead } => {
                (was_there, ahead.map(|ahead| steps.begun(&ahead)))
            }
        };
        let path = folder.join(&name);
        for _ in 0..TRIES {
            let mut content = bucket.read(&object, begun.take().transpose()?);
            if let Ok((slots, bytes)) = self.content(&mut content)? {
                let mut node = node(&name, &object);
                node.size = bytes;
                node.content = Some(Vec::new());
                match was_there {
                    true => self.summary.files_changed += 1,
                    false => self.summary.files_new += 1,
                }
                self.count(bytes);
                return Ok(Some(Draft { node, content: slots }));
            }
            match content.ended().expect("invariant: nothing else can fail here") {
                Ended::Failed(error) => return Err(error),
                Ended::Refused(error) => {
                    self.refuse(&path, &error.story());
                    return Ok(None);
                }
                Ended::Gone => {
                    self.note(&path, NoteKind::Vanished);
                    return Ok(None);
                }
                Ended::Changed => self.note(&path, NoteKind::Changed),
            }
            // Half of the one and half of the other would be neither.
            match bucket.look_again(&object.key)? {
                Some(now) => object = now,
                None => {
                    self.note(&path, NoteKind::Vanished);
                    return Ok(None);
                }
            }
        }
        self.refuse(&path, &format!("it was another one each of the {TRIES} times it was read"));
        Ok(None)
    }
}

/// What is looked at later to tell whether it is still the same: the ETag stands in the place of a file's
/// number.
fn node(name: &OsStr, object: &Object) -> Node {
    let mut node = metadata::invented(name, NodeKind::File, object.modified_ms.unwrap_or(0));
    node.inode = etag_number(&object.etag);
    node.size = object.size_bytes;
    node
}

/// What stands for an ETag.
pub(crate) fn etag_number(etag: &str) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *Id::of(etag.as_bytes()).as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

impl Folder {
    /// Puts an object where its key says, or says why no file can be there.
    fn put(&mut self, object: Object) -> Result<(), &'static str> {
        let whole = object.key.clone();
        // The console of Amazon makes such for folders without anything in them.
        let is_mark = whole.ends_with('/') && object.size_bytes == 0;
        let key = if is_mark { whole.trim_end_matches('/') } else { &whole };
        let is_name = |name: &str| {
            let is_way = matches!(name, "" | "." | "..");
            !is_way && name.len() <= NAME_BYTES && !name.contains('\0')
        };
        if !key.split('/').all(is_name) {
            return Err("its key is no path of a file: rename it, or leave it out by `exclude`");
        }
        let taken = "a folder is of the same name: rename it, or leave it out by `exclude`";
        let mut folder = self;
        let (folders, name) = match is_mark {
            true => (key, None),
            false => key.rsplit_once('/').map_or(("", Some(key)), |(way, name)| (way, Some(name))),
        };
        for part in folders.split('/').filter(|part| !part.is_empty()) {
            if folder.objects.contains_key(part) {
                return Err(taken);
            }
            folder = folder.folders.entry(part.to_owned()).or_default();
        }
        let Some(name) = name else { return Ok(()) };
        if folder.folders.contains_key(name) {
            return Err(taken);
        }
        folder.objects.insert(name.to_owned(), object);
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.folders.is_empty() && self.objects.is_empty()
    }

    /// When something in it was last changed: as long as nothing is, the folder is the same.
    fn modified_ms(&self) -> i64 {
        let objects = self.objects.values().filter_map(|object| object.modified_ms);
        objects.chain(self.folders.values().map(Self::modified_ms)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Folder, at: &Path, into: &mut Vec<PathBuf>) {
        into.extend(folder.objects.keys().map(|name| at.join(name)));
        for (name, below) in &folder.folders {
            into.push(at.join(name).join(""));
            names(below, &at.join(name), into);
        }
    }

    #[test]
    fn keys_become_paths_or_are_refused_by_name() {
        let check = |keys: &[(&str, u64)], expect: &[&str], refused: usize| {
            let mut folder = Folder::default();
            let put = |(key, size_bytes): &(&str, u64)| {
                let (etag, modified_ms) = (String::new(), Some(5));
                folder.put(Object {
                    key: (*key).into(),
                    size_bytes: *size_bytes,
                    etag,
                    modified_ms,
                })
            };
            assert_eq!(keys.iter().map(put).filter(Result::is_err).count(), refused, "{keys:?}");
            let mut found = Vec::new();
            names(&folder, Path::new(""), &mut found);
            assert_eq!(found, expect.iter().map(PathBuf::from).collect::<Vec<_>>(), "{keys:?}");
        };
        check(&[("a", 1), ("b/c d/ü.jpg", 1)], &["a", "b/", "b/c d/", "b/c d/ü.jpg"], 0);
        check(&[("empty/", 0), ("full/", 3)], &["empty/"], 1);
        check(&[("a", 1), ("a/b", 1), ("c/d", 1), ("c", 1)], &["a", "c/", "c/d"], 2);
        check(&[("../up", 1), ("a//b", 1), ("/root", 1), (&"n".repeat(256), 1)], &[], 4);
    }
}
