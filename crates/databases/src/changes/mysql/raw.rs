//! The binary log as it comes: events byte for byte and held against their checksums, so that the server's files
//! can be written again. Knows nothing of what events mean. MariaDB sends the texts of statements behind rows
//! (`ANNOTATE_ROWS`) only to whoever asks for them; they change nothing, and are not in it.

use super::stream::ARTIFICIAL;
use crate::{DatabaseError, changes::RawFile};
use mysql_async::binlog::{BinlogVersion, events::Event as LogEvent};
use std::{io, sync::Arc};

const DESCRIPTION: u8 = 15;
const HEARTBEAT: u8 = 27;

/// What is known of the file whose events come.
#[derive(Debug, Default)]
pub(super) struct Raw {
    file: Option<Arc<RawFile>>,
}

impl Raw {
    /// The bytes of an event of the file `name`; `None` for what lies in no file.
    ///
    /// # Errors
    /// [`DatabaseError::ChangesCut`] when they are not what the server wrote.
    pub(super) fn take(
        &mut self,
        name: &str,
        event: &LogEvent,
    ) -> Result<Option<Written>, DatabaseError> {
        let header = event.header();
        let kind = header.event_type_raw();
        if kind == HEARTBEAT || header.flags_raw() & ARTIFICIAL != 0 {
            return Ok(None);
        }
        let bytes = written(event).map_err(cut)?;
        if kind == DESCRIPTION {
            let (name, description) = (name.to_owned(), bytes.clone());
            self.file = Some(Arc::new(RawFile { name, description }));
        }
        // Whoever begins within a file is told all the same how its events are written.
        let is_told = header.log_pos() == 0;
        match &self.file {
            _ if is_told => Ok(None),
            Some(file) => Ok(Some((Arc::clone(file), bytes))),
            None => Err(cut(io::Error::other("an event came before its file was described"))),
        }
    }

    /// What comes next is another file's.
    pub(super) fn end_file(&mut self) {
        self.file = None;
    }
}

/// A file, and the bytes of an event in it.
type Written = (Arc<RawFile>, Vec<u8>);

fn written(event: &LogEvent) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(event.header().event_size() as usize);
    event.write(BinlogVersion::Version4, &mut bytes)?;
    let checksum = event.checksum();
    let is_as_sent = checksum.is_none_or(|sum| bytes.ends_with(&sum));
    if bytes.len() == event.header().event_size() as usize && is_as_sent {
        return Ok(bytes);
    }
    Err(io::Error::other("an event is not as its checksum says"))
}

fn cut(source: io::Error) -> DatabaseError {
    DatabaseError::ChangesCut { what: "read the binary log as it is".to_owned(), source }
}
