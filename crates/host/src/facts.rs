//! What the kernel tells of this machine: processor, memory, disks, network, load.
//!
//! The files of `/proc` stay open and are read again from their start, so that a reading once a
//! second costs next to nothing. What cannot be read or understood is `None`: unknown, never zero.

mod parse;

use serde::Serialize;
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// The state of the machine at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct HostSample {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Of all processors together since the last reading, 0..1; `None` at the first.
    pub cpu_share: Option<f64>,
    /// What could not be given to a program without taking it from another.
    pub memory_used_bytes: Option<u64>,
    pub memory_total_bytes: Option<u64>,
    /// In the order they were asked for.
    pub disks: Vec<DiskSample>,
    /// Over all interfaces but the loopback, since the last reading; `None` at the first.
    pub network_received_bytes_per_second: Option<f64>,
    pub network_sent_bytes_per_second: Option<f64>,
    /// Processes that run or want to, averaged over about a minute.
    pub load_1: Option<f64>,
}

/// The file system that a path lies on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskSample {
    pub path: PathBuf,
    /// For ordinary users; root may use a little more.
    pub free_bytes: Option<u64>,
    pub total_bytes: Option<u64>,
}

/// Reads the machine's state; remembers the last reading for what is counted per second.
#[derive(Debug)]
pub struct HostReader {
    stat: ProcFile,
    meminfo: ProcFile,
    network: ProcFile,
    load: ProcFile,
    disk_paths: Vec<PathBuf>,
    last_cpu: Option<parse::CpuTimes>,
    last_network: Option<(i64, parse::NetworkBytes)>,
}

impl HostReader {
    /// Opens what is read later. A file that is missing makes its fields unknown, not an error.
    #[must_use]
    pub fn new(disk_paths: Vec<PathBuf>) -> Self {
        Self {
            // The first line is all we want, and it is short.
            stat: ProcFile::open("/proc/stat", 512),
            // MemTotal and MemAvailable stand in the first three lines.
            meminfo: ProcFile::open("/proc/meminfo", 1024),
            network: ProcFile::open("/proc/net/dev", 16 * 1024),
            load: ProcFile::open("/proc/loadavg", 128),
            disk_paths,
            last_cpu: None,
            last_network: None,
        }
    }

    /// Takes a sample. `now_ms` is unix milliseconds; rates are since the call before.
    pub fn read(&mut self, now_ms: i64) -> HostSample {
        let memory = self.meminfo.read().and_then(parse::memory);
        let network = self.read_network(now_ms);
        HostSample {
            at_ms: now_ms,
            cpu_share: self.read_cpu(),
            memory_used_bytes: memory.map(|memory| memory.used_bytes),
            memory_total_bytes: memory.map(|memory| memory.total_bytes),
            disks: self.disk_paths.iter().map(|path| disk(path)).collect(),
            network_received_bytes_per_second: network.map(|(received, _)| received),
            network_sent_bytes_per_second: network.map(|(_, sent)| sent),
            load_1: self.load.read().and_then(parse::load_1),
        }
    }

    fn read_cpu(&mut self) -> Option<f64> {
        let now = self.stat.read().and_then(parse::cpu_times);
        let before = std::mem::replace(&mut self.last_cpu, now)?;
        now?.share_since(before)
    }

    fn read_network(&mut self, now_ms: i64) -> Option<(f64, f64)> {
        let now = self.network.read().and_then(parse::network_bytes);
        let before = std::mem::replace(&mut self.last_network, now.map(|bytes| (now_ms, bytes)));
        let (before_ms, before) = before?;
        now?.per_second_since(before, now_ms.checked_sub(before_ms)?)
    }
}

/// A file of `/proc`, open, with the buffer it is read into.
#[derive(Debug)]
struct ProcFile {
    file: io::Result<File>,
    buffer: Vec<u8>,
}

impl ProcFile {
    fn open(path: &str, bytes: usize) -> Self {
        Self { file: File::open(path), buffer: vec![0; bytes] }
    }

    /// Its text now, cut to the buffer; `None` when it cannot be read.
    fn read(&mut self) -> Option<&str> {
        let file = self.file.as_ref().ok()?;
        let mut filled = 0;
        while filled < self.buffer.len() {
            match file.read_at(&mut self.buffer[filled..], filled as u64).ok()? {
                0 => break,
                read => filled += read,
            }
        }
        std::str::from_utf8(&self.buffer[..filled]).ok()
    }
}

/// The file system that a path lies on, now; what it does not tell is unknown.
#[must_use]
pub fn disk(path: &Path) -> DiskSample {
    let found = rustix::fs::statvfs(path).ok();
    let bytes = |blocks: fn(&rustix::fs::StatVfs) -> u64| {
        found.as_ref().and_then(|found| blocks(found).checked_mul(found.f_frsize))
    };
    DiskSample {
        path: path.to_owned(),
        free_bytes: bytes(|found| found.f_bavail),
        total_bytes: bytes(|found| found.f_blocks),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn the_first_reading_knows_all_but_rates_and_the_second_knows_those() {
        let mut reader = HostReader::new(vec!["/".into(), "/no/such/place".into()]);
        let first = reader.read(1_000);
        assert_eq!((first.cpu_share, first.network_sent_bytes_per_second), (None, None));
        assert!(first.memory_used_bytes.unwrap() < first.memory_total_bytes.unwrap());
        assert!(first.disks[0].free_bytes.unwrap() <= first.disks[0].total_bytes.unwrap());
        assert_eq!((first.disks[1].free_bytes, first.disks[1].total_bytes), (None, None));
        assert!(first.load_1.unwrap() >= 0.0);
        let second = reader.read(2_000);
        assert!(second.network_received_bytes_per_second.unwrap() >= 0.0);
    }

    #[test]
    fn a_reading_is_cheap() {
        let mut reader = HostReader::new(vec!["/".into()]);
        let mut best = Duration::MAX;
        for now_ms in 0..50 {
            let begins = Instant::now();
            reader.read(now_ms);
            best = best.min(begins.elapsed());
        }
        assert!(best < Duration::from_millis(1), "a reading took {best:?} at best");
    }
}
