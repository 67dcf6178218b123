//! restic asks whether the process of a lock still runs by sending it SIGHUP (internal/restic/lock_unix.go
//! of 0.14), which ends whoever does not expect it: a backup must not die of somebody's `restic unlock`.

use std::{sync::Once, thread};
use tokio::signal::unix::{SignalKind, signal};

/// From now on SIGHUP ends this process no more. Whoever listens for it hears it still.
pub(super) fn survive() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A thread of its own: whoever calls may be within another runtime.
        let registering = thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
            let _inside = runtime.enter();
            // tokio keeps its handler for as long as the process lives.
            signal(SignalKind::hangup()).map(drop)
        });
        let outcome = registering.join().expect("invariant: registering a handler does not panic");
        if let Err(error) = outcome {
            tracing::warn!(%error, "SIGHUP ends us: another restic that looks at our lock may");
        }
    });
}
