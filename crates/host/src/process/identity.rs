//! One process told from every other that bore its number or will.
//!
//! A process id alone names whoever bears it now. With the time of its start and the life of the
//! machine it names one process for ever, so that what was written down yesterday can be found
//! again today, and nobody else is ever signalled.

use super::{Signal, as_pid};
use crate::HostError;
use rustix::{
    io::Errno,
    process::{PidfdFlags, kill_process_group, pidfd_open, pidfd_send_signal},
    time::{ClockId, clock_gettime},
};
use serde::{Deserialize, Serialize};
use std::{fmt, fs, io, os::fd::OwnedFd, time::Duration};
use tokio::io::{Interest, unix::AsyncFd};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Who a process is, also after a restart of whoever wrote it down.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    pub pid: u32,
    /// Clock ticks from the machine's start to its own (proc(5): field 22 of `/proc/PID/stat`).
    pub started_ticks: u64,
    /// The life of the machine (random(4): `boot_id`); ticks begin anew with each.
    pub boot: String,
}

impl Identity {
    /// The process that bears a number now; `None` when none does, or only what is left of one that
    /// has ended and was not waited for.
    ///
    /// # Errors
    /// When `/proc` does not say, so that nothing is known.
    pub fn of(pid: u32) -> Result<Option<Self>, HostError> {
        let Some(stat) = read_if_there(&format!("/proc/{pid}/stat"))? else { return Ok(None) };
        let Some(Stat { state, started_ticks }) = parse_stat(&stat) else { return Ok(None) };
        if matches!(state, 'Z' | 'X') {
            return Ok(None);
        }
        Ok(Some(Self { pid, started_ticks, boot: boot()? }))
    }

    /// Whether it still runs. Another process of its number is not it.
    ///
    /// # Errors
    /// As of [`Identity::of`].
    pub fn is_running(&self) -> Result<bool, HostError> {
        Ok(Self::of(self.pid)?.as_ref() == Some(self))
    }

    /// When it started, in unix milliseconds by the clock as it is set now; exact to the tick.
    #[must_use]
    pub fn started_ms(&self, now_ms: i64) -> i64 {
        let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
        let started = self.started_ticks.saturating_mul(1_000) / ticks_per_second;
        let age = since_boot_ms().saturating_sub(started);
        now_ms.saturating_sub(i64::try_from(age).unwrap_or(i64::MAX))
    }

    /// Signals it, and never another process of its number.
    ///
    /// # Errors
    /// [`HostError::Ended`] when it runs no longer; [`HostError::Signal`] when it is not ours to
    /// signal.
    pub fn signal(&self, signal: Signal) -> Result<(), HostError> {
        let pid = self.pid;
        let held = self.hold()?.ok_or(HostError::Ended(pid))?;
        pidfd_send_signal(&held, signal.into()).map_err(|source| match source {
            Errno::SRCH => HostError::Ended(pid),
            source => HostError::Signal { pid, source },
        })
    }

    /// Waits until it has ended; at once when it has already. May be dropped and called again.
    ///
    /// # Errors
    /// When the kernel does not let us look.
    pub async fn ended(&self) -> Result<(), HostError> {
        let Some(held) = self.hold()? else { return Ok(()) };
        let failed = |source: io::Error| HostError::Wait { pid: self.pid, source };
        // A descriptor of a process becomes readable with its end (pidfd_open(2)).
        #[expect(
            deprecated,
            reason = "what replaces it is unsafe; an `OwnedFd` keeps the promise that is asked for"
        )]
        let held = AsyncFd::with_interest(held, Interest::READABLE).map_err(failed)?;
        held.readable().await.map(drop).map_err(failed)
    }

    /// Asks it to end, gives it `grace`, then kills it and its process group if it leads one.
    ///
    /// # Errors
    /// When it is not ours to signal, or outlives even that by five seconds. One that has ended
    /// already is no error.
    pub async fn stop(&self, grace: Duration) -> Result<(), HostError> {
        match self.signal(Signal::Terminate) {
            Ok(()) => {}
            Err(HostError::Ended(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
        // One that was stopped hears nothing until it goes on (systemd.kill(5) does the same). It may
        // have ended by now.
        let _ = self.signal(Signal::Continue);
        if let Ok(ended) = tokio::time::timeout(grace, self.ended()).await {
            return ended;
        }
        match self.signal(Signal::Kill) {
            Ok(()) => {}
            Err(HostError::Ended(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
        // Its group keeps its number while any of its processes lives; with none left there is
        // nobody to kill, and that is no failure.
        let _ = kill_process_group(as_pid(self.pid), rustix::process::Signal::KILL);
        let after = Duration::from_secs(5);
        let outlived = || HostError::Deaf { pid: self.pid };
        tokio::time::timeout(after, self.ended()).await.map_err(|_| outlived())?
    }

    /// A descriptor that means this process and no later one; `None` when it has ended.
    fn hold(&self) -> Result<Option<OwnedFd>, HostError> {
        let Some(pid) = i32::try_from(self.pid).ok().filter(|pid| *pid > 0) else {
            return Ok(None);
        };
        let pid = as_pid(pid.unsigned_abs());
        let held = match pidfd_open(pid, PidfdFlags::NONBLOCK) {
            Ok(held) => held,
            Err(Errno::SRCH) => return Ok(None),
            Err(error) => return Err(HostError::Wait { pid: self.pid, source: error.into() }),
        };
        // Looked at only after the descriptor holds it: between the two nobody can take its number.
        Ok(self.is_running()?.then_some(held))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let boot = self.boot.get(..8).unwrap_or(&self.boot);
        write!(f, "{}.{}.{boot}", self.pid, self.started_ticks)
    }
}

/// Milliseconds since the machine started, those it slept included.
#[must_use]
pub fn since_boot_ms() -> u64 {
    milliseconds(ClockId::Boottime)
}

/// Milliseconds of the clock that never jumps (clock_gettime(2): `CLOCK_MONOTONIC`), by which
/// systemd says when things happened.
#[must_use]
pub fn monotonic_ms() -> u64 {
    milliseconds(ClockId::Monotonic)
}

fn milliseconds(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

fn boot() -> Result<String, HostError> {
    let text = fs::read_to_string(BOOT_ID)
        .map_err(|source| HostError::Read { path: BOOT_ID.into(), source })?;
    Ok(text.trim().to_owned())
}

/// A file of `/proc`; `None` when its process has ended.
pub(super) fn read_if_there(path: &str) -> Result<Option<String>, HostError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => Ok(None),
        Err(source) => Err(HostError::Read { path: path.into(), source }),
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    state: char,
    started_ticks: u64,
}

/// The second field is the program's name, which may hold anything, spaces and brackets too.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let started_ticks = fields.nth(18)?.parse().ok()?;
    Some(Stat { state, started_ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_start_are_found_behind_any_name() {
        let rest = "1 2 3 0 -1 4194560 5 6 7 8 9 10 11 12 20 0 1 0 4711 13 14 15";
        let check = |text: &str, expect: Option<(char, u64)>| {
            let found = parse_stat(text).map(|stat| (stat.state, stat.started_ticks));
            assert_eq!(found, expect, "{text}");
        };
        check(&format!("7 (node) S {rest}"), Some(('S', 4711)));
        check(&format!("7 (a ) R (b) c) Z {rest}"), Some(('Z', 4711)));
        check("7 (node) S 1 2", None);
        check("", None);
    }

    #[test]
    fn no_text_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|text| {
            parse_stat(text);
        });
    }
}
