//! HTTP/1.1 by hand: the bytes of a request go out as they are, however malformed, and the answer
//! is taken apart just enough to be looked at.

use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// What came back on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// Without the framing of chunks.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of a name, given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// # Panics
    /// When it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }
}

/// Sends `request` on a connection of its own and reads one answer.
///
/// # Errors
/// When the connection is refused, closed before a whole answer, or silent for longer than `limit`.
pub async fn exchange(
    address: SocketAddr,
    request: impl AsRef<[u8]>,
    limit: Duration,
) -> io::Result<Answer> {
    timeout(limit, async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_ref()).await?;
        read_answer(&mut stream).await
    })
    .await?
}

/// Reads one answer off a connection and leaves the rest; interim answers (1xx) are passed over.
///
/// # Errors
/// When the connection ends before the answer does, or what comes is no HTTP.
pub async fn read_answer(stream: &mut TcpStream) -> io::Result<Answer> {
    loop {
        let head = read_until(stream, b"\r\n\r\n").await?;
        let (status, headers) = parse_head(&head).ok_or_else(|| malformed("head", &head))?;
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        answer.body = read_body(stream, &answer).await?;
        return Ok(answer);
    }
}

fn parse_head(head: &[u8]) -> Option<(u16, Vec<(String, String)>)> {
    let text = std::str::from_utf8(head).ok()?;
    let mut lines = text.trim_end().split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    Some((status, lines.map(header).collect::<Option<_>>()?))
}

async fn read_body(stream: &mut TcpStream, answer: &Answer) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if matches!(answer.status, 101 | 204 | 304) {
        return Ok(body);
    }
    if answer.header("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked")) {
        loop {
            let line = read_until(stream, b"\r\n").await?;
            let size = chunk_size(&line).ok_or_else(|| malformed("chunk", &line))?;
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).await?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Ok(body);
            }
        }
    }
    match answer.header("content-length") {
        Some(length) => {
            let length = length.parse().map_err(|_| malformed("length", length.as_bytes()))?;
            body.resize(length, 0);
            stream.read_exact(&mut body).await?;
        }
        None => {
            stream.read_to_end(&mut body).await?;
        }
    }
    Ok(body)
}

fn chunk_size(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line).ok()?.trim();
    usize::from_str_radix(text.split(';').next()?, 16).ok()
}

/// Byte by byte, so that nothing of what follows is taken.
async fn read_until(stream: &mut TcpStream, end: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        bytes.push(stream.read_u8().await?);
    }
    Ok(bytes)
}

fn malformed(what: &str, bytes: &[u8]) -> io::Error {
    let text = String::from_utf8_lossy(bytes);
    io::Error::new(io::ErrorKind::InvalidData, format!("the {what} is no HTTP: {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn answered(bytes: &'static [u8]) -> io::Result<Answer> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            let mut request = [0; 3];
            stream.read_exact(&mut request).await?;
            stream.write_all(bytes).await
        });
        let answer = exchange(address, "GET", Duration::from_secs(10)).await;
        serving.await.unwrap().unwrap();
        answer
    }

    #[tokio::test]
    async fn bodies_end_where_their_framing_says() {
        let check = async |bytes: &'static [u8], status: u16, body: &str| {
            let answer = answered(bytes).await.unwrap();
            assert_eq!((answer.status, answer.text()), (status, body));
        };
        check(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhimore", 200, "hi").await;
        check(b"HTTP/1.1 404 No\r\n\r\nall of it", 404, "all of it").await;
        check(b"HTTP/1.1 204 No\r\n\r\nx", 204, "").await;
        check(b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 0\r\n\r\n", 201, "").await;
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\n\r\n";
        check(chunked, 200, "hi").await;
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_an_error() {
        let check = async |bytes: &'static [u8]| {
            assert!(answered(bytes).await.is_err(), "{bytes:?}");
        };
        check(b"").await;
        check(b"HTTP/1.1 200 OK\r\n").await;
        check(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi").await;
        check(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n").await;
        check(b"SSH-2.0\r\n\r\n").await;
    }
}
