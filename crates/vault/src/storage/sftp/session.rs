//! One running `ssh -s sftp`: asks go out as fast as the pipe takes them, a thread brings answers to
//! whoever waits. Whatever is odd ends the session for everybody; nothing waits for ever.

use super::{
    SftpError,
    wire::{self, Ask, Field, Packet, Reply},
};
use crate::packer::locked;
use host::process::{Ends, Piped};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::Errno,
};
use std::{
    collections::HashMap,
    fs::File,
    io::{ErrorKind, Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Of what the program says beside answers so much is kept, from its end.
const TOLD_BYTES: usize = 4 << 10;
/// After the end of answers so long is waited for the program's last words.
const LAST_WORDS: Duration = Duration::from_secs(2);
const PIECE_BYTES: usize = 64 << 10;

pub(super) struct Session {
    calls: Arc<Calls>,
    /// Ours never blocks; closed first when all ends.
    input: Mutex<Option<File>>,
    program: Mutex<Option<Piped>>,
    reader: Option<JoinHandle<()>>,
    extensions: Vec<String>,
    limit: Duration,
}

/// What travels between those who ask and the thread that reads.
#[derive(Default)]
struct Calls {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    next: u32,
    /// Of every ask that somebody waits for.
    replies: HashMap<u32, Option<Reply>>,
    version: Option<(u32, Vec<String>)>,
    /// Why there will be no more answers.
    ended: Option<SftpError>,
}

/// An ask that is under way. Whoever drops it hears nothing of it any more.
pub(super) struct Ticket<'a> {
    session: &'a Session,
    id: u32,
}

impl Session {
    /// Says hello over the pipes of a program.
    pub(super) fn begin(program: Piped, ends: Ends, limit: Duration) -> Result<Self, SftpError> {
        let Ends { input, output, errors } = ends;
        let calls = Arc::new(Calls::default());
        let told = Arc::clone(&calls);
        let nonblocking = |fd: &OwnedFd| fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK);
        nonblocking(&input).map_err(SftpError::pipe)?;
        let reader = thread::Builder::new()
            .name("vault-sftp".into())
            .spawn(move || told.end(read(&told, output, errors)))
            .map_err(|error| SftpError::Pipe(error.to_string()))?;
        let mut session = Self {
            calls,
            input: Mutex::new(Some(File::from(input))),
            program: Mutex::new(Some(program)),
            reader: Some(reader),
            extensions: Vec::new(),
            limit,
        };
        session.send(&wire::packet(Ask::Init, 3, &[]))?;
        let (version, extensions) = session.wait_for(|state| state.version.take())?;
        if version < 3 {
            return Err(session.break_off("it speaks a version of SFTP before the third"));
        }
        session.extensions = extensions;
        Ok(session)
    }

    pub(super) fn offers(&self, extension: &str) -> bool {
        self.extensions.iter().any(|offered| offered == extension)
    }

    pub(super) fn has_ended(&self) -> bool {
        locked(&self.calls.state).ended.is_some()
    }

    /// Sends an ask, and does not wait for its answer.
    pub(super) fn ask(&self, ask: Ask, fields: &[Field<'_>]) -> Result<Ticket<'_>, SftpError> {
        let id = {
            let mut state = locked(&self.calls.state);
            state.next = state.next.wrapping_add(1);
            let id = state.next;
            state.replies.insert(id, None);
            id
        };
        let ticket = Ticket { session: self, id };
        self.send(&wire::packet(ask, id, fields))?;
        Ok(ticket)
    }

    /// Nobody asks any more, and whoever waits is told.
    fn break_off(&self, why: &str) -> SftpError {
        self.calls.end(SftpError::Ended(why.to_owned()));
        drop(locked(&self.program).take());
        SftpError::Ended(why.to_owned())
    }

    fn send(&self, mut packet: &[u8]) -> Result<(), SftpError> {
        let mut input = locked(&self.input);
        let ends = Instant::now() + self.limit;
        while !packet.is_empty() {
            if let Some(ended) = &locked(&self.calls.state).ended {
                return Err(ended.clone());
            }
            let pipe = input.as_mut().expect("invariant: closed by the end of the session alone");
            match pipe.write(packet) {
                Ok(sent) => packet = &packet[sent..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let left = ends.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(self.break_off("nothing could be sent for too long"));
                    }
                    // A part of what is left, so that an end is seen.
                    let mut ready = [PollFd::new(pipe, PollFlags::OUT)];
                    wait(&mut ready, left.min(Duration::from_millis(500)))?;
                }
                // What ended it is told by the thread that reads.
                Err(_) => return Err(self.wait_for::<SftpError>(|_| None).unwrap_or_else(|e| e)),
            }
        }
        Ok(())
    }

    /// Waits until there is something, or none of it will come.
    fn wait_for<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> Result<T, SftpError> {
        let ends = Instant::now() + self.limit;
        let mut state = locked(&self.calls.state);
        loop {
            if let Some(found) = look(&mut state) {
                return Ok(found);
            }
            if let Some(ended) = &state.ended {
                return Err(ended.clone());
            }
            let left = ends.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(state);
                return Err(self.break_off("no answer came for too long"));
            }
            let waited = self.calls.came.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        locked(&self.input).take();
        locked(&self.program).take();
        if let Some(reader) = self.reader.take() {
            // It does nothing that could panic; if it did, there is nobody left to tell.
            let _ = reader.join();
        }
    }
}

impl Ticket<'_> {
    pub(super) fn wait(self) -> Result<Reply, SftpError> {
        let id = self.id;
        self.session.wait_for(|state| state.replies.get_mut(&id).and_then(Option::take))
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        locked(&self.session.calls.state).replies.remove(&self.id);
    }
}

