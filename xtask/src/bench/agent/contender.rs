//! Who watches a machine every second: each started alone on one core, left to itself, and ended.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};

use super::super::cost::Family;
use super::super::machine::Cores;
use super::super::remote::{Connection, as_snappy, encode_labels, write_request};
use crate::process::{self, Running};
use crate::workspace::Workspace;

const START: Duration = Duration::from_secs(60);
/// Before it is measured: what is done once at the start does not count.
const SETTLE: Duration = Duration::from_secs(25);
const MEASURED: Duration = Duration::from_secs(45);
/// Series of others that control takes, and how many a request brings.
const SERIES: usize = 200_000;
const AT_ONCE: usize = 10_000;
const TICKS: i64 = 6;
const STEP_MS: i64 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    Ours,
    Prometheus,
    Netdata,
}

/// What watching costs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    /// Of a core.
    pub(super) share: f64,
    /// Bytes (PSS), at the end.
    pub(super) memory: f64,
}

/// Control with all that it takes of others.
#[derive(Debug)]
pub(super) struct Full {
    pub(super) series: usize,
    /// Bytes (PSS).
    pub(super) memory: f64,
}

impl Cost {
    pub(super) fn text(&self) -> String {
        format!("{:.2} % of a core, {:.0} MB", self.share * 100.0, self.memory / 1e6)
    }

    /// Of these programs together, from now on.
    fn of(all: &[&Running]) -> anyhow::Result<Self> {
        std::thread::sleep(SETTLE);
        let families: Vec<Family> =
            all.iter().map(|one| Family::of(one.pid())).collect::<anyhow::Result<_>>()?;
        let spent = || -> anyhow::Result<Duration> {
            families.iter().map(Family::processor_time).sum::<anyhow::Result<Duration>>()
        };
        let (begun, before) = (Instant::now(), spent()?);
        std::thread::sleep(MEASURED);
        let share = (spent()? - before).as_secs_f64() / begun.elapsed().as_secs_f64();
        let memory = families.iter().map(Family::memory_bytes).sum::<anyhow::Result<u64>>()?;
        Ok(Self { share, memory: float(memory) })
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory are far below 2⁵²")]
fn float(number: u64) -> f64 {
    number as f64
}

impl Contender {
    pub(super) const ALL: [Self; 3] = [Self::Ours, Self::Prometheus, Self::Netdata];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "Storewarden",
            Self::Prometheus => "node_exporter and Prometheus",
            Self::Netdata => "netdata",
        }
    }

    pub(super) fn measure(
        self,
        workspace: &Workspace,
        folder: &Path,
        cores: &Cores,
    ) -> anyhow::Result<Cost> {
        let running = match self {
            Self::Ours => {
                let (running, mut connection) = ours(workspace, folder, cores)?;
                let cost = Cost::of(&[&running])?;
                // What was measured did watch.
                let query = "count_over_time(node_load1%5B30s%5D)";
                let path = format!("/prometheus/api/v1/query?query={query}");
                let answer = connection.get(&path)?;
                let is_every_second = ["\"29\"", "\"30\"", "\"31\""];
                ensure!(
                    is_every_second.iter().any(|count| answer.contains(count)),
                    "it did not read the machine every second: {answer}"
                );
                running.stop()?;
                return Ok(cost);
            }
            Self::Prometheus => prometheus(folder, cores)?,
            Self::Netdata => vec![netdata(folder, cores)?],
        };
        let cost = Cost::of(&running.iter().collect::<Vec<_>>())?;
        running.into_iter().try_for_each(Running::stop)?;
        Ok(cost)
    }
}

fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    listener.local_addr().context("read the free port")
}

