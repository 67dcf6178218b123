//! The log: what was appended is on disk before it is acknowledged. Commits that wait together share one write and one sync.
//!
//! It has no thread of its own: whoever commits first writes for all who wait.

mod replay;

pub(crate) use replay::{Replayed, replay};

use crate::{
    catalog::SeriesRef,
    cursor::{put_varint, put_zigzag},
    error::SeriesError,
    files, frame,
    sample::Sample,
};
use std::{
    fs::{File, OpenOptions},
    io::Write,
    mem,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

const FILE: [u8; 7] = *b"SWserie";
const SAMPLES: u8 = 1;
/// A file is ended past this, so that reading one at start takes little memory.
const FILE_BYTES: u64 = 4 << 20;
/// Samples of one frame at most.
pub(crate) const FRAME_SAMPLES: usize = 1 << 16;

/// What to wait for until appended samples are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

#[derive(Debug)]
pub(crate) struct Log {
    folder: PathBuf,
    state: Mutex<State>,
    /// Told whenever somebody has written.
    written: Condvar,
}

#[derive(Debug)]
struct State {
    /// Frames that are not on disk.
    waiting: Vec<u8>,
    next_sequence: u64,
    /// All frames up to this one are on disk.
    synced: u64,
    is_writing: bool,
    /// `None` until there is something to write.
    file: Option<OpenFile>,
    /// Of the next file.
    next_number: u64,
    last_error: Option<SeriesError>,
}

#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    file: File,
    length: u64,
}

pub(crate) fn file_name(number: u64) -> String {
    format!("{number:020}.log")
}

pub(crate) fn file_number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".log")?.parse().ok()?;
    (file_name(number) == name).then_some(number)
}

/// Appends a frame of samples.
fn put_samples(bytes: &mut Vec<u8>, sequence: u64, samples: &[(SeriesRef, Sample)]) {
    frame::put(bytes, |body| {
        body.push(SAMPLES);
        body.extend_from_slice(&sequence.to_le_bytes());
        put_varint(body, samples.len() as u64);
        let (mut id, mut at_ms) = (0, 0);
        for (series, sample) in samples {
            put_zigzag(body, i64::from(series.id) - id);
            put_zigzag(body, sample.at_ms - at_ms);
            body.extend_from_slice(&sample.value.to_le_bytes());
            (id, at_ms) = (i64::from(series.id), sample.at_ms);
        }
    });
}

impl Log {
    /// Goes on after what was read again.
    pub(crate) fn new(folder: PathBuf, replayed: &Replayed) -> Self {
        let state = State {
            waiting: Vec::new(),
            next_sequence: replayed.next_sequence,
            synced: replayed.next_sequence - 1,
            is_writing: false,
            file: None,
            next_number: replayed.next_number,
            last_error: None,
        };
        Self { folder, state: Mutex::new(state), written: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn waiting_bytes(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Why the last write failed, until one succeeds.
    pub(crate) fn last_error(&self) -> Option<SeriesError> {
        self.lock().last_error.clone()
    }

    /// Puts samples into line. They are on disk once a commit of the ticket has come back.
    pub(crate) fn append(&self, samples: &[(SeriesRef, Sample)]) -> Ticket {
        let mut state = self.lock();
        for samples in samples.chunks(FRAME_SAMPLES) {
            let sequence = state.next_sequence;
            put_samples(&mut state.waiting, sequence, samples);
            state.next_sequence += 1;
        }
        Ticket(state.next_sequence - 1)
    }

    /// Waits until everything up to the ticket is on disk, and writes it if nobody else does.
    ///
    /// # Errors
    /// When it cannot be written. It stays in line, and the next commit tries again.
    pub(crate) fn commit(&self, ticket: Ticket) -> Result<(), SeriesError> {
        let mut state = self.lock();
        while state.synced < ticket.0 {
            if state.is_writing {
                state = self.written.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                state = self.write_for_all(state)?;
            }
        }
        Ok(())
    }

    fn write_for_all<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
    ) -> Result<MutexGuard<'a, State>, SeriesError> {
        let bytes = mem::take(&mut state.waiting);
        let upto = state.next_sequence - 1;
        let open = state.file.take();
        let number = state.next_number;
        state.is_writing = true;
        drop(state);

        let outcome = self.write(open, number, &bytes);

        let mut state = self.lock();
        state.is_writing = false;
        self.written.notify_all();
        match outcome {
            Ok(file) => {
                state.next_number = number.max(file_number_of(&file.path) + 1);
                state.file = (file.length < FILE_BYTES).then_some(file);
                state.synced = upto;
                if state.last_error.take().is_some() {
                    tracing::info!("the metrics store can be written to again");
                }
                Ok(state)
            }
            Err(error) => {
                let later = mem::replace(&mut state.waiting, bytes);
                state.waiting.extend(later);
                // What reached the disk of it stands in a file of its own; the next try begins another one.
                state.next_number = number + 1;
                if state.last_error.is_none() {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the metrics store cannot be written to"
                    );
                }
                state.last_error = Some(error.clone());
                Err(error)
            }
        }
    }

