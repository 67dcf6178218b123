//! Questions and answers of the domain name system as bytes: RFC 1035, 4; CAA by RFC 8659, the extension by RFC 6891.
//!
//! What comes from outside is read to the letter: a length that does not fit, a pointer that leads forward, and the message is none.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

/// RFC 1035, 2.3.4.
const LONGEST_NAME_BYTES: usize = 255;
const LONGEST_LABEL_BYTES: usize = 63;
/// What an answer by datagram may have: dnsflagday.net/2020.
const DATAGRAM_BYTES: u16 = 1232;
const INTERNET: u16 = 1;
const TYPE_SOA: u16 = 6;
const TYPE_EXTENSION: u16 = 41;

/// What is asked for of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordType {
    A,
    Aaaa,
    /// Which authorities may make certificates.
    Caa,
    Cname,
    Mx,
    Ns,
    Txt,
}

impl RecordType {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Caa => "CAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Ns => "NS",
            Self::Txt => "TXT",
        }
    }

    fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Ns => 2,
            Self::Cname => 5,
            Self::Mx => 15,
            Self::Txt => 16,
            Self::Aaaa => 28,
            Self::Caa => 257,
        }
    }
}

/// What a record holds. Names are lower case, without the last dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Caa {
        flags: u8,
        /// Lower case.
        tag: String,
        value: String,
    },
    Cname(String),
    Mx {
        preference: u16,
        exchange: String,
    },
    Ns(String),
    /// Its strings one after the other, as those who read them take them (RFC 7208, 3.3).
    Txt(String),
    /// By its number.
    Other(u16),
}

impl Data {
    pub(crate) fn is(&self, record_type: RecordType) -> bool {
        matches!(
            (self, record_type),
            (Self::A(_), RecordType::A)
                | (Self::Aaaa(_), RecordType::Aaaa)
                | (Self::Caa { .. }, RecordType::Caa)
                | (Self::Cname(_), RecordType::Cname)
                | (Self::Mx { .. }, RecordType::Mx)
                | (Self::Ns(_), RecordType::Ns)
                | (Self::Txt(_), RecordType::Txt)
        )
    }

    pub(crate) fn begins_a_zone(&self) -> bool {
        *self == Self::Other(TYPE_SOA)
    }
}

impl fmt::Display for Data {
    /// As zone files have it, but texts as they are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::A(address) => address.fmt(f),
            Self::Aaaa(address) => address.fmt(f),
            Self::Caa { flags, tag, value } => write!(f, "{flags} {tag} \"{value}\""),
            Self::Cname(name) | Self::Ns(name) => f.write_str(name),
            Self::Mx { preference, exchange } => write!(f, "{preference} {exchange}"),
            Self::Txt(text) => f.write_str(text),
            Self::Other(number) => write!(f, "TYPE{number}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) owner: String,
    pub(crate) ttl_seconds: u32,
    pub(crate) data: Data,
}

/// An answer; of one that is cut off, only the question is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: u16,
    pub(crate) is_response: bool,
    pub(crate) is_truncated: bool,
    pub(crate) is_authoritative: bool,
    /// Whether it asks others for those who ask it.
    pub(crate) offers_recursion: bool,
    /// RFC 1035, 4.1.1: 0 none, 1 format, 2 failure, 3 no such name, 5 refused.
    pub(crate) code: u8,
    /// Name, type and class.
    pub(crate) questions: Vec<(String, u16, u16)>,
    pub(crate) answers: Vec<Record>,
    pub(crate) authority: Vec<Record>,
    /// Without the pseudo-record of the extension.
    pub(crate) additional: usize,
}

impl Message {
    /// Whether it answers this question. One that could not be read at all is sent back without it (RFC 6891, 7).
    pub(crate) fn answers_to(&self, id: u16, name: &str, record_type: RecordType) -> bool {
        let is_ours = match self.questions.as_slice() {
            [] => self.code != 0,
            [(asked, number, class)] => {
                let name = name.strip_suffix('.').unwrap_or(name);
                asked.eq_ignore_ascii_case(name)
                    && (*number, *class) == (record_type.number(), INTERNET)
            }
            _ => false,
        };
        self.is_response && self.id == id && is_ours
    }
}