/// On one core, saying nothing.
fn alone(cores: &Cores, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = process::command("taskset", &["-c", &cores.proxy]);
    command.arg(program).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

/// Control by itself, as it is where the edge is a service of its own, with a connection to its API.
fn ours(
    workspace: &Workspace,
    folder: &Path,
    cores: &Cores,
) -> anyhow::Result<(Running, Connection)> {
    let (edge, control) = (free_address()?, free_address()?);
    let (file, state) = (folder.join("storewarden.toml"), folder.join("state"));
    std::fs::create_dir_all(&state).with_context(|| format!("make {}", state.display()))?;
    let text = format!(
        "version = 1\n[edge]\nlisten = [\"http://{edge}\"]\n\
         [control]\nlisten = \"{control}\"\npulse = \"1s\"\n\
         [shop.lamps]\nplatform = \"generic\"\nhosts = [\"lamps.test\"]\napp = [\"127.1.0.1:9\"]\n"
    );
    write(&file, &text)?;
    let mut command = alone(cores, workspace.program("release", "storewarden"));
    command.arg("control").arg("--config").arg(&file).arg("--state").arg(&state);
    let mut running = Running::start("storewarden control", &mut command)?;
    let connection = running.wait_until("it answers", START, || {
        let token = std::fs::read_to_string(state.join("api-token")).ok()?;
        let more = format!("Authorization: Bearer {}\r\n", token.trim());
        let mut connection = Connection::open(control, &more).ok()?;
        connection.get("/api/v1/health").ok()?;
        Some(connection)
    })?;
    Ok((running, connection))
}

fn prometheus(folder: &Path, cores: &Cores) -> anyhow::Result<Vec<Running>> {
    let (exporter, address) = (free_address()?, free_address()?);
    let mut command = alone(cores, "prometheus-node-exporter");
    command.arg(format!("--web.listen-address={exporter}"));
    let mut running = vec![answering("node_exporter", &mut command, exporter, "/metrics")?];
    let file = folder.join("prometheus.yml");
    let text = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: node\n    static_configs:\n      - targets: ['{exporter}']\n"
    );
    write(&file, &text)?;
    let mut command = alone(cores, "prometheus");
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={address}"));
    running.push(answering("Prometheus", &mut command, address, "/-/ready")?);
    Ok(running)
}

fn netdata(folder: &Path, cores: &Cores) -> anyhow::Result<Running> {
    let address = free_address()?;
    let (file, place) = (folder.join("netdata.conf"), folder.display());
    let text = format!(
        "[global]\n  run as user = root\n  update every = 1\n[directories]\n  cache = {place}\n  lib = {place}\n  log = {place}\n\
         [web]\n  bind to = {address}\n"
    );
    write(&file, &text)?;
    write(&folder.join(".opt-out-from-anonymous-statistics"), "")?;
    let mut command = alone(cores, "netdata");
    command.args(["-D", "-P"]).arg(folder.join("pid")).arg("-c").arg(&file);
    answering("netdata", &mut command, address, "/api/v1/info")
}

fn answering(
    name: &str,
    command: &mut Command,
    address: SocketAddr,
    path: &str,
) -> anyhow::Result<Running> {
    let mut running = Running::start(name, command)?;
    running.wait_until("it answers", START, || {
        Connection::open(address, "").ok()?.get(path).ok().map(drop)
    })?;
    Ok(running)
}

/// Control with as many series of others as it takes, each with six samples.
pub(super) fn full(workspace: &Workspace, folder: &Path, cores: &Cores) -> anyhow::Result<Full> {
    let (running, mut connection) = ours(workspace, folder, cores)?;
    let labels: Vec<Vec<u8>> = (0..SERIES).map(|one| encode_labels(&pairs(one))).collect();
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).context("read the clock")?;
    let begin_ms = i64::try_from(now_ms.as_millis())? - TICKS * STEP_MS;
    for tick in 0..TICKS {
        for (first, labels) in (0..SERIES).step_by(AT_ONCE).zip(labels.chunks(AT_ONCE)) {
            let at_ms = begin_ms + tick * STEP_MS;
            let value =
                |one: usize| float(((first + one) as u64 * 7 + tick.unsigned_abs()) % 1_000);
            let samples = (0..labels.len()).map(|one| (at_ms, value(one))).collect();
            let body = as_snappy(&write_request(labels, &[samples]));
            connection.post("/prometheus/api/v1/write", &body)?;
        }
    }
    let query = "count(%7B__name__%3D~%22shop_metric_.*%22%7D)";
    let answer = connection.get(&format!("/prometheus/api/v1/query?query={query}"))?;
    ensure!(answer.contains(&format!("\"{SERIES}\"")), "not all series are there: {answer}");
    let memory = Family::of(running.pid())?.memory_bytes()?;
    running.stop()?;
    Ok(Full { series: SERIES, memory: float(memory) })
}

/// Two thousand machines of a hundred metrics each.
fn pairs(series: usize) -> Vec<(String, String)> {
    let (machine, metric) = (series / 100, series % 100);
    [
        ("__name__", format!("shop_metric_{metric}")),
        ("instance", format!("10.{}.{}.7:9100", machine / 256, machine % 256)),
        ("job", "node".to_owned()),
        ("zone", format!("eu-{}", machine % 3)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}
