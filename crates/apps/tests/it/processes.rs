//! Processes that we start ourselves, through the deaths of everybody around them.

use crate::{
    LONG,
    conformance::{Program, Stage, conforms},
    now_ms,
    yard::Yard,
};
use apps::{AppsError, Driver, Exit, InstanceState, Life, keep};
use host::process::{Identity, Signal, Spawn, with_environment};
use kernel::config::CommandSettings;
use serde_json::json;
use std::{fs, net::TcpListener, path::Path, sync::atomic::Ordering};
use testkit::{free_port, wait_until};

/// In its role: the keeper of an instance, in a process of its own.
#[test]
fn keeper() {
    let Some(folder) = testkit::role() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let Err(error) = runtime.block_on(keep(Path::new(&folder), now_ms)) {
        println!("the keeper ends: {}", error.chain());
    }
}

impl Stage for Yard {
    fn driver(&self, program: Program) -> Driver {
        let number = self.instances.fetch_add(1, Ordering::Relaxed);
        self.instance(&format!("app-{number}"), free_port(), program.command())
    }

    async fn kill(&self, driver: &Driver) {
        let InstanceState::Running { pid: Some(pid), .. } = driver.state(now_ms()).await else {
            panic!("it runs");
        };
        host::process::signal(pid, Signal::Kill).unwrap();
    }
}

async fn life(driver: &Driver) -> Life {
    match driver.state(now_ms()).await {
        InstanceState::Running { life, .. } => life,
        other => panic!("it should run: {other:?}"),
    }
}

