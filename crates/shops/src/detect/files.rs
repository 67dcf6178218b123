//! The files of the machine, read by whoever calls.

use kernel::config::fits_pattern;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// How files are read. None of it fails loudly: what may not be read is told with its reason, for
/// what is not seen must not pass for what is not there.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// The text of a file; `None`: there is none. `Err`: why it cannot be read.
    pub text: &'a dyn Fn(&Path) -> Result<Option<String>, String>,
    pub exists: &'a dyn Fn(&Path) -> bool,
    /// What a folder holds, sorted; empty when it is none or may not be read.
    pub list: &'a dyn Fn(&Path) -> Vec<PathBuf>,
}

impl fmt::Debug for Files<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

impl Files<'_> {
    /// The text of a file that is there and may be read.
    pub(super) fn read(&self, path: &Path) -> Option<String> {
        (self.text)(path).ok().flatten()
    }

    /// The files that a pattern with `*` in its last part names, sorted; `None` when it has one
    /// elsewhere, which is not followed. A pattern without any names itself.
    pub(super) fn matching(&self, pattern: &Path) -> Option<Vec<PathBuf>> {
        let text = pattern.to_str()?;
        if !text.contains(['*', '?', '[']) {
            return Some(vec![pattern.to_owned()]);
        }
        let (folder, name) = (pattern.parent()?, pattern.file_name()?.to_str()?);
        if folder.to_str()?.contains(['*', '?', '[']) || name.contains(['?', '[']) {
            return None;
        }
        let fits = |path: &PathBuf| {
            let found = path.file_name().and_then(|name| name.to_str());
            found.is_some_and(|found| fits_pattern(name, found))
        };
        Some((self.list)(folder).into_iter().filter(fits).collect())
    }
}
