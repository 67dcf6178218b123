//! Making requests: wrk for HTTP/1.1, h2load for HTTP/2, and a request of our own to see what is answered.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::machine::Cores;
use crate::process;

/// Keep-alive connections of every run.
pub(super) const CONNECTIONS: u32 = 64;

/// How requests are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Http1,
    Tls,
    Http2,
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Run {
    pub(super) requests: u64,
    pub(super) took: Duration,
}

impl Run {
    /// Requests a second.
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2⁵²")]
    pub(super) fn rate(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }
}

/// Makes about `requests` requests (wrk counts in whole seconds) and returns when all are answered.
///
/// # Errors
/// When any of them is answered with anything but 2xx, or broke.
pub(super) fn make(
    wire: Wire,
    url: &str,
    requests: u64,
    seconds: u64,
    cores: &Cores,
) -> anyhow::Result<Run> {
    let connections = CONNECTIONS.to_string();
    let mut command = process::command("taskset", &["-c", &cores.load]);
    match wire {
        Wire::Http1 | Wire::Tls => {
            command.args([
                "wrk",
                "-t1",
                "--timeout",
                "20s",
                "-c",
                &connections,
                "-d",
                &format!("{seconds}s"),
                url,
            ]);
            read_wrk(&process::output(&mut command)?).with_context(|| process::spelled(&command))
        }
        Wire::Http2 => {
            let requests = requests.to_string();
            // As many requests at once as over HTTP/1.1, four to a connection as a browser has them.
            let connections = (CONNECTIONS / 4).to_string();
            command.args(["h2load", "-t1", "-m4", "-c", &connections, "-n", &requests, url]);
            read_h2load(&process::output(&mut command)?).with_context(|| process::spelled(&command))
        }
    }
}

fn read_wrk(text: &str) -> anyhow::Result<Run> {
    for complaint in ["Socket errors:", "Non-2xx or 3xx responses:"] {
        let line = text.lines().find(|line| line.trim_start().starts_with(complaint));
        ensure!(line.is_none(), "{}", line.unwrap_or_default().trim());
    }
    let line = text
        .lines()
        .find(|line| line.contains(" requests in "))
        .context("wrk counted no requests")?;
    let mut words = line.split_whitespace();
    let requests = words.next().and_then(|word| word.parse().ok()).context("read wrk's count")?;
    let took = words
        .nth(2)
        .and_then(|word| seconds(word.trim_end_matches(',')))
        .context("read wrk's time")?;
    Ok(Run { requests, took })
}

fn read_h2load(text: &str) -> anyhow::Result<Run> {
    let line = |opening: &str| text.lines().find(|line| line.starts_with(opening));
    let count_before = |line: &str, word: &str| -> Option<u64> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.iter().position(|other| other.trim_end_matches(',') == word)?;
        words.get(at.checked_sub(1)?)?.parse().ok()
    };
    let requests = line("requests:").context("h2load counted no requests")?;
    let total = count_before(requests, "total").context("read h2load's count")?;
    let good = line("status codes:")
        .and_then(|line| count_before(line, "2xx"))
        .context("read h2load's statuses")?;
    ensure!(good == total, "h2load: only {good} of {total} requests were answered with 2xx");
    let finished = line("finished in ").context("h2load did not finish")?;
    let took =
        finished.split_whitespace().nth(2).and_then(|word| seconds(word.trim_end_matches(',')));
    Ok(Run { requests: total, took: took.context("read h2load's time")? })
}

/// `1.50s`, `980.12ms`, `1.02m`.
fn seconds(text: &str) -> Option<Duration> {
    let unit = text.find(|character: char| character.is_ascii_alphabetic())?;
    let number: f64 = text[..unit].parse().ok()?;
    let factor = match &text[unit..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    Some(Duration::from_secs_f64(number * factor))
}

/// An answer, as far as the measurement looks at it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body_bytes: usize,
    /// The mark that the origin put on it.
    pub(super) origin_request: Option<String>,
}

/// One request, the connection closed after it.
pub(super) fn ask(address: SocketAddr, path: &str) -> anyhow::Result<Answer> {
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .context("limit the wait for an answer")?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).with_context(|| format!("ask {address}"))?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).with_context(|| format!("read the answer of {address}"))?;
    read_answer(&bytes).with_context(|| format!("understand the answer of {address}"))
}

fn read_answer(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let origin_request = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("x-origin-request").then(|| value.trim().to_owned())
    });
    Some(Answer { status, body_bytes: bytes.len() - end - 4, origin_request })
}

/// Whether a program is there that makes requests of this kind: `-v` says its version.
pub(super) fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().next().unwrap_or("unknown").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRK: &str = "Running 4s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n  120345 requests in 4.01s, 1.20GB read\nRequests/sec:  30011.22\n";
    const H2LOAD: &str = "finished in 2.34s, 42735.04 req/s, 420.00MB/s\nrequests: 100000 total, 100000 started, 100000 done, 100000 succeeded, 0 failed, 0 errored, 0 timeout\nstatus codes: 100000 2xx, 0 3xx, 0 4xx, 0 5xx\n";

    #[test]
    fn counts_and_times_are_read() {
        assert_eq!(
            read_wrk(WRK).unwrap(),
            Run { requests: 120_345, took: Duration::from_millis(4010) }
        );
        assert_eq!(
            read_h2load(H2LOAD).unwrap(),
            Run { requests: 100_000, took: Duration::from_millis(2340) }
        );
    }

    #[test]
    fn a_run_with_a_bad_answer_is_no_measurement() {
        assert!(read_wrk(&format!("{WRK}  Non-2xx or 3xx responses: 3\n")).is_err());
        assert!(
            read_wrk(&format!("{WRK}  Socket errors: connect 0, read 3, write 0, timeout 0\n"))
                .is_err()
        );
        assert!(read_h2load(&H2LOAD.replace("100000 2xx, 0 3xx", "99999 2xx, 1 3xx")).is_err());
        assert!(read_wrk("").is_err());
    }

    #[test]
    fn an_answer_shows_whether_it_came_from_the_origin() {
        let answer = read_answer(b"HTTP/1.1 200 OK\r\nx-origin-request: abc\r\n\r\nbody").unwrap();
        assert_eq!(
            (answer.status, answer.body_bytes, answer.origin_request.as_deref()),
            (200, 4, Some("abc"))
        );
        assert!(read_answer(b"HTTP/1.1 200 OK\r\n").is_none());
    }
}
