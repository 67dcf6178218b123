//! What it costs to be there: ten thousand idle connections, twenty seconds without a visitor, the time to the first answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::contender::{Contender, Origin, Place, UNCACHED};
use super::report::median;
use crate::workspace::Workspace;

/// Keep-alive connections that wait.
pub(super) const CONNECTIONS: u32 = 10_000;
const IDLE: Duration = Duration::from_secs(20);
const STARTS: usize = 5;

/// What was found.
#[derive(Debug)]
pub(super) struct Rest {
    nginx: Memory,
    edge: Memory,
    /// Share of one core over the time without visitors.
    idle_share: f64,
    idle_bytes: u64,
    processes: usize,
    first_answer: Duration,
}

/// Memory without a connection, and with all of them.
#[derive(Debug, Clone, Copy)]
struct Memory {
    empty_bytes: u64,
    full_bytes: u64,
}

pub(super) fn measure(
    workspace: &Workspace,
    directory: &Path,
    origin: &Origin,
    place: &Place,
) -> anyhow::Result<Rest> {
    println!("\nat rest");
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(time_to_first_answer(workspace, directory, origin, place)?.as_secs_f64());
    }
    let first_answer = Duration::from_secs_f64(median(starts));
    println!("  first answer {} ms after the start", first_answer.as_millis());

    let edge = Contender::edge(workspace, directory, origin, place)?;
    let family = edge.family()?;
    let before = family.processor_time()?;
    std::thread::sleep(IDLE);
    let idle_share = (family.processor_time()? - before).as_secs_f64() / IDLE.as_secs_f64();
    let idle_bytes = family.memory_bytes()?;
    println!("  idle: {:.2} % of a core, {} MB", idle_share * 100.0, idle_bytes / 1_000_000);
    let edge_memory = fill_with_connections(&edge)?;
    edge.stop()?;
    let nginx = Contender::nginx("nginx", workspace, directory, origin, place)?;
    let nginx_memory = fill_with_connections(&nginx)?;
    nginx.stop()?;
    let processes = family.len();
    Ok(Rest {
        nginx: nginx_memory,
        edge: edge_memory,
        idle_share,
        idle_bytes,
        processes,
        first_answer,
    })
}

/// From the start of `up` with an empty state directory to the end of the first page.
fn time_to_first_answer(
    workspace: &Workspace,
    directory: &Path,
    origin: &Origin,
    place: &Place,
) -> anyhow::Result<Duration> {
    let state = directory.join("storewarden/state");
    if state.exists() {
        std::fs::remove_dir_all(&state).with_context(|| format!("remove {}", state.display()))?;
    }
    let started = Instant::now();
    let mut edge = Contender::start_edge(workspace, directory, origin, place)?;
    edge.wait_for_answer()?;
    let took = started.elapsed();
    edge.stop()?;
    Ok(took)
}

/// Every connection has asked once and been answered, so that it is a visitor's who reads the page.
fn fill_with_connections(contender: &Contender) -> anyhow::Result<Memory> {
    let family = contender.family()?;
    let empty_bytes = family.memory_bytes()?;
    let mut connections = Vec::new();
    for number in 0..CONNECTIONS {
        let opened = open(contender.plain())
            .with_context(|| format!("open idle connection {number} to {}", contender.name))?;
        connections.push(opened);
    }
    let full_bytes = family.memory_bytes()?;
    for connection in &mut connections[..10] {
        exchange(connection)
            .with_context(|| format!("ask {} on a connection that idled", contender.name))?;
    }
    println!("  {}: {} MB with {CONNECTIONS} connections", contender.name, full_bytes / 1_000_000);
    Ok(Memory { empty_bytes, full_bytes })
}

fn open(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).context("connect")?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).context("limit the wait")?;
    exchange(&mut stream)?;
    Ok(stream)
}

/// One request and its whole answer; the connection stays.
fn exchange(stream: &mut TcpStream) -> anyhow::Result<()> {
    let request = format!("GET {UNCACHED} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).context("ask")?;
    let mut answer = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let length = stream.read(&mut piece).context("read the answer")?;
        ensure!(length > 0, "the connection was closed before its answer was whole");
        answer.extend_from_slice(&piece[..length]);
        if is_whole(&answer)? {
            return Ok(());
        }
    }
}

fn is_whole(answer: &[u8]) -> anyhow::Result<bool> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(false);
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    ensure!(
        head.starts_with("http/1.1 200"),
        "answered with {}",
        head.lines().next().unwrap_or_default()
    );
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    Ok(answer.len() >= end + 4 + length.context("the answer has no length")?)
}

impl Memory {
    fn row(self, name: &str) -> String {
        let megabytes = |bytes: u64| format!("{:.1} MB", bytes_to_f64(bytes) / 1e6);
        let each = bytes_to_f64(self.full_bytes.saturating_sub(self.empty_bytes))
            / f64::from(CONNECTIONS)
            / 1e3;
        format!(
            "| {name} | {} | {} | {each:.1} KB |\n",
            megabytes(self.empty_bytes),
            megabytes(self.full_bytes)
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "amounts of memory are far below 2⁵²")]
fn bytes_to_f64(bytes: u64) -> f64 {
    bytes as f64
}

impl Rest {
    pub(super) fn text(&self) -> String {
        let kept = |is_kept: bool| if is_kept { "kept" } else { "**missed**" };
        let idle_megabytes = bytes_to_f64(self.idle_bytes) / 1e6;
        let mut text = format!(
            "Memory (PSS, all processes of each) with {CONNECTIONS} idle keep-alive connections:\n\n| | none | with all | each |\n|---|---:|---:|---:|\n"
        );
        text += &self.nginx.row("nginx");
        text += &self.edge.row("Storewarden");
        text += "\n| Storewarden by itself | measured | at most |\n|---|---:|---:|\n";
        text += &format!(
            "| processor, {} processes, {} s without a visitor | {:.2} % of a core | 0.5 %, {} |\n",
            self.processes,
            IDLE.as_secs(),
            self.idle_share * 100.0,
            kept(self.idle_share < 0.005)
        );
        text += &format!(
            "| memory then (PSS) | {idle_megabytes:.1} MB | 60 MB, {} |\n",
            kept(idle_megabytes < 60.0)
        );
        text += &format!(
            "| from the start of `up` to the end of the first page | {} ms | 1000 ms, {} |\n",
            self.first_answer.as_millis(),
            kept(self.first_answer < Duration::from_secs(1))
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
        assert!(is_whole(answer).unwrap());
        assert!(!is_whole(&answer[..answer.len() - 1]).unwrap());
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\n").unwrap());
        assert!(is_whole(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").is_err());
        assert!(is_whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
