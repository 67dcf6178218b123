//! Arrays of disks, temperatures and power supplies, where the machine shows them.

use super::{number, text};
use kernel::readings::Readings;
use std::{
    fs,
    path::{Path, PathBuf},
};

const STATES: [&str; 5] = ["active", "inactive", "recovering", "resync", "check"];

/// `/proc/mdstat`: an array begins its paragraph with its name; `[2/1] [U_]` says how many disks it should have and has.
pub(super) fn arrays(mdstat: &str, into: &mut Readings) {
    let mut lines = mdstat.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((device, about)) =
            line.split_once(" : ").filter(|(name, _)| name.starts_with("md"))
        else {
            continue;
        };
        let mut state = if about.starts_with("active") { "active" } else { "inactive" };
        let members = |mark: &str| about.matches(mark).count() as f64;
        let (mut required, mut active) = (None, None);
        while let Some(more) = lines.next_if(|line| line.starts_with(' ')) {
            let counts = more.split(['[', ']']).find_map(|part| {
                let (wanted, has) = part.split_once('/')?;
                Some((wanted.parse::<f64>().ok()?, has.parse::<f64>().ok()?))
            });
            if let (Some((wanted, has)), None) = (counts, required) {
                (required, active) = (Some(wanted), Some(has));
            }
            let doing = ["recovery", "resync", "check", "reshape"];
            if let Some(doing) = doing.into_iter().find(|word| more.contains(&format!("{word} =")))
            {
                state = match doing {
                    "check" => "check",
                    "resync" => "resync",
                    _ => "recovering",
                };
            }
        }
        let own = ("device", device);
        for known in STATES {
            let is_it = f64::from(u8::from(known == state));
            into.put("node_md_state", &[own, ("state", known)], is_it);
        }
        into.put("node_md_disks", &[own, ("state", "failed")], members("(F)"));
        into.put("node_md_disks", &[own, ("state", "spare")], members("(S)"));
        if let (Some(required), Some(active)) = (required, active) {
            into.put("node_md_disks", &[own, ("state", "active")], active);
            into.put("node_md_disks_required", &[own], required);
        }
    }
}

fn entries(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(all) = fs::read_dir(folder) else { return Vec::new() };
    let named = all
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())));
    let mut named: Vec<_> = named.collect();
    named.sort();
    named
}

/// Thousandths of a degree (Documentation/hwmon/sysfs-interface.rst).
pub(super) fn temperatures(sys: &Path, into: &mut Readings) {
    for (name, folder) in entries(&sys.join("class/hwmon")) {
        let chip = text(&folder.join("name")).unwrap_or(name);
        for (file, path) in entries(&folder) {
            let sensor = file.strip_suffix("_input").filter(|sensor| sensor.starts_with("temp"));
            if let (Some(sensor), Some(value)) = (sensor, number(&path)) {
                let labels = [("chip", chip.as_str()), ("sensor", sensor)];
                into.put("node_hwmon_temp_celsius", &labels, value / 1_000.0);
            }
        }
    }
    for (name, folder) in entries(&sys.join("class/thermal")) {
        let Some(zone) = name.strip_prefix("thermal_zone") else { continue };
        if let (Some(kind), Some(value)) =
            (text(&folder.join("type")), number(&folder.join("temp")))
        {
            let labels = [("type", kind.as_str()), ("zone", zone)];
            into.put("node_thermal_zone_temp", &labels, value / 1_000.0);
        }
    }
}

/// Mains and batteries, those of a UPS among them where the kernel knows it.
pub(super) fn supplies(sys: &Path, into: &mut Readings) {
    for (name, folder) in entries(&sys.join("class/power_supply")) {
        let labels = [("power_supply", name.as_str())];
        for (file, metric) in
            [("online", "node_power_supply_online"), ("capacity", "node_power_supply_capacity")]
        {
            if let Some(value) = number(&folder.join(file)) {
                into.put(metric, &labels, value);
            }
        }
    }
}
