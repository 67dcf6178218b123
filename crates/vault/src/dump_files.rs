//! The files of a dump where they lie in a snapshot, read by ranges, so that a database is loaded
//! without being restored into files before.

use crate::{Id, Node, Reader, Snapshot, VaultError, pack::Codec, packer::locked};
use databases::dump::Files;
use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// A dump in a folder of a snapshot.
#[derive(Debug)]
pub struct DumpFiles<'a> {
    reader: &'a Reader,
    folder: Id,
    files: Mutex<HashMap<String, Arc<Laid>>>,
    /// Read once: each table of a database lies in one of them, and is asked for by its name.
    folders: Mutex<HashMap<Id, Arc<Vec<Node>>>>,
    pieces: Mutex<Pieces>,
}

/// What is used for piece after piece.
#[derive(Debug, Default)]
struct Pieces {
    /// `None`: somebody decodes with it, and who comes meanwhile makes one.
    codec: Option<Codec>,
    /// The one that was read last: who reads a file from its beginning asks for each twice.
    last: Option<(Id, Arc<Vec<u8>>)>,
}

/// A file, and where each of its pieces begins.
#[derive(Debug)]
struct Laid {
    size: u64,
    pieces: Vec<(u64, Id)>,
}

impl<'a> DumpFiles<'a> {
    /// # Errors
    /// [`VaultError::NoSuchPath`] when there is no such folder, and as of [`Reader::folder`].
    pub fn open(reader: &'a Reader, snapshot: &Snapshot, path: &Path) -> Result<Self, VaultError> {
        let missing = || VaultError::NoSuchPath { path: path.to_owned() };
        let folder = reader.node(snapshot, path)?.subtree.ok_or_else(missing)?;
        let (files, folders, pieces) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self { reader, folder, files, folders, pieces })
    }

    fn laid(&self, name: &str) -> io::Result<Arc<Laid>> {
        if let Some(known) = locked(&self.files).get(name) {
            return Ok(Arc::clone(known));
        }
        let laid = Arc::new(self.lay(&self.node(name)?)?);
        locked(&self.files).insert(name.to_owned(), Arc::clone(&laid));
        Ok(laid)
    }

    fn node(&self, name: &str) -> io::Result<Node> {
        let none = || io::Error::from(io::ErrorKind::NotFound);
        let mut folder = self.folder;
        let mut parts = name.split('/').peekable();
        while let Some(part) = parts.next() {
            let nodes = self.folder(folder)?;
            let node = nodes.iter().find(|node| node.name == part).ok_or_else(none)?;
            if parts.peek().is_none() {
                return Ok(node.clone());
            }
            folder = node.subtree.ok_or_else(none)?;
        }
        Err(none())
    }

    fn folder(&self, id: Id) -> io::Result<Arc<Vec<Node>>> {
        if let Some(known) = locked(&self.folders).get(&id) {
            return Ok(Arc::clone(known));
        }
        let nodes = Arc::new(self.reader.folder(id).map_err(io::Error::other)?);
        locked(&self.folders).insert(id, Arc::clone(&nodes));
        Ok(nodes)
    }

    fn lay(&self, node: &Node) -> io::Result<Laid> {
        let mut laid = Laid { size: 0, pieces: Vec::new() };
        for id in node.content.iter().flatten() {
            laid.pieces.push((laid.size, *id));
            laid.size += self.reader.length(id).map_err(io::Error::other)?;
        }
        Ok(laid)
    }

    fn piece(&self, id: Id) -> io::Result<Arc<Vec<u8>>> {
        let mut pieces = locked(&self.pieces);
        if let Some((_, bytes)) = pieces.last.as_ref().filter(|(last, _)| *last == id) {
            return Ok(Arc::clone(bytes));
        }
        // Its memory is the next one's.
        pieces.last = None;
        let mut codec = pieces.codec.take().unwrap_or_else(|| Codec::new(false));
        drop(pieces);
        let bytes = self.reader.piece_by(&id, &mut codec).map_err(io::Error::other);
        let mut pieces = locked(&self.pieces);
        pieces.codec = Some(codec);
        let bytes = Arc::new(bytes?);
        pieces.last = Some((id, Arc::clone(&bytes)));
        Ok(bytes)
    }

    fn list(&self, folder: Id, below: &Path, names: &mut Vec<String>) -> io::Result<()> {
        for node in self.folder(folder)?.iter() {
            let path: PathBuf = below.join(&node.name);
            match node.subtree {
                Some(subtree) => self.list(subtree, &path, names)?,
                None => names.push(path.to_string_lossy().into_owned()),
            }
        }
        Ok(())
    }
}

impl Files for DumpFiles<'_> {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        self.list(self.folder, Path::new(""), &mut names)?;
        names.sort();
        Ok(names)
    }

    fn size(&self, name: &str) -> io::Result<u64> {
        self.laid(name).map(|laid| laid.size)
    }

    fn read_range(&self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let laid = self.laid(name)?;
        let mut bytes = Vec::with_capacity(length);
        let mut at = laid.pieces.partition_point(|(begin, _)| *begin <= offset).saturating_sub(1);
        while bytes.len() < length {
            let (begin, id) = *laid.pieces.get(at).ok_or(io::ErrorKind::UnexpectedEof)?;
            let piece = self.piece(id)?;
            let inside = usize::try_from(offset.saturating_sub(begin)).unwrap_or(usize::MAX);
            let rest = piece.get(inside..).unwrap_or_default();
            bytes.extend_from_slice(&rest[..rest.len().min(length - bytes.len())]);
            at += 1;
        }
        Ok(bytes)
    }
}
