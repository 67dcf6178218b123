//! A folder of instances with their keepers, which goes with whatever still runs in it.

use crate::conformance::Program;
use apps::{Driver, KeeperProgram, ProcessDriver};
use host::process::{Identity, Signal};
use kernel::config::CommandSettings;
use serde_json::Value;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::atomic::AtomicU32,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use testkit::free_port;

/// This test program, in the role that the test `processes::keeper` plays.
pub(crate) fn keeper_program() -> KeeperProgram {
    KeeperProgram::new(|folder| {
        testkit::this_test("processes::keeper", &folder.display().to_string())
    })
}

/// A folder of instances. What still runs there is ended with it.
pub(crate) struct Yard {
    pub(crate) folder: TempDir,
    pub(crate) instances: AtomicU32,
}

impl Yard {
    pub(crate) fn new() -> Self {
        Self { folder: testkit::folder(), instances: AtomicU32::new(0) }
    }

    pub(crate) fn path(&self, instance: &str) -> PathBuf {
        self.folder.path().join("lamps").join(instance)
    }

    pub(crate) fn instance(&self, name: &str, address: SocketAddr, command: Vec<String>) -> Driver {
        let settings = CommandSettings {
            command,
            directory: Some(self.folder.path().to_owned()),
            user: None,
            environment_file: None,
            stop_grace_ms: 500,
        };
        self.instance_with(name, address, settings)
    }

    pub(crate) fn instance_with(
        &self,
        name: &str,
        address: SocketAddr,
        settings: CommandSettings,
    ) -> Driver {
        let path = self.path(name);
        Driver::Process(ProcessDriver::new(&path, address, settings, keeper_program()))
    }

    pub(crate) fn well(&self, name: &str) -> Driver {
        self.instance(name, free_port(), Program::Well.command())
    }

    pub(crate) fn record(&self, name: &str) -> Value {
        let text = fs::read(self.path(name).join("record.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    pub(crate) fn write_record(&self, name: &str, record: &Value) {
        fs::write(self.path(name).join("record.json"), record.to_string()).unwrap();
    }

    pub(crate) fn keeper(&self, name: &str) -> Identity {
        serde_json::from_value(self.record(name)["keeper"].clone()).unwrap()
    }

    pub(crate) fn child(&self, name: &str) -> Identity {
        serde_json::from_value(self.record(name)["phase"]["child"].clone()).unwrap()
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        let Ok(instances) = fs::read_dir(self.folder.path().join("lamps")) else { return };
        for entry in instances.filter_map(Result::ok) {
            let name = entry.file_name().into_string().unwrap();
            let Ok(text) = fs::read(self.path(&name).join("record.json")) else { continue };
            let Ok(record) = serde_json::from_slice::<Value>(&text) else { continue };
            for left in [&record["keeper"], &record["phase"]["child"]] {
                if let Ok(left) = serde_json::from_value::<Identity>(left.clone()) {
                    // Most have ended by now.
                    let _ = left.signal(Signal::Kill);
                }
            }
            if let Some(group) = record["cgroup"].as_str() {
                let begins = Instant::now();
                while fs::remove_dir(group).is_err() && Path::new(group).exists() {
                    // Nobody can be told; what is left is an empty group.
                    if begins.elapsed() > Duration::from_secs(2) {
                        break;
                    }
                    // tidy: waits for the kernel to have taken the processes out, with a deadline.
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }
}