    fn write(
        &self,
        open: Option<OpenFile>,
        number: u64,
        bytes: &[u8],
    ) -> Result<OpenFile, SeriesError> {
        let mut file = match open {
            Some(file) => file,
            None => OpenFile::create(&self.folder.join(file_name(number)))?,
        };
        let written = file.file.write_all(bytes).and_then(|()| file.file.sync_data());
        if let Err(error) = written {
            file.give_up();
            return Err(SeriesError::file("write log", file.path)(error));
        }
        file.length += bytes.len() as u64;
        Ok(file)
    }

    /// Writes what waits and ends the file. Gives back the number of the next: what was appended so far stands in files before it,
    /// if nobody appends meanwhile.
    ///
    /// # Errors
    /// When what waits cannot be written.
    pub(crate) fn end_file(&self) -> Result<u64, SeriesError> {
        let upto = Ticket(self.lock().next_sequence - 1);
        self.commit(upto)?;
        let mut state = self.lock();
        state.file = None;
        Ok(state.next_number)
    }

    /// Removes the files before a number.
    pub(crate) fn remove_before(&self, number: u64) -> Result<(), SeriesError> {
        for old in files::list(&self.folder, file_number)?.into_iter().filter(|old| *old < number) {
            files::remove(&self.folder.join(file_name(old)))?;
        }
        Ok(())
    }

    /// Size of all files.
    pub(crate) fn size_bytes(&self) -> Result<u64, SeriesError> {
        let mut bytes = 0;
        for number in files::list(&self.folder, file_number)? {
            // One may be removed between the listing and this.
            bytes += self.folder.join(file_name(number)).metadata().map_or(0, |file| file.len());
        }
        Ok(bytes)
    }
}

fn file_number_of(path: &Path) -> u64 {
    path.file_name()
        .and_then(|name| file_number(name.to_str()?))
        .expect("invariant: we named the file")
}

impl OpenFile {
    fn create(path: &Path) -> Result<Self, SeriesError> {
        let create = || {
            let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
            file.write_all(&frame::preamble(FILE))?;
            Ok(file)
        };
        let created = create().map_err(SeriesError::file("begin log", path));
        // The name of the file must last as its content does.
        let created = created.and_then(|file| files::sync_folder_of(path).map(|()| file));
        match created {
            Ok(file) => {
                Ok(Self { path: path.to_owned(), file, length: frame::PREAMBLE_BYTES as u64 })
            }
            Err(error) => {
                files::remove(path)?;
                Err(error)
            }
        }
    }

    /// Cuts off what was not written whole. Nothing depends on it: what is read again has numbers.
    fn give_up(&self) {
        if let Err(error) = self.file.set_len(self.length) {
            tracing::warn!(%error, file = %self.path.display(), "half a write stays in the log");
        }
    }
}

#[cfg(test)]
mod tests;
