//! Commands that are started, waited for and judged by their exit. Blocks its thread.

use super::{Spawn, as_pid};
use crate::HostError;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{PidfdFlags, pidfd_open},
};
use std::{
    io::Read,
    os::fd::{AsFd, BorrowedFd},
    process::{Child, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// How much of an error output a message carries.
const TAIL_BYTES: usize = 2_000;
/// What a command says beyond this is dropped from its front.
const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// What a command that ended well had said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Runs a command to its end and keeps what it says. Blocks: call it from `spawn_blocking` in
/// asynchronous code. Processes that the command leaves behind are not waited for.
///
/// # Errors
/// [`HostError::Failed`] for every exit but 0, [`HostError::TimedOut`] when it takes longer than
/// `limit` (it is killed with its group), and what [`Spawn::start`] says.
pub fn run_to_end(spawn: Spawn, limit: Duration) -> Result<Output, HostError> {
    let (program, display) = (spawn.display_program(), spawn.display());
    let mut command = spawn.into_command()?;
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| HostError::Start { program, source })?;
    let mut output = Output { stdout: Vec::new(), stderr: Vec::new() };
    match collect(&mut child, &mut output, limit)? {
        Some(status) if status.success() => Ok(output),
        Some(status) => {
            let stderr_tail = tail(&output);
            Err(HostError::Failed { command: display, status, stderr_tail })
        }
        None => {
            let stderr_tail = tail(&output);
            Err(HostError::TimedOut { command: display, limit, stderr_tail })
        }
    }
}

/// Reads both outputs until the process ends: its exit, or `None` when it was killed for its time.
fn collect(
    child: &mut Child,
    output: &mut Output,
    limit: Duration,
) -> Result<Option<ExitStatus>, HostError> {
    let pid = child.id();
    let failed = |source: std::io::Error| HostError::Wait { pid, source };
    let ends = Instant::now() + limit;
    let watched = pidfd_open(as_pid(pid), PidfdFlags::empty()).map_err(|e| failed(e.into()))?;
    let mut stdout = Stream::new(child.stdout.take());
    let mut stderr = Stream::new(child.stderr.take());
    let mut has_ended = false;
    loop {
        let left = if has_ended { Duration::ZERO } else { ends - Instant::now().min(ends) };
        let ready = poll_all([stdout.fd(), stderr.fd(), Some(watched.as_fd())], left)
            .map_err(|e| failed(e.into()))?;
        if ready[0] {
            stdout.read_into(&mut output.stdout).map_err(failed)?;
        }
        if ready[1] {
            stderr.read_into(&mut output.stderr).map_err(failed)?;
        }
        if has_ended && !ready[0] && !ready[1] {
            return child.wait().map(Some).map_err(failed);
        }
        has_ended |= ready[2];
        if !has_ended && Instant::now() >= ends {
            // It may end at this very moment, and then there is nothing to kill.
            let _ = rustix::process::kill_process_group(as_pid(pid), rustix::process::Signal::KILL);
            child.wait().map_err(failed)?;
            return Ok(None);
        }
    }
}

/// One output of a process until its end of file.
struct Stream<R>(Option<R>);

impl<R: Read + AsFd> Stream<R> {
    fn new(pipe: Option<R>) -> Self {
        Self(pipe)
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(AsFd::as_fd)
    }

    /// Called when there is something to read, so that it does not block.
    fn read_into(&mut self, bytes: &mut Vec<u8>) -> std::io::Result<()> {
        let Some(pipe) = &mut self.0 else { return Ok(()) };
        let mut piece = [0; 16 * 1024];
        match pipe.read(&mut piece)? {
            0 => self.0 = None,
            read => bytes.extend_from_slice(&piece[..read]),
        }
        if bytes.len() > MAX_OUTPUT_BYTES {
            bytes.drain(..bytes.len() - MAX_OUTPUT_BYTES / 2);
        }
        Ok(())
    }
}

fn poll_all(fds: [Option<BorrowedFd<'_>>; 3], limit: Duration) -> Result<[bool; 3], Errno> {
    let mut polled: Vec<PollFd<'_>> =
        fds.iter().flatten().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    let limit = Timespec::try_from(limit).map_err(|_| Errno::INVAL)?;
    match poll(&mut polled, Some(&limit)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error),
    }
    let mut results = polled.iter().map(|fd| !fd.revents().is_empty());
    Ok(fds.map(|fd| fd.is_some() && results.next().unwrap_or(false)))
}

fn tail(output: &Output) -> String {
    let said = if output.stderr.trim_ascii().is_empty() { &output.stdout } else { &output.stderr };
    let from = said.len().saturating_sub(TAIL_BYTES);
    String::from_utf8_lossy(&said[from..]).trim().to_owned()
}