async fn wait_for_end(of: &Identity) {
    tokio::time::timeout(LONG, of.ended()).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn processes_conform() {
    conforms(&Yard::new()).await;
}

#[tokio::test]
async fn a_crash_loop_backs_off() {
    let yard = Yard::new();
    let driver = yard.instance("a", free_port(), Program::Failing.command());
    driver.start().await.unwrap();
    wait_until("the second failure", LONG, async || {
        let record = yard.record("a");
        if record["phase"]["failures"].as_u64() >= Some(2) { Ok(()) } else { Err(record) }
    })
    .await;
    let state = driver.state(now_ms()).await;
    let InstanceState::Failed { exit, retries, again_at_ms, last_lines } = state else {
        panic!("{state:?}");
    };
    assert_eq!((exit, retries), (Exit::Code { code: 3 }, true));
    assert!(again_at_ms.is_some_and(|at_ms| at_ms > now_ms() - 5_000), "{again_at_ms:?}");
    // And nothing that the keeper says.
    assert!(!last_lines.is_empty() && last_lines.iter().all(|line| line == "something is wrong"));
    driver.stop().await.unwrap();
}

#[tokio::test]
async fn an_instance_outlives_its_keeper_and_the_next_one_adopts_it() {
    let yard = Yard::new();
    let driver = yard.well("a");
    driver.start().await.unwrap();
    let (first, keeper) = (life(&driver).await, yard.keeper("a"));
    keeper.signal(Signal::Kill).unwrap();
    wait_for_end(&keeper).await;
    assert_eq!(life(&driver).await, first, "it goes on without a keeper");
    driver.resume().await.unwrap();
    assert_eq!(life(&driver).await, first, "and is adopted");
    assert_ne!(yard.keeper("a"), keeper);
    yard.child("a").signal(Signal::Kill).unwrap();
    wait_until("its return", LONG, async || match driver.state(now_ms()).await {
        InstanceState::Running { life, .. } if life != first => Ok(()),
        other => Err(other),
    })
    .await;
    driver.stop().await.unwrap();
}

#[tokio::test]
async fn an_instance_without_a_keeper_can_be_stopped() {
    let yard = Yard::new();
    let driver = yard.well("a");
    driver.start().await.unwrap();
    let (keeper, child) = (yard.keeper("a"), yard.child("a"));
    keeper.signal(Signal::Kill).unwrap();
    wait_for_end(&keeper).await;
    driver.stop().await.unwrap();
    assert!(!child.is_running().unwrap());
    assert_eq!(driver.state(now_ms()).await, InstanceState::Stopped);
}

#[tokio::test]
async fn one_started_just_before_its_keeper_was_killed_is_found_by_its_mark() {
    let yard = Yard::new();
    let driver = yard.well("a");
    driver.start().await.unwrap();
    let (first, keeper) = (life(&driver).await, yard.keeper("a"));
    keeper.signal(Signal::Kill).unwrap();
    wait_for_end(&keeper).await;
    // As the record stood before the keeper could write who it had started.
    let mut record = yard.record("a");
    let mark = record["phase"]["mark"].clone();
    assert!(with_environment("STOREWARDEN_LIFE", mark.as_str().unwrap()).unwrap().is_some());
    record["phase"] = json!({ "phase": "starting", "mark": mark });
    yard.write_record("a", &record);
    assert_eq!(life(&driver).await, first);
    driver.start().await.unwrap();
    assert_eq!(life(&driver).await, first, "no second one was started beside it");
    driver.stop().await.unwrap();
}

#[tokio::test]
async fn a_number_that_is_anothers_by_now_is_never_killed() {
    let yard = Yard::new();
    let driver = yard.well("a");
    driver.start().await.unwrap();
    driver.stop().await.unwrap();
    let mut stranger = Spawn::new("sleep").arg("1000").start().unwrap();
    let now = Identity::of(stranger.pid()).unwrap().unwrap();
    let gone = Identity { started_ticks: now.started_ticks - 1, ..now.clone() };
    let mut record = yard.record("a");
    record["keeper"] = serde_json::to_value(&gone).unwrap();
    record["phase"] = json!({ "phase": "running", "child": gone, "mark": null });
    yard.write_record("a", &record);
    let state = driver.state(now_ms()).await;
    assert!(matches!(state, InstanceState::Failed { exit: Exit::Unseen, .. }), "{state:?}");
    driver.stop().await.unwrap();
    driver.restart().await.unwrap();
    driver.stop().await.unwrap();
    assert!(now.is_running().unwrap(), "the stranger was killed");
    stranger.stop(LONG).await.unwrap();
}

#[tokio::test]
async fn who_runs_our_command_at_our_address_is_adopted() {
    let yard = Yard::new();
    let (address, script) = (free_port(), yard.folder.path().join("serve.py"));
    let text = "import socket, sys, time\n\
                s = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n\
                time.sleep(1000)\n";
    fs::write(&script, text).unwrap();
    let command =
        ["python3".to_owned(), script.display().to_string(), address.port().to_string()].to_vec();
    let mut foreign = Spawn::new(&command[0]).args(&command[1..]).start().unwrap();
    let driver = yard.instance("a", address, command.clone());
    wait_until("the foreign process", LONG, async || match driver.state(now_ms()).await {
        InstanceState::Running { pid, .. } if pid == Some(foreign.pid()) => Ok(()),
        other => Err(other),
    })
    .await;
    let other = yard.instance("b", address, Program::Well.command());
    let error = other.start().await.unwrap_err();
    assert!(matches!(error, AppsError::Occupied { .. }), "{error}");
    assert!(error.to_string().contains(&format!("process {}", foreign.pid())), "{error}");
    driver.resume().await.unwrap();
    assert_eq!(yard.child("a").pid, foreign.pid());
    let before = life(&driver).await;
    driver.restart().await.unwrap();
    assert_ne!(life(&driver).await, before);
    assert!(!foreign.wait().await.unwrap().success(), "it was asked to end");
    driver.stop().await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_taken_is_not_started_at() {
    let yard = Yard::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let driver = yard.instance("a", taken.local_addr().unwrap(), Program::Well.command());
    let error = driver.start().await.unwrap_err();
    assert!(matches!(error, AppsError::Occupied { .. }), "{error}");
}

#[tokio::test]
async fn a_command_knows_its_port_and_its_file_and_nothing_of_ours() {
    let yard = Yard::new();
    let file = yard.folder.path().join("environment");
    fs::write(&file, "# the shop's\nSHOP_KEY=\"a b\"\nLANG=de_AT.UTF-8\n").unwrap();
    let address = free_port();
    let settings = CommandSettings {
        command: ["/bin/sh", "-c", "env; echo in $PWD; exec sleep 1000"].map(str::to_owned).into(),
        directory: Some("/usr".into()),
        user: None,
        environment_file: Some(file),
        stop_grace_ms: 500,
    };
    let driver = yard.instance_with("a", address, settings);
    driver.start().await.unwrap();
    let lines = wait_until("its environment", LONG, async || {
        let lines = driver.log_tail(50).await.unwrap();
        if lines.iter().any(|line| line == "in /usr") { Ok(lines) } else { Err(lines) }
    })
    .await;
    for expect in ["SHOP_KEY=a b", "LANG=de_AT.UTF-8", &format!("PORT={}", address.port())] {
        assert!(lines.iter().any(|line| line == expect), "{expect} is not in {lines:#?}");
    }
    assert!(!lines.iter().any(|line| line.starts_with("TESTKIT_ROLE")), "{lines:#?}");
    driver.stop().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_started_is_said_in_words() {
    let yard = Yard::new();
    let check = async |name: &str, settings: CommandSettings, expect: &str| {
        let driver = yard.instance_with(name, free_port(), settings);
        let error = driver.start().await.unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    let settings = || CommandSettings {
        command: Program::Well.command(),
        directory: None,
        user: None,
        environment_file: None,
        stop_grace_ms: 500,
    };
    let missing = CommandSettings { command: Program::Missing.command(), ..settings() };
    check("a", missing, "start `/no/such/program`: No such file").await;
    let nowhere = CommandSettings { directory: Some("/no/such/folder".into()), ..settings() };
    check("b", nowhere, "folder `/no/such/folder` is not there").await;
    let nobody = CommandSettings { user: Some("nobody-of-that-name".into()), ..settings() };
    check("c", nobody, "user `nobody-of-that-name` does not exist").await;
    let unread = CommandSettings { environment_file: Some("/no/file".into()), ..settings() };
    check("d", unread, "read `/no/file`").await;
}

#[tokio::test]
async fn one_deed_at_a_time() {
    let yard = Yard::new();
    let driver = yard.well("a");
    let (one, other) = tokio::join!(driver.start(), driver.restart());
    one.unwrap();
    assert!(matches!(other, Err(AppsError::Busy)), "{other:?}");
    driver.stop().await.unwrap();
}
