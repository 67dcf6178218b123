//! The Debian package in a Debian with its own systemd: installed, started, upgraded while visitors
//! come, taken back by itself and on demand, removed and purged. No visitor is turned away by any of
//! it but the removal.

mod making;
mod visitors;

use crate::trade::LONG;
use anyhow::{Context as _, Result, anyhow, ensure};
use making::{Packages, VERSIONS};
use serde_json::Value;
use std::{fs, path::Path};
use testkit::{Container, wait_until};
use visitors::{ORIGIN, Visitors, visit};

const CONFIGURATION: &str = "/etc/storewarden/storewarden.toml";
const PROGRAM: &str = "/usr/bin/storewarden";
/// Where a package lies before it is installed.
const PACKAGE: &str = "/var/tmp/storewarden.deb";
const CONTROL: &str = "storewarden.service";
const EDGE: &str = "storewarden-edge.service";
const STREAM: &str = "storewarden-stream.service";
/// The most that `systemd-analyze security` may find exposed, in tenths: what the work of each takes.
const EXPOSURE: [(&str, u32); 3] = [(EDGE, 15), (STREAM, 15), (CONTROL, 23)];

/// The Debian with what was made for it.
struct Machine {
    container: Container,
    packages: Packages,
}

impl Machine {
    fn run(&self, words: &str) -> Result<String> {
        let words: Vec<&str> = words.split(' ').collect();
        self.container.run(&words).map_err(|error| anyhow!(error))
    }

    fn install(&self, version: &str) -> Result<String> {
        fs::copy(self.packages.path(version), self.container.path(PACKAGE))?;
        self.run(&format!("env DEBIAN_FRONTEND=noninteractive dpkg --install {PACKAGE}"))
    }

    /// A property of a service, as systemd tells it.
    fn property(&self, unit: &str, name: &str) -> Result<String> {
        let value = self.run(&format!("systemctl show --value --property={name} {unit}"))?;
        Ok(value.trim().to_owned())
    }

    /// Which processes serve: control, the supervisor and the edge.
    fn processes(&self) -> Result<[String; 3]> {
        let edge = fs::read_to_string(self.container.path("/var/lib/storewarden/edge.pid"))?;
        Ok([
            self.property(CONTROL, "MainPID")?,
            self.property(EDGE, "MainPID")?,
            edge.trim().to_owned(),
        ])
    }

    /// Whether a version is what lies there and what runs.
    fn runs(&self, version: &str) -> Result<()> {
        let installed = fs::read(self.container.path(PROGRAM))?;
        ensure!(installed == self.packages.program(version)?, "another program is installed");
        for process in self.processes()? {
            // Of the same bytes, if not the same file: a way back copies it.
            let runs = fs::read(self.container.path(&format!("/proc/{process}/exe")))?;
            ensure!(runs == installed, "process {process} is another program");
        }
        Ok(())
    }

