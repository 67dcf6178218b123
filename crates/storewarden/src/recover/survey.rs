//! What a recovery would write, where, and what stands in its way. Looks, and writes nothing.

use crate::backup_worker::{Notes, RECORDS};
use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};
use store::FILE_NAME;
use vault::{NodeKind, Reader, Snapshot, VaultError, drill::DATABASES};

const PACKAGES: &str = "/packages";
const HISTORY: &str = "series";
/// Where in the state directory comes what the other machine was set up by.
pub(super) const BESIDE: &str = "recovered";

/// Everything that is to be written.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) configuration: PathBuf,
    pub(super) state: PathBuf,
    /// To their places.
    pub(super) places: Vec<Piece>,
    /// To look things up.
    pub(super) beside: Vec<Piece>,
    /// Names of dumps.
    pub(super) databases: Vec<String>,
}

/// Something of the snapshot with the folder that it goes into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from: PathBuf,
    /// A folder's own place, of a file the folder around it.
    pub(super) target: PathBuf,
    pub(super) is_file: bool,
}

/// Where things are to go, when not to where they were.
#[derive(Debug, Default)]
pub(super) struct Wish<'a> {
    pub(super) root: Option<&'a Path>,
    pub(super) configuration: Option<&'a Path>,
    pub(super) state: Option<&'a Path>,
}

impl Survey {
    /// # Errors
    /// When the snapshot cannot be looked into.
    pub(super) fn new(
        reader: &Reader,
        snapshot: &Snapshot,
        notes: &Notes,
        wish: &Wish<'_>,
    ) -> Result<Self, VaultError> {
        let root = wish.root.unwrap_or(Path::new("/"));
        let within = |path: &Path| below(root, path);
        let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let state = wish.state.map_or_else(|| within(&notes.state), whole);
        let mut places = Vec::new();
        for path in &notes.places {
            places.extend(piece(reader, snapshot, path, &within(path))?);
        }
        let history = notes.state.join(HISTORY);
        places.extend(piece(reader, snapshot, &history, &state.join(HISTORY))?);
        let mut beside = Vec::new();
        let packages = PathBuf::from(PACKAGES);
        for path in notes.machine.iter().chain([&packages]) {
            let target = below(&state.join(BESIDE), path);
            beside.extend(piece(reader, snapshot, path, &target)?);
        }
        Ok(Self {
            configuration: wish.configuration.map_or_else(|| within(&notes.file), whole),
            state,
            places,
            beside,
            databases: names_in(reader, snapshot, Path::new(DATABASES))?,
        })
    }

    /// With the databases of another backup, which this one goes on from.
    ///
    /// # Errors
    /// When that cannot be looked into.
    pub(super) fn with_dumps_of(
        self,
        reader: &Reader,
        dump: &Snapshot,
    ) -> Result<Self, VaultError> {
        Ok(Self { databases: names_in(reader, dump, Path::new(DATABASES))?, ..self })
    }

    /// What is there already, and would be replaced or mixed with what comes.
    pub(super) fn taken(&self) -> Vec<PathBuf> {
        let piece = |piece: &Piece| match piece.is_file {
            true => piece.target.join(piece.from.file_name().unwrap_or_default()),
            false => piece.target.clone(),
        };
        let files = [self.configuration.clone(), self.state.join(FILE_NAME)];
        let all = files.into_iter().chain(self.places.iter().map(piece));
        all.filter(|path| is_taken(path)).collect()
    }
}

impl Piece {
    /// The step's name in the journal.
    pub(super) fn step(&self) -> String {
        format!("files {}", self.from.display())
    }
}

/// A path of the other machine below a root of this one.
pub(super) fn below(root: &Path, path: &Path) -> PathBuf {
    let inner = path.components().filter(|part| matches!(part, Component::Normal(_)));
    inner.fold(root.to_owned(), |whole, part| whole.join(part))
}

fn piece(
    reader: &Reader,
    snapshot: &Snapshot,
    from: &Path,
    to: &Path,
) -> Result<Option<Piece>, VaultError> {
    let node = match reader.node(snapshot, from) {
        Ok(node) => node,
        // It was named, and not there when the backup was made.
        Err(VaultError::NoSuchPath { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_file = node.kind != NodeKind::Dir;
    let around = to.parent().unwrap_or(Path::new("/"));
    let target = if is_file { around } else { to }.to_owned();
    Ok(Some(Piece { from: from.to_owned(), target, is_file }))
}

/// The names in a folder of the snapshot; none where there is no such folder.
fn names_in(
    reader: &Reader,
    snapshot: &Snapshot,
    folder: &Path,
) -> Result<Vec<String>, VaultError> {
    let tree = match reader.node(snapshot, folder) {
        Ok(node) => node.subtree,
        Err(VaultError::NoSuchPath { .. }) => None,
        Err(error) => return Err(error),
    };
    let Some(tree) = tree else { return Ok(Vec::new()) };
    let nodes = reader.folder(tree)?.into_iter();
    Ok(nodes.map(|node| node.name.to_string_lossy().into_owned()).collect())
}

/// The notes in a snapshot, as they lie there; `None`: it was made before there were any.
///
/// # Errors
/// When they cannot be read.
pub(super) fn notes(reader: &Reader, snapshot: &Snapshot) -> Result<Option<Vec<u8>>, VaultError> {
    let node = match reader.node(snapshot, &Path::new(RECORDS).join(Notes::FILE)) {
        Ok(node) => node,
        Err(VaultError::NoSuchPath { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    reader.copy_to(&node, &mut bytes)?;
    Ok(Some(bytes))
}

/// An empty folder is as good as none. What cannot be looked at is not to be written to.
pub(super) fn is_taken(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_below_a_root_and_never_out_of_it() {
        let check = |root: &str, path: &str, expect: &str| {
            assert_eq!(below(Path::new(root), Path::new(path)), Path::new(expect));
        };
        check("/", "/srv/lamps", "/srv/lamps");
        check("/mnt", "/srv/lamps", "/mnt/srv/lamps");
        check("/mnt", "/../../etc", "/mnt/etc");
        check("/mnt", "etc", "/mnt/etc");
    }

    #[test]
    fn an_empty_folder_is_free_and_a_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (file, inner) = (folder.path().join("file"), folder.path().join("inner"));
        assert!(!is_taken(folder.path()) && !is_taken(&file));
        fs::write(&file, "").unwrap();
        fs::create_dir(&inner).unwrap();
        assert!(is_taken(folder.path()) && is_taken(&file) && !is_taken(&inner));
    }
}
