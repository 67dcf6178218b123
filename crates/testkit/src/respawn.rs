//! The test program itself as another process, for tests that kill one.
//!
//! A test plays two roles: without a role it starts itself again with one, and kills that process;
//! with the role it does what is to be killed.

use host::process::Spawn;
use std::path::PathBuf;

const ROLE: &str = "TESTKIT_ROLE";

/// The role that this process was started for; `None` in the test proper.
#[must_use]
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// The process that runs just the test of this whole name (`module::function`), in a role.
#[must_use]
pub fn this_test(name: &str, role: &str) -> Spawn {
    this_test_below(Spawn::new(program()), name, role)
}

/// As [`this_test`], but its command line is put at the end of another one's.
#[must_use]
pub fn this_test_below(wrapper: Spawn, name: &str, role: &str) -> Spawn {
    wrapper.args(["--exact", "--nocapture", name]).env(ROLE, role)
}

/// The test program itself.
#[must_use]
pub fn program() -> PathBuf {
    std::env::current_exe().expect("a test knows its own program")
}
