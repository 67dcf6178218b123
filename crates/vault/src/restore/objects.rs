//! Puts what a snapshot has of a bucket into a bucket again, and takes it back.
//!
//! What is there with the same content is passed over, so that a run that was stopped goes on where it was;
//! what is another by now is written over only when that is wanted, and what only the bucket has stays. Each
//! object that is written carries a note of the run that did, by which it is found to be taken back: nothing
//! else need be remembered, whatever stops whom.

use crate::{
    Id, Node, NodeKind, Origin, Reader, Snapshot, VaultError,
    backup::etag_number,
    lock::LockKind,
    progress::{Meter, Watch},
    storage::MediaTarget,
};
use outbound::bucket::Object;
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
};
use writing::Writing;

mod endings;
mod taking_back;
mod writing;

pub use taking_back::{TakenBack, take_back};

/// So many names are told of each kind, with their whole number.
const NAMES: usize = 100;

/// What is to be put where.
#[derive(Debug)]
pub struct Request<'a> {
    pub snapshot: Snapshot,
    /// In the snapshot. What a folder holds gets keys below the target's prefix, a file its name.
    pub path: PathBuf,
    pub target: &'a MediaTarget,
    pub origin: Origin,
    /// Of the run, the same each time it is begun again: letters, figures and dashes.
    pub mark: String,
}

/// What is there already of what would be put.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub new: u64,
    pub new_bytes: u64,
    pub same: u64,
    /// Of another length.
    pub differ: u64,
    /// As long, and with another ETag than the backup noted: only reading them tells.
    pub unsure: u64,
    /// Of these two.
    pub other_bytes: u64,
}

/// What became of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub put: u64,
    pub put_bytes: u64,
    /// Of these, what stands in the place of another.
    pub overwritten: u64,
    /// What was there with the same content.
    pub kept: u64,
    /// What is another one in the bucket, and stays.
    pub stay: Names,
    /// Keys, each with why it is not as it was backed up.
    pub failures: Vec<(String, String)>,
}

/// How many, and the first of them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Names {
    pub count: u64,
    pub first: Vec<String>,
}

impl Names {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.first.len() < NAMES {
            self.first.push(name.to_owned());
        }
    }
}

/// An object as it was backed up.
#[derive(Debug)]
struct Wanted {
    key: String,
    node: Node,
}

/// How a wanted object stands to the one of its key.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    New,
    Same,
    Differs(Object),
    Unsure(Object),
}

/// Everything that is wanted, and what can never be an object.
#[derive(Debug, Default)]
struct Gathered {
    wanted: Vec<Wanted>,
    failures: Vec<(String, String)>,
}

/// Says what a run would find, and writes nothing.
///
/// # Errors
/// As of [`run`].
pub fn count(reader: &Reader, request: &Request<'_>) -> Result<Counts, VaultError> {
    let gathered = gather(reader, request)?;
    let there = listed(request.target)?;
    let mut counts = Counts::default();
    for Wanted { key, node } in &gathered.wanted {
        let (of_kind, bytes) = match standing(node, there.get(key)) {
            Standing::New => (&mut counts.new, Some(&mut counts.new_bytes)),
            Standing::Same => (&mut counts.same, None),
            Standing::Differs(_) => (&mut counts.differ, Some(&mut counts.other_bytes)),
            Standing::Unsure(_) => (&mut counts.unsure, Some(&mut counts.other_bytes)),
        };
        *of_kind += 1;
        if let Some(bytes) = bytes {
            *bytes += node.size;
        }
    }
    Ok(counts)
}

/// Puts objects under a shared lock of the repository, over others only with `overwrite`.
///
/// # Errors
/// When nothing can go on: [`VaultError::NoSuchPath`], [`VaultError::Locked`], [`VaultError::Bucket`] where
/// the bucket refuses, [`VaultError::Storage`] of the repository. Damage stands in the report.
pub fn run(
    reader: &Reader,
    request: &Request<'_>,
    overwrite: bool,
    watch: Watch<'_>,
) -> Result<Report, VaultError> {
    let lock = reader.repository().lock(LockKind::Shared, &request.origin)?;
    let Gathered { wanted, failures } = gather(reader, request)?;
    let there = listed(request.target)?;
    let mut items: Vec<(&Wanted, Standing)> = Vec::new();
    for one in &wanted {
        items.push((one, standing(&one.node, there.get(&one.key))));
    }
    drop(there);
    let is_work = |standing: &Standing| match standing {
        Standing::New | Standing::Unsure(_) => true,
        Standing::Differs(_) => overwrite,
        Standing::Same => false,
    };
    let bytes = items.iter().filter(|(_, standing)| is_work(standing));
    let meter = Meter::new(watch, Some(bytes.map(|(one, _)| one.node.size).sum()));
    let writing = Writing::new(reader, request, overwrite, &meter);
    let mut report = writing.all(&items)?;
    report.failures.splice(..0, failures);
    not_there(request.target, &wanted, &mut report)?;
    lock.check()?;
    meter.tell();
    Ok(report)
}

