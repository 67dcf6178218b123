//! Packages of several versions: the program as it was built, a second one that differs in a byte, and
//! two that are broken.

use crate::trade::program;
use anyhow::{Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use testkit::process::{Spawn, run_to_end};

/// Two that are well, one whose control is broken, one whose edge is.
pub(super) const VERSIONS: [&str; 4] = ["0.1.0", "0.1.1", "0.1.2", "0.1.3"];
/// Any time will do, if it is always the same.
const EPOCH: &str = "1780000000";
const LIMIT: Duration = Duration::from_secs(120);
/// Brings the store to format 99 with a copy kept, as a migration does, and ends. Whatever else it is
/// asked for, the program before it does.
const BROKEN_CONTROL: &str = "#!/bin/sh\n\
    if [ \"$1\" = control ]; then\n\
    cd /var/lib/storewarden\n\
    mkdir -p before-99 && cp storewarden.sqlite before-99/\n\
    printf '\\143' | dd of=storewarden.sqlite bs=1 seek=63 conv=notrunc status=none\n\
    echo nothing is right with this one >&2\n\
    exit 1\n\
    fi\n\
    exec /usr/lib/storewarden/previous/storewarden \"$@\"\n";
const BROKEN_EDGE: &str = "#!/bin/sh\n\
    if [ \"$1\" = up ]; then echo no edge today >&2; exit 1; fi\n\
    if [ \"$1\" = formats ]; then echo '{\"version\":\"0.1.3\",\"store\":1}'; exit; fi\n\
    exec /usr/lib/storewarden/previous/storewarden \"$@\"\n";

/// The packages in a folder of their own.
pub(super) struct Packages {
    folder: TempDir,
}

impl Packages {
    /// Makes them by `cargo xtask dist`, the first one twice, which must give the same bytes.
    pub(super) fn make() -> Result<Self> {
        let packages = Self { folder: testkit::folder() };
        let (first, again) = (packages.folder.path(), packages.folder.path().join("again"));
        dist(first)?;
        dist(&again)?;
        let name = packages.path(VERSIONS[0]);
        let twin = again.join(name.file_name().unwrap_or_default());
        ensure!(fs::read(&name)? == fs::read(twin)?, "two packages of one program differ");
        let mut later = packages.program(VERSIONS[0])?;
        later.push(b'\n');
        packages.repack(VERSIONS[1], &later)?;
        packages.repack(VERSIONS[2], BROKEN_CONTROL.as_bytes())?;
        packages.repack(VERSIONS[3], BROKEN_EDGE.as_bytes())?;
        Ok(packages)
    }

    pub(super) fn path(&self, version: &str) -> PathBuf {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        self.folder.path().join(format!("storewarden_{version}_{architecture}.deb"))
    }

    /// The program of a version, as it is installed.
    pub(super) fn program(&self, version: &str) -> Result<Vec<u8>> {
        let unpacked = self.folder.path().join(version);
        if !unpacked.exists() {
            run(Spawn::new("dpkg-deb")
                .arg("--raw-extract")
                .arg(self.path(version))
                .arg(&unpacked))?;
        }
        Ok(fs::read(unpacked.join("usr/bin/storewarden"))?)
    }

    /// The first version's package with another program and number.
    fn repack(&self, version: &str, program: &[u8]) -> Result<()> {
        let root = self.folder.path().join(version);
        run(Spawn::new("cp").arg("-a").arg(self.folder.path().join(VERSIONS[0])).arg(&root))?;
        fs::write(root.join("usr/bin/storewarden"), program)?;
        let control = root.join("DEBIAN/control");
        let text = fs::read_to_string(&control)?;
        let number = |version| format!("Version: {version}\n");
        fs::write(&control, text.replace(&number(VERSIONS[0]), &number(version)))?;
        let build = Spawn::new("dpkg-deb").args(["--build", "--root-owner-group", "-Zgzip", "-z1"]);
        run(build.arg(&root).arg(self.path(version)))
    }
}

fn dist(out: &Path) -> Result<()> {
    let xtask = Spawn::new(program("xtask")?).args(["dist", "--quick", "--version", VERSIONS[0]]);
    let xtask = xtask.arg("--binary").arg(program("storewarden")?).arg("--out").arg(out);
    run(xtask.env("SOURCE_DATE_EPOCH", EPOCH))
}

fn run(spawn: Spawn) -> Result<()> {
    run_to_end(spawn, LIMIT)?;
    Ok(())
}
