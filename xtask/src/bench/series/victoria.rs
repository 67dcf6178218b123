//! VictoriaMetrics as the other contender, fed by remote write: of its ways in, the one that costs it least for what comes tick by tick.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::super::cost::Family;
use super::super::machine::Cores;
use super::super::remote::{Connection, as_snappy, encode_labels, write_request};
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
    let (running, mut connection) = start(folder, cores)?;
    let family = Family::of(running.pid())?;
    let before = family.processor_time()?;
    let (samples, end_ms) = feed(&mut connection, "/api/v1/write", recording, ticks_at_once)?;
    let memory_bytes = family.memory_bytes()?;
    merge(&mut connection)?;
    let seconds = (family.processor_time()? - before).as_secs_f64();
    let read_seconds = read(&mut connection, recording, end_ms)?;
    running.stop()?;
    let raw_bytes = folder_bytes(&folder.join("data"))?;
    let all_bytes = folder_bytes(folder)?;
    Ok(Spent { samples, seconds, raw_bytes, all_bytes, memory_bytes, read_seconds })
}

/// VictoriaMetrics on a free port, with nothing in it.
pub(in super::super) fn start(
    folder: &Path,
    cores: &Cores,
) -> anyhow::Result<(Running, Connection)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    let address: SocketAddr = listener.local_addr().context("read the free port")?;
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
        running.wait_until("it answers", START, || Connection::open(address, "").ok())?;
    connection.get("/health")?;
    Ok((running, connection))
}

/// Has everything written and merged, and waits for it.
pub(in super::super) fn merge(connection: &mut Connection) -> anyhow::Result<()> {
    connection.get("/internal/force_flush")?;
    connection.get("/internal/force_merge")?;
    await_merges(connection)
}

/// Sends everything; how many samples that were, and when the last was taken.
pub(in super::super) fn feed(
    connection: &mut Connection,
    path: &str,
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
        connection.post(path, &as_snappy(&write_request(&labels, &together)))?;
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
