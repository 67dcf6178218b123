//! The chunked coding (RFC 9112 §7.1): size lines, the end of each chunk, the trailer section.

use super::{Reason, field, inspector::HeadLimits};

/// Longest chunk size line; a size of 16 digits leaves room for a modest extension.
const SIZE_LINE_BYTES: usize = 256;

/// Most digits of a chunk size: 2⁶⁰ bytes are more than anybody sends.
const SIZE_DIGITS: usize = 15;

/// Longest trailer section. hyper's own limit is 16 KiB.
const TRAILER_BYTES: usize = 8 * 1024;

/// Most chunks of one body that may carry an extension. Nobody needs one; 32 short ones stay far
/// below the 16 KiB a body at which hyper gives up.
const EXTENSIONS: u32 = 32;

/// A chunk's size line that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct SizeLine {
    searched: usize,
}

/// The CRLF behind a chunk's data.
#[derive(Debug)]
pub(super) struct ChunkEnd;

/// The fields behind the last chunk, and the empty line that ends the message.
#[derive(Debug)]
pub(super) struct Trailers {
    limits: HeadLimits,
    line: usize,
    searched: usize,
    fields: usize,
}

impl SizeLine {
    /// The line's length and the chunk's size.
    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        extensions: &mut u32,
    ) -> Result<Option<(usize, u64)>, Reason> {
        let within = &bytes[..bytes.len().min(SIZE_LINE_BYTES)];
        let Some(found) = memchr::memchr(b'\n', &within[self.searched..]) else {
            self.searched = within.len();
            let digits = within.iter().take_while(|b| b.is_ascii_hexdigit()).count();
            return match within.get(digits) {
                _ if digits > SIZE_DIGITS => Err(Reason::ChunkSize),
                Some(b'\r' | b';') | None if within.len() < SIZE_LINE_BYTES => Ok(None),
                Some(b';') => Err(Reason::ChunkExtension),
                _ => Err(Reason::ChunkSize),
            };
        };
        let end = self.searched + found;
        let [line @ .., b'\r'] = &bytes[..end] else { return Err(Reason::BareLineFeed) };
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        if !(1..=SIZE_DIGITS).contains(&digits) {
            return Err(Reason::ChunkSize);
        }
        check_extension(&line[digits..], extensions)?;
        let size = line[..digits].iter().fold(0, |n, b| n << 4 | u64::from(hex(*b)));
        Ok(Some((end + 1, size)))
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// Nothing, or `;` and printable ASCII. No space before it: some read it as part of the size.
fn check_extension(rest: &[u8], extensions: &mut u32) -> Result<(), Reason> {
    match rest {
        [] => Ok(()),
        [b';', text @ ..] => {
            *extensions += 1;
            let printable = text.iter().all(|b| matches!(b, b' '..=b'~' | b'\t'));
            if printable && *extensions <= EXTENSIONS {
                Ok(())
            } else {
                Err(Reason::ChunkExtension)
            }
        }
        _ => Err(Reason::ChunkSize),
    }
}

impl ChunkEnd {
    /// 2 when it is there, 0 while it is not.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<usize, Reason> {
        match bytes {
            [b'\r', b'\n', ..] => Ok(2),
            [b'\r'] | [] => Ok(0),
            _ => Err(Reason::ChunkEnd),
        }
    }
}

impl Trailers {
    pub(super) fn new(limits: HeadLimits) -> Self {
        Self { limits, line: 0, searched: 0, fields: 0 }
    }

    /// The section's length with its empty line, 0 while it is not whole.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<usize, Reason> {
        let most = TRAILER_BYTES.min(self.limits.head_bytes);
        while let Some(found) = memchr::memchr(b'\n', &bytes[self.searched..]) {
            let end = self.searched + found;
            let [line @ .., b'\r'] = &bytes[self.line..end] else {
                return Err(Reason::BareLineFeed);
            };
            self.line = end + 1;
            self.searched = end + 1;
            if line.is_empty() {
                return Ok(end + 1);
            }
            if end > most {
                return Err(Reason::Trailer);
            }
            self.field(line)?;
        }
        self.searched = bytes.len();
        if bytes.len() > most { Err(Reason::Trailer) } else { Ok(0) }
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Reason> {
        let (name, _) = field::split(line)?;
        self.fields += 1;
        let allowed = self.fields <= self.limits.headers && !is_forbidden(name);
        if allowed { Ok(()) } else { Err(Reason::Trailer) }
    }
}

