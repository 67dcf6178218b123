//! A whole Storewarden with shops that nobody serves, to ask its control and to see what that needs.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::super::cost::Family;
use crate::process::{self, Running};
use crate::workspace::Workspace;

const START_LIMIT: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Storewarden, up.
#[derive(Debug)]
pub(super) struct Storewarden {
    process: Running,
    state: PathBuf,
    pub(super) edge: SocketAddr,
    control: SocketAddr,
}

impl Storewarden {
    /// Starts it with so many shops, each with one instance at `origin`'s port on an address of its own.
    pub(super) fn start(
        workspace: &Workspace,
        scratch: &Path,
        shops: usize,
        origin: u16,
    ) -> anyhow::Result<Self> {
        let (edge, control) = (free_address()?, free_address()?);
        let mut text = format!(
            "version = 1\n[edge]\nlisten = [\"http://{edge}\"]\n[control]\nlisten = \"{control}\"\n"
        );
        for shop in 0..shops {
            let (third, fourth) = (shop / 250, shop % 250 + 1);
            writeln!(
                text,
                "[shop.shop-{shop}]\nplatform = \"generic\"\nhosts = [\"{}\"]\n\
                 app = [\"127.1.{third}.{fourth}:{origin}\"]\ncheck = {{ interval = \"30s\" }}",
                host(shop)
            )
            .context("write a shop")?;
        }
        let file = scratch.join("storewarden.toml");
        std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        let state = scratch.join("state");
        let log = std::fs::File::create(scratch.join("storewarden.log")).context("make a log")?;
        let mut command = process::command(workspace.program("release", "storewarden"), &["up"]);
        command.arg("--config").arg(&file).arg("--state").arg(&state);
        command.stdout(log.try_clone().context("share the log")?).stderr(log);
        let process = Running::start("storewarden", &mut command)?;
        let mut storewarden = Self { process, state, edge, control };
        storewarden.wait_until_ready()?;
        Ok(storewarden)
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let control = self.control;
        let answers = || get(control, "/api/v1/health", "").ok().map(drop);
        self.process.wait_until("the first answer", START_LIMIT, answers)
    }

    /// How long an answer of the API took, from the connection to its last byte.
    pub(super) fn ask(&self, path: &str) -> anyhow::Result<Duration> {
        let token =
            std::fs::read_to_string(self.state.join("api-token")).context("read the token")?;
        let credentials = format!("authorization: Bearer {}\r\n", token.trim());
        let begun = Instant::now();
        get(self.control, &format!("/api/v1{path}"), &credentials)?;
        Ok(begun.elapsed())
    }

    /// Memory of control, with what it shares divided among those that share it.
    pub(super) fn memory_of_control(&self) -> anyhow::Result<u64> {
        let pid = std::fs::read_to_string(self.state.join("control.pid"))
            .context("read the pid of control")?;
        let pid = pid.trim().parse().context("understand the pid of control")?;
        Family::of(pid)?.memory_bytes()
    }

    /// How many series the metrics store knows: the frames of its catalog (docs/formats/series.md).
    pub(super) fn series(&self) -> anyhow::Result<usize> {
        const FRAME: &[u8] = b"SWf\x01";
        let catalog =
            std::fs::read(self.state.join("series/catalog")).context("read the catalog")?;
        Ok(catalog.windows(FRAME.len()).filter(|bytes| *bytes == FRAME).count())
    }

    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.process.stop()
    }
}

/// By which visitors know a shop.
pub(super) fn host(shop: usize) -> String {
    format!("shop-{shop}.test")
}

/// One request and its whole answer, which must be 200.
fn get(address: SocketAddr, path: &str, more: &str) -> anyhow::Result<()> {
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
    stream.set_read_timeout(Some(ANSWER_LIMIT)).context("limit the wait")?;
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{more}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).with_context(|| format!("ask for {path}"))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(|| format!("read the answer of {path}"))?;
    let is_fine = answer.starts_with(b"HTTP/1.1 200 ");
    ensure!(is_fine, "{path}: {}", String::from_utf8_lossy(&answer[..answer.len().min(200)]));
    Ok(())
}

/// A port that was free a moment ago.
fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    listener.local_addr().context("read the free port")
}
