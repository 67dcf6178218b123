//! A server that says what a test tells it to.

use collect::{CollectError, Collector, Place, Target};
use kernel::readings::Readings;
use outbound::http::{Client, ClientOptions};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

/// Long enough for a machine under load.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Answers every connection.
pub(crate) struct Server {
    pub(crate) address: String,
    serving: JoinHandle<()>,
}

impl Server {
    /// Each time the bytes that came so far make `answer` say something, that is sent; `None` goes on listening.
    /// A connection ends behind its first answer that is the `last` one.
    pub(crate) async fn start(
        answer: impl Fn(&[u8]) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answer = Arc::new(answer);
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    let mut heard = Vec::new();
                    while stream.read_buf(&mut heard).await.is_ok_and(|length| length > 0) {
                        let Some(answer) = answer(&heard) else { continue };
                        heard.clear();
                        // Who asked may be gone.
                        let mut sent = stream.write_all(&answer.bytes).await;
                        while answer.again && sent.is_ok() {
                            sent = stream.write_all(&answer.bytes).await;
                        }
                        if answer.last || sent.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { address, serving }
    }

    pub(crate) fn place(&self) -> Place {
        Place::Tcp(self.address.clone())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    /// Without end.
    pub(crate) again: bool,
    pub(crate) last: bool,
}

impl Answer {
    pub(crate) fn of(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        Some(Self { bytes: bytes.into(), again: false, last: false })
    }

    pub(crate) fn last(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        Some(Self { bytes: bytes.into(), again: false, last: true })
    }

    pub(crate) fn endless(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        Some(Self { bytes: bytes.into(), again: true, last: true })
    }

    pub(crate) fn http(status: &str, body: &str) -> Option<Self> {
        Self::of(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    }
}

/// What was recorded of a real server.
pub(crate) fn recorded(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn collector(target: Target) -> Collector {
    Collector::new(target, Client::new(&ClientOptions::default()).unwrap())
}

/// What is said now; all of it is documented.
pub(crate) async fn told(collector: &mut Collector) -> (Result<(), CollectError>, Readings) {
    told_within(collector, DEADLINE).await
}

pub(crate) async fn told_within(
    collector: &mut Collector,
    deadline: Duration,
) -> (Result<(), CollectError>, Readings) {
    let mut readings = Readings::new();
    let outcome = collector.collect(deadline, &mut readings).await;
    crate::document::check_readings(&readings);
    (outcome, readings)
}

/// Lines such as `redis_db_keys{db="db0"} 2`, the label `instance` left out: each must be there.
pub(crate) fn check(readings: &Readings, expect: &str) {
    let mut lines = Vec::new();
    readings.each(|reading| {
        assert!(reading.labels.iter().any(|(name, _)| *name == "instance"), "{reading:?}");
        let labels = reading.labels.iter().filter(|(name, _)| *name != "instance");
        let labels: Vec<_> = labels.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        lines.push(format!("{}{labels} {}", reading.name, reading.value));
    });
    for line in expect.lines().map(str::trim).filter(|line| !line.is_empty()) {
        assert!(lines.iter().any(|known| known == line), "no `{line}` in\n{}", lines.join("\n"));
    }
}