/// Sees that everything is there, whatever was answered to each.
fn not_there(
    target: &MediaTarget,
    wanted: &[Wanted],
    report: &mut Report,
) -> Result<(), VaultError> {
    let there = listed(target)?;
    let known: HashSet<&String> = report.failures.iter().map(|(key, _)| key).collect();
    let is_missing = |key: &&String| !there.contains_key(*key) && !known.contains(key);
    let missing = wanted.iter().map(|one| &one.key).filter(is_missing);
    let why = "the bucket does not list it afterwards";
    let missing: Vec<_> = missing.map(|key| (key.clone(), why.to_owned())).collect();
    report.failures.extend(missing);
    Ok(())
}

fn listed(target: &MediaTarget) -> Result<HashMap<String, Object>, VaultError> {
    let objects = target.list()?;
    Ok(objects.into_iter().map(|object| (object.key.clone(), object)).collect())
}

fn standing(node: &Node, there: Option<&Object>) -> Standing {
    let Some(there) = there else { return Standing::New };
    let is_noted = !there.etag.is_empty() && etag_number(&there.etag) == node.inode;
    match there.size_bytes == node.size {
        true if node.size == 0 || is_noted => Standing::Same,
        true => Standing::Unsure(there.clone()),
        false => Standing::Differs(there.clone()),
    }
}

fn gather(reader: &Reader, request: &Request<'_>) -> Result<Gathered, VaultError> {
    let Request { snapshot, path, .. } = request;
    let mut gathered = Gathered::default();
    let reader = &reader.for_a_walk();
    let node = reader.node(snapshot, path)?;
    match node.subtree {
        Some(tree) => gathered.folder(reader, "", tree)?,
        None => gathered.node(reader, "", node)?,
    }
    Ok(gathered)
}

impl Gathered {
    fn folder(&mut self, reader: &Reader, above: &str, tree: Id) -> Result<(), VaultError> {
        let nodes = match reader.folder(tree) {
            Ok(nodes) => nodes,
            Err(error @ (VaultError::DamagedBlob { .. } | VaultError::UnknownBlob(_))) => {
                self.failures.push((above.to_owned(), error.story()));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        nodes.into_iter().try_for_each(|node| self.node(reader, above, node))
    }

    fn node(&mut self, reader: &Reader, above: &str, node: Node) -> Result<(), VaultError> {
        let name = node.name.to_str().filter(|_| super::target::is_name(&node.name));
        let slash = if above.is_empty() { "" } else { "/" };
        let key = format!("{above}{slash}{}", node.name.to_string_lossy());
        let why = match (node.kind, node.subtree) {
            _ if name.is_none() => "its name cannot be a key",
            (NodeKind::File, _) => {
                self.wanted.push(Wanted { key, node });
                return Ok(());
            }
            (NodeKind::Dir, Some(tree)) => return self.folder(reader, &key, tree),
            _ => "it is no object of a bucket",
        };
        self.failures.push((key, why.to_owned()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_known_by_the_etag_that_was_noted() {
        let check = |node: (u64, &str), there: Option<(u64, &str)>, expect: &str| {
            let text = r#"{"name":"\"a\"","type":"file","mtime":"2026-01-01T00:00:00Z","atime":"2026-01-01T00:00:00Z","ctime":"2026-01-01T00:00:00Z"}"#;
            let mut backed_up: Node = serde_json::from_str(text).unwrap();
            (backed_up.size, backed_up.inode) = (node.0, etag_number(node.1));
            let there = there.map(|(size_bytes, etag)| Object {
                key: "a".into(),
                size_bytes,
                etag: etag.into(),
                modified_ms: None,
            });
            let is = match standing(&backed_up, there.as_ref()) {
                Standing::New => "new",
                Standing::Same => "same",
                Standing::Differs(_) => "differs",
                Standing::Unsure(_) => "unsure",
            };
            assert_eq!(is, expect, "{node:?} {there:?}");
        };
        check((3, "e"), None, "new");
        check((3, "e"), Some((3, "e")), "same");
        check((3, "e"), Some((3, "f")), "unsure");
        check((3, "e"), Some((4, "e")), "differs");
        check((0, "e"), Some((0, "f")), "same");
        check((3, ""), Some((3, "")), "unsure");
    }
}
