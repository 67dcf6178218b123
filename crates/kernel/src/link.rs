//! Frames between edge and control: a length, a kind, a JSON body. Bytes in, values out; the socket
//! is the caller's. The format and its rules for change stand in docs/formats/edge-link.md.

use crate::{facts::Facts, snapshot::Snapshot};
use serde::{Deserialize, Serialize};

/// The version of the format that this program speaks. A neighbour one version away is understood:
/// unknown fields are passed over and new fields have defaults.
pub const PROTOCOL: u32 = 1;

/// Larger frames are refused before anything is allocated for them.
pub const MAX_FRAME_BYTES: usize = 32 * 1024 * 1024;

const HEADER_BYTES: usize = 5;
/// The kind of [`Frame::Snapshot`].
const SNAPSHOT: u8 = 2;

/// One message on the link, either way.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// Edge → control, first on every connection.
    Hello(Hello),
    /// Control → edge: serve this from now on.
    Snapshot(Box<Snapshot>),
    /// Edge → control: what became of a snapshot.
    Applied(Applied),
    /// Edge → control, once a second.
    Facts(Box<Facts>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    /// The program's version, for people.
    pub program: String,
    pub edge_start: u64,
    /// Unix milliseconds.
    pub started_at_ms: i64,
    pub pid: u32,
    /// The version it serves from already; 0 when it has none.
    pub snapshot_version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    pub version: u64,
    /// Why it was refused; the edge then serves on from the one before.
    pub error: Option<String>,
}

/// Why bytes are no frame. The connection is closed after any of these but [`LinkError::Foreign`].
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("frame of {0} bytes is longer than {MAX_FRAME_BYTES}")]
    TooLong(usize),
    #[error("frame kind {0} is unknown")]
    Kind(u8),
    #[error("decode frame of kind {kind}")]
    Body { kind: u8, source: serde_json::Error },
    /// A snapshot of which only the version is understood: control is too far ahead, or too far
    /// behind. It took `used` bytes, and a frame follows.
    #[error("understand snapshot {version}")]
    Foreign { version: u64, used: usize, source: serde_json::Error },
    #[error("encode frame")]
    Encode(#[source] serde_json::Error),
}

impl Frame {
    fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => 1,
            Self::Snapshot(_) => SNAPSHOT,
            Self::Applied(_) => 3,
            Self::Facts(_) => 4,
        }
    }

    /// The frame as bytes, header included.
    ///
    /// # Errors
    /// When it would be longer than [`MAX_FRAME_BYTES`], or holds a number JSON has no form for.
    pub fn encode(&self) -> Result<Vec<u8>, LinkError> {
        let mut bytes = vec![0; HEADER_BYTES];
        match self {
            Self::Hello(body) => serde_json::to_writer(&mut bytes, body),
            Self::Snapshot(body) => serde_json::to_writer(&mut bytes, body),
            Self::Applied(body) => serde_json::to_writer(&mut bytes, body),
            Self::Facts(body) => serde_json::to_writer(&mut bytes, body),
        }
        .map_err(LinkError::Encode)?;
        let length = bytes.len() - HEADER_BYTES;
        if length > MAX_FRAME_BYTES {
            return Err(LinkError::TooLong(length));
        }
        let field = u32::try_from(length).expect("invariant: MAX_FRAME_BYTES fits 32 bits");
        bytes[..4].copy_from_slice(&field.to_be_bytes());
        bytes[4] = self.kind();
        Ok(bytes)
    }

    /// Takes one frame off the front of `bytes`: the frame and how many bytes it took, or `None`
    /// while it is not whole yet.
    ///
    /// # Errors
    /// When the bytes can never become a frame.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, LinkError> {
        let Some((&[a, b, c, d, kind], rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > MAX_FRAME_BYTES {
            return Err(LinkError::TooLong(length));
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = match kind {
            1 => serde_json::from_slice(body).map(Self::Hello),
            SNAPSHOT => serde_json::from_slice(body).map(Self::Snapshot),
            3 => serde_json::from_slice(body).map(Self::Applied),
            4 => serde_json::from_slice(body).map(Self::Facts),
            _ => return Err(LinkError::Kind(kind)),
        };
        let used = HEADER_BYTES + length;
        let frame = frame.map_err(|source| match version_of(kind, body) {
            Some(version) => LinkError::Foreign { version, used, source },
            None => LinkError::Body { kind, source },
        })?;
        Ok(Some((frame, used)))
    }
}

/// All that is asked of a snapshot that is not understood.
fn version_of(kind: u8, body: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let is_snapshot = kind == SNAPSHOT;
    is_snapshot.then(|| serde_json::from_slice(body).ok().map(|found: Versioned| found.version))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Frame {
        Frame::Hello(Hello {
            protocol: PROTOCOL,
            program: "0.1.0".into(),
            edge_start: 7,
            started_at_ms: 1,
            pid: 2,
            snapshot_version: 0,
        })
    }

    #[test]
    fn frames_come_back_whole_and_only_when_whole() {
        let bytes = hello().encode().unwrap();
        for short in 0..bytes.len() {
            assert!(Frame::decode(&bytes[..short]).unwrap().is_none(), "{short}");
        }
        let two = [bytes.clone(), bytes.clone()].concat();
        assert_eq!(Frame::decode(&two).unwrap(), Some((hello(), bytes.len())));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        assert!(matches!(Frame::decode(&[0xff; 8]), Err(LinkError::TooLong(_))));
        assert!(matches!(Frame::decode(&[0, 0, 0, 0, 9]), Err(LinkError::Kind(9))));
        assert!(matches!(Frame::decode(&[0, 0, 0, 1, 1, b'{']), Err(LinkError::Body { .. })));
    }

    #[test]
    fn of_a_foreign_snapshot_the_version_is_told_and_where_it_ends() {
        let body = br#"{"version":7,"shops":"another way"}"#;
        let mut bytes = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        bytes.push(SNAPSHOT);
        bytes.extend_from_slice(body);
        let whole = bytes.len();
        bytes.extend_from_slice(&hello().encode().unwrap());
        let error = Frame::decode(&bytes).unwrap_err();
        assert!(matches!(error, LinkError::Foreign { version: 7, used, .. } if used == whole));
    }

    #[test]
    fn a_neighbour_may_say_more_than_we_know() {
        let body = br#"{"version":3,"error":null,"new_field":[1]}"#;
        let mut bytes = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        bytes.push(3);
        bytes.extend_from_slice(body);
        let expect = Frame::Applied(Applied { version: 3, error: None });
        assert_eq!(Frame::decode(&bytes).unwrap().unwrap().0, expect);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            if let Ok(Some((frame, used))) = Frame::decode(bytes) {
                assert!(used <= bytes.len());
                assert!(frame.encode().is_ok());
            }
        });
    }
}
