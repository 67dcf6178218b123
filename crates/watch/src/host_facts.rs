//! Samples of this machine, every two seconds.

use crate::{Watch, orders::now_ms};
use host::facts::HostReader;
use std::{path::PathBuf, time::Duration};

const PERIOD: Duration = Duration::from_secs(2);

/// Reads the machine's state for as long as the task lives. `disks` are paths on the file systems
/// to look at.
pub async fn follow(watch: Watch, disks: Vec<PathBuf>) {
    let mut reader = HostReader::new(disks);
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // A few short reads of /proc and a statvfs a disk: quicker than handing them to a thread.
        let sample = reader.read(now_ms());
        watch.with(|live| live.host_sample(sample));
    }
}
