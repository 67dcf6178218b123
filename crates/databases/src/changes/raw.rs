//! Events of a binary log as they came, read no further than their heads.

/// The head of every event (MariaDB manual, "2-Binlog Event Header"): its time, kind, length and end.
const HEAD: usize = 19;

/// A file of a binary log, as far as its events do not say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFile {
    /// `mysqld-bin.000042`.
    pub name: String,
    /// The event that says how the others are written; every file begins with one.
    pub description: Vec<u8>,
}

/// An event of a MariaDB's or MySQL's binary log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawEvent<'a> {
    pub file: &'a RawFile,
    /// As it lies in the file, with its checksum.
    pub bytes: &'a [u8],
}

impl RawEvent<'_> {
    /// Where in its file it lies.
    #[must_use]
    pub fn begins(&self) -> u64 {
        self.ends().saturating_sub(self.bytes.len() as u64)
    }

    #[must_use]
    pub fn ends(&self) -> u64 {
        u64::from(number(self.bytes, 13).unwrap_or_default())
    }

    /// By the server's clock, in Unix seconds.
    #[must_use]
    pub fn at_s(&self) -> u32 {
        number(self.bytes, 0).unwrap_or_default()
    }

    /// MariaDB, log_event.h, `Log_event_type`.
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.bytes.get(4).copied().unwrap_or_default()
    }

    /// What comes between the head and the checksum.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        let end = self.bytes.len().saturating_sub(self.checksum_bytes());
        self.bytes.get(HEAD..end).unwrap_or_default()
    }

    /// A description says at its end how events are checked; 1: by CRC32.
    #[must_use]
    pub fn checksum_bytes(&self) -> usize {
        let description = &self.file.description;
        let at = description.len().checked_sub(5);
        if at.and_then(|at| description.get(at)) == Some(&1) { 4 } else { 0 }
    }

    /// Whether it begins a group, or lies between groups: then nothing was left out before it. Within one,
    /// the server leaves out texts of statements.
    #[must_use]
    pub fn is_between(&self) -> bool {
        matches!(self.kind(), 3 | 4 | 15 | 33 | 34 | 35 | 161 | 162 | 163)
    }

    /// What the server calls itself: `10.11.19-MariaDB-log`.
    #[must_use]
    pub fn server(&self) -> String {
        let named = self.file.description.get(HEAD + 2..HEAD + 52).unwrap_or_default();
        let end = named.iter().position(|byte| *byte == 0).unwrap_or(named.len());
        String::from_utf8_lossy(&named[..end]).into_owned()
    }

    /// Whether a transaction begins with it (GTID of MariaDB and MySQL).
    #[must_use]
    pub fn begins_group(&self) -> bool {
        matches!(self.kind(), 33 | 34 | 162)
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bytes_make_their_reader_panic() {
        bolero::check!().with_type::<(Vec<u8>, Vec<u8>)>().for_each(|(bytes, description)| {
            let file = RawFile { name: "m.000001".to_owned(), description: description.clone() };
            let event = RawEvent { file: &file, bytes };
            let _ = (event.begins(), event.ends(), event.at_s(), event.kind(), event.server());
            assert!(event.body().len() <= bytes.len());
        });
    }

    #[test]
    fn an_event_says_where_it_lies_and_when_it_was() {
        let mut description = vec![0; 80];
        description[21..29].copy_from_slice(b"10.11.19");
        description[75] = 1;
        let file = RawFile { name: "m.000001".to_owned(), description };
        let mut bytes = vec![7, 0, 0, 0, 162, 1, 0, 0, 0, 26, 0, 0, 0, 100, 0, 0, 0, 0, 0];
        bytes.extend(b"abcCRC4");
        let event = RawEvent { file: &file, bytes: &bytes };
        assert_eq!((event.begins(), event.ends(), event.at_s()), (74, 100, 7));
        assert_eq!((event.body(), event.server().as_str()), (&b"abc"[..], "10.11.19"));
        assert!(event.begins_group() && event.is_between());
    }
}
