//! What a storage wants of a session, in askings that go out together and are answered one by one.

use super::{
    SftpError,
    session::{Session, Ticket},
    wire::{self, Ask, Entry, Field, Reply, status},
};
use std::collections::VecDeque;

/// Bytes of one asking (every server takes 32 KiB), and how many askings are under way at once.
const PIECE_BYTES: usize = 32 << 10;
const AT_ONCE: usize = 64;
/// For us alone: the names of a repository say more than nothing.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
const FSYNC: &str = "fsync@openssh.com";
const RENAME: &str = "posix-rename@openssh.com";
const FREE: &str = "statvfs@openssh.com";

/// An open file or folder of the other side. It is closed there at the latest with the session.
struct Handle(Vec<u8>);

/// A whole file, or so many bytes of it from an offset on.
pub(super) fn read(
    session: &Session,
    path: &str,
    range: Option<(u64, u32)>,
) -> Result<Vec<u8>, SftpError> {
    let (offset, length) = match range {
        Some((offset, length)) => (offset, u64::from(length)),
        None => (0, size(session, path)?.ok_or_else(no_such_file)?),
    };
    let flags = [Field::Bytes(path.as_bytes()), Field::Number(wire::TO_READ), Field::Number(0)];
    let handle = handle(session.ask(Ask::Open, &flags)?.wait()?)?;
    let bytes = read_pieces(session, &handle, offset, length);
    close(session, &handle)?;
    bytes
}

fn read_pieces(
    session: &Session,
    handle: &Handle,
    offset: u64,
    length: u64,
) -> Result<Vec<u8>, SftpError> {
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| SftpError::Short)?];
    let mut waiting: VecDeque<(Ticket<'_>, usize, usize)> = VecDeque::new();
    let mut asked = 0;
    while asked < bytes.len() || !waiting.is_empty() {
        while asked < bytes.len() && waiting.len() < AT_ONCE {
            let end = (asked + PIECE_BYTES).min(bytes.len());
            waiting.push_back((ask_piece(session, handle, offset, asked, end)?, asked, end));
            asked = end;
        }
        let Some((ticket, begin, end)) = waiting.pop_front() else { break };
        match ticket.wait()? {
            Reply::Data(data) if data.is_empty() || data.len() > end - begin => {
                return Err(SftpError::odd());
            }
            Reply::Data(data) => {
                let came = begin + data.len();
                bytes[begin..came].copy_from_slice(&data);
                // A server may give less than was asked for, and that is not the end.
                if came < end {
                    waiting.push_back((ask_piece(session, handle, offset, came, end)?, came, end));
                }
            }
            Reply::Status { code: status::END, .. } => return Err(SftpError::Short),
            other => return Err(refused(other)),
        }
    }
    Ok(bytes)
}

fn ask_piece<'a>(
    session: &'a Session,
    handle: &Handle,
    offset: u64,
    begin: usize,
    end: usize,
) -> Result<Ticket<'a>, SftpError> {
    let length = u32::try_from(end - begin).expect("invariant: pieces are small");
    let at = Field::Long(offset + begin as u64);
    session.ask(Ask::Read, &[Field::Bytes(&handle.0), at, Field::Number(length)])
}

/// Of a file that is not there `None`.
pub(super) fn size(session: &Session, path: &str) -> Result<Option<u64>, SftpError> {
    match session.ask(Ask::Look, &[Field::Bytes(path.as_bytes())])?.wait()? {
        Reply::Attributes(Some(size)) => Ok(Some(size)),
        Reply::Status { code: status::NO_SUCH_FILE, .. } => Ok(None),
        other => Err(refused(other)),
    }
}

