//! What the other side of an SFTP session, or the program that brings us there, has against us.

use super::wire::status;
use crate::storage::Fault;
use host::HostError;
use rustix::io::Errno;

/// How a call fails; what file it was about is told by the storage.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum SftpError {
    #[error("{0}")]
    Pipe(String),
    /// The session is over; the next one may go better.
    #[error("the connection ended: {0}")]
    Ended(String),
    /// `ssh` did not get there, and says so.
    #[error("{said}")]
    Refused { fault: Fault, said: String },
    #[error("the server says no (status {code}): {said}")]
    Status { code: u32, said: String },
    #[error("the disk there is full")]
    Full,
    #[error("the folder is not there")]
    NoPlace,
    /// Fewer bytes than were asked for: the file ends before.
    #[error("the file ends too early")]
    Short,
}

impl SftpError {
    pub(super) fn pipe(error: Errno) -> Self {
        Self::Pipe(error.to_string())
    }

    /// Of a program that cannot be started.
    pub(super) fn start(error: &HostError) -> Self {
        let why = std::error::Error::source(error).map(|why| format!(": {why}"));
        let why = why.unwrap_or_default();
        Self::Pipe(format!("{error}{why}; on Debian the package openssh-client has it"))
    }

    pub(super) fn odd() -> Self {
        Self::Ended("the server says what is no SFTP".to_owned())
    }

    /// By the last words of ssh(1), which is asked to speak English.
    pub(super) fn of_program(told: &str) -> Self {
        let told = told.replace('\r', "");
        let said = told.lines().map(str::trim).filter(|line| !line.is_empty());
        let said = said.collect::<Vec<_>>().join("; ");
        // What ssh says (ssh.c, sshconnect.c, clientloop.c of OpenSSH 9.2), and what it means.
        let known = [
            ("Host key verification failed", Fault::HostKey),
            ("No ED25519 host key is known", Fault::HostKey),
            ("REMOTE HOST IDENTIFICATION HAS CHANGED", Fault::HostKey),
            ("Permission denied", Fault::Login),
            ("Too many authentication failures", Fault::Login),
            ("subsystem request failed", Fault::NotPermitted),
            ("Bad configuration option", Fault::Other),
            ("Unable to negotiate", Fault::Other),
            ("Identity file", Fault::Other),
        ];
        let found = known.iter().find(|(words, _)| said.contains(words));
        match found {
            Some((_, fault)) => Self::Refused { fault: *fault, said },
            None if said.is_empty() => Self::Ended("the other side closed it".to_owned()),
            None => Self::Ended(said),
        }
    }

    pub(super) fn fault(&self) -> Fault {
        match self {
            Self::Ended(_) => Fault::Unreachable,
            Self::Refused { fault, .. } => *fault,
            Self::Status { code: status::NOT_PERMITTED, .. } => Fault::NotPermitted,
            Self::Full => Fault::Full,
            Self::NoPlace => Fault::NoPlace,
            Self::Pipe(_) | Self::Status { .. } | Self::Short => Fault::Other,
        }
    }

    pub(super) fn is(&self, wanted: u32) -> bool {
        matches!(self, Self::Status { code, .. } if *code == wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_of_ssh_are_understood() {
        let check = |told: &str, expect: Fault| {
            assert_eq!(SftpError::of_program(told).fault(), expect, "{told}");
        };
        check("Host key verification failed.\r\n", Fault::HostKey);
        check("root@10.0.0.1: Permission denied (publickey).\r\n", Fault::Login);
        check("subsystem request failed on channel 0\r\n", Fault::NotPermitted);
        check("ssh: connect to host h port 22: Connection refused\r\n", Fault::Unreachable);
        check("ssh: Could not resolve hostname h: Name or service not known", Fault::Unreachable);
        check("Connection closed by 127.0.0.1 port 22", Fault::Unreachable);
        check("", Fault::Unreachable);
    }
}
