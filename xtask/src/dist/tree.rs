//! The files of an installation, as they lie below /usr: the same in the package and in the tarball.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;

use crate::process::{self, command};
use crate::workspace::{Workspace, files_below};

/// Completion scripts by shell, where each shell looks for those of packages.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/storewarden"),
    ("fish", "share/fish/vendor_completions.d/storewarden.fish"),
    ("zsh", "share/zsh/vendor-completions/_storewarden"),
];

/// Files of the checkout and their places.
const COPIES: [(&str, &str); 9] = [
    ("packaging/systemd/storewarden.service", "lib/systemd/system/storewarden.service"),
    ("packaging/systemd/storewarden-edge.service", "lib/systemd/system/storewarden-edge.service"),
    (
        "packaging/systemd/storewarden-stream.service",
        "lib/systemd/system/storewarden-stream.service",
    ),
    ("packaging/sysusers/storewarden.conf", "lib/sysusers.d/storewarden.conf"),
    (
        "packaging/examples/50-storewarden.rules",
        "share/doc/storewarden/examples/50-storewarden.rules",
    ),
    ("packaging/debian/copyright", "share/doc/storewarden/copyright"),
    ("docs/configuration.schema.json", "share/storewarden/configuration.schema.json"),
    ("docs/configuration.example.toml", "share/doc/storewarden/examples/storewarden.toml"),
    ("docs/installation.md", "share/doc/storewarden/installation.md"),
];

/// A folder that holds what belongs below /usr.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) usr: PathBuf,
    /// The time of every file, in seconds since 1970.
    pub(crate) epoch: u64,
}

impl Tree {
    /// Lays everything out in a new folder. The program is asked for its completions and manual pages.
    pub(crate) fn gather(
        workspace: &Workspace,
        program: &Path,
        usr: &Path,
        version: &str,
        epoch: u64,
    ) -> anyhow::Result<Self> {
        let tree = Self { usr: usr.to_owned(), epoch };
        let text = |relative: &str| {
            let path = workspace.path(relative);
            fs::read(&path).with_context(|| format!("read {}", path.display()))
        };
        for (from, to) in COPIES {
            tree.write(to, &text(from)?)?;
        }
        for (shell, to) in COMPLETIONS {
            let script = process::output(&mut command(program, &["completions", shell]))?;
            tree.write(to, script.as_bytes())?;
        }
        let bytes = fs::read(program).with_context(|| format!("read {}", program.display()))?;
        let place = tree.write("bin/storewarden", &bytes)?;
        set_mode(&place, 0o755)?;
        tree.documents(program, version, &text("CHANGELOG.md")?)?;
        // Debian has this licence in one place for all; elsewhere it comes with the program.
        tree.write("share/doc/storewarden/LICENSE", &text("LICENSE")?)?;
        tree.seal()?;
        Ok(tree)
    }

    fn documents(&self, program: &Path, version: &str, changes: &[u8]) -> anyhow::Result<()> {
        let manual = self.usr.join("share/man/man1");
        fs::create_dir_all(&manual).with_context(|| format!("make {}", manual.display()))?;
        process::run(command(program, &["man"]).arg(&manual))?;
        self.write("share/doc/storewarden/CHANGELOG.md", changes)?;
        let date = process::output(&mut command(
            "date",
            &["--utc", "--rfc-email", &format!("--date=@{}", self.epoch)],
        ))?;
        let entry = format!(
            "storewarden ({version}) unstable; urgency=medium\n\n  * What changed stands in CHANGELOG.md.\n\n \
             -- The Storewarden authors <maintainers@storewarden.invalid>  {}\n",
            date.trim()
        );
        let log = self.write("share/doc/storewarden/changelog", entry.as_bytes())?;
        for path in files_below(&manual)?.into_iter().chain([log]) {
            process::run(command("gzip", &["--no-name", "--best"]).arg(&path))?;
        }
        Ok(())
    }

    fn write(&self, relative: &str, bytes: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.usr.join(relative);
        let folder = path.parent().context("a file lies in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    /// Gives everything the same modes and times, whatever the umask and the clock.
    fn seal(&self) -> anyhow::Result<()> {
        for path in files_below(&self.usr)? {
            let is_program = path.parent().is_some_and(|folder| folder.ends_with("bin"));
            set_mode(&path, if is_program { 0o755 } else { 0o644 })?;
            set_time(&path, self.epoch)?;
        }
        seal_folders(&self.usr, self.epoch)
    }

    /// Kilobytes on disk, as Debian's `Installed-Size` counts them (deb-substvars(5)).
    pub(crate) fn kilobytes(&self) -> anyhow::Result<u64> {
        let sizes = files_below(&self.usr)?.into_iter().map(|path| {
            let found =
                fs::metadata(&path).with_context(|| format!("look at {}", path.display()))?;
            Ok(found.len().div_ceil(1024))
        });
        sizes.sum()
    }
}

fn seal_folders(folder: &Path, epoch: u64) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry.with_context(|| format!("list {}", folder.display()))?.path();
        if path.is_dir() {
            seal_folders(&path, epoch)?;
        }
    }
    set_mode(folder, 0o755)?;
    set_time(folder, epoch)
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> anyhow::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("set the mode of {}", path.display()))
}

pub(crate) fn set_time(path: &Path, epoch: u64) -> anyhow::Result<()> {
    let time = UNIX_EPOCH + Duration::from_secs(epoch);
    File::open(path)
        .and_then(|file| file.set_modified(time))
        .with_context(|| format!("set the time of {}", path.display()))
}
