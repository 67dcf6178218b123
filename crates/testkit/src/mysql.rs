//! MySQL, which Debian's stable release has no packages of: unpacked into a folder by `cargo xtask test`.

use std::path::{Path, PathBuf};

/// The folder that its packages lie unpacked in. `tests` is the folder that cargo keeps for tests
/// (`CARGO_TARGET_TMPDIR`). `None`, and a word of it, where it is not there.
#[must_use]
#[expect(clippy::print_stdout, reason = "says in the test's output why nothing was tested")]
pub fn mysql(tests: &Path) -> Option<PathBuf> {
    let root = tests.join("mysql");
    let is_whole = root.join("whole").exists();
    if !is_whole {
        println!("NOT TESTED: MySQL, for it is not there; `cargo xtask test` fetches it");
    }
    is_whole.then_some(root)
}
