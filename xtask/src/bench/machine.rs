//! The machine a measurement ran on: its cores and who gets which, and the versions that took part.

use anyhow::{Context, ensure};

use super::load;

/// Lists of cores, as `taskset -c` takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cores {
    /// Of the measured proxy; the other one idles there meanwhile.
    pub(super) proxy: String,
    /// Of what makes the requests, and of the origin.
    pub(super) load: String,
}

impl Cores {
    /// One core for the proxy, the others for load and origin.
    pub(super) fn one() -> anyhow::Result<Self> {
        let available = available()?;
        ensure!(
            available >= 2,
            "two cores are needed: one for the proxy, one for the load and the origin"
        );
        Ok(Self { proxy: "0".to_owned(), load: format!("1-{}", available - 1) })
    }

    /// Two cores for the proxy; on a machine with less than four it shares them with load and origin.
    pub(super) fn two() -> anyhow::Result<Self> {
        let available = available()?;
        let load = if available >= 4 { format!("2-{}", available - 1) } else { "0-1".to_owned() };
        Ok(Self { proxy: "0-1".to_owned(), load })
    }

    pub(super) fn is_shared(&self) -> bool {
        self.proxy == self.load
    }
}

fn available() -> anyhow::Result<usize> {
    Ok(std::thread::available_parallelism().context("count the cores")?.get())
}

/// One line about the machine and the programs, for the report.
pub(super) fn description() -> anyhow::Result<String> {
    let nginx =
        crate::process::command("nginx", &["-v"]).output().context("ask nginx for its version")?;
    let nginx = String::from_utf8_lossy(&nginx.stderr).trim().replace("nginx version: ", "");
    let wrk = load::version("wrk").split(" [").next().unwrap_or("wrk").to_owned();
    let h2load = load::version("h2load");
    Ok(format!("{}; {nginx}; {wrk}; {h2load}", computer()?))
}

/// The cores and the kernel.
pub(super) fn computer() -> anyhow::Result<String> {
    let read = |path: &str| std::fs::read_to_string(path).with_context(|| format!("read {path}"));
    let processor = read("/proc/cpuinfo")?;
    let processor =
        processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let processor = processor.trim_start_matches([' ', '\t', ':']);
    let kernel = read("/proc/sys/kernel/osrelease")?;
    let cores = available()?;
    Ok(format!("{cores} cores of {processor}; Linux {}", kernel.trim()))
}
