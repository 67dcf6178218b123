//! Services of the machine and of its shops: databases, caches, queues and workers, found by themselves or named by the
//! configuration, and what they say of themselves.

mod asking;
mod board;

pub use board::{
    QueueStanding, ServiceNumber, ServiceStanding, ServiceState, ServiceWant, Services,
    ServicesStanding,
};

pub(crate) use asking::{Asking, Round, Told};
pub(crate) use board::ShopQueues;
