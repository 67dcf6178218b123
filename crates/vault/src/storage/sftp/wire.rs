//! SFTP, version 3, as bytes: what we ask and what is answered
//! (datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02; extensions: OpenSSH's PROTOCOL,
//! section 4; read 2026-11). Opens nothing.

/// Longer packets are none: an answer holds 32 KiB that we asked for, or some names.
pub(super) const MOST_PACKET_BYTES: usize = 1 << 20;

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Init = 1,
    Open = 3,
    Close = 4,
    Read = 5,
    Write = 6,
    OpenFolder = 11,
    ReadFolder = 12,
    Remove = 13,
    MakeFolder = 14,
    Look = 17,
    Rename = 18,
    Extended = 200,
}

/// How a file is opened.
pub(super) const TO_READ: u32 = 0x1;
/// To write, made by this, and an error when it is there.
pub(super) const TO_MAKE: u32 = 0x2 | 0x8 | 0x20;

/// Attributes: only the mode is said.
pub(super) const WITH_MODE: u32 = 0x4;
const WITH_SIZE: u32 = 0x1;
const WITH_OWNER: u32 = 0x2;
const WITH_TIMES: u32 = 0x8;
const WITH_MORE: u32 = 0x8000_0000;

/// What the other side says of an ask that has no other answer.
pub(super) mod status {
    pub(crate) const OK: u32 = 0;
    pub(crate) const END: u32 = 1;
    pub(crate) const NO_SUCH_FILE: u32 = 2;
    pub(crate) const NOT_PERMITTED: u32 = 3;
    pub(crate) const FAILURE: u32 = 4;
}

/// One field of an ask.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field<'a> {
    Number(u32),
    Long(u64),
    Bytes(&'a [u8]),
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Status {
        code: u32,
        said: String,
    },
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Vec<Entry>),
    /// A size, where it was told.
    Attributes(Option<u64>),
    Extended(Vec<u8>),
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) size: Option<u64>,
}

/// What comes without its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet {
    /// The names of the extensions that are offered.
    Version {
        version: u32,
        extensions: Vec<String>,
    },
    Reply {
        id: u32,
        reply: Reply,
    },
}

