//! Files of a binary log, out of events as they came.

use crate::changes::RawEvent;
use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

/// MariaDB, sql/log_event.h, `BINLOG_MAGIC`.
const MAGIC: &[u8] = b"\xfebin";
const DESCRIPTION: u8 = 15;

/// Files that are being written, each under the name that it has on the server.
#[derive(Debug)]
pub struct LogFiles {
    folder: PathBuf,
    file: Option<(String, BufWriter<File>)>,
    written: Written,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// In their order.
    pub files: Vec<PathBuf>,
    pub events: u64,
    pub bytes: u64,
    /// When the first and the last of them were, in Unix seconds by the server's clock; 0 without one.
    pub from_s: u32,
    pub until_s: u32,
}

impl LogFiles {
    /// Into a folder that is there.
    #[must_use]
    pub fn into_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), file: None, written: Written::default() }
    }

    /// Takes the next event. A file that is not had from its beginning gets its description all the same.
    ///
    /// # Errors
    /// When it cannot be written; [`io::ErrorKind::AlreadyExists`] when a file of the name is there,
    /// [`io::ErrorKind::InvalidInput`] when its name is none.
    pub fn put(&mut self, event: &RawEvent<'_>) -> io::Result<()> {
        self.put_bytes(event, event.bytes)
    }

    /// As [`LogFiles::put`], with other bytes in the event's place.
    pub(super) fn put_bytes(&mut self, event: &RawEvent<'_>, bytes: &[u8]) -> io::Result<()> {
        if self.file.as_ref().is_none_or(|(name, _)| *name != event.file.name) {
            self.end_file()?;
            let file = self.begin_file(event)?;
            self.file = Some((event.file.name.clone(), file));
        }
        let (_, file) = self.file.as_mut().expect("invariant: it was begun just now");
        file.write_all(bytes)?;
        let written = &mut self.written;
        if written.events == 0 {
            written.from_s = event.at_s();
        }
        written.until_s = event.at_s();
        written.events += 1;
        written.bytes += bytes.len() as u64;
        Ok(())
    }

    /// All of it is in its files.
    ///
    /// # Errors
    /// When that cannot be made sure of.
    pub fn finish(mut self) -> io::Result<Written> {
        self.end_file()?;
        Ok(self.written)
    }

    fn begin_file(&mut self, event: &RawEvent<'_>) -> io::Result<BufWriter<File>> {
        let name = &event.file.name;
        if name.is_empty() || name.starts_with('.') || name.contains('/') {
            let odd = format!("`{name}` is no name of a file");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, odd));
        }
        let path = self.folder.join(name);
        let mut file = BufWriter::new(File::create_new(&path)?);
        self.written.files.push(path);
        file.write_all(MAGIC)?;
        if event.kind() != DESCRIPTION {
            file.write_all(&event.file.description)?;
        }
        Ok(file)
    }

    fn end_file(&mut self) -> io::Result<()> {
        let Some((_, file)) = self.file.take() else { return Ok(()) };
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}
