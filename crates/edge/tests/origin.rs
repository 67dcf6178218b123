//! An origin that answers as a test scripts it, byte by byte, and remembers what it was sent.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// One request as the origin got it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Request line and headers, as sent.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The values of a header, its name given in lower case.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let field = |line: &'_ str| -> Option<(String, usize)> {
            let colon = line.find(':')?;
            Some((line[..colon].to_ascii_lowercase(), colon))
        };
        let lines = self.head.lines().skip(1);
        lines
            .filter_map(|line| {
                field(line).filter(|(known, _)| known == name).map(|(_, at)| &line[at + 1..])
            })
            .map(str::trim)
            .collect()
    }
}

/// What the origin does with a request.
pub(crate) enum Reply {
    /// Sends these bytes and goes on.
    Send(Vec<u8>),
    /// Sends these bytes and closes.
    Last(Vec<u8>),
    /// Sends these bytes, then echoes whatever comes.
    Echo(Vec<u8>),
    /// Says nothing more, for ever.
    Silence,
}

/// A whole 200 with this body and these header lines (each ended by CRLF).
pub(crate) fn ok(headers: &str, body: &str) -> Reply {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{headers}\r\n");
    Reply::Send([head.as_bytes(), body.as_bytes()].concat())
}

/// Answers `/health` well and everything else by its script. Gone when dropped.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Origin {
    pub(crate) async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), script).await
    }

    pub(crate) async fn start_at(
        address: SocketAddr,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(script);
        let log = asked.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, script.clone(), log.clone()));
            }
        });
        Self { address, asked, task }
    }

    /// All requests but health checks, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Returns when nobody listens any more: what comes now is refused, and never half taken.
    pub(crate) async fn end(mut self) {
        self.task.abort();
        let ended = (&mut self.task).await;
        assert!(ended.unwrap_err().is_cancelled());
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    script: Arc<impl Fn(&Asked) -> Reply>,
    log: Arc<Mutex<Vec<Asked>>>,
) {
    while let Some(asked) = read_request(&mut stream).await {
        if asked.line().starts_with("GET /health ") {
            let Reply::Send(bytes) = ok("", "well") else { unreachable!() };
            if stream.write_all(&bytes).await.is_err() {
                return;
            }
            continue;
        }
        let reply = script(&asked);
        log.lock().unwrap().push(asked);
        match reply {
            Reply::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Reply::Last(bytes) => {
                // The other side may be gone already; then there is nobody to tell.
                drop(stream.write_all(&bytes).await);
                return;
            }
            Reply::Echo(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await.unwrap();
                return;
            }
            Reply::Silence => std::future::pending().await,
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let mut asked = Asked { head: String::from_utf8(head).unwrap(), body: Vec::new() };
    let length = asked.all("content-length").first().map_or(0, |text| text.parse().unwrap());
    asked.body.resize(length, 0);
    stream.read_exact(&mut asked.body).await.ok()?;
    Some(asked)
}
