//! A shop server, a Storewarden in front of it, and visitors who notice everything.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use testkit::{
    Answer,
    process::{Process, Signal, Spawn, exists},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinHandle,
};

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A shop that answers `hello` to everything, and to `/slow` only once it is allowed to.
pub(crate) struct Shop {
    address: SocketAddr,
    slow_begun: Arc<Notify>,
    slow_may_end: Arc<Notify>,
}

impl Shop {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shop = Self {
            address: listener.local_addr().unwrap(),
            slow_begun: Arc::default(),
            slow_may_end: Arc::default(),
        };
        let (begun, may_end) = (Arc::clone(&shop.slow_begun), Arc::clone(&shop.slow_may_end));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&begun), Arc::clone(&may_end)));
            }
        });
        shop
    }
}

async fn serve(stream: TcpStream, slow_begun: Arc<Notify>, slow_may_end: Arc<Notify>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let mut is_slow = false;
    while let Ok(1..) = stream.read_line(&mut line).await {
        is_slow |= line.starts_with("GET /slow ");
        if line == "\r\n" {
            if std::mem::take(&mut is_slow) {
                slow_begun.notify_one();
                slow_may_end.notified().await;
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
        line.clear();
    }
}

/// A folder with a configuration for one shop, and the program started on it.
pub(crate) struct Stand {
    pub(crate) shop: Shop,
    pub(crate) edge: SocketAddr,
    pub(crate) control: SocketAddr,
    pub(crate) folder: TempDir,
    /// The supervisor; `None` while there is none.
    pub(crate) supervisor: Option<Process>,
}

impl Stand {
    /// Starts all and waits until the shop answers through it.
    pub(crate) async fn up() -> Self {
        Self::up_with("", &[]).await
    }

    /// The same, with more said of the shop, and with these variables for the program.
    pub(crate) async fn up_with(shop: &str, environment: &[(&str, &str)]) -> Self {
        let mut stand = Self {
            shop: Shop::start().await,
            edge: testkit::free_port(),
            control: testkit::free_port(),
            folder: testkit::folder(),
            supervisor: None,
        };
        stand.configure(&[stand.edge]);
        let text = fs::read_to_string(stand.config()).unwrap();
        fs::write(stand.config(), text + shop).unwrap();
        stand.start_with(environment);
        stand.until_served(stand.edge).await;
        stand
    }

    pub(crate) fn configure(&self, listen: &[SocketAddr]) {
        let listen: Vec<String> = listen.iter().map(|at| format!("\"http://{at}\"")).collect();
        let text = format!(
            "version = 1\n[edge]\nlisten = [{}]\nworkers = 2\ndrain = \"20s\"\n\
             [control]\nlisten = \"{}\"\n[shop.a]\nplatform = \"generic\"\nhosts = [\"*\"]\n\
             app = [\"{}\"]\n",
            listen.join(", "),
            self.control,
            self.shop.address,
        );
        fs::write(self.config(), text).unwrap();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("storewarden.toml")
    }

    pub(crate) fn start(&mut self) {
        self.start_with(&[]);
    }

    pub(crate) fn start_with(&mut self, environment: &[(&str, &str)]) {
        let spawn = program().args(["up", "--config"]).arg(self.config());
        let spawn = environment.iter().fold(spawn, |spawn, (name, value)| spawn.env(name, value));
        let state = self.folder.path().join("state");
        let spawn = spawn.arg("--state").arg(state).output_to(self.log_file());
        self.supervisor = Some(spawn.start().unwrap());
    }

    pub(crate) fn supervisor(&mut self) -> &mut Process {
        self.supervisor.as_mut().expect("a supervisor runs")
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        self.supervisor().signal(signal).unwrap();
    }

    pub(crate) async fn until_served(&self, address: SocketAddr) {
        testkit::wait_until("the shop's answer", LIMIT, async || match get(address, "/").await {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err((other, self.log())),
        })
        .await;
    }

    /// What a pid file says.
    pub(crate) fn pid(&self, name: &str) -> u32 {
        let path = self.folder.path().join("state").join(format!("{name}.pid"));
        fs::read_to_string(path).unwrap().trim().parse().unwrap()
    }

    /// Waits until a pid file names another process than `old`.
    pub(crate) async fn until_replaced(&self, name: &str, old: u32) -> u32 {
        testkit::wait_until(&format!("another {name}"), LIMIT, async || {
            let now = self.pid(name);
            if now == old { Err(self.log()) } else { Ok(now) }
        })
        .await
    }

    pub(crate) async fn until_gone(&self, pid: u32) {
        testkit::wait_until(&format!("the end of process {pid}"), LIMIT, async || {
            if exists(pid) { Err(self.log()) } else { Ok(()) }
        })
        .await;
    }

    /// Waits until the log has a text.
    pub(crate) async fn until_logged(&self, text: &str) {
        testkit::wait_until(&format!("`{text}` in the log"), LIMIT, async || {
            let log = self.log();
            if log.contains(text) { Ok(()) } else { Err(log) }
        })
        .await;
    }

    /// Begins a request that the shop answers only with [`Stand::end_slow_request`].
    pub(crate) async fn begin_slow_request(&self) -> JoinHandle<std::io::Result<Answer>> {
        let edge = self.edge;
        let request = tokio::spawn(async move { get(edge, "/slow").await });
        self.shop.slow_begun.notified().await;
        request
    }

    pub(crate) fn end_slow_request(&self) {
        self.shop.slow_may_end.notify_one();
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Some(supervisor) = &mut self.supervisor {
            supervisor.end_now(Signal::Terminate, Duration::from_secs(10));
        }
        // What a test that failed left behind.
        for name in ["edge", "control"] {
            let path = self.folder.path().join("state").join(format!("{name}.pid"));
            let pid = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
            if let Some(pid) = pid {
                let _ = testkit::process::signal(pid, Signal::Kill);
            }
        }
    }
}

pub(crate) fn program() -> Spawn {
    Spawn::new(env!("CARGO_BIN_EXE_storewarden"))
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> std::io::Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    testkit::exchange(address, request, LIMIT).await
}

/// Visitors who ask for a page again and again, each time on a new connection.
pub(crate) struct Visitors {
    served: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<Vec<String>>>,
}

impl Visitors {
    pub(crate) fn come(address: SocketAddr) -> Self {
        let served = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = watch::channel(false);
        let visit = |_| {
            let (served, stopped) = (Arc::clone(&served), stopped.clone());
            tokio::spawn(async move {
                let mut troubles = Vec::new();
                while !*stopped.borrow() {
                    match get(address, "/").await {
                        Ok(answer) if answer.body == b"hello" => {
                            served.fetch_add(1, Ordering::Relaxed);
                        }
                        other => troubles.push(format!("{other:?}")),
                    }
                }
                troubles
            })
        };
        let tasks = (0..4).map(visit).collect();
        Self { served, stop, tasks }
    }

    /// Waits until this many more were served.
    pub(crate) async fn until_served(&self, more: u64) {
        let from = self.served.load(Ordering::Relaxed);
        testkit::wait_until("visitors", LIMIT, async || {
            let served = self.served.load(Ordering::Relaxed) - from;
            if served >= more { Ok(()) } else { Err(served) }
        })
        .await;
    }

    /// Ends the visits; every one of them must have been served.
    pub(crate) async fn were_all_served(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            let troubles = task.await.unwrap();
            assert!(troubles.is_empty(), "{} troubles: {troubles:#?}", troubles.len());
        }
    }
}
