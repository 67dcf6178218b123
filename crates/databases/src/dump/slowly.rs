//! A reader that reads no faster than it may.

use std::{
    io::{self, Read},
    time::{Duration, Instant},
};

pub(super) struct Slowly<R> {
    inner: R,
    bytes_a_second: u64,
    /// When the first byte was asked for.
    began: Option<Instant>,
    bytes: u64,
}

impl<R> Slowly<R> {
    pub(super) fn new(inner: R, bytes_a_second: u64) -> Self {
        Self { inner, bytes_a_second: bytes_a_second.max(1), began: None, bytes: 0 }
    }
}

impl<R: Read> Read for Slowly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let began = *self.began.get_or_insert_with(Instant::now);
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        let due = due(self.bytes, self.bytes_a_second);
        // The thread is one of its own, and has nothing else to do.
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        Ok(read)
    }
}

/// When so many bytes may have been read.
fn due(bytes: u64, bytes_a_second: u64) -> Duration {
    let rest = bytes % bytes_a_second;
    Duration::from_secs(bytes / bytes_a_second)
        + Duration::from_millis(rest.saturating_mul(1_000) / bytes_a_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_due_at_their_rate() {
        assert_eq!(due(0, 10), Duration::ZERO);
        assert_eq!(due(25, 10), Duration::from_millis(2_500));
        assert_eq!(due(1 << 40, 1 << 20), Duration::from_secs(1 << 20));
    }
}