/// Fields that must not stand in a trailer since they frame, route, authenticate or modify the
/// request (RFC 9110 §6.5.1). Host and framing are what [`field::special`] knows.
fn is_forbidden(name: &[u8]) -> bool {
    const FORBIDDEN: [&[u8]; 14] = [
        b"authorization",
        b"cache-control",
        b"content-encoding",
        b"content-range",
        b"content-type",
        b"cookie",
        b"expect",
        b"forwarded",
        b"max-forwards",
        b"proxy-authorization",
        b"range",
        b"te",
        b"trailer",
        b"x-forwarded-for",
    ];
    !matches!(field::special(name), Ok(None))
        || FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_lines_are_read_or_refused() {
        let check = |text: &str, expect: Result<Option<(usize, u64)>, Reason>| {
            let whole = SizeLine::default().advance(text.as_bytes(), &mut 0);
            assert_eq!(whole, expect, "{text:?}");
        };
        check("5\r\nhello", Ok(Some((3, 5))));
        check("fF\r\n", Ok(Some((4, 255))));
        check("0\r\n\r\n", Ok(Some((3, 0))));
        check("5;a=b\r\n", Ok(Some((7, 5))));
        check("5", Ok(None));
        check("5\r", Ok(None));
        check("5;a", Ok(None));
        check("\r\n", Err(Reason::ChunkSize));
        check("+5\r\n", Err(Reason::ChunkSize));
        check("-5\r\n", Err(Reason::ChunkSize));
        check("0x5\r\n", Err(Reason::ChunkSize));
        check("5_0\r\n", Err(Reason::ChunkSize));
        check(" 5\r\n", Err(Reason::ChunkSize));
        check("5 \r\n", Err(Reason::ChunkSize));
        check("5 ;a\r\n", Err(Reason::ChunkSize));
        check("5\n", Err(Reason::BareLineFeed));
        check("5\r\r\n", Err(Reason::ChunkSize));
        check("5;a\rb\r\n", Err(Reason::ChunkExtension));
        check("5;a\nb\r\n", Err(Reason::BareLineFeed));
        check(&"0".repeat(16), Err(Reason::ChunkSize));
        check("ffffffffffffffff\r\n", Err(Reason::ChunkSize));
        check(&format!("5;{}\r\n", "a".repeat(300)), Err(Reason::ChunkExtension));
    }

    #[test]
    fn extensions_may_not_go_on_for_ever() {
        let mut extensions = 0;
        let line = |extensions: &mut u32| SizeLine::default().advance(b"5;a\r\n", extensions);
        for _ in 0..EXTENSIONS {
            assert!(line(&mut extensions).is_ok());
        }
        assert_eq!(line(&mut extensions), Err(Reason::ChunkExtension));
    }

    #[test]
    fn trailers_are_read_or_refused() {
        let limits = HeadLimits { head_bytes: 200, target_bytes: 100, headers: 2 };
        let check = |text: &str, expect: Result<usize, Reason>| {
            assert_eq!(Trailers::new(limits).advance(text.as_bytes()), expect, "{text:?}");
        };
        check("\r\n", Ok(2));
        check("\r\nGET", Ok(2));
        check("X-Checksum: 1\r\n\r\n", Ok(17));
        check("X-Checksum: 1\r\n", Ok(0));
        check("Content-Length: 5\r\n\r\n", Err(Reason::Trailer));
        check("transfer_encoding: chunked\r\n\r\n", Err(Reason::Trailer));
        check("Cookie: a=b\r\n\r\n", Err(Reason::Trailer));
        check("a: 1\r\nb: 2\r\nc: 3\r\n\r\n", Err(Reason::Trailer));
        check("a: 1\n\r\n", Err(Reason::BareLineFeed));
        check(" a: 1\r\n\r\n", Err(Reason::LineFolding));
        check(&format!("a: {}\r\n\r\n", "b".repeat(300)), Err(Reason::Trailer));
    }
}
