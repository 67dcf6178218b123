//! Watching: host, edge and the shop's orders come in as facts, go through judgement, and come out
//! as the state that the API shows.
//!
//! [`live`] is the pure state machine, [`judgement`] the pure opinion; [`host`](host_facts),
//! [`orders`] and [`clock`] are the tasks that feed and move them. This crate never talks to an edge
//! itself (control hands it what the link said) and never decides to act.

pub mod access_log;
pub mod backups;
pub mod checks;
pub mod clock;
pub mod databases;
pub mod desk;
mod error;
pub mod history;
pub mod host_facts;
pub mod incidents;
pub mod judgement;
pub mod ledger_keeper;
pub mod live;
pub mod notify;
pub mod orders;
pub mod peers;
pub mod remedies;
pub mod restore_points;
pub mod rules;
pub mod services;
pub mod state;
pub mod streams;
pub mod time_machine;

pub use error::WatchError;

use live::Live;
use std::sync::{Arc, Mutex, PoisonError};

/// A handle on the living picture: cheap to clone, shared by all tasks of control.
#[derive(Debug, Clone)]
pub struct Watch(Arc<Mutex<Live>>);

impl Watch {
    #[must_use]
    pub fn new(live: Live) -> Self {
        Self(Arc::new(Mutex::new(live)))
    }

    /// Looks at the picture or changes it. Never held across a wait.
    pub fn with<T>(&self, use_it: impl FnOnce(&mut Live) -> T) -> T {
        // A panic while the lock was held is our own bug and already told; the picture is made of
        // plain values and stays usable.
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