/// An ask with its length, ready to be sent. The first one has its version in the place of an id.
pub(super) fn packet(ask: Ask, id: u32, fields: &[Field<'_>]) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.push(ask as u8);
    bytes.extend_from_slice(&id.to_be_bytes());
    for field in fields {
        match field {
            Field::Number(number) => bytes.extend_from_slice(&number.to_be_bytes()),
            Field::Long(number) => bytes.extend_from_slice(&number.to_be_bytes()),
            Field::Bytes(text) => {
                bytes.extend_from_slice(&short(text.len()).to_be_bytes());
                bytes.extend_from_slice(text);
            }
        }
    }
    let length = short(bytes.len() - 4);
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

fn short(length: usize) -> u32 {
    u32::try_from(length).expect("invariant: what we ask is far below 4 GB")
}

/// `None` when it is no packet that may come.
pub(super) fn parse(bytes: &[u8]) -> Option<Packet> {
    let mut rest = Rest(bytes);
    let kind = rest.byte()?;
    if kind == 2 {
        let version = rest.number()?;
        let mut extensions = Vec::new();
        while !rest.0.is_empty() {
            extensions.push(String::from_utf8_lossy(rest.bytes()?).into_owned());
            rest.bytes()?;
        }
        return Some(Packet::Version { version, extensions });
    }
    let id = rest.number()?;
    let reply = match kind {
        101 => {
            let code = rest.number()?;
            // Servers of before version 3 say no more.
            let said = rest.bytes().unwrap_or_default();
            Reply::Status { code, said: String::from_utf8_lossy(said).into_owned() }
        }
        102 => Reply::Handle(rest.bytes()?.to_vec()),
        103 => Reply::Data(rest.bytes()?.to_vec()),
        104 => {
            let count = rest.number()?;
            let mut names = Vec::new();
            for _ in 0..count {
                let name = rest.bytes()?.to_vec();
                // What `ls -l` would show.
                rest.bytes()?;
                names.push(Entry { name, size: rest.attributes()? });
            }
            Reply::Names(names)
        }
        105 => Reply::Attributes(rest.attributes()?),
        201 => Reply::Extended(rest.0.to_vec()),
        _ => return None,
    };
    Some(Packet::Reply { id, reply })
}

/// Of the answer to `statvfs@openssh.com` the bytes that we may still write.
pub(super) fn free_bytes(answer: &[u8]) -> Option<u64> {
    let mut rest = Rest(answer);
    let _block = rest.long()?;
    let fragment = rest.long()?;
    let (_blocks, _free) = (rest.long()?, rest.long()?);
    Some(rest.long()?.saturating_mul(fragment))
}

/// What is left to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }

    /// Of all attributes the size.
    fn attributes(&mut self) -> Option<Option<u64>> {
        let flags = self.number()?;
        let size = if flags & WITH_SIZE == 0 { None } else { Some(self.long()?) };
        for (flag, bytes) in [(WITH_OWNER, 8), (WITH_MODE, 4), (WITH_TIMES, 8)] {
            if flags & flag != 0 {
                self.take(bytes)?;
            }
        }
        if flags & WITH_MORE != 0 {
            for _ in 0..self.number()? {
                self.bytes()?;
                self.bytes()?;
            }
        }
        Some(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_are_those_of_the_draft() {
        let check = |packet: Vec<u8>, expect: &[u8]| assert_eq!(packet, expect);
        check(packet(Ask::Init, 3, &[]), &[0, 0, 0, 5, 1, 0, 0, 0, 3]);
        let fields = [Field::Bytes(b"h"), Field::Long(258), Field::Number(7)];
        check(
            packet(Ask::Read, 9, &fields),
            &[0, 0, 0, 22, 5, 0, 0, 0, 9, 0, 0, 0, 1, b'h', 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 7],
        );
    }

    #[test]
    fn answers_are_understood_or_refused() {
        let reply = |id, reply| Some(Packet::Reply { id, reply });
        let check = |bytes: &[u8], expect: Option<Packet>| assert_eq!(parse(bytes), expect);
        let fsync = [&b"\x02\0\0\0\x03\0\0\0\x02ab\0\0\0\x011"[..]].concat();
        check(&fsync, Some(Packet::Version { version: 3, extensions: vec!["ab".into()] }));
        let said = Reply::Status { code: 4, said: "no".into() };
        check(b"\x65\0\0\0\x01\0\0\0\x04\0\0\0\x02no\0\0\0\0", reply(1, said));
        let said = Reply::Status { code: 0, said: String::new() };
        check(b"\x65\0\0\0\x01\0\0\0\0", reply(1, said));
        check(b"\x66\0\0\0\x01\0\0\0\x02ab", reply(1, Reply::Handle(b"ab".to_vec())));
        check(b"\x66\0\0\0\x01\0\0\0\x03ab", None);
        let sized = b"\x69\0\0\0\x01\0\0\0\x0d\0\0\0\0\0\0\x01\0\0\0\x01\xed\0\0\0\0\0\0\0\0";
        check(sized, reply(1, Reply::Attributes(Some(256))));
        let name = Entry { name: b"a".to_vec(), size: None };
        let names = b"\x68\0\0\0\x01\0\0\0\x01\0\0\0\x01a\0\0\0\x01l\0\0\0\0";
        check(names, reply(1, Reply::Names(vec![name])));
        check(b"\x68\0\0\0\x01\xff\xff\xff\xff", None);
        check(b"\x09\0\0\0\x01", None);
        check(b"", None);
    }

    #[test]
    fn no_answer_makes_it_panic() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
            parse(bytes);
            free_bytes(bytes);
        });
    }
}
