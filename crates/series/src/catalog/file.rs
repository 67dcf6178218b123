//! The catalog on disk: a definition is appended and synced before anything speaks of its id.

use super::Catalog;
use crate::{
    cursor::{Cursor, put_varint},
    error::{Damage, SeriesError},
    files::{self, Quarantine},
    frame::{self, PREAMBLE_BYTES, Preamble},
    labels::Labels,
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

const FILE: [u8; 7] = *b"SWcatlg";
const SERIES: u8 = 1;
const UNKNOWN_KIND: Damage = Damage("a frame of the catalog is of an unknown kind");

#[derive(Debug)]
pub(crate) struct CatalogFile {
    path: PathBuf,
    file: File,
    /// What is on disk and whole. Bytes after it, of a write that failed, are cut off before the next.
    length: u64,
}

impl CatalogFile {
    /// Reads the catalog, or begins one. Damaged definitions are left out, and the file as it was is kept.
    pub(crate) fn open(
        folder: &Path,
        quarantine: &Quarantine,
    ) -> Result<(Self, Catalog), SeriesError> {
        let path = folder.join("catalog");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(SeriesError::file("read", &path)(error)),
        };
        let mut catalog = Catalog::default();
        let is_whole = match frame::read_preamble(&bytes, FILE) {
            Preamble::Newer => return Err(SeriesError::Newer { path }),
            Preamble::Damaged if bytes.is_empty() => false,
            // The name in front may be damaged while the frames are not.
            Preamble::Damaged | Preamble::Ours => {
                let frames = frame::scan(bytes.get(PREAMBLE_BYTES..).unwrap_or_default());
                let mut damaged = frames.damaged_bytes;
                for body in &frames.bodies {
                    match read_definition(body) {
                        Ok((id, labels)) if catalog.find(&labels).is_none() => {
                            catalog.insert(id, &labels);
                        }
                        Err(UNKNOWN_KIND) => return Err(SeriesError::Newer { path }),
                        Ok(_) | Err(_) => damaged += body.len(),
                    }
                }
                let is_ours = frame::read_preamble(&bytes, FILE) == Preamble::Ours;
                if damaged > 0 || !is_ours {
                    tracing::error!(damaged, "the catalog of series is damaged: a copy is kept");
                    quarantine.copy(&path)?;
                }
                is_ours && damaged + frames.torn_bytes == 0
            }
        };
        if !is_whole {
            files::write_whole(&path, &to_bytes(&catalog))?;
        }
        Self::at(path).map(|file| (file, catalog))
    }

    fn at(path: PathBuf) -> Result<Self, SeriesError> {
        let open = || {
            let file = OpenOptions::new().append(true).open(&path)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        let (file, length) = open().map_err(SeriesError::file("open", &path))?;
        Ok(Self { path, file, length })
    }

    /// Appends definitions and syncs. When that fails, nothing was defined.
    pub(crate) fn append<'a>(
        &mut self,
        definitions: impl IntoIterator<Item = (u32, &'a Labels)>,
    ) -> Result<(), SeriesError> {
        let mut bytes = Vec::new();
        for (id, labels) in definitions {
            put_definition(&mut bytes, id, labels);
        }
        let mut append = || {
            self.file.set_len(self.length)?;
            self.file.write_all(&bytes)?;
            self.file.sync_data()
        };
        append().map_err(SeriesError::file("append to", &self.path))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Replaces the file by what the catalog is now.
    pub(crate) fn replace(&mut self, catalog: &Catalog) -> Result<(), SeriesError> {
        files::write_whole(&self.path, &to_bytes(catalog))?;
        *self = Self::at(self.path.clone())?;
        Ok(())
    }
}

fn to_bytes(catalog: &Catalog) -> Vec<u8> {
    let mut bytes = frame::preamble(FILE).to_vec();
    let mut all: Vec<_> = catalog.all().collect();
    all.sort_by_key(|series| series.id);
    for series in all {
        let labels = catalog.labels(series).expect("invariant: it is in the catalog");
        put_definition(&mut bytes, series.id, &labels);
    }
    bytes
}

fn put_definition(bytes: &mut Vec<u8>, id: u32, labels: &Labels) {
    frame::put(bytes, |body| {
        body.push(SERIES);
        body.extend_from_slice(&id.to_le_bytes());
        put_varint(body, labels.iter().len() as u64);
        for text in labels.iter().flat_map(|(name, value)| [name, value]) {
            put_varint(body, text.len() as u64);
            body.extend_from_slice(text.as_bytes());
        }
    });
}

fn read_definition(body: &[u8]) -> Result<(u32, Labels), Damage> {
    let mut cursor = Cursor::new(body);
    if cursor.byte()? != SERIES {
        return Err(UNKNOWN_KIND);
    }
    let id = cursor.u32()?;
    let text = |cursor: &mut Cursor| {
        let length = cursor.length()?;
        let text = std::str::from_utf8(cursor.bytes(length)?);
        text.map(str::to_owned).map_err(|_| Damage("a label is not UTF-8"))
    };
    let count = cursor.length()?;
    let pairs = (0..count).map(|_| Ok((text(&mut cursor)?, text(&mut cursor)?)));
    let pairs = pairs.collect::<Result<Vec<_>, Damage>>()?;
    let labels = Labels::from_pairs(pairs).map_err(|_| Damage("a series has impossible labels"))?;
    Ok((id, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_a_definition_or_none() {
        bolero::check!().for_each(|bytes: &[u8]| {
            for body in [bytes.to_vec(), [&[SERIES], bytes].concat()] {
                if let Ok((id, labels)) = read_definition(&body) {
                    let mut again = Vec::new();
                    put_definition(&mut again, id, &labels);
                    let frames = frame::scan(&again);
                    assert_eq!(read_definition(frames.bodies[0]), Ok((id, labels)));
                }
            }
        });
    }
}
