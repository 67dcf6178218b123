//! One GET over FastCGI, as little of it as a status page needs.
//!
//! Records, their types and the sizes of lengths are as in the FastCGI specification 1.0
//! (<https://fastcgi-archives.github.io/FastCGI_Specification.html>, sections 3 to 5).

use crate::{CollectError, Place, error::said};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIMIT_BYTES: usize = 1 << 20;
/// An application that only sends records without end is not listened to for more than this many.
const MOST_RECORDS: usize = 4096;

const VERSION: u8 = 1;
const REQUEST: [u8; 2] = [0, 1];
const BEGIN_REQUEST: u8 = 1;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;
/// Role "responder", and the connection is closed after the answer.
const RESPONDER: [u8; 8] = [0, 1, 0, 0, 0, 0, 0, 0];

/// The body of a script's answer.
///
/// # Errors
/// When the application cannot be reached, answers with another status than 200, or too long.
pub(crate) async fn get(place: &Place, path: &str, query: &str) -> Result<Vec<u8>, CollectError> {
    let failed = |source: io::Error| CollectError::Ask { place: place.to_string(), source };
    let mut stream = place.connect().await?;
    stream.write_all(&request(path, query)).await.map_err(failed)?;
    let mut answer = Vec::new();
    let mut errors = Vec::new();
    for _ in 0..MOST_RECORDS {
        let mut head = [0; 8];
        stream.read_exact(&mut head).await.map_err(failed)?;
        let [VERSION, kind, _, _, high, low, padding, _] = head else {
            return Err(CollectError::odd(place, "it does not speak FastCGI 1"));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let mut content = vec![0; length + usize::from(padding)];
        stream.read_exact(&mut content).await.map_err(failed)?;
        content.truncate(length);
        match kind {
            STDOUT => answer.extend(content),
            STDERR => errors.extend(content),
            END_REQUEST => return body(place, &answer, &errors),
            _ => {}
        }
        if answer.len() + errors.len() > LIMIT_BYTES {
            break;
        }
    }
    Err(CollectError::TooLong { place: place.to_string(), limit_bytes: LIMIT_BYTES })
}

fn request(path: &str, query: &str) -> Vec<u8> {
    let mut parameters = Vec::new();
    for (name, value) in [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_SOFTWARE", "storewarden"),
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", path),
        ("SCRIPT_NAME", path),
        ("SCRIPT_FILENAME", path),
        ("QUERY_STRING", query),
    ] {
        for text in [name, value] {
            parameters.extend(length(text.len()));
        }
        parameters.extend(name.bytes().chain(value.bytes()));
    }
    let mut bytes = Vec::new();
    for (kind, content) in [
        (BEGIN_REQUEST, RESPONDER.as_slice()),
        (PARAMS, parameters.as_slice()),
        (PARAMS, &[]),
        (STDIN, &[]),
    ] {
        let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
        bytes.extend([VERSION, kind, REQUEST[0], REQUEST[1], high, low, 0, 0]);
        bytes.extend(&content[..usize::from(u16::from_be_bytes([high, low]))]);
    }
    bytes
}

/// One byte, or four with the highest bit set.
fn length(bytes: usize) -> Vec<u8> {
    match u8::try_from(bytes) {
        Ok(short) if short < 0x80 => vec![short],
        _ => {
            let long = u32::try_from(bytes).unwrap_or(u32::MAX) | 0x8000_0000;
            long.to_be_bytes().to_vec()
        }
    }
}

/// What is behind the head of a script's answer (RFC 3875, section 6).
fn body(place: &Place, answer: &[u8], errors: &[u8]) -> Result<Vec<u8>, CollectError> {
    let separator = b"\r\n\r\n";
    let at = answer.windows(separator.len()).position(|bytes| bytes == separator);
    let Some(at) = at else {
        let reason = format!("an answer without a head: `{}`", said(errors));
        return Err(CollectError::odd(place, reason));
    };
    let head = String::from_utf8_lossy(&answer[..at]);
    let status = head.lines().find_map(|line| line.strip_prefix("Status:"));
    let body = &answer[at + separator.len()..];
    match status.map(str::trim) {
        None => Ok(body.to_vec()),
        Some(status) if status.starts_with("200") => Ok(body.to_vec()),
        Some(status) => {
            let said = format!("{status} {}", said(body));
            Err(CollectError::Refused { place: place.to_string(), said })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_one_byte_and_of_four() {
        assert_eq!(length(127), [127]);
        assert_eq!(length(128), [0x80, 0, 0, 128]);
        assert_eq!(length(70_000), [0x80, 1, 0x11, 0x70]);
    }
}
