//! Releases on disk: folders beside one another, and the link that points at the one that runs.

use crate::AppsError;
use kernel::config::DeploySettings;
use std::{
    fs::{self, File},
    io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// Releases that are shown at most; those beyond it, the first by name, are left out.
const MOST: usize = 1_000;

/// The names of the releases there are, sorted.
///
/// # Errors
/// When their folder cannot be read.
pub fn releases(settings: &DeploySettings) -> Result<Vec<String>, AppsError> {
    let failed = |source| AppsError::Read { path: settings.releases.clone(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(&settings.releases).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // Through a link too: a release may lie elsewhere.
        if let Some(name) = entry.file_name().to_str().filter(|name| is_release_name(name))
            && entry.path().is_dir()
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    names.drain(..names.len().saturating_sub(MOST));
    Ok(names)
}

/// The release that the link points at; `None` when there is no link yet.
///
/// # Errors
/// When what stands there is no link, or points at no release.
pub fn current_release(settings: &DeploySettings) -> Result<Option<String>, AppsError> {
    let path = settings.current.clone();
    let target = match fs::read_link(&path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(AppsError::Read { path, source }),
    };
    let whole = path.parent().unwrap_or_else(|| Path::new("/")).join(&target);
    let name = whole.file_name().and_then(|name| name.to_str());
    let parent = whole.parent().and_then(|parent| parent.canonicalize().ok());
    let ours = settings.releases.canonicalize().ok();
    match name.filter(|_| parent.is_some() && parent == ours) {
        Some(name) => Ok(Some(name.to_owned())),
        None => Err(AppsError::Elsewhere { link: path, target }),
    }
}

/// Whether there is such a release.
pub(crate) fn is_there(settings: &DeploySettings, release: &str) -> bool {
    is_release_name(release) && settings.releases.join(release).is_dir()
}

/// Points the link at a release, in one step and on disk. Whoever opens it meets the old one or the
/// new one.
pub(crate) fn switch(settings: &DeploySettings, release: &str) -> Result<(), AppsError> {
    if !is_there(settings, release) {
        return Err(AppsError::NoRelease(settings.releases.join(release)));
    }
    if current_release(settings)?.as_deref() == Some(release) {
        return Ok(());
    }
    let link = &settings.current;
    let new = beside(link);
    let switch = || {
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        symlink(settings.releases.join(release), &new)?;
        fs::rename(&new, link)?;
        File::open(link.parent().unwrap_or_else(|| Path::new("/")))?.sync_all()
    };
    switch().map_err(|source| AppsError::Write { path: link.clone(), source })
}

fn beside(link: &Path) -> PathBuf {
    let name = link.file_name().unwrap_or_default().to_string_lossy();
    link.with_file_name(format!(".{name}.storewarden"))
}

/// A name of one folder, and none that is hidden or means another place.
pub(crate) fn is_release_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && !name.starts_with(['.', '-'])
        && !name.contains(|c: char| c == '/' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path) -> DeploySettings {
        let settings =
            DeploySettings { releases: folder.join("releases"), current: folder.join("current") };
        for name in ["1.0", "1.1", ".hidden"] {
            fs::create_dir_all(settings.releases.join(name)).unwrap();
        }
        fs::write(settings.releases.join("README"), "").unwrap();
        settings
    }

    #[test]
    fn the_link_is_pointed_at_one_release_after_the_other() {
        let temporary = tempfile::tempdir().unwrap();
        let settings = settings(temporary.path());
        assert_eq!(releases(&settings).unwrap(), ["1.0", "1.1"]);
        assert_eq!(current_release(&settings).unwrap(), None);
        // Left behind by one that was killed in between.
        symlink("/nowhere", beside(&settings.current)).unwrap();
        for release in ["1.0", "1.1", "1.1", "1.0"] {
            switch(&settings, release).unwrap();
            assert_eq!(current_release(&settings).unwrap().as_deref(), Some(release));
        }
        assert!(!beside(&settings.current).exists());
        for missing in ["2.0", "README", "..", "", ".hidden", "1.0/../1.1"] {
            assert!(
                matches!(switch(&settings, missing), Err(AppsError::NoRelease(_))),
                "{missing}"
            );
        }
        assert_eq!(current_release(&settings).unwrap().as_deref(), Some("1.0"));
    }

    #[test]
    fn a_link_made_by_hand_is_understood_and_anything_else_is_left_alone() {
        let temporary = tempfile::tempdir().unwrap();
        let settings = settings(temporary.path());
        symlink("releases/1.1", &settings.current).unwrap();
        assert_eq!(current_release(&settings).unwrap().as_deref(), Some("1.1"));
        fs::remove_file(&settings.current).unwrap();
        symlink("/usr", &settings.current).unwrap();
        assert!(matches!(switch(&settings, "1.0"), Err(AppsError::Elsewhere { .. })));
        fs::remove_file(&settings.current).unwrap();
        fs::create_dir(&settings.current).unwrap();
        assert!(matches!(switch(&settings, "1.0"), Err(AppsError::Read { .. })));
    }
}
