//! What a process of ours does to itself so that others come first.

use crate::{
    HostError,
    process::{Spawn, run_to_end},
};
use rustix::{
    process::setpriority_process,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use std::{fs, io, time::Duration};

/// Everything else comes before it (nice(2)).
const NICE: i32 = 15;
/// The class of whoever reads and writes when nobody else does (ioprio_set(2)), as ionice(1) has it.
const IDLE: &str = "3";
const IONICE_WITHIN: Duration = Duration::from_secs(10);
/// A page as `/proc/self/statm` counts them, on every machine that we are built for.
const PAGE_BYTES: u64 = 4096;

/// Has this process and its threads to come wait until others have what they want of the
/// processors, and keep at most so many of them busy. Call it before the first thread starts.
///
/// # Errors
/// When the kernel does not let us choose; what was done before stays.
pub fn be_gentle(processors: Option<u32>) -> Result<(), HostError> {
    let failed = |error: rustix::io::Errno| HostError::Gentle(error.into());
    setpriority_process(None, NICE).map_err(failed)?;
    let Some(most) = processors else { return Ok(()) };
    let allowed = sched_getaffinity(None).map_err(failed)?;
    let mut chosen = CpuSet::new();
    // The last ones: the first are where interrupts and the first-started programs are.
    let ours = (0..CpuSet::MAX_CPU).rev().filter(|cpu| allowed.is_set(*cpu));
    ours.take(most.max(1) as usize).for_each(|cpu| chosen.set(cpu));
    sched_setaffinity(None, &chosen).map_err(failed)
}

/// Has what this process reads from disks and writes to them wait until nobody else does, where the
/// disk's scheduler knows such an order. By util-linux' `ionice`, which every Debian has. Call it before
/// the first thread starts.
///
/// # Errors
/// When it is not there, or the kernel does not let us choose.
pub fn read_and_write_idly() -> Result<(), HostError> {
    let pid = std::process::id().to_string();
    run_to_end(Spawn::new("ionice").args(["-c", IDLE, "-p", &pid]), IONICE_WITHIN).map(drop)
}

/// Bytes of memory that this process has of its own at the moment; files that it maps are not
/// counted.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn resident_bytes() -> Result<u64, HostError> {
    let path = "/proc/self/statm";
    let failed = |source: io::Error| HostError::Read { path: path.into(), source };
    let text = fs::read_to_string(path).map_err(failed)?;
    let mut fields = text.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (fields.next(), fields.next());
    let odd = || failed(io::Error::new(io::ErrorKind::InvalidData, "it says nothing of memory"));
    let (resident, shared) =
        resident.and_then(Result::ok).zip(shared.and_then(Result::ok)).ok_or_else(odd)?;
    Ok(resident.saturating_sub(shared) * PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_and_processors_are_left_to_others() {
        assert!(resident_bytes().unwrap() > 100_000);
        // In a thread of its own: what it takes upon itself, other tests do not.
        let threads = std::thread::spawn(|| {
            be_gentle(Some(1)).unwrap();
            std::thread::available_parallelism().unwrap().get()
        });
        assert_eq!(threads.join().unwrap(), 1);
        read_and_write_idly().unwrap();
        let pid = std::process::id().to_string();
        let told = run_to_end(Spawn::new("ionice").args(["-p", &pid]), IONICE_WITHIN).unwrap();
        assert_eq!(told.stdout, b"idle\n");
    }
}
