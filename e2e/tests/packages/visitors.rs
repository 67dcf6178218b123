//! A shop and its visitors inside a container's network: visitors come one after the other and note
//! whoever was turned away.

use anyhow::{Context as _, Result, bail, ensure};
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use testkit::{Network, wait_until};

/// Where the shop listens.
pub(super) const ORIGIN: &str = "127.0.0.1:3001";
const EDGE: &str = "127.0.0.1:80";
/// More than anything takes; a visitor who waits is served, and one who is turned away knows at once.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two visits, so that the machine has time for what is tested.
const PACE: Duration = Duration::from_millis(5);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: lamps.example\r\nconnection: close\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nlamp";

/// A shop that answers everything, until the test ends.
pub(super) fn open_shop(network: Network) {
    thread::spawn(move || {
        network.enter();
        let listener = TcpListener::bind(ORIGIN).expect("nobody else is in the container");
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
}

/// Whoever leaves before the answer is of no concern to a shop.
fn answer(mut stream: TcpStream) {
    let (mut head, mut bytes) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut bytes) {
            Ok(read @ 1..) => head.extend_from_slice(&bytes[..read]),
            _ => return,
        }
    }
    stream.write_all(ANSWER).ok();
}

/// One visit from outside the container.
pub(super) async fn visit(network: &Network) -> Result<()> {
    let network = network.again();
    let visited = tokio::task::spawn_blocking(move || {
        let visitor = thread::spawn(move || {
            network.enter();
            shop()
        });
        visitor.join()
    });
    visited.await?.unwrap_or_else(|_| bail!("a visitor panicked"))
}

/// Sees the shop once through the edge.
fn shop() -> Result<()> {
    let mut stream = TcpStream::connect(EDGE).context("connect")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST).context("send the request")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("read the answer")?;
    let is_whole = answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"lamp");
    ensure!(is_whole, "answered with {}", String::from_utf8_lossy(&answer));
    Ok(())
}

/// Visitors who come until they are told to leave.
pub(super) struct Visitors {
    served: Arc<AtomicUsize>,
    turned_away: Arc<Mutex<Vec<String>>>,
    leave: Sender<()>,
    thread: JoinHandle<()>,
}

impl Visitors {
    pub(super) fn come(network: Network) -> Self {
        let served = Arc::<AtomicUsize>::default();
        let turned_away = Arc::<Mutex<Vec<String>>>::default();
        let (leave, told) = mpsc::channel();
        let (count, note) = (served.clone(), turned_away.clone());
        let thread = thread::spawn(move || {
            network.enter();
            while told.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
                match shop() {
                    Ok(()) => {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) => {
                        let mut note = note.lock().unwrap_or_else(PoisonError::into_inner);
                        note.push(format!("{error:#}"));
                    }
                }
            }
        });
        Self { served, turned_away, leave, thread }
    }

    /// Waits until `more` were served, and no one was turned away until then.
    pub(super) async fn see(&self, more: usize) -> Result<()> {
        let before = self.served.load(Ordering::Relaxed);
        wait_until("visitors to be served", PATIENCE, async || {
            let now = self.served.load(Ordering::Relaxed);
            if now >= before + more { Ok(()) } else { Err(now) }
        })
        .await;
        self.check()
    }

    pub(super) fn leave(self) -> Result<()> {
        self.check()?;
        drop(self.leave);
        let served = self.served.load(Ordering::Relaxed);
        println!("{served} visitors served, none turned away");
        self.thread.join().map_err(|_| anyhow::anyhow!("the visitors panicked"))
    }

    fn check(&self) -> Result<()> {
        let turned_away = self.turned_away.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(turned_away.is_empty(), "turned away: {turned_away:?}");
        Ok(())
    }
}
