//! The two that are measured, nginx and the edge, and the origin they share: started alike, in front of the same pages.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::cost::Family;
use super::load::{self, Wire};
use super::machine::Cores;
use crate::process::{self, Running};
use crate::workspace::Workspace;

/// What every measured page weighs.
const PAGE_BYTES: usize = 10 * 1024;

/// A page of one visitor, and a picture for all.
pub(super) const UNCACHED: &str = "/lamp.html";
pub(super) const CACHED: &str = "/lamp.svg";

const START_LIMIT: Duration = Duration::from_secs(10);

/// The origin behind both: one nginx process with two ports, as two instances of a shop.
#[derive(Debug)]
pub(super) struct Origin {
    _process: Running,
    pub(super) addresses: [SocketAddr; 2],
}

impl Origin {
    pub(super) fn start(
        workspace: &Workspace,
        directory: &Path,
        cores: &Cores,
    ) -> anyhow::Result<Self> {
        let pages = directory.join("pages");
        std::fs::create_dir_all(&pages).with_context(|| format!("create {}", pages.display()))?;
        for page in [UNCACHED, CACHED] {
            let path = pages.join(page.trim_start_matches('/'));
            std::fs::write(&path, page_text())
                .with_context(|| format!("write {}", path.display()))?;
        }
        let addresses = [free_address()?, free_address()?];
        let [first, second] = addresses.map(|address| address.port().to_string());
        let configuration = fill(
            workspace,
            "bench/nginx-origin.conf",
            &[
                ("directory", &directory.display().to_string()),
                ("port_1", &first),
                ("port_2", &second),
            ],
        )?;
        let path = directory.join("origin.conf");
        std::fs::write(&path, configuration)
            .with_context(|| format!("write {}", path.display()))?;
        let mut process = start_nginx("the origin", &path, directory, &cores.load)?;
        for address in addresses {
            process.wait_until("the first answer", START_LIMIT, || answers(address))?;
        }
        Ok(Self { _process: process, addresses })
    }
}

/// One of the two that are measured.
#[derive(Debug)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    process: Running,
    plain: SocketAddr,
    tls: SocketAddr,
}

impl Contender {
    /// Debian's nginx with `bench/nginx-proxy.conf`.
    pub(super) fn nginx(
        name: &'static str,
        workspace: &Workspace,
        directory: &Path,
        origin: &Origin,
        place: &Place,
    ) -> anyhow::Result<Self> {
        let directory = directory.join(name);
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("create {}", directory.display()))?;
        let (plain, tls) = (free_address()?, free_address()?);
        let [first, second] = origin.addresses.map(|address| address.to_string());
        let configuration = fill(
            workspace,
            "bench/nginx-proxy.conf",
            &[
                ("directory", &directory.display().to_string()),
                ("port", &plain.port().to_string()),
                ("tls_port", &tls.port().to_string()),
                ("workers", &place.workers.to_string()),
                ("origin_1", &first),
                ("origin_2", &second),
                ("certificate", &place.certificate.chain),
                ("key", &place.certificate.key),
            ],
        )?;
        let path = directory.join("proxy.conf");
        std::fs::write(&path, configuration)
            .with_context(|| format!("write {}", path.display()))?;
        let process = start_nginx(name, &path, &directory, &place.cores.proxy)?;
        Self { name, process, plain, tls }.ready()
    }

    /// The whole of `storewarden up`, as a user starts it.
    pub(super) fn edge(
        workspace: &Workspace,
        directory: &Path,
        origin: &Origin,
        place: &Place,
    ) -> anyhow::Result<Self> {
        Self::start_edge(workspace, directory, origin, place)?.ready()
    }

    /// Started, and not waited for.
    pub(super) fn start_edge(
        workspace: &Workspace,
        directory: &Path,
        origin: &Origin,
        place: &Place,
    ) -> anyhow::Result<Self> {
        let name = "storewarden";
        let directory = directory.join(name);
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("create {}", directory.display()))?;
        let (plain, tls, control) = (free_address()?, free_address()?, free_address()?);
        let [first, second] = origin.addresses.map(|address| address.to_string());
        let configuration = fill(
            workspace,
            "bench/storewarden.toml",
            &[
                ("directory", &directory.display().to_string()),
                ("plain", &plain.to_string()),
                ("tls", &tls.to_string()),
                ("control", &control.to_string()),
                ("workers", &place.workers.to_string()),
                ("origin_1", &first),
                ("origin_2", &second),
                ("certificate", &place.certificate.chain),
                ("key", &place.certificate.key),
            ],
        )?;
        let path = directory.join("storewarden.toml");
        std::fs::write(&path, configuration)
            .with_context(|| format!("write {}", path.display()))?;
        let log = directory.join("storewarden.log");
        let log =
            std::fs::File::create(&log).with_context(|| format!("create {}", log.display()))?;
        let mut command = process::command("taskset", &["-c", &place.cores.proxy]);
        command.arg(workspace.program("release", name)).arg("up").arg("--config").arg(&path);
        command.arg("--state").arg(directory.join("state"));
        command.stdout(log.try_clone().context("share the log")?).stderr(log);
        Ok(Self { name, process: Running::start(name, &mut command)?, plain, tls })
    }

    fn ready(mut self) -> anyhow::Result<Self> {
        self.wait_for_answer()?;
        Ok(self)
    }

    pub(super) fn wait_for_answer(&mut self) -> anyhow::Result<()> {
        let address = self.plain;
        self.process.wait_until("the first answer", START_LIMIT, || answers(address))
    }

    /// Its processes as they are now.
    pub(super) fn family(&self) -> anyhow::Result<Family> {
        Family::of(self.process.pid())
    }

    pub(super) fn plain(&self) -> SocketAddr {
        self.plain
    }

    pub(super) fn url(&self, wire: Wire, path: &str) -> String {
        match wire {
            Wire::Http1 => format!("http://{}{path}", self.plain),
            Wire::Tls | Wire::Http2 => format!("https://localhost:{}{path}", self.tls.port()),
        }
    }

    /// Holds what is answered against what is meant to be measured: whole pages, from the cache or never from it.
    ///
    /// # Errors
    /// When the page is not whole, or comes from the wrong place.
    pub(super) fn check(&self, path: &str) -> anyhow::Result<()> {
        let answers = [(); 3].map(|()| load::ask(self.plain, path));
        let mut marks = Vec::new();
        for answer in answers {
            let answer = answer?;
            ensure!(answer.status == 200, "{} answers {path} with {}", self.name, answer.status);
            ensure!(answer.body_bytes == PAGE_BYTES, "{}: {path} is not whole", self.name);
            marks.push(
                answer
                    .origin_request
                    .with_context(|| format!("{}: {path} lost its mark", self.name))?,
            );
        }
        let is_same = marks[1] == marks[2];
        ensure!(
            is_same == (path == CACHED),
            "{}: {path} comes from the wrong place, cached: {is_same}",
            self.name
        );
        Ok(())
    }

    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.process.stop()
    }
}

