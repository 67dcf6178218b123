//! What the machine says of itself, as metrics: names, labels and units are those of Prometheus' node_exporter, process-exporter and
//! cAdvisor, so that whatever shows theirs shows ours.
//!
//! The files of `/proc` stay open and are read again from their start. What is not there or cannot be read leaves nothing: unknown is never
//! zero. All names with their meaning are [`FAMILIES`]; for people, docs/formats/host-readings.md.

mod cgroups;
mod filesystems;
mod hardware;
mod held;
mod network;
mod processes;
mod system;
mod table;

pub use table::FAMILIES;

use filesystems::Filesystems;
use held::Held;
use kernel::readings::Readings;
use processes::Processes;
use std::{
    path::{Path, PathBuf},
    time::Instant,
};

/// Reads what changes from second to second: processors, memory, disks, network. A few files that stay open: a fraction of a millisecond.
#[derive(Debug)]
pub struct HostPulse {
    sys: PathBuf,
    stat: Held,
    load: Held,
    memory: Held,
    paging: Held,
    pressure: [(Held, &'static str); 3],
    disks: Held,
    interfaces: Held,
    sockets: Held,
    protocols: [Held; 2],
    handles: Held,
}

/// Reads what changes slowly or costs more to read: processes, file systems, hardware, control groups. Remembers what counts on between
/// readings.
#[derive(Debug)]
pub struct HostReadings {
    proc: PathBuf,
    sys: PathBuf,
    mounts: Held,
    arrays: Held,
    filesystems: Filesystems,
    processes: Processes,
}

impl Default for HostPulse {
    fn default() -> Self {
        Self::at(Path::new("/proc"), Path::new("/sys"))
    }
}

impl HostPulse {
    /// A machine whose `/proc` and `/sys` are there.
    #[must_use]
    pub fn at(proc: &Path, sys: &Path) -> Self {
        let held = |name: &str| Held::new(proc.join(name));
        Self {
            stat: held("stat"),
            load: held("loadavg"),
            memory: held("meminfo"),
            paging: held("vmstat"),
            pressure: ["cpu", "io", "memory"].map(|of| (held(&format!("pressure/{of}")), of)),
            disks: held("diskstats"),
            interfaces: held("net/dev"),
            sockets: held("net/sockstat"),
            protocols: [held("net/snmp"), held("net/netstat")],
            handles: held("sys/fs/file-nr"),
            sys: sys.to_owned(),
        }
    }

    /// Adds what is known now.
    pub fn read(&mut self, into: &mut Readings) {
        let sys = &self.sys;
        timed(into, "cpu", |into| system::processors(self.stat.read()?, into));
        timed(into, "loadavg", |into| system::load(self.load.read()?, into));
        timed(into, "meminfo", |into| system::memory(self.memory.read()?, into));
        timed(into, "vmstat", |into| system::paging(self.paging.read()?, into));
        timed(into, "pressure", |into| {
            let mut all = self.pressure.iter_mut();
            all.try_for_each(|(held, of)| system::pressure(held.read()?, of, into))
        });
        timed(into, "filefd", |into| system::handles(self.handles.read()?, into));
        timed(into, "diskstats", |into| system::disks(self.disks.read()?, into));
        timed(into, "netdev", |into| network::interfaces(self.interfaces.read()?, sys, into));
        timed(into, "sockstat", |into| network::sockets(self.sockets.read()?, into));
        timed(into, "netstat", |into| {
            let mut all = self.protocols.iter_mut();
            all.try_for_each(|held| network::protocols(held.read()?, into))
        });
    }
}

impl Default for HostReadings {
    fn default() -> Self {
        Self::at(Path::new("/proc"), Path::new("/sys"))
    }
}

impl HostReadings {
    /// A machine whose `/proc` and `/sys` are there.
    #[must_use]
    pub fn at(proc: &Path, sys: &Path) -> Self {
        let held = |name: &str| Held::new(proc.join(name));
        Self {
            mounts: held("self/mounts"),
            arrays: held("mdstat"),
            filesystems: Filesystems::default(),
            processes: Processes::default(),
            proc: proc.to_owned(),
            sys: sys.to_owned(),
        }
    }

    /// Adds what is known now. Waits for file systems that do not answer, a second at most.
    pub fn read(&mut self, into: &mut Readings) {
        timed(into, "filesystem", |into| self.filesystems.read(self.mounts.read()?, into));
        timed(into, "processes", |into| self.processes.read(&self.proc, into));
        system::kernel(into);
        // What many machines do not have at all, and then has nothing to say.
        network::connections(&self.proc, into);
        if let Some(arrays) = self.arrays.read() {
            hardware::arrays(arrays, into);
        }
        hardware::temperatures(&self.sys, into);
        hardware::supplies(&self.sys, into);
        cgroups::services(&self.sys, into);
    }
}

/// What the machine calls itself.
#[must_use]
pub fn machine_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Whether a collector could read what it is for, and how long it took.
fn timed(into: &mut Readings, name: &str, collect: impl FnOnce(&mut Readings) -> Option<()>) {
    let begun = Instant::now();
    let is_read = collect(into).is_some();
    let labels = [("collector", name)];
    into.put("node_scrape_collector_success", &labels, f64::from(u8::from(is_read)));
    into.put("node_scrape_collector_duration_seconds", &labels, begun.elapsed().as_secs_f64());
}

/// A small file that is read now and then, as a number.
fn number(path: &Path) -> Option<f64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn text(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
