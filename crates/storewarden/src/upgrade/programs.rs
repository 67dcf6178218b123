//! The programs of an installation: the one that is installed, the one before, which the package
//! keeps, and the one that was found wanting. Each with the units that belong to it.

use super::Formats;
use anyhow::{Context as _, bail};
use host::process::{Spawn, run_to_end};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// A program says who it is at once, or never.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const PROGRAM: &str = "storewarden";
const UNITS: [&str; 2] = [super::CONTROL, super::EDGE];

/// The folders of packaging/debian: what is written here is agreed with its scripts.
#[derive(Debug)]
pub(super) struct Programs {
    program: PathBuf,
    units: PathBuf,
    /// Kept at the last upgrade.
    previous: PathBuf,
    /// Taken out of service on the way back; for whoever wants to know why.
    rejected: PathBuf,
}

impl Default for Programs {
    fn default() -> Self {
        Self {
            program: "/usr/bin/storewarden".into(),
            units: "/usr/lib/systemd/system".into(),
            previous: "/usr/lib/storewarden/previous".into(),
            rejected: "/usr/lib/storewarden/rejected".into(),
        }
    }
}

impl Programs {
    /// # Errors
    /// When there is nothing to go back to.
    pub(super) fn check_way_back(&self) -> anyhow::Result<()> {
        let kept = self.previous.join(PROGRAM);
        if !kept.exists() {
            bail!(
                "there is nothing to go back to: no upgrade has kept a program in `{}`",
                self.previous.display()
            );
        }
        let (installed, kept) = (read(&self.program)?, read(&kept)?);
        if installed == kept {
            bail!("the program before the last upgrade is installed already");
        }
        Ok(())
    }

    /// What the kept program understands.
    pub(super) fn formats_of_kept(&self) -> anyhow::Result<Formats> {
        formats(&self.previous.join(PROGRAM))
    }

    /// For people; a program that cannot say it has none.
    pub(super) fn installed_version(&self) -> String {
        self.version_of_installed().unwrap_or_else(|| "of an unknown version".to_owned())
    }

    /// `None`: it cannot say.
    pub(super) fn version_of_installed(&self) -> Option<String> {
        formats(&self.program).ok().map(|formats| formats.version)
    }

    /// Puts the kept program and its units where the installed ones are, which are moved aside.
    pub(super) fn put_back(&self) -> anyhow::Result<()> {
        let units = UNITS.map(|unit| (unit, self.units.join(unit)));
        let files = [(PROGRAM, self.program.clone())].into_iter().chain(units);
        fs::create_dir_all(&self.rejected)
            .with_context(|| format!("make `{}`", self.rejected.display()))?;
        for (name, installed) in files {
            let kept = self.previous.join(name);
            // A unit that was not there before stays: nothing starts it that did not then.
            if name != PROGRAM && !kept.exists() {
                continue;
            }
            let replaced = replace(&installed, &self.rejected.join(name))
                .and_then(|()| replace(&kept, &installed));
            replaced.with_context(|| format!("put `{}` back", installed.display()))?;
        }
        Ok(())
    }
}

fn formats(program: &Path) -> anyhow::Result<Formats> {
    let asked = run_to_end(Spawn::new(program).arg("formats"), ANSWER_LIMIT);
    let said = asked.with_context(|| format!("ask `{}` who it is", program.display()))?;
    serde_json::from_slice(&said.stdout)
        .with_context(|| format!("understand who `{}` is", program.display()))
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read `{}`", path.display()))
}

/// Copies a file over another one in one step: a program that runs goes on from the old one.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let new = to.with_extension("new");
    fs::copy(from, &new)?;
    File::open(&new)?.sync_all()?;
    fs::rename(&new, to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn programs(folder: &Path) -> Programs {
        Programs {
            program: folder.join("bin/storewarden"),
            units: folder.join("units"),
            previous: folder.join("previous"),
            rejected: folder.join("rejected"),
        }
    }

    #[test]
    fn the_kept_program_comes_back_with_its_units_and_the_other_is_not_lost() {
        let folder = testkit::folder();
        let programs = programs(folder.path());
        write(&programs.program, "new");
        assert!(programs.check_way_back().is_err(), "nothing was kept");
        for unit in UNITS {
            write(&programs.units.join(unit), "new unit");
        }
        write(&programs.previous.join(PROGRAM), "old");
        write(&programs.previous.join(UNITS[0]), "old unit");
        programs.check_way_back().unwrap();
        programs.put_back().unwrap();
        let text = |path: PathBuf| fs::read_to_string(path).unwrap();
        assert_eq!(text(programs.program.clone()), "old");
        assert_eq!(text(programs.rejected.join(PROGRAM)), "new");
        assert_eq!(text(programs.units.join(UNITS[0])), "old unit");
        assert_eq!(text(programs.units.join(UNITS[1])), "new unit");
        assert_eq!(text(programs.previous.join(PROGRAM)), "old", "it stays, for the next time");
        assert_eq!(fs::metadata(&programs.program).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(programs.check_way_back().is_err(), "we are there already");
    }

    #[test]
    fn a_program_says_which_formats_it_knows() {
        let folder = testkit::folder();
        let programs = programs(folder.path());
        write(
            &programs.previous.join(PROGRAM),
            "#!/bin/sh\necho '{\"version\":\"0.1.0\",\"store\":5,\"later\":[]}'\n",
        );
        assert_eq!(programs.formats_of_kept().unwrap().store, 5);
        assert_eq!(programs.installed_version(), "of an unknown version");
    }
}
