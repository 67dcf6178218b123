//! What is seen of a shop's instances when a plan is made.

use crate::InstanceState;
use kernel::{InstanceName, facts::Health};
use serde::Serialize;

/// The instances of one shop at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolView {
    pub instances: Vec<InstanceView>,
    /// Requests of the shop a second, lately; `None`: unknown.
    pub requests_per_second: Option<f64>,
    /// How long an instance takes from its start until it is well; `None`: nobody has seen one.
    pub usual_start_ms: Option<u64>,
    /// The names of the releases there are, sorted; empty without a `deploy`.
    pub releases: Vec<String>,
    pub current_release: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstanceView {
    pub name: InstanceName,
    /// As the edge judges; `None`: unknown.
    pub health: Option<Health>,
    /// Nobody is sent there, as of our records.
    pub drained: bool,
    /// As whoever starts it says; `None`: nothing of ours does.
    pub state: Option<InstanceState>,
}

impl PoolView {
    #[must_use]
    pub fn of(&self, name: &InstanceName) -> Option<&InstanceView> {
        self.instances.iter().find(|instance| instance.name == *name)
    }

    /// Whether its checks succeed. Unknown is not well.
    pub(super) fn is_well(&self, name: &InstanceName) -> bool {
        let health = self.of(name).and_then(|instance| instance.health);
        matches!(health, Some(Health::Up | Health::SlowStart | Health::Draining))
    }

    pub(super) fn is_drained(&self, name: &InstanceName) -> bool {
        self.of(name).is_some_and(|instance| instance.drained)
    }
}
