//! A process that does not outlive its test.

use host::process::{Process, Signal};

#[derive(Debug)]
pub(crate) struct Owned(pub(crate) Process);

impl Drop for Owned {
    fn drop(&mut self) {
        // It may have ended by itself, which its log then tells.
        let _gone = self.0.signal(Signal::Kill);
    }
}
