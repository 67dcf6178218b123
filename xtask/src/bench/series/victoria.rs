//! VictoriaMetrics as the other contender, fed by remote write: of its ways in, the one that costs it least for what comes tick by tick.
//!
//! The body is snappy without any compression, which costs it least again: it only copies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::super::cost::Family;
use super::super::machine::Cores;
use super::recording::{Recording, Tick};
use super::{Spent, folder_bytes};
use crate::process::{self, Running};

const START: Duration = Duration::from_secs(20);
const MERGE: Duration = Duration::from_secs(120);

pub(super) fn measure(
    folder: &Path,
    recording: &Recording,
    ticks_at_once: u32,
    cores: &Cores,
) -> anyhow::Result<Spent> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    let address = listener.local_addr().context("read the free port")?;
    drop(listener);
    let mut command = process::command("taskset", &["-c", &cores.proxy, "victoria-metrics"]);
    command
        .arg(format!("-storageDataPath={}", folder.display()))
        .arg(format!("-httpListenAddr={address}"))
        // Connections end after two minutes otherwise, in the middle of a round.
        .args(["-retentionPeriod=12", "-loggerLevel=ERROR", "-http.connTimeout=1h"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut running = Running::start("VictoriaMetrics", &mut command)?;
    let mut connection =
        running.wait_until("it answers", START, || Connection::open(address).ok())?;
    connection.get("/health")?;
    let family = Family::of(running.pid())?;
    let before = family.processor_time()?;
    let (samples, end_ms) = feed(&mut connection, recording, ticks_at_once)?;
    let memory_bytes = family.memory_bytes()?;
    connection.get("/internal/force_flush")?;
    connection.get("/internal/force_merge")?;
    await_merges(&mut connection)?;
    let seconds = (family.processor_time()? - before).as_secs_f64();
    let read_seconds = read(&mut connection, recording, end_ms)?;
    running.stop()?;
    let raw_bytes = folder_bytes(&folder.join("data"))?;
    let all_bytes = folder_bytes(folder)?;
    Ok(Spent { samples, seconds, raw_bytes, all_bytes, memory_bytes, read_seconds })
}

/// Sends everything; how many samples that were, and when the last was taken.
fn feed(
    connection: &mut Connection,
    recording: &Recording,
    ticks_at_once: u32,
) -> anyhow::Result<(u64, i64)> {
    let labels: Vec<Vec<u8>> = recording.labels.iter().map(|pairs| encode_labels(pairs)).collect();
    let (mut samples, mut end_ms) = (0, 0);
    let mut ticks = recording.ticks()?.peekable();
    while ticks.peek().is_some() {
        let together: Vec<Tick> = ticks
            .by_ref()
            .take(ticks_at_once as usize)
            .collect::<Result<_, _>>()
            .context("read the recording")?;
        samples += together.iter().map(|tick| tick.len() as u64).sum::<u64>();
        let times = together.iter().flatten().map(|(at_ms, _)| *at_ms);
        end_ms = times.max().unwrap_or(end_ms).max(end_ms);
        connection.post("/api/v1/write", &as_snappy(&write_request(&labels, &together)))?;
    }
    Ok((samples, end_ms))
}

/// One reading of 500 series over everything: the sum of their increases.
fn read(connection: &mut Connection, recording: &Recording, end_ms: i64) -> anyhow::Result<f64> {
    let seconds = i64::from(recording.ticks) * 5;
    let query =
        format!("sum(increase(%7B__name__%3D~%22shop_metric_%5B0-9%5D%22%7D%5B{seconds}s%5D))");
    let begun = Instant::now();
    let answer = connection
        .get(&format!("/api/v1/query?nocache=1&time={}&query={query}", end_ms / 1000 + 1))?;
    let spent = begun.elapsed().as_secs_f64();
    ensure!(answer.contains("\"value\""), "the sum of increases is missing: {answer}");
    Ok(spent)
}

/// Waits until it neither merges nor has anything left to.
fn await_merges(connection: &mut Connection) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut quiet = 0;
    while quiet < 20 {
        let metrics = connection.get("/metrics")?;
        let is_merging = metrics
            .lines()
            .filter(|line| {
                line.starts_with("vm_active_merges") || line.starts_with("vm_active_force_merges")
            })
            .any(|line| !line.ends_with(" 0"));
        quiet = if is_merging { 0 } else { quiet + 1 };
        ensure!(begun.elapsed() < MERGE, "it merges for more than {} s", MERGE.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A connection that is kept.
#[derive(Debug)]
struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(MERGE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    fn get(&mut self, path: &str) -> anyhow::Result<String> {
        self.exchange(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes(), path)
    }

    fn post(&mut self, path: &str, body: &[u8]) -> anyhow::Result<String> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: snappy\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.exchange(&[head.as_bytes(), body].concat(), path)
    }

    fn exchange(&mut self, request: &[u8], path: &str) -> anyhow::Result<String> {
        let context = || format!("ask VictoriaMetrics for {path}");
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
        ensure!(is_fine, "VictoriaMetrics answered {path} with {}: {body}", line.trim());
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
fn encode_labels(pairs: &[(String, String)]) -> Vec<u8> {
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
fn write_request(labels: &[Vec<u8>], ticks: &[Tick]) -> Vec<u8> {
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
fn as_snappy(plain: &[u8]) -> Vec<u8> {
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
