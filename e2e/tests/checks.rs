//! Checks from outside in the whole program: what fails is an incident, what a job reports outlives a crash.

use crate::{trade::LONG, warden::Warden};
use anyhow::{Error, Result, ensure};
use serde_json::Value;
use testkit::process::run_to_end;
use tokio::net::{TcpListener, TcpSocket};

const FILES: &str = "hosts = [\"127.0.0.1\"]\n\
    certificate = { chain = \"FOLDER/chain.pem\", key = \"FOLDER/key.pem\" }";

fn settings(port: std::net::SocketAddr) -> String {
    format!(
        "[[check]]\nname = \"port\"\nshop = \"lamps\"\ntcp = \"{port}\"\nevery = \"5s\"\nwithin = \"2s\"\nfailures = 1\n\
         [[check]]\nname = \"nightly export\"\nheartbeat = \"1d\"\nevery = \"5s\"\n\
         [[rule]]\non = \"check_failing\"\nfor = \"0s\"\nkeep = \"1s\"\n"
    )
}

/// Waits until a check has this state.
async fn stands(warden: &Warden, name: &str, state: &str) {
    let is = |all: &Value| {
        let checks = all["checks"].as_array().into_iter().flatten();
        checks.into_iter().any(|check| check["name"] == name && check["state"] == state)
    };
    warden.until(&format!("{name} to be {state}"), "/checks", is).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_from_outside_is_an_incident_that_ends_with_it() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?;
    let mut warden = Warden::start(FILES, &settings(port)).await?;
    stands(&warden, "port", "ok").await;
    drop(listener);
    stands(&warden, "port", "failing").await;
    let of_port = |state: &str| {
        let state = state.to_owned();
        move |all: &Value| {
            let all = all["incidents"].as_array().into_iter().flatten();
            all.into_iter()
                .any(|one| one["code"] == "check_failing" && one["state"] == state.as_str())
        }
    };
    warden.until("an incident", "/incidents", of_port("open")).await;
    // Connections of the check may still linger at this port.
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(port)?;
    let _listener = socket.listen(16)?;
    stands(&warden, "port", "ok").await;
    warden.until("its end", "/incidents", of_port("resolved")).await;

    // A job reports by the command line; a crash forgets nothing.
    let report = async |name: &str| {
        let spawn = warden.command(&["heartbeat", name])?;
        tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await?.map_err(Error::from)
    };
    report("nightly export").await?;
    ensure!(report("port").await.is_err(), "a check that is tried took a report");
    stands(&warden, "nightly export", "ok").await;
    warden.kill().await?;
    warden.up().await?;
    stands(&warden, "nightly export", "ok").await;
    warden.stop().await
}
