//! Who takes the samples and answers: each started alone on one core, fed over one connection, asked, and ended.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::super::cost::Family;
use super::super::machine::Cores;
use super::super::remote::Connection;
use super::super::series::{folder_bytes, recording::Recording, victoria};
use super::{ASKED, QUERIES};
use crate::process::{self, Running};
use crate::workspace::Workspace;

const START: Duration = Duration::from_secs(30);
/// Every tick by itself, as samples come in life.
const TICKS_AT_ONCE: u32 = 1;
/// How often each query is asked, after once for nothing.
const ASKINGS: u32 = 5;
const HOUR_S: i64 = 3_600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    Victoria,
    Prometheus,
    Ours,
}

/// What one of them spent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    samples: f64,
    seconds: f64,
    /// A sample, on disk.
    pub(super) bytes: f64,
    pub(super) memory: f64,
    /// Seconds of processor time of one asking each.
    pub(super) queries: [f64; QUERIES.len()],
}

/// One that runs.
struct Started {
    running: Running,
    connection: Connection,
    family: Family,
    /// Before `/api/v1`.
    prefix: &'static str,
}

impl Spent {
    pub(super) fn rate(&self) -> f64 {
        self.samples / self.seconds
    }

    pub(super) fn text(&self) -> String {
        let queries: Vec<String> =
            self.queries.iter().map(|seconds| format!("{:.0} ms", seconds * 1e3)).collect();
        format!(
            "{:.2} M samples a second, {:.2} bytes, {:.0} MB, {}",
            self.rate() / 1e6,
            self.bytes,
            self.memory / 1e6,
            queries.join(", ")
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of samples and bytes are far below 2⁵²")]
fn float(number: u64) -> f64 {
    number as f64
}

impl Contender {
    pub(super) const ALL: [Self; 3] = [Self::Victoria, Self::Prometheus, Self::Ours];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Victoria => "VictoriaMetrics",
            Self::Prometheus => "Prometheus",
            Self::Ours => "Storewarden",
        }
    }

    pub(super) fn measure(
        self,
        workspace: &Workspace,
        folder: &Path,
        recording: &Recording,
        cores: &Cores,
    ) -> anyhow::Result<Spent> {
        let mut started = match self {
            Self::Victoria => {
                let (running, connection) = victoria::start(folder, cores)?;
                let family = Family::of(running.pid())?;
                Started { running, connection, family, prefix: "" }
            }
            Self::Prometheus => prometheus(folder, cores)?,
            Self::Ours => ours(workspace, folder, cores)?,
        };
        let before = started.family.processor_time()?;
        let path = format!("{}/api/v1/write", started.prefix);
        let (samples, end_ms) =
            victoria::feed(&mut started.connection, &path, recording, TICKS_AT_ONCE)?;
        if self == Self::Victoria {
            victoria::merge(&mut started.connection)?;
        }
        let mut seconds = (started.family.processor_time()? - before).as_secs_f64();
        let memory = started.family.memory_bytes()?;
        let mut queries = [0.0; QUERIES.len()];
        for (spent, query) in queries.iter_mut().zip(QUERIES) {
            *spent = started.ask(&query.replace("ASKED", ASKED), end_ms)?;
        }
        started.running.stop()?;
        let bytes = match self {
            Self::Victoria | Self::Prometheus => folder_bytes(folder)?,
            Self::Ours => {
                let store = folder.join("state/series");
                seconds += condense(workspace, &store)?;
                folder_bytes(&store)?
            }
        };
        let (samples, bytes) = (float(samples), float(bytes));
        Ok(Spent { samples, seconds, bytes: bytes / samples, memory: float(memory), queries })
    }
}

impl Started {
    /// Seconds of processor time that one asking takes.
    fn ask(&mut self, query: &str, end_ms: i64) -> anyhow::Result<f64> {
        let end_s = end_ms / 1_000;
        let begin_s = end_s - HOUR_S;
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!(
            "{}/api/v1/query_range?query={encoded}&start={begin_s}&end={end_s}&step=20&nocache=1",
            self.prefix
        );
        let answer = self.connection.get(&path)?;
        ensure!(answer.contains("\"values\""), "there is no answer: {answer}");
        let before = self.family.processor_time()?;
        for _ in 0..ASKINGS {
            self.connection.get(&path)?;
        }
        Ok((self.family.processor_time()? - before).as_secs_f64() / f64::from(ASKINGS))
    }
}

fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    listener.local_addr().context("read the free port")
}

fn prometheus(folder: &Path, cores: &Cores) -> anyhow::Result<Started> {
    let address = free_address()?;
    let file = folder.join("prometheus.yml");
    std::fs::write(&file, "global: {}\n").with_context(|| format!("write {}", file.display()))?;
    let mut command = process::command("taskset", &["-c", &cores.proxy, "prometheus"]);
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .args(["--web.enable-remote-write-receiver", "--log.level=error"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut running = Running::start("Prometheus", &mut command)?;
    let connection = running.wait_until("it answers", START, || {
        let mut connection = Connection::open(address, "").ok()?;
        connection.get("/-/ready").ok()?;
        Some(connection)
    })?;
    let family = Family::of(running.pid())?;
    Ok(Started { running, connection, family, prefix: "" })
}

/// All of Storewarden with a shop that nobody visits; what counts is its control.
fn ours(workspace: &Workspace, folder: &Path, cores: &Cores) -> anyhow::Result<Started> {
    let (edge, control) = (free_address()?, free_address()?);
    let file = folder.join("storewarden.toml");
    let text = format!(
        "version = 1\n[edge]\nlisten = [\"http://{edge}\"]\n[control]\nlisten = \"{control}\"\n\
         [shop.lamps]\nplatform = \"generic\"\nhosts = [\"lamps.test\"]\napp = [\"127.1.0.1:9\"]\n"
    );
    std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
    let state = folder.join("state");
    let log = std::fs::File::create(folder.join("storewarden.log")).context("make a log")?;
    let program = workspace.program("release", "storewarden");
    let mut command = process::command("taskset", &["-c", &cores.proxy]);
    command.arg(program).arg("up").arg("--config").arg(&file).arg("--state").arg(&state);
    command.stdout(log.try_clone().context("share the log")?).stderr(log);
    let mut running = Running::start("storewarden", &mut command)?;
    let connection = running.wait_until("it answers", START, || {
        let token = std::fs::read_to_string(state.join("api-token")).ok()?;
        let more = format!("Authorization: Bearer {}\r\n", token.trim());
        let mut connection = Connection::open(control, &more).ok()?;
        connection.get("/api/v1/health").ok()?;
        Some(connection)
    })?;
    let pid = std::fs::read_to_string(state.join("control.pid")).context("read control's pid")?;
    let family = Family::of(pid.trim().parse().context("understand control's pid")?)?;
    Ok(Started { running, connection, family, prefix: "/prometheus" })
}

/// Merges what is there as time would; the seconds of processor time that it took.
fn condense(workspace: &Workspace, store: &Path) -> anyhow::Result<f64> {
    let mut command = process::command(workspace.program("release", "examples/condense"), &[]);
    let told = process::output(command.arg(store))?;
    told.trim().parse().with_context(|| format!("understand what condensing told: {told}"))
}
