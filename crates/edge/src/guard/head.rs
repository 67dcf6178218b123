//! One request head: lines until the empty one, and what they say of the body's framing.

use super::{
    Reason,
    field::{self, Special},
    inspector::HeadLimits,
    request_line::{self, RequestLine},
};
use std::ops::Range;

/// Room for method, spaces, version and CRLF around a target.
const AROUND_TARGET: usize = 64;

/// A whole and unambiguous head.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) length: usize,
    pub(super) framing: Framing,
    /// The other side wants no further request on this connection.
    pub(super) last: bool,
    pub(super) upgrade: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// How far a head was looked at. Places count from the head's first byte.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    /// Where the line begins that is not whole yet.
    line: usize,
    /// No line feed stands before this place.
    searched: usize,
    began_empty: bool,
    request: Option<RequestLine>,
    request_at: usize,
    fields: usize,
    /// Of this head so far, the empty ones too.
    lines: usize,
    host: Option<Range<usize>>,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    upgrade: bool,
}

impl HeadScan {
    pub(super) fn has_begun(&self) -> bool {
        self.searched > 0
    }

    /// Looks at the head that `bytes` begin with, from where it left off. `None`: not whole yet.
    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<Head>, Reason> {
        while let Some(found) = memchr::memchr(b'\n', &bytes[self.searched..]) {
            let end = self.searched + found;
            if end >= limits.head_bytes {
                return Err(self.too_long());
            }
            let line = &bytes[self.line..end];
            let [line @ .., b'\r'] = line else { return Err(Reason::BareLineFeed) };
            let start = self.line;
            self.line = end + 1;
            self.searched = end + 1;
            self.lines += 1;
            if self.request.is_none() {
                self.request_line(line, start, limits)?;
            } else if line.is_empty() {
                return self.finish(bytes).map(Some);
            } else {
                self.field(line, start, limits)?;
            }
        }
        self.searched = bytes.len();
        self.check_partial(bytes, limits)?;
        Ok(None)
    }

    /// Gives up early on what can never become a head.
    fn check_partial(&self, bytes: &[u8], limits: &HeadLimits) -> Result<(), Reason> {
        if self.request.is_none() {
            let line = &bytes[self.line..];
            let stranger = |b: &u8| !b.is_ascii_uppercase() && *b != b'\r';
            if line.first().is_some_and(stranger) {
                return Err(request_line::parse(line, limits).err().unwrap_or(Reason::RequestLine));
            }
            if line.len() > limits.target_bytes + AROUND_TARGET {
                return Err(Reason::TargetTooLong);
            }
        }
        if bytes.len() >= limits.head_bytes { Err(self.too_long()) } else { Ok(()) }
    }

    fn too_long(&self) -> Reason {
        if self.request.is_none() { Reason::TargetTooLong } else { Reason::HeadTooLong }
    }

    fn request_line(
        &mut self,
        line: &[u8],
        start: usize,
        limits: &HeadLimits,
    ) -> Result<(), Reason> {
        // One empty line before a request is forgiven (RFC 9112 §2.2).
        if line.is_empty() && !self.began_empty {
            self.began_empty = true;
            return Ok(());
        }
        let request = request_line::parse(line, limits)?;
        self.keep_alive = request.is_1_1;
        self.request = Some(request);
        self.request_at = start;
        Ok(())
    }

    fn field(&mut self, line: &[u8], start: usize, limits: &HeadLimits) -> Result<(), Reason> {
        let (name, value) = field::split_name(line)?;
        self.fields += 1;
        if self.fields > limits.headers {
            return Err(Reason::TooManyHeaders);
        }
        match field::special(name)? {
            None => Ok(()),
            Some(Special::Host) => self.host(value, line, start),
            Some(Special::ContentLength) => self.content_length(value),
            Some(Special::TransferEncoding) => self.transfer_encoding(value),
            Some(Special::Connection) => self.connection(value),
            Some(Special::Upgrade) => {
                self.upgrade = true;
                Ok(())
            }
        }
    }

    fn host(&mut self, value: &[u8], line: &[u8], start: usize) -> Result<(), Reason> {
        if self.host.is_some() {
            return Err(Reason::HostTwice);
        }
        if !request_line::is_authority(value) {
            return Err(Reason::Host);
        }
        let trailing = line.iter().rev().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let end = start + line.len() - trailing;
        self.host = Some(end - value.len()..end);
        Ok(())
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), Reason> {
        let length = field::length(value)?;
        match (self.length.replace(length), self.chunked) {
            (Some(_), _) => Err(Reason::ContentLengthTwice),
            (None, true) => Err(Reason::LengthAndEncoding),
            (None, false) => Ok(()),
        }
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Reason> {
        let is_1_1 = self.request.as_ref().is_some_and(|request| request.is_1_1);
        if self.chunked || !is_1_1 {
            return Err(Reason::TransferEncoding);
        }
        if self.length.is_some() {
            return Err(Reason::LengthAndEncoding);
        }
        if value.eq_ignore_ascii_case(b"chunked") {
            self.chunked = true;
            return Ok(());
        }
        // Another coding, alone or before `chunked`, is one we do not serve; the rest is a trick.
        let mut codings = field::list(value);
        let odd = |coding: &[u8]| !field::is_token(coding);
        let first_is_chunked = codings.next().is_none_or(|c| c.eq_ignore_ascii_case(b"chunked"));
        if first_is_chunked || field::list(value).any(odd) {
            return Err(Reason::TransferEncoding);
        }
        Err(Reason::TransferEncodingUnsupported)
    }

    fn connection(&mut self, value: &[u8]) -> Result<(), Reason> {
        for option in field::list(value) {
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if matches!(
                field::special(option),
                Ok(Some(Special::Host | Special::ContentLength | Special::TransferEncoding))
            ) {
                return Err(Reason::ConnectionOption);
            }
        }
        Ok(())
    }

    fn finish(&mut self, bytes: &[u8]) -> Result<Head, Reason> {
        let scan = std::mem::take(self);
        if !field::are_clean(&bytes[..scan.line], scan.lines) {
            return Err(field::stray_control(&bytes[..scan.line]));
        }
        let request = scan.request.expect("invariant: a head ends after its request line");
        match (&request.authority, &scan.host) {
            (_, None) if request.is_1_1 => return Err(Reason::HostMissing),
            (Some(authority), Some(host)) => {
                let at = scan.request_at;
                let authority = &bytes[at + authority.start..at + authority.end];
                if !authority.eq_ignore_ascii_case(&bytes[host.clone()]) {
                    return Err(Reason::HostMismatch);
                }
            }
            _ => {}
        }
        let framing = match scan.length {
            _ if scan.chunked => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => Framing::Length(0),
        };
        Ok(Head {
            length: scan.line,
            framing,
            last: scan.close || !scan.keep_alive,
            upgrade: scan.upgrade && request.is_1_1,
        })
    }
}