impl Calls {
    fn end(&self, why: SftpError) {
        locked(&self.state).ended.get_or_insert(why);
        self.came.notify_all();
    }

    fn take_in(&self, packet: Packet) {
        let mut state = locked(&self.state);
        match packet {
            Packet::Version { version, extensions } => state.version = Some((version, extensions)),
            Packet::Reply { id, reply } => {
                // Whoever asked may have gone.
                if let Some(place) = state.replies.get_mut(&id) {
                    *place = Some(reply);
                }
            }
        }
        drop(state);
        self.came.notify_all();
    }
}

/// Reads until the program ends or says what nobody understands: why it is over.
fn read(calls: &Calls, output: OwnedFd, errors: OwnedFd) -> SftpError {
    let mut answers = Vec::new();
    let mut told = Vec::new();
    let mut output = Some(File::from(output));
    let mut errors = Some(File::from(errors));
    let mut piece = vec![0; PIECE_BYTES];
    let mut limit = None;
    while output.is_some() || errors.is_some() {
        match readable([&output, &errors], limit) {
            Ok([false, false]) => break,
            Ok([answered, said]) => {
                if answered && !take(&mut output, &mut answers, &mut piece) {
                    limit = Some(LAST_WORDS);
                }
                if said {
                    take(&mut errors, &mut told, &mut piece);
                    told.drain(..told.len().saturating_sub(TOLD_BYTES));
                }
            }
            Err(error) => return SftpError::pipe(error),
        }
        if let Err(error) = packets(calls, &mut answers) {
            return error;
        }
    }
    SftpError::of_program(&String::from_utf8_lossy(&told))
}

/// Gives on every whole packet.
fn packets(calls: &Calls, answers: &mut Vec<u8>) -> Result<(), SftpError> {
    let mut begin = 0;
    while let Some((length, rest)) = answers[begin..].split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        if length > wire::MOST_PACKET_BYTES {
            return Err(SftpError::odd());
        }
        let Some(packet) = rest.get(..length) else { break };
        calls.take_in(wire::parse(packet).ok_or_else(SftpError::odd)?);
        begin += 4 + length;
    }
    answers.drain(..begin);
    Ok(())
}

/// Reads what is there; `false` at the end.
fn take(from: &mut Option<File>, into: &mut Vec<u8>, piece: &mut [u8]) -> bool {
    let Some(file) = from else { return false };
    match file.read(piece) {
        Err(error) if error.kind() == ErrorKind::Interrupted => true,
        Ok(0) | Err(_) => {
            *from = None;
            false
        }
        Ok(length) => {
            into.extend_from_slice(&piece[..length]);
            true
        }
    }
}

/// Which of both has something to read, or has ended; neither after the limit.
fn readable(files: [&Option<File>; 2], limit: Option<Duration>) -> Result<[bool; 2], Errno> {
    let open = files.iter().filter_map(|file| file.as_ref());
    let mut polled: Vec<PollFd<'_>> =
        open.map(|file| PollFd::from_borrowed_fd(file.as_fd(), PollFlags::IN)).collect();
    let limit = limit.map(Timespec::try_from).transpose().map_err(|_| Errno::INVAL)?;
    while let Err(error) = poll(&mut polled, limit.as_ref()) {
        if error != Errno::INTR {
            return Err(error);
        }
    }
    let mut ready = polled.iter().map(|one| !one.revents().is_empty());
    Ok(files.map(|file| file.is_some() && ready.next().unwrap_or(false)))
}

fn wait(fds: &mut [PollFd<'_>], limit: Duration) -> Result<(), SftpError> {
    let limit = Timespec::try_from(limit).expect("invariant: less than a second");
    match poll(fds, Some(&limit)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(SftpError::pipe(error)),
    }
}
