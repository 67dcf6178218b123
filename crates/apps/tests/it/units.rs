//! Units of a real systemd.

use crate::{
    conformance::{Program, Stage, conforms},
    now_ms,
};
use apps::{AppsError, Driver, InstanceState, Systemd, UnitDriver};
use std::sync::atomic::{AtomicU32, Ordering};
use testkit::Container;

struct Units {
    container: Container,
    made: AtomicU32,
}

impl Units {
    fn unit(&self, name: &str) -> Driver {
        let systemd = Systemd::through(self.container.way_in());
        Driver::Unit(UnitDriver::new(name.parse().unwrap(), systemd))
    }

    fn name(number: u32) -> String {
        format!("shop@{number}.service")
    }
}

impl Stage for Units {
    fn driver(&self, program: Program) -> Driver {
        let name = Self::name(self.made.fetch_add(1, Ordering::Relaxed));
        let command: Vec<String> =
            program.command().iter().map(|word| format!("\"{word}\"")).collect();
        // `exec` and not `simple`: a program that is not there is then a failed start.
        let text = format!(
            "[Service]\nType=exec\nExecStart={}\nRestart=always\nRestartSec=300ms\n\
             TimeoutStopSec=500ms\n",
            command.join(" ")
        );
        self.container.write(&format!("/etc/systemd/system/{name}"), &text);
        self.container.run(&["systemctl", "daemon-reload"]).unwrap();
        self.unit(&name)
    }

    async fn kill(&self, driver: &Driver) {
        let state = driver.state(now_ms()).await;
        let InstanceState::Running { pid: Some(pid), .. } = state else { panic!("{state:?}") };
        // The shell brings its own; a small Debian has no other.
        self.container.run(&["/bin/sh", "-c", &format!("kill -KILL {pid}")]).unwrap();
    }
}

/// One container for all of it: to boot one takes longer than to use it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_conform() {
    let container = match Container::boot().await {
        Ok(container) => container,
        Err(why) => {
            eprintln!("SKIPPED: units of systemd were not tried, because {why}");
            return;
        }
    };
    let units = Units { container, made: AtomicU32::new(0) };
    conforms(&units).await;
    tells_units_that_are_not_there_from_stopped_ones(&units).await;
}

async fn tells_units_that_are_not_there_from_stopped_ones(units: &Units) {
    let driver = units.unit("nobody-wrote-this.service");
    let state = driver.state(now_ms()).await;
    assert!(matches!(state, InstanceState::Unknown { .. }), "{state:?}");
    let error = driver.start().await.unwrap_err();
    assert!(matches!(error, AppsError::NoUnit(_)), "{error}");
    units.container.run(&["systemctl", "mask", "masked.service"]).unwrap();
    let error = units.unit("masked").start().await.unwrap_err();
    assert!(matches!(error, AppsError::Masked(_)), "{error}");
}

#[tokio::test]
async fn a_systemd_that_is_not_there_leaves_the_state_unknown() {
    let systemd = Systemd::through(["/no/such/way/in"]);
    let driver = Driver::Unit(UnitDriver::new("shop.service".parse().unwrap(), systemd));
    let state = driver.state(now_ms()).await;
    let InstanceState::Unknown { why } = state else { panic!("{state:?}") };
    assert!(why.contains("/no/such/way/in"), "{why}");
    assert!(driver.stop().await.is_err());
}
