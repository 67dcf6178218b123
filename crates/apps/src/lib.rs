//! The instances of a shop: how they are started, stopped, restarted and given new releases.
//!
//! What starts them is a driver: systemd, or a keeper of ours. It knows no proxy and judges no
//! health; whoever wires it says how an instance is drained and when it is well.

mod driver;
mod error;
mod fence;
mod fleet;
mod performer;
mod plans;
mod process;
mod releases;
mod unit;

pub use driver::{Driver, Exit, InstanceState, Life, Means};
pub use error::AppsError;
pub use fleet::{Fleet, Seen};
pub use performer::Instances;
pub use plans::{
    InstanceView, PoolView, Refused, Wish, restart_instance, rolling_redeploy, rolling_restart,
};
pub use process::{KeeperProgram, ProcessDriver, keep};
pub use releases::{current_release, releases};
pub use unit::{Systemd, UnitDriver};
