//! How far a run is, told a few times a second to whoever watches.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

const EVERY: Duration = Duration::from_millis(250);

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    pub files: u64,
    /// Of contents, not of the repository.
    pub bytes: u64,
    /// Altogether, where that is known; of a backup what the one before had.
    pub total_bytes: Option<u64>,
    /// Since the beginning.
    pub elapsed: Duration,
}

impl Progress {
    /// Bytes a second since the beginning.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate is read by people")]
    pub fn rate(&self) -> f64 {
        self.bytes as f64 / self.elapsed.as_secs_f64().max(0.001)
    }

    /// What is left at this rate; `None` while the whole or the rate is not known, or was passed.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "time left is an estimate")]
    pub fn left(&self) -> Option<Duration> {
        let left_bytes = self.total_bytes?.checked_sub(self.bytes)?;
        let seconds = left_bytes as f64 / self.rate();
        (self.bytes > 0).then(|| Duration::from_secs_f64(seconds.min(1e9)))
    }
}

/// Is told of progress; called from one thread at a time.
pub type Watch<'a> = &'a (dyn Fn(&Progress) + Sync);

/// Counts, and tells when it is time.
pub(crate) struct Meter<'a> {
    watch: Watch<'a>,
    begun: Instant,
    told: Mutex<Instant>,
    files: AtomicU64,
    bytes: AtomicU64,
    total_bytes: Option<u64>,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(watch: Watch<'a>, total_bytes: Option<u64>) -> Self {
        let begun = Instant::now();
        Self {
            watch,
            begun,
            told: Mutex::new(begun),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            total_bytes,
        }
    }

    pub(crate) fn add(&self, files: u64, bytes: u64) {
        self.files.fetch_add(files, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        // Whoever finds it locked need not tell: somebody does at this moment.
        if let Ok(mut told) = self.told.try_lock()
            && told.elapsed() >= EVERY
        {
            *told = Instant::now();
            self.tell();
        }
    }

    /// Tells where it is now, and where it was at the end.
    pub(crate) fn tell(&self) {
        (self.watch)(&Progress {
            files: self.files.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            total_bytes: self.total_bytes,
            elapsed: self.begun.elapsed(),
        });
    }
}

impl std::fmt::Debug for Meter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_the_rate() {
        let check = |bytes, total_bytes, expect: Option<u64>| {
            let elapsed = Duration::from_secs(10);
            let progress = Progress { files: 1, bytes, total_bytes, elapsed };
            assert_eq!(progress.left().map(|left| left.as_secs()), expect, "{progress:?}");
        };
        check(100, Some(300), Some(20));
        check(0, Some(300), None);
        check(100, None, None);
        check(400, Some(300), None);
    }
}
