//! What the services of the machine take, by their control groups of version 2 (Documentation/admin-guide/cgroup-v2.rst).

use super::{number, text};
use kernel::readings::Readings;
use std::{fs, path::Path};

const SLICE: &str = "system.slice";
const MOST: usize = 200;

pub(super) fn services(sys: &Path, into: &mut Readings) {
    let root = sys.join("fs/cgroup");
    if !root.join("cgroup.controllers").exists() {
        return;
    }
    let Ok(all) = fs::read_dir(root.join(SLICE)) else { return };
    let names = all.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".service")).collect();
    names.sort();
    for name in names.into_iter().take(MOST) {
        let folder = root.join(SLICE).join(&name);
        let id = format!("/{SLICE}/{name}");
        service(&folder, &id, into);
    }
}

fn service(folder: &Path, id: &str, into: &mut Readings) {
    let mut put = |metric: &str, value: Option<f64>| {
        if let Some(value) = value {
            into.put(metric, &[("id", id)], value);
        }
    };
    put("container_memory_usage_bytes", number(&folder.join("memory.current")));
    // `max` is no limit, and no number.
    put("container_spec_memory_limit_bytes", number(&folder.join("memory.max")));
    put("container_processes", number(&folder.join("pids.current")));
    let field = |file: &str, name: &str| {
        let told = text(&folder.join(file))?;
        told.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok())
    };
    let seconds = |name: &str| Some(field("cpu.stat", name)? / 1e6);
    put("container_cpu_usage_seconds_total", seconds("usage_usec "));
    put("container_cpu_cfs_throttled_seconds_total", seconds("throttled_usec "));
    put("container_oom_events_total", field("memory.events", "oom_kill "));
}
