//! What can go wrong between us and the machine, as one type.

use std::{io, net::SocketAddr, path::PathBuf, process::ExitStatus, time::Duration};

#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("start `{program}`")]
    Start { program: String, source: io::Error },
    #[error("open `{path}` for the output of a process")]
    OpenOutput { path: PathBuf, source: io::Error },
    #[error("read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("let others come first")]
    Gentle(#[source] io::Error),
    /// Why, in words.
    #[error("no control group of our own: {0}")]
    NoGroup(String),
    #[error("choose the size of our pages of memory")]
    HugePages(#[source] rustix::io::Errno),
    #[error("user `{0}` does not exist on this machine")]
    UnknownUser(String),
    #[error("signal process {pid}")]
    Signal { pid: u32, source: rustix::io::Errno },
    #[error("process {0} has ended already")]
    Ended(u32),
    #[error("process {pid} outlives even being killed")]
    Deaf { pid: u32 },
    #[error("begin a session for process {pid}")]
    Session { pid: u32, source: rustix::io::Errno },
    #[error("wait for process {pid}")]
    Wait { pid: u32, source: io::Error },
    /// A command came to its end, but not to a good one.
    #[error("`{command}` ended with {status}; the last it said: {stderr_tail}")]
    Failed { command: String, status: ExitStatus, stderr_tail: String },
    #[error(
        "`{command}` did not end within {limit:?} and was killed; the last it said: {stderr_tail}"
    )]
    TimedOut { command: String, limit: Duration, stderr_tail: String },
    /// The text says who is in the way and what to do.
    #[error("listen on {address}: {mend}")]
    Listen { address: SocketAddr, mend: String, source: io::Error },
    #[error("take a copy of the socket by which process {pid} listens on {address}")]
    Share { pid: u32, address: SocketAddr, source: io::Error },
    #[error("let other sockets listen beside ours")]
    Beside(#[source] io::Error),
    #[error("choose whom visitors of an address come to")]
    Steer(#[source] io::Error),
    #[error("pass descriptors to another process")]
    SendDescriptors(#[source] io::Error),
    #[error("receive descriptors from another process")]
    ReceiveDescriptors(#[source] io::Error),
    /// The other side is no process of ours, or one of another age.
    #[error("message with descriptors is malformed: {0}")]
    Descriptors(&'static str),
}
