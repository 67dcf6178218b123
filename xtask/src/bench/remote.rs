//! Remote write over one connection, as a sender that wants to cost the receiver least: bodies are snappy of literals alone, which
//! only have to be copied.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::series::recording::Tick;

/// How long an answer may take: merging everything is one.
const PATIENCE: Duration = Duration::from_secs(120);

/// A connection that is kept.
#[derive(Debug)]
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    /// Further lines of each head.
    more: String,
}

impl Connection {
    pub(super) fn open(address: SocketAddr, more: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), more: more.to_owned() })
    }

    pub(super) fn get(&mut self, path: &str) -> anyhow::Result<String> {
        let more = &self.more;
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
        self.exchange(head.as_bytes(), path)
    }

    pub(super) fn post(&mut self, path: &str, body: &[u8]) -> anyhow::Result<String> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n{}Content-Encoding: snappy\r\nContent-Length: {}\r\n\r\n",
            self.more,
            body.len()
        );
        self.exchange(&[head.as_bytes(), body].concat(), path)
    }

    fn exchange(&mut self, request: &[u8], path: &str) -> anyhow::Result<String> {
        let context = || format!("ask for {path}");
        self.stream.get_mut().write_all(request).with_context(context)?;
        let mut line = String::new();
        self.stream.read_line(&mut line).with_context(context)?;
        let is_fine = line.split(' ').nth(1).is_some_and(|status| status.starts_with('2'));
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let mut header = String::new();
            self.stream.read_line(&mut header).with_context(context)?;
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            is_chunked |= header == "transfer-encoding: chunked";
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().with_context(context)?;
            }
        }
        let mut body = Vec::new();
        if is_chunked {
            while self.read_chunk(&mut body).with_context(context)? > 0 {}
        } else {
            self.read_exactly(&mut body, length).with_context(context)?;
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        ensure!(is_fine, "{path} was answered with {}: {body}", line.trim());
        Ok(body)
    }

    fn read_chunk(&mut self, body: &mut Vec<u8>) -> anyhow::Result<usize> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let length =
            usize::from_str_radix(line.trim(), 16).context("read the length of a chunk")?;
        self.read_exactly(body, length)?;
        self.stream.read_line(&mut String::new())?;
        Ok(length)
    }

    fn read_exactly(&mut self, body: &mut Vec<u8>, length: usize) -> std::io::Result<()> {
        let begin = body.len();
        body.resize(begin + length, 0);
        self.stream.read_exact(&mut body[begin..])
    }
}

// Protocol buffers: a field is its number with its kind, then its content. Kind 0 is a varint, 1 eight bytes, 2 a length and bytes
// (protobuf.dev, "Encoding"; prometheus/prompb/remote.proto and types.proto).

fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn put_bytes(bytes: &mut Vec<u8>, field: u8, content: &[u8]) {
    bytes.push(field << 3 | 2);
    put_varint(bytes, content.len() as u64);
    bytes.extend_from_slice(content);
}

/// The labels of a `TimeSeries`, field 1.
pub(super) fn encode_labels(pairs: &[(String, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in pairs {
        let mut label = Vec::new();
        put_bytes(&mut label, 1, name.as_bytes());
        put_bytes(&mut label, 2, value.as_bytes());
        put_bytes(&mut bytes, 1, &label);
    }
    bytes
}

/// A `WriteRequest`: each series with its samples of these ticks.
pub(super) fn write_request(labels: &[Vec<u8>], ticks: &[Tick]) -> Vec<u8> {
    let (mut bytes, mut series, mut sample) = (Vec::new(), Vec::new(), Vec::new());
    for (index, labels) in labels.iter().enumerate() {
        series.clear();
        series.extend_from_slice(labels);
        for tick in ticks {
            let (at_ms, value) = tick[index];
            sample.clear();
            sample.push(1 << 3 | 1);
            sample.extend_from_slice(&value.to_le_bytes());
            sample.push(2 << 3);
            put_varint(&mut sample, at_ms.cast_unsigned());
            put_bytes(&mut series, 2, &sample);
        }
        put_bytes(&mut bytes, 1, &series);
    }
    bytes
}

/// Snappy of literals only (google/snappy, format_description.txt).
pub(super) fn as_snappy(plain: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(plain.len() + plain.len() / 1000 + 16);
    put_varint(&mut bytes, plain.len() as u64);
    for literal in plain.chunks(1 << 16) {
        let length =
            u16::try_from(literal.len() - 1).expect("invariant: chunks are as long at most");
        bytes.push(61 << 2);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(literal);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_the_formats_say() {
        let labels = encode_labels(&[("a".to_owned(), "b".to_owned())]);
        let request = write_request(&[labels], &[vec![(300, 1.0)]]);
        let value = 1.0f64.to_le_bytes();
        let mut expect =
            vec![0x0a, 8 + 2 + 12, 0x0a, 6, 0x0a, 1, b'a', 0x12, 1, b'b', 0x12, 12, 0x09];
        expect.extend(value);
        expect.extend([0x10, 0xac, 0x02]);
        assert_eq!(request, expect);
        assert_eq!(as_snappy(b"abc"), [3, 61 << 2, 2, 0, b'a', b'b', b'c']);
    }
}
