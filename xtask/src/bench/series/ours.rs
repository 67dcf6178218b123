//! Our contender: the example program of the crate, which takes in a recording as control would.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, bail, ensure};

use super::super::cost::Family;
use super::super::machine::Cores;
use super::recording::Recording;
use super::{Spent, folder_bytes};
use crate::process;
use crate::workspace::Workspace;

pub(super) fn measure(
    workspace: &Workspace,
    folder: &Path,
    recording: &Recording,
    ticks_at_once: u32,
    cores: &Cores,
) -> anyhow::Result<Spent> {
    let program = workspace.program("release", "examples/ingest");
    let mut command = process::command("taskset", &["-c", &cores.proxy]);
    command.arg(program).arg(&recording.path).arg(folder).arg(ticks_at_once.to_string());
    let mut phases = Phases::start(&mut command)?;
    let family = Family::of(phases.child.id())?;
    phases.expect("ready")?;
    let before = family.processor_time()?;
    phases.go_on()?;
    phases.expect("taken in")?;
    let memory_bytes = family.memory_bytes()?;
    phases.go_on()?;
    let condensed = phases.expect("condensed")?;
    let seconds = (family.processor_time()? - before).as_secs_f64();
    let [samples, raw_bytes] = condensed[..] else { bail!("it told other numbers than these") };
    let all_bytes = folder_bytes(folder)?;
    phases.go_on()?;
    let read = phases.expect("read")?;
    let [_, microseconds] = read[..] else { bail!("it told other numbers than these") };
    phases.go_on()?;
    let status = phases.child.wait().context("wait for the metrics store")?;
    ensure!(status.success(), "the metrics store ended with {status}");
    let read_seconds = std::time::Duration::from_micros(microseconds).as_secs_f64();
    Ok(Spent { samples, seconds, raw_bytes, all_bytes, memory_bytes, read_seconds })
}

/// A program that tells what it has done and waits.
#[derive(Debug)]
struct Phases {
    child: Child,
    tells: BufReader<ChildStdout>,
    hears: ChildStdin,
}

impl Phases {
    fn start(command: &mut std::process::Command) -> anyhow::Result<Self> {
        let spelled = process::spelled(command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start `{spelled}`"))?;
        let tells = child.stdout.take().context("its output is a pipe")?;
        let hears = child.stdin.take().context("its input is a pipe")?;
        Ok(Self { child, tells: BufReader::new(tells), hears })
    }

    /// Waits for the phase to be told; gives the numbers after it.
    fn expect(&mut self, phase: &str) -> anyhow::Result<Vec<u64>> {
        let mut line = String::new();
        self.tells.read_line(&mut line).context("hear of the metrics store")?;
        let rest = line
            .trim()
            .strip_prefix(phase)
            .with_context(|| format!("it told `{}` instead of `{phase}`", line.trim()))?;
        Ok(rest.split_whitespace().filter_map(|word| word.parse().ok()).collect())
    }

    fn go_on(&mut self) -> anyhow::Result<()> {
        self.hears.write_all(b"\n").context("tell the metrics store to go on")
    }
}

/// When it is given up on, its input ends, and so does it.
impl Drop for Phases {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait()
            && let Err(error) = self.child.kill().and_then(|()| self.child.wait().map(drop))
        {
            eprintln!("end the metrics store: {error}");
        }
    }
}
