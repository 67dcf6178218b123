//! MySQL for tests. Debian's stable release has none, and a machine has either it or MariaDB: so the packages of
//! Debian's unstable one are fetched, with all that they need, and unpacked into a folder of tests' own.

use crate::{process, workspace::Workspace};
use anyhow::Context as _;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const PACKAGE: &str = "mysql-server-core";
const ARCHIVE: &str = "http://deb.debian.org/debian";
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What tests find it by, once all of it is there.
const WHOLE: &str = "whole";

/// Fetches it into the folder for tests' own things below the target folder. Where it cannot be had, the tests
/// that need it say that they did not run; nothing else needs it.
pub(crate) fn ensure(workspace: &Workspace) -> anyhow::Result<()> {
    let root = workspace.target.join("tmp/mysql");
    if root.join(WHOLE).exists() {
        return Ok(());
    }
    println!("Fetching MySQL from Debian into {} …", root.display());
    if let Err(error) = fetch(&root) {
        println!("NOT TESTED: MySQL itself, for it cannot be had here: {error:#}");
        println!(
            "It needs apt-get and dpkg-deb, and the archive of Debian for this machine's amd64."
        );
    }
    Ok(())
}

fn fetch(root: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(cfg!(target_arch = "x86_64"), "only that of x86_64 is known here");
    let apt = Apt::beside(root)?;
    apt.run(&["--quiet", "update"])?;
    apt.run(&[
        "--quiet",
        "--quiet",
        "--yes",
        "--no-install-recommends",
        "--download-only",
        "install",
        PACKAGE,
    ])?;
    let _half = fs::remove_dir_all(root);
    fs::create_dir_all(root).with_context(|| format!("make {}", root.display()))?;
    let archives = apt.folder.join("cache/archives");
    let listed = fs::read_dir(&archives).with_context(|| format!("read {}", archives.display()))?;
    for file in listed {
        let file = file?.path();
        if file.extension().is_some_and(|ending| ending == "deb") {
            process::run(process::command("dpkg-deb", &["-x"]).arg(&file).arg(root))?;
        }
    }
    fs::remove_dir_all(&apt.folder).context("remove what was fetched")?;
    let mark = root.join(WHOLE);
    fs::write(&mark, PACKAGE).with_context(|| format!("write {}", mark.display()))
}

/// An apt of its own: nothing of the machine's is looked at or changed.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn beside(root: &Path) -> anyhow::Result<Self> {
        let folder = root.with_extension("apt");
        let _old = fs::remove_dir_all(&folder);
        for name in ["lists/partial", "cache/archives/partial", "sources"] {
            let name = folder.join(name);
            fs::create_dir_all(&name).with_context(|| format!("make {}", name.display()))?;
        }
        let source = format!(
            "Types: deb\nURIs: {ARCHIVE}\nSuites: sid\nComponents: main\nSigned-By: {KEYS}\n"
        );
        fs::write(folder.join("sources/sid.sources"), source).context("write apt's sources")?;
        fs::write(folder.join("status"), "").context("write apt's status")?;
        Ok(Self { folder })
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        process::run(self.command().args(arguments))
    }

    fn command(&self) -> Command {
        let mut command = process::command("apt-get", &[]);
        for (name, place) in [
            ("Dir::State", ""),
            ("Dir::State::Lists", "lists"),
            ("Dir::State::status", "status"),
            ("Dir::Cache", "cache"),
            ("Dir::Etc::SourceParts", "sources"),
        ] {
            command.arg("-o").arg(format!("{name}={}", self.folder.join(place).display()));
        }
        for option in [
            "Dir::Etc::SourceList=/dev/null",
            "Dir::Etc::Preferences=/dev/null",
            "Dir::Etc::PreferencesParts=/dev/null",
            "Acquire::Languages=none",
            "Acquire::Retries=2",
            "APT::Architecture=amd64",
            "APT::Sandbox::User=root",
        ] {
            command.args(["-o", option]);
        }
        command
    }
}
