//! A request to the API of a running control: one connection, one answer, nothing kept.

use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs,
    io::{self, BufRead, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

/// The file in the state directory that says where the API listens.
pub(crate) const ADDRESS_FILE: &str = "api-address";
/// The file in the state directory that holds the token.
pub(crate) const TOKEN_FILE: &str = "api-token";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// A longer answer is not one of ours.
const ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("read `{path}`; is Storewarden running with this state directory?")]
    Directory { path: PathBuf, source: io::Error },
    #[error("understand the address in `{0}`")]
    Address(PathBuf),
    #[error("reach control at {address}; is Storewarden running?")]
    Connect { address: SocketAddr, source: io::Error },
    #[error("hear from control at {address}")]
    Exchange { address: SocketAddr, source: io::Error },
    #[error("understand the answer of control")]
    Answer,
}

/// An answer's status and JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|_| ClientError::Answer)
    }
}

/// Sends one request to the control of a state directory.
///
/// # Errors
/// When no control answers there.
pub(crate) fn ask(state: &Path, method: &str, path: &str) -> Result<Answer, ClientError> {
    send(state, method, path, b"")
}

/// The same with a body.
///
/// # Errors
/// When no control answers there.
pub(crate) fn ask_with(
    state: &Path,
    method: &str,
    path: &str,
    body: &impl Serialize,
) -> Result<Answer, ClientError> {
    let body = serde_json::to_vec(body).map_err(|_| ClientError::Answer)?;
    send(state, method, path, &body)
}

/// Reads a stream of events line by line, from its beginning on. It ends when control does.
///
/// # Errors
/// When no control answers there, or not with a stream.
pub(crate) fn follow(state: &Path, path: &str) -> Result<impl BufRead, ClientError> {
    let (address, mut stream) = connect(state)?;
    let exchange = |source| ClientError::Exchange { address, source };
    let head = head(state, address, "GET", path, 0)?;
    // Comments come every ten seconds; a line that is silent for longer is dead.
    stream.set_read_timeout(Some(2 * ANSWER_TIMEOUT)).map_err(exchange)?;
    stream.write_all(head.as_bytes()).map_err(exchange)?;
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    lines.read_line(&mut line).map_err(exchange)?;
    if line.split(' ').nth(1) != Some("200") {
        return Err(ClientError::Answer);
    }
    while !line.trim_end().is_empty() {
        line.clear();
        lines.read_line(&mut line).map_err(exchange)?;
    }
    Ok(lines)
}

fn send(state: &Path, method: &str, path: &str, body: &[u8]) -> Result<Answer, ClientError> {
    let (address, stream) = connect(state)?;
    let head = head(state, address, method, path, body.len())?;
    let answer = exchange(stream, &[head.as_bytes(), body].concat());
    let bytes = answer.map_err(|source| ClientError::Exchange { address, source })?;
    parse(&bytes).ok_or(ClientError::Answer)
}

fn connect(state: &Path) -> Result<(SocketAddr, TcpStream), ClientError> {
    let address_file = state.join(ADDRESS_FILE);
    let address: SocketAddr =
        read(&address_file)?.trim().parse().map_err(|_| ClientError::Address(address_file))?;
    let connect = |source| ClientError::Connect { address, source };
    let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).map_err(connect)?;
    Ok((address, stream))
}

fn head(
    state: &Path,
    address: SocketAddr,
    method: &str,
    path: &str,
    length: usize,
) -> Result<String, ClientError> {
    let token = read(&state.join(TOKEN_FILE))?;
    let token = token.trim();
    Ok(format!(
        "{method} {path} HTTP/1.0\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         accept: application/json\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    ))
}

fn read(path: &Path) -> Result<String, ClientError> {
    fs::read_to_string(path)
        .map_err(|source| ClientError::Directory { path: path.to_owned(), source })
}

/// HTTP/1.0: the answer is not chunked and ends with the connection.
fn exchange(mut stream: TcpStream, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    stream.write_all(request)?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: bytes[end + 4..].to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_head_is_an_answer() {
        let answer = parse(b"HTTP/1.0 422 Unprocessable\r\na: b\r\n\r\n{}").unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (422, b"{}".as_slice()));
        for bad in ["", "HTTP/1.1 200 OK\r\n", "SSH-2.0\r\n\r\n", "HTTP/1.1 x\r\n\r\n"] {
            assert!(parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }
}