/// Writes a file under its unfinished name, and gives it its own.
pub(super) fn write(
    session: &Session,
    path: &str,
    unfinished: &str,
    bytes: &[u8],
) -> Result<(), SftpError> {
    keep(session, path, unfinished, bytes).map_err(|error| {
        let error = if error.is(status::FAILURE) && is_full(session, path, bytes.len()) {
            SftpError::Full
        } else {
            error
        };
        if !session.has_ended() {
            // What failed is told; a file left over under this name is never read.
            let _ = remove(session, unfinished);
        }
        error
    })
}

fn keep(session: &Session, path: &str, unfinished: &str, bytes: &[u8]) -> Result<(), SftpError> {
    let handle = match make(session, unfinished) {
        Err(error) if error.is(status::NO_SUCH_FILE) => {
            make_folders(session, above(path))?;
            make(session, unfinished)?
        }
        other => other?,
    };
    let written = write_pieces(session, &handle, bytes).and_then(|()| {
        if session.offers(FSYNC) {
            let fsync = [Field::Bytes(FSYNC.as_bytes()), Field::Bytes(&handle.0)];
            done(session.ask(Ask::Extended, &fsync)?.wait()?)?;
        }
        Ok(())
    });
    let closed = close(session, &handle);
    written.and(closed)?;
    rename(session, unfinished, path, bytes.len())
}

fn make(session: &Session, path: &str) -> Result<Handle, SftpError> {
    let path = Field::Bytes(path.as_bytes());
    let mode = [Field::Number(wire::WITH_MODE), Field::Number(FILE_MODE)];
    let fields = [path, Field::Number(wire::TO_MAKE), mode[0], mode[1]];
    handle(session.ask(Ask::Open, &fields)?.wait()?)
}