/// A question that wants recursion. `None`: it is no name of a host or a domain. With the extension, longer datagrams may come back.
pub(crate) fn question(
    id: u16,
    name: &str,
    record_type: RecordType,
    is_extended: bool,
) -> Option<Vec<u8>> {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(is_extended)]);
    let begin = bytes.len();
    for label in name.strip_suffix('.').unwrap_or(name).split('.') {
        let is_fit = label.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if label.is_empty() || label.len() > LONGEST_LABEL_BYTES || !is_fit {
            return None;
        }
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    if bytes.len() - begin > LONGEST_NAME_BYTES {
        return None;
    }
    bytes.extend(record_type.number().to_be_bytes());
    bytes.extend(INTERNET.to_be_bytes());
    if is_extended {
        bytes.push(0);
        bytes.extend(TYPE_EXTENSION.to_be_bytes());
        bytes.extend(DATAGRAM_BYTES.to_be_bytes());
        bytes.extend([0; 6]);
    }
    Some(bytes)
}

/// # Errors
///
/// It is no message; what is wrong with it.
pub(crate) fn parse(bytes: &[u8]) -> Result<Message, &'static str> {
    let mut reader = Reader { whole: bytes, at: 0 };
    let id = reader.number()?;
    let [first, second] = reader.take(2)?.try_into().map_err(|_| TOO_SHORT)?;
    let counts = [reader.number()?, reader.number()?, reader.number()?, reader.number()?];
    let mut message = Message {
        id,
        is_response: first & 0x80 != 0,
        is_truncated: first & 0x02 != 0,
        is_authoritative: first & 0x04 != 0,
        offers_recursion: second & 0x80 != 0,
        code: second & 0x0f,
        questions: Vec::new(),
        answers: Vec::new(),
        authority: Vec::new(),
        additional: 0,
    };
    for _ in 0..counts[0] {
        let question = (reader.name()?, reader.number()?, reader.number()?);
        message.questions.push(question);
    }
    if message.is_truncated {
        return Ok(message);
    }
    for _ in 0..counts[1] {
        message.answers.push(reader.record()?);
    }
    for _ in 0..counts[2] {
        message.authority.push(reader.record()?);
    }
    for _ in 0..counts[3] {
        let record = reader.record()?;
        message.additional += usize::from(record.data != Data::Other(TYPE_EXTENSION));
    }
    Ok(message)
}

const TOO_SHORT: &str = "it ends early";

