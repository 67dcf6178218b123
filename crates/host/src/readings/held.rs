//! A file that stays open, and is opened again when that does not answer any more.

use std::{fs::File, os::unix::fs::FileExt as _, path::PathBuf};

/// Of one file; what is longer is no file of the kernel's.
const MOST_BYTES: usize = 4 << 20;
const STEP_BYTES: usize = 4 << 10;

#[derive(Debug)]
pub(super) struct Held {
    path: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
}

impl Held {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None, buffer: Vec::new() }
    }

    /// Its text now; `None` when it cannot be read.
    pub(super) fn read(&mut self) -> Option<&str> {
        let read = self.file.as_ref().and_then(|file| fill(file, &mut self.buffer));
        let length = match read {
            Some(length) => length,
            None => {
                self.file = File::open(&self.path).ok();
                fill(self.file.as_ref()?, &mut self.buffer)?
            }
        };
        std::str::from_utf8(&self.buffer[..length]).ok()
    }
}

fn fill(file: &File, buffer: &mut Vec<u8>) -> Option<usize> {
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            if filled >= MOST_BYTES {
                return None;
            }
            buffer.resize(filled + filled.max(STEP_BYTES), 0);
        }
        match file.read_at(&mut buffer[filled..], filled as u64).ok()? {
            0 => return Some(filled),
            read => filled += read,
        }
    }
}