/// Where a contender runs, with how many workers, and what it shows for TLS.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) cores: Cores,
    pub(super) workers: u32,
    pub(super) certificate: Certificate,
}

/// Paths of a certificate for localhost and its key, PEM.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    chain: String,
    key: String,
}

impl Certificate {
    /// Self-signed, P-256: what an authority gives by default today.
    pub(super) fn make(directory: &Path) -> anyhow::Result<Self> {
        let chain = directory.join("certificate.pem").display().to_string();
        let key = directory.join("key.pem").display().to_string();
        let mut openssl =
            process::command("openssl", &["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
        openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost"]);
        openssl.args([
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-out",
            &chain,
            "-keyout",
            &key,
        ]);
        process::run(openssl.stderr(Stdio::null()))?;
        Ok(Self { chain, key })
    }
}

fn start_nginx(
    name: &str,
    configuration: &Path,
    directory: &Path,
    cores: &str,
) -> anyhow::Result<Running> {
    let program = process::find_program("nginx").context("nginx is not on this machine")?;
    let mut command = process::command("taskset", &["-c", cores]);
    command.arg(program).arg("-p").arg(directory).arg("-c").arg(configuration);
    // Before it has read its own, nginx tries the system's error log and says so when it may not.
    command.arg("-e").arg(directory.join("start.log"));
    Running::start(name, &mut command)
}

/// Fills `{name}` in a committed file. A place left empty, or a name without a place, is a mistake of ours.
fn fill(workspace: &Workspace, path: &str, values: &[(&str, &str)]) -> anyhow::Result<String> {
    let path = workspace.path(path);
    let mut text =
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    for (name, value) in values {
        let place = format!("{{{name}}}");
        ensure!(text.contains(&place), "{} has no place for {name}", path.display());
        text = text.replace(&place, value);
    }
    Ok(text)
}

/// 10 KB that look like a page.
fn page_text() -> String {
    let mut text = String::from("<!doctype html><title>Lamp</title><p>");
    while text.len() < PAGE_BYTES {
        text.push_str("A lamp of brass and linen, made to be repaired. ");
    }
    text.truncate(PAGE_BYTES);
    text
}

fn answers(address: SocketAddr) -> Option<()> {
    load::ask(address, UNCACHED).ok().filter(|answer| answer.status == 200).map(|_| ())
}

/// A port that was free a moment ago.
fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    listener.local_addr().context("read the free port")
}
