//! The HTTP API of control, and the user interface that is embedded in it.
//!
//! Serves what [`watch`] knows as JSON and as a live stream, lets people in and says who may do what
//! (permissions.rs), and hands what they ask for to control as [`Command`]s. It decides nothing else
//! and keeps nothing but the last ten minutes of ticks. HTTP statuses are chosen here and nowhere else.

mod access;
mod body;
mod caller;
mod cookies;
mod entrance;
mod error;
mod guard;
mod ledger;
mod machine;
mod me;
mod pages;
mod password;
mod people;
mod permissions;
mod router;
mod second_factor;
mod server;
mod sessions;
mod shops;
mod sign_in;
mod stream;
mod throttle;
mod tokens;

pub use access::{Token, TokenError};
pub use entrance::Entrance;
pub use error::ApiError;
pub use permissions::{At, Endpoint, Need, endpoints};
pub use router::{openapi, router};
pub use server::serve;
pub use stream::Stream;

use ::watch::Watch;
use kernel::{InstanceName, ShopId};
use std::sync::Arc;
use store::Store;
use tokio::sync::{mpsc, oneshot};

/// What the API works with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ApiState {
    pub watch: Watch,
    pub store: Store,
    pub stream: Arc<Stream>,
    /// Where orders to control go.
    pub commands: mpsc::Sender<Command>,
    /// The hash of the token in the state directory, for the command line.
    pub token: Token,
    /// Host names besides addresses and `localhost` under which this API may be called.
    pub names: Arc<[String]>,
    /// What everybody passes who signs in.
    pub entrance: Arc<Entrance>,
}

/// What control is asked to do.
#[derive(Debug)]
pub enum Command {
    /// Read the configuration file again; the answer is the version of the new snapshot.
    Reload { answer: oneshot::Sender<Result<u64, Rejected>> },
    /// Drain an instance, or take it back. The caller made sure that it exists.
    Drain {
        shop: ShopId,
        instance: InstanceName,
        drain: bool,
        answer: oneshot::Sender<Result<(), String>>,
    },
}

/// Why a configuration was not taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub message: String,
    /// One line each: `FILE:LINE:COLUMN: what; how to mend it`.
    pub details: Vec<String>,
}
