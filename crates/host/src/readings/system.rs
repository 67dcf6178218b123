//! Processors, memory, pressure, disks and handles: text of `/proc` in (proc(5)), readings out. `None`: it is not what it should be.

use kernel::readings::Readings;

/// What the kernel counts processor time in (USER_HZ), a second.
pub(super) const TICKS: f64 = 100.0;
/// Of diskstats, whatever a disk's own sectors are (Documentation/admin-guide/iostats.rst).
const SECTOR_BYTES: f64 = 512.0;
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const MEMORY: [&str; 24] = [
    "MemTotal",
    "MemFree",
    "MemAvailable",
    "Buffers",
    "Cached",
    "SwapCached",
    "Active",
    "Inactive",
    "SwapTotal",
    "SwapFree",
    "Dirty",
    "Writeback",
    "AnonPages",
    "Mapped",
    "Shmem",
    "Slab",
    "SReclaimable",
    "SUnreclaim",
    "KernelStack",
    "PageTables",
    "CommitLimit",
    "Committed_AS",
    "HugePages_Total",
    "HugePages_Free",
];
const PAGING: [&str; 7] =
    ["oom_kill", "pgfault", "pgmajfault", "pgpgin", "pgpgout", "pswpin", "pswpout"];

/// Which system it is: a 1 whose labels say it.
pub(super) fn kernel(into: &mut Readings) {
    let known = rustix::system::uname();
    let [sysname, nodename, release, version, machine] =
        [known.sysname(), known.nodename(), known.release(), known.version(), known.machine()]
            .map(|text| text.to_string_lossy().into_owned());
    let labels = [
        ("sysname", sysname.as_str()),
        ("nodename", &nodename),
        ("release", &release),
        ("version", &version),
        ("machine", &machine),
    ];
    into.put("node_uname_info", &labels, 1.0);
}

pub(super) fn processors(stat: &str, into: &mut Readings) -> Option<()> {
    for line in stat.lines() {
        let (name, rest) = line.split_once(' ')?;
        if let Some(cpu) = name.strip_prefix("cpu").filter(|cpu| !cpu.is_empty()) {
            for (mode, field) in MODES.iter().zip(rest.split_ascii_whitespace()) {
                let ticks: f64 = field.parse().ok()?;
                let labels = [("cpu", cpu), ("mode", mode)];
                into.put("node_cpu_seconds_total", &labels, ticks / TICKS);
            }
            continue;
        }
        let metric = match name {
            "ctxt" => "node_context_switches_total",
            "btime" => "node_boot_time_seconds",
            "processes" => "node_forks_total",
            "procs_running" => "node_procs_running",
            "procs_blocked" => "node_procs_blocked",
            "intr" => "node_intr_total",
            _ => continue,
        };
        into.put(metric, &[], rest.split_ascii_whitespace().next()?.parse().ok()?);
    }
    Some(())
}

pub(super) fn load(loadavg: &str, into: &mut Readings) -> Option<()> {
    let mut fields = loadavg.split_ascii_whitespace();
    for metric in ["node_load1", "node_load5", "node_load15"] {
        into.put(metric, &[], fields.next()?.parse().ok()?);
    }
    Some(())
}

pub(super) fn memory(meminfo: &str, into: &mut Readings) -> Option<()> {
    for line in meminfo.lines() {
        let (name, rest) = line.split_once(':')?;
        if !MEMORY.contains(&name) {
            continue;
        }
        let mut fields = rest.split_ascii_whitespace();
        let value: f64 = fields.next()?.parse().ok()?;
        match fields.next() {
            Some("kB") => into.put(&format!("node_memory_{name}_bytes"), &[], value * 1_024.0),
            _ => into.put(&format!("node_memory_{name}"), &[], value),
        }
    }
    Some(())
}

pub(super) fn paging(vmstat: &str, into: &mut Readings) -> Option<()> {
    for line in vmstat.lines() {
        let (name, value) = line.split_once(' ')?;
        if PAGING.contains(&name) {
            into.put(&format!("node_vmstat_{name}"), &[], value.trim().parse().ok()?);
        }
    }
    Some(())
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=123` and `full …`, microseconds (Documentation/accounting/psi.rst).
pub(super) fn pressure(told: &str, of: &str, into: &mut Readings) -> Option<()> {
    for line in told.lines() {
        let (who, rest) = line.split_once(' ')?;
        let how = match (who, of) {
            ("some", _) => "waiting",
            // All processors stalled is nothing that a whole machine can be; the kernel says 0.
            ("full", "cpu") => continue,
            ("full", _) => "stalled",
            _ => continue,
        };
        let total = rest.split_ascii_whitespace().find_map(|field| field.strip_prefix("total="))?;
        let microseconds: f64 = total.parse().ok()?;
        into.put(&format!("node_pressure_{of}_{how}_seconds_total"), &[], microseconds / 1e6);
    }
    Some(())
}

pub(super) fn handles(file_nr: &str, into: &mut Readings) -> Option<()> {
    let mut fields = file_nr.split_ascii_whitespace();
    into.put("node_filefd_allocated", &[], fields.next()?.parse().ok()?);
    into.put("node_filefd_maximum", &[], fields.nth(1)?.parse().ok()?);
    Some(())
}

pub(super) fn disks(diskstats: &str, into: &mut Readings) -> Option<()> {
    for line in diskstats.lines() {
        let mut fields = line.split_ascii_whitespace().skip(2);
        let device = fields.next()?;
        if !is_whole_disk(device) {
            continue;
        }
        let mut numbers = [0.0; 11];
        for number in &mut numbers {
            *number = fields.next()?.parse().ok()?;
        }
        let [
            reads,
            _,
            sectors_read,
            read_ms,
            writes,
            _,
            sectors_written,
            write_ms,
            now,
            busy_ms,
            weighted_ms,
        ] = numbers;
        let mut put = |metric, value| into.put(metric, &[("device", device)], value);
        put("node_disk_reads_completed_total", reads);
        put("node_disk_read_bytes_total", sectors_read * SECTOR_BYTES);
        put("node_disk_read_time_seconds_total", read_ms / 1e3);
        put("node_disk_writes_completed_total", writes);
        put("node_disk_written_bytes_total", sectors_written * SECTOR_BYTES);
        put("node_disk_write_time_seconds_total", write_ms / 1e3);
        put("node_disk_io_now", now);
        put("node_disk_io_time_seconds_total", busy_ms / 1e3);
        put("node_disk_io_time_weighted_seconds_total", weighted_ms / 1e3);
    }
    Some(())
}

/// Not memory that plays a disk, and not a part of one: `vda1`, `nvme0n1p2`, `mmcblk0p1`.
fn is_whole_disk(device: &str) -> bool {
    if ["ram", "zram", "loop", "fd", "sr"].iter().any(|kind| is_numbered(device, kind)) {
        return false;
    }
    let stem = device.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() == device.len() {
        return true;
    }
    let is_letter_disk = ["sd", "hd", "vd", "xvd"].iter().any(|kind| {
        stem.strip_prefix(kind)
            .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_lowercase()) && !rest.is_empty())
    });
    let is_part = (stem.starts_with("nvme") || stem.starts_with("mmcblk")) && stem.ends_with('p');
    !is_letter_disk && !is_part
}

fn is_numbered(device: &str, kind: &str) -> bool {
    device.strip_prefix(kind).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}