fn write_pieces(session: &Session, handle: &Handle, bytes: &[u8]) -> Result<(), SftpError> {
    let mut waiting = VecDeque::new();
    for (number, piece) in bytes.chunks(PIECE_BYTES).enumerate() {
        if waiting.len() >= AT_ONCE {
            waiting.pop_front().map_or(Ok(()), |ticket: Ticket<'_>| done(ticket.wait()?))?;
        }
        let offset = Field::Long((number * PIECE_BYTES) as u64);
        let fields = [Field::Bytes(&handle.0), offset, Field::Bytes(piece)];
        waiting.push_back(session.ask(Ask::Write, &fields)?);
    }
    waiting.into_iter().try_for_each(|ticket| done(ticket.wait()?))
}

/// A name that is there already holds the same bytes: names are hashes of what they name, but for the
/// configuration's, which is written once.
fn rename(session: &Session, from: &str, to: &str, length: usize) -> Result<(), SftpError> {
    let (old, new) = (Field::Bytes(from.as_bytes()), Field::Bytes(to.as_bytes()));
    if session.offers(RENAME) {
        let fields = [Field::Bytes(RENAME.as_bytes()), old, new];
        return done(session.ask(Ask::Extended, &fields)?.wait()?);
    }
    let renamed = done(session.ask(Ask::Rename, &[old, new])?.wait()?);
    match renamed {
        // Version 3 renames over nothing.
        Err(error) if error.is(status::FAILURE) => match size(session, to)? {
            Some(there) if there == length as u64 => remove(session, from),
            Some(_) => {
                remove(session, to)?;
                done(session.ask(Ask::Rename, &[old, new])?.wait()?)
            }
            None => Err(error),
        },
        other => other,
    }
}

/// Makes a folder and those above it that are missing.
fn make_folders(session: &Session, path: &str) -> Result<(), SftpError> {
    let mode = [Field::Number(wire::WITH_MODE), Field::Number(FOLDER_MODE)];
    let make = || {
        let fields = [Field::Bytes(path.as_bytes()), mode[0], mode[1]];
        done(session.ask(Ask::MakeFolder, &fields)?.wait()?)
    };
    match make() {
        Err(error) if error.is(status::NO_SUCH_FILE) && !above(path).is_empty() => {
            make_folders(session, above(path))?;
            make()
        }
        // Somebody else may have been faster.
        Err(error) if error.is(status::FAILURE) && size(session, path)?.is_some() => Ok(()),
        other => other,
    }
}

/// A file that is gone already is no error.
pub(super) fn remove(session: &Session, path: &str) -> Result<(), SftpError> {
    match done(session.ask(Ask::Remove, &[Field::Bytes(path.as_bytes())])?.wait()?) {
        Err(error) if error.is(status::NO_SUCH_FILE) => Ok(()),
        other => other,
    }
}

/// What is in these folders, each with the number of its folder. One that is not there is empty. Many
/// are read at once: over a line far away each asking is a way.
pub(super) fn list(
    session: &Session,
    folders: &[String],
) -> Result<Vec<(usize, Entry)>, SftpError> {
    let mut found = Vec::new();
    for (chunk, some) in folders.chunks(AT_ONCE).enumerate() {
        let first = chunk * AT_ONCE;
        let mut opening = Vec::with_capacity(some.len());
        for folder in some {
            opening.push(session.ask(Ask::OpenFolder, &[Field::Bytes(folder.as_bytes())])?);
        }
        let mut open = Vec::with_capacity(some.len());
        for (number, ticket) in opening.into_iter().enumerate() {
            match handle(ticket.wait()?) {
                Ok(handle) => open.push((first + number, handle)),
                Err(error) if error.is(status::NO_SUCH_FILE) => {}
                Err(error) => return Err(error),
            }
        }
        read_folders(session, open, &mut found)?;
    }
    Ok(found)
}

fn read_folders(
    session: &Session,
    mut open: Vec<(usize, Handle)>,
    found: &mut Vec<(usize, Entry)>,
) -> Result<(), SftpError> {
    while !open.is_empty() {
        let mut reading = Vec::with_capacity(open.len());
        for (_, handle) in &open {
            reading.push(session.ask(Ask::ReadFolder, &[Field::Bytes(&handle.0)])?);
        }
        let mut more = Vec::new();
        for ((number, handle), ticket) in open.into_iter().zip(reading) {
            match ticket.wait()? {
                Reply::Names(names) => {
                    found.extend(names.into_iter().map(|entry| (number, entry)));
                    more.push((number, handle));
                }
                Reply::Status { code: status::END, .. } => close(session, &handle)?,
                other => return Err(refused(other)),
            }
        }
        open = more;
    }
    Ok(())
}

fn close(session: &Session, handle: &Handle) -> Result<(), SftpError> {
    done(session.ask(Ask::Close, &[Field::Bytes(&handle.0)])?.wait()?)
}

/// Version 3 has no word for a full disk: it fails, and whoever looks sees that nothing is free.
fn is_full(session: &Session, path: &str, wanted: usize) -> bool {
    if !session.offers(FREE) {
        return false;
    }
    let fields = [Field::Bytes(FREE.as_bytes()), Field::Bytes(above(path).as_bytes())];
    let asked = session.ask(Ask::Extended, &fields).and_then(Ticket::wait);
    matches!(asked, Ok(Reply::Extended(answer))
        if wire::free_bytes(&answer).is_some_and(|free| free < wanted as u64))
}

fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

fn no_such_file() -> SftpError {
    SftpError::Status { code: status::NO_SUCH_FILE, said: "no such file".to_owned() }
}

fn handle(reply: Reply) -> Result<Handle, SftpError> {
    match reply {
        Reply::Handle(handle) => Ok(Handle(handle)),
        other => Err(refused(other)),
    }
}

fn done(reply: Reply) -> Result<(), SftpError> {
    match reply {
        Reply::Status { code: status::OK, .. } => Ok(()),
        other => Err(refused(other)),
    }
}

/// What came in the place of what was asked for.
fn refused(reply: Reply) -> SftpError {
    match reply {
        Reply::Status { code, said } if code != status::OK => SftpError::Status { code, said },
        _ => SftpError::odd(),
    }
}