    /// The format that the store's file says it has (sqlite.org/fileformat.html, offset 60).
    fn store_format(&self) -> Result<u8> {
        let path = self.container.path("/var/lib/storewarden/storewarden.sqlite");
        fs::read(path)?.get(63).copied().context("the store is shorter than its head")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_serves_through_upgrades_and_ways_back() -> Result<()> {
    if !Path::new("/usr/bin/dpkg-deb").exists() {
        println!("skipped: dpkg is not installed");
        return Ok(());
    }
    let container = match Container::boot().await {
        Ok(container) => container,
        Err(reason) => {
            println!("skipped: {reason}");
            return Ok(());
        }
    };
    let packages = Packages::make()?;
    let machine = Machine { container, packages };
    visitors::open_shop(machine.container.network());
    is_installed(&machine).await?;
    is_locked_down(&machine)?;

    let visitors = Visitors::come(machine.container.network());
    visitors.see(20).await?;
    upgrades(&machine)?;
    visitors.see(20).await?;
    goes_back_on_demand(&machine)?;
    visitors.see(20).await?;
    a_broken_control_is_taken_back(&machine)?;
    a_broken_edge_is_taken_back(&machine)?;
    people_are_told_of_it(&machine).await?;
    visitors.see(20).await?;
    restarts_are_unnoticed(&machine)?;
    visitors.see(20).await?;
    visitors.leave()?;

    // Not even when supervisor and edge are killed is whoever comes then refused.
    machine.run(&format!("systemctl kill --signal=KILL {EDGE}"))?;
    visit(&machine.container.network()).await?;

    is_removed(&machine)
}

/// A fresh installation does nothing and says nothing, until there is a configuration.
async fn is_installed(machine: &Machine) -> Result<()> {
    machine.install(VERSIONS[0])?;
    for unit in [CONTROL, EDGE] {
        ensure!(machine.property(unit, "ActiveState")? == "inactive", "{unit}");
        ensure!(machine.property(unit, "UnitFileState")? == "enabled", "{unit}");
    }
    let init = format!("{PROGRAM} init --config {CONFIGURATION}");
    machine.run(&init)?;
    let owner = machine.run(&format!("stat --format=%U:%a {CONFIGURATION}"))?;
    ensure!(owner.trim() == "storewarden:640", "{owner}");
    let text = format!(
        "version = 1\n[edge]\nlisten = \"http://0.0.0.0:80\"\n[shop.lamps]\nplatform = \
         \"generic\"\nhosts = [\"*\"]\napp = [\"{ORIGIN}\"]\n"
    );
    machine.container.write(CONFIGURATION, &text);
    machine.run("systemctl start storewarden")?;
    let network = machine.container.network();
    wait_until("the shop on port 80", LONG, async || {
        visit(&network).await.map_err(|error| {
            let log = machine.run("journalctl --no-pager --lines=30");
            format!("{error:#} {log:?}")
        })
    })
    .await;
    for process in machine.processes()? {
        let user = machine.run(&format!("stat --format=%U /proc/{process}"))?;
        ensure!(user.trim() == "storewarden", "process {process} runs as {user}");
    }
    machine.run("systemctl reload storewarden").map(drop)
}

fn is_locked_down(machine: &Machine) -> Result<()> {
    for (unit, most) in EXPOSURE {
        let analysed = machine.run(&format!("systemd-analyze security --threshold={most} {unit}"));
        let analysed = analysed.with_context(|| format!("{unit} is exposed more than {most}"))?;
        println!("{}", analysed.lines().last().unwrap_or_default());
    }
    Ok(())
}

fn upgrades(machine: &Machine) -> Result<()> {
    let before = machine.processes()?;
    let said = machine.install(VERSIONS[1])?;
    machine.runs(VERSIONS[1]).context(said)?;
    let now = machine.processes()?;
    let stayed = before.iter().zip(&now).any(|(before, now)| before == now);
    ensure!(!stayed, "{before:?} became {now:?}");
    Ok(())
}

fn goes_back_on_demand(machine: &Machine) -> Result<()> {
    let said = machine.run(&format!("{PROGRAM} upgrade --back"))?;
    ensure!(said.contains("is back"), "{said}");
    machine.runs(VERSIONS[0])?;
    let again = machine.run(&format!("{PROGRAM} upgrade --back")).map_err(|e| e.to_string());
    ensure!(again.as_ref().is_err_and(|error| error.contains("installed already")), "{again:?}");
    Ok(())
}

/// Its control brings the store to a format that only it knows, and ends.
fn a_broken_control_is_taken_back(machine: &Machine) -> Result<()> {
    let format = machine.store_format()?;
    let refused = machine.install(VERSIONS[2]).map(drop);
    let said = refused.err().context("a broken program is no upgrade")?.to_string();
    ensure!(said.contains("nothing is right with this one"), "the reason is told: {said}");
    ensure!(said.contains("what was recorded since lies in"), "the store is told of: {said}");
    machine.runs(VERSIONS[0])?;
    ensure!(machine.store_format()? == format);
    let aside = machine.container.path("/var/lib/storewarden/after-99/storewarden.sqlite");
    ensure!(aside.exists(), "the newer store is not lost");
    let log = fs::read_to_string(machine.container.path("/var/lib/storewarden/upgrades.log"))?;
    ensure!(log.lines().count() == 3, "an upgrade and two ways back: {log}");
    Ok(())
}

fn a_broken_edge_is_taken_back(machine: &Machine) -> Result<()> {
    let refused = machine.install(VERSIONS[3]).map(drop);
    let said = refused.err().context("a broken program is no upgrade")?.to_string();
    ensure!(said.contains("no edge today"), "the reason is told: {said}");
    machine.runs(VERSIONS[0])
}

/// An incident says so, until somebody has taken it on.
async fn people_are_told_of_it(machine: &Machine) -> Result<()> {
    let incident = async |what: &str, is: fn(&Value) -> bool| {
        wait_until(what, LONG, async || {
            let listed = machine.run(&format!("{PROGRAM} incidents --json"));
            let listed: Value = serde_json::from_str(&listed.map_err(|error| error.to_string())?)
                .map_err(|error| error.to_string())?;
            let all = listed["incidents"].as_array().cloned().unwrap_or_default();
            let ours = all.into_iter().find(|one| one["cause"] == "upgrade_taken_back");
            ours.filter(is).ok_or_else(|| format!("{listed:#}"))
        })
        .await
    };
    let is_of_last = |one: &Value| one["params"]["version"] == VERSIONS[3];
    let told = incident("an incident", is_of_last).await;
    let params = &told["params"];
    ensure!(told["state"] == "open" && params["runs"] == VERSIONS[0], "{told:#}");
    ensure!(params["error"].as_str().is_some_and(|why| why.contains("no edge today")), "{told:#}");
    machine.run(&format!("{PROGRAM} incidents acknowledge {}", told["id"]))?;
    incident("its end", |one| one["state"] == "resolved").await;
    Ok(())
}

/// Of control, and of the edge, whose sockets systemd keeps.
fn restarts_are_unnoticed(machine: &Machine) -> Result<()> {
    let before = machine.processes()?;
    machine.run("systemctl restart storewarden")?;
    let now = machine.processes()?;
    ensure!(now[0] != before[0] && now[1..] == before[1..], "{now:?}");
    for _ in 0..3 {
        machine.run("systemctl restart storewarden-edge")?;
    }
    let later = machine.processes()?;
    ensure!(later[0] == now[0] && later[1] != now[1] && later[2] != now[2], "{later:?}");
    Ok(())
}

/// Removed, it leaves configuration and records; purged, the records, for they may be evidence.
fn is_removed(machine: &Machine) -> Result<()> {
    let has = |path: &str| machine.container.path(path).exists();
    machine.run("env DEBIAN_FRONTEND=noninteractive dpkg --remove storewarden")?;
    ensure!(has(CONFIGURATION) && !has(PROGRAM) && !has("/usr/lib/storewarden"));
    ensure!(machine.run("pgrep --exact storewarden").is_err() || !has("/usr/bin/pgrep"));
    machine.run("env DEBIAN_FRONTEND=noninteractive dpkg --purge storewarden")?;
    ensure!(!has("/etc/storewarden") && has("/var/lib/storewarden/storewarden.sqlite"));
    Ok(())
}