struct Reader<'a> {
    whole: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let taken = self.whole.get(self.at..self.at + count).ok_or(TOO_SHORT)?;
        self.at += count;
        Ok(taken)
    }

    fn octet(&mut self) -> Result<u8, &'static str> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u16, &'static str> {
        let taken = self.take(2)?;
        Ok(u16::from_be_bytes([taken[0], taken[1]]))
    }

    /// RFC 1035, 4.1.4. A pointer leads before the part of the name it stands in, and each further back than the last: so it ends.
    fn name(&mut self) -> Result<String, &'static str> {
        let mut text = String::new();
        let mut octets = 1;
        let mut after = None;
        let mut begin = self.at;
        loop {
            let length = self.octet()?;
            match length {
                0 => {
                    self.at = after.unwrap_or(self.at);
                    return Ok(text);
                }
                1..=63 => {
                    octets += usize::from(length) + 1;
                    if octets > LONGEST_NAME_BYTES {
                        return Err("a name is too long");
                    }
                    if !text.is_empty() {
                        text.push('.');
                    }
                    push_label(&mut text, self.take(usize::from(length))?);
                }
                0xc0.. => {
                    let target = usize::from(length & 0x3f) << 8 | usize::from(self.octet()?);
                    if target >= begin {
                        return Err("a name leads to itself");
                    }
                    after.get_or_insert(self.at);
                    begin = target;
                    self.at = target;
                }
                _ => return Err("a label has no known form"),
            }
        }
    }

    fn record(&mut self) -> Result<Record, &'static str> {
        let owner = self.name()?;
        let number = self.number()?;
        let class = self.number()?;
        let ttl = [self.number()?, self.number()?];
        let length = usize::from(self.number()?);
        let end = self.at + length;
        if end > self.whole.len() {
            return Err(TOO_SHORT);
        }
        // The class of the extension is a size.
        let is_known = class == INTERNET;
        let data = if is_known { self.data(number, end)? } else { None };
        if data.is_some() && self.at != end {
            return Err("a record has another length than it says");
        }
        self.at = end;
        // RFC 2181, 8: with the highest bit it is zero.
        let ttl_seconds = match u32::from(ttl[0]) << 16 | u32::from(ttl[1]) {
            ttl if ttl >> 31 == 0 => ttl,
            _ => 0,
        };
        let data = data.unwrap_or(Data::Other(number));
        Ok(Record { owner, ttl_seconds, data })
    }

    /// `None` of what is not read.
    fn data(&mut self, number: u16, end: usize) -> Result<Option<Data>, &'static str> {
        let length = end - self.at;
        Ok(Some(match number {
            1 => {
                let bytes: [u8; 4] = self.take(length)?.try_into().map_err(|_| BAD_ADDRESS)?;
                Data::A(bytes.into())
            }
            2 => Data::Ns(self.name()?),
            5 => Data::Cname(self.name()?),
            15 => Data::Mx { preference: self.number()?, exchange: self.name()? },
            16 => Data::Txt(self.text(end)?),
            28 => {
                let bytes: [u8; 16] = self.take(length)?.try_into().map_err(|_| BAD_ADDRESS)?;
                Data::Aaaa(bytes.into())
            }
            257 => {
                let flags = self.octet()?;
                let tag_length = usize::from(self.octet()?);
                let tag = String::from_utf8_lossy(self.take(tag_length)?).to_ascii_lowercase();
                let rest = end.checked_sub(self.at).ok_or(TOO_SHORT)?;
                let value = String::from_utf8_lossy(self.take(rest)?).into_owned();
                Data::Caa { flags, tag, value }
            }
            _ => return Ok(None),
        }))
    }

    fn text(&mut self, end: usize) -> Result<String, &'static str> {
        let mut bytes = Vec::new();
        while self.at < end {
            let length = usize::from(self.octet()?);
            bytes.extend_from_slice(self.take(length)?);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

const BAD_ADDRESS: &str = "an address has a wrong length";

/// RFC 4343, 2.1: what is no plain character is written by its number, and a dot within a label is not one between two.
fn push_label(text: &mut String, label: &[u8]) {
    for byte in label {
        match byte {
            b'.' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b'!'..=b'~' => text.push(char::from(byte.to_ascii_lowercase())),
            _ => text.push_str(&format!("\\{byte:03}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A question's bytes as an answer with these records after it.
    fn answer(records: &[&[u8]]) -> Vec<u8> {
        let mut bytes = question(7, "shop.example", RecordType::A, false).unwrap();
        bytes[2] = 0x81;
        bytes[7] = records.len() as u8;
        bytes.extend(records.concat());
        bytes
    }

    fn record(owner: &[u8], number: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = owner.to_vec();
        bytes.extend(number.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 1, 44]);
        bytes.extend((data.len() as u16).to_be_bytes());
        bytes.extend(data);
        bytes
    }

    const OWN: &[u8] = &[0xc0, 12];

    #[test]
    fn each_kind_of_record_is_read() {
        let check = |number: u16, data: &[u8], expect: &str| {
            let message = parse(&answer(&[&record(OWN, number, data)])).unwrap();
            let record = &message.answers[0];
            assert_eq!((record.owner.as_str(), record.ttl_seconds), ("shop.example", 300));
            assert_eq!(record.data.to_string(), expect);
        };
        check(1, &[192, 0, 2, 1], "192.0.2.1");
        check(28, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "1::1");
        check(15, b"\0\x0a\x04Mail\xc0\x0c", "10 mail.shop.example");
        check(2, b"\x02NS\xc0\x11", "ns.example");
        check(5, b"\x01a\0", "a");
        check(16, b"\x06v=spf1\x05 -all", "v=spf1 -all");
        check(16, b"", "");
        check(257, b"\x80\x05Issue;", "128 issue \";\"");
        check(99, b"what", "TYPE99");
    }

    #[test]
    fn what_is_wrong_with_a_message_is_told() {
        let check = |bytes: &[u8], expect: &str| assert_eq!(parse(bytes).unwrap_err(), expect);
        let whole = answer(&[&record(OWN, 1, &[192, 0, 2, 1])]);
        check(&whole[..whole.len() - 1], TOO_SHORT);
        check(&answer(&[&record(OWN, 1, &[192, 0, 2])]), BAD_ADDRESS);
        // Its own place, one further on, and two that lead to each other.
        check(&answer(&[&record(&[0xc0, 30], 1, &[0; 4])]), "a name leads to itself");
        check(&answer(&[&record(&[0xc0, 32], 1, &[0; 4])]), "a name leads to itself");
        check(&answer(&[&record(&[1, b'a', 0xc0, 30], 1, &[0; 4])]), "a name leads to itself");
        check(&answer(&[&record(&[0x80, 1], 1, &[0; 4])]), "a label has no known form");
        check(&answer(&[&record(OWN, 5, b"\x01a\0x")]), "a record has another length than it says");
        check(&answer(&[&record(OWN, 16, b"\x09v=spf1")]), TOO_SHORT);
        let long = [[&[63][..], &[b'a'; 63]].concat(), [&[63][..], &[b'b'; 63]].concat()].concat();
        let long = [&long[..], &long[..], &[0]].concat();
        check(&answer(&[&record(&long, 1, &[0; 4])]), "a name is too long");
    }

    #[test]
    fn an_answer_is_one_to_its_own_question_alone() {
        let message = parse(&answer(&[])).unwrap();
        assert!(message.answers_to(7, "Shop.Example.", RecordType::A));
        assert!(!message.answers_to(8, "shop.example", RecordType::A));
        assert!(!message.answers_to(7, "shop.example", RecordType::Mx));
        assert!(!message.answers_to(7, "other.example", RecordType::A));
        let asked = parse(&question(7, "shop.example", RecordType::A, true).unwrap()).unwrap();
        assert!(!asked.answers_to(7, "shop.example", RecordType::A));
        assert_eq!(asked.additional, 0);
    }

    #[test]
    fn only_names_are_asked_for() {
        let check = |name: &str, is_name: bool| {
            let asked = question(1, name, RecordType::Txt, true);
            assert_eq!(asked.is_some(), is_name, "{name}");
        };
        check("shop.example", true);
        check("_dmarc.shop.example.", true);
        check("", false);
        check("..", false);
        check("shop..example", false);
        check("shöp.example", false);
        check("shop example", false);
        check(&format!("{}.example", "a".repeat(63)), true);
        check(&format!("{}.example", "a".repeat(64)), false);
        check(&["a"; 127].join("."), true);
        check(&["a"; 128].join("."), false);
    }

    #[test]
    fn no_bytes_make_it_panic_or_run_on() {
        bolero::check!().for_each(|bytes| {
            if let Ok(message) = parse(bytes) {
                assert!(bytes.len() >= 12);
                assert!(message.answers.len() + message.authority.len() <= bytes.len() / 11);
            }
            let mut whole = answer(&[]);
            whole[7] = 3;
            whole.extend(bytes);
            if let Ok(message) = parse(&whole) {
                assert_eq!(message.answers.len(), 3);
            }
        });
    }
}
