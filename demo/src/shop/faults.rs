//! Faults on request: what goes wrong in this instance because somebody wants to see it go wrong.
//! Asked for at `/__faults`, from this machine and not through a proxy.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};

use super::{Shared, Shop};

/// Memory an instance may leak before it dies as if the system had run out of it.
const LEAK_LIMIT_BYTES: usize = 512 << 20;

/// The faults of one instance; the default is none. As JSON, a missing field keeps its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Added to every use of the database.
    pub slow_query_ms: u64,
    /// Share of dynamic pages that fail with 500, from 0 to 1.
    pub error_rate: f64,
    /// Memory that each dynamic page takes and never gives back.
    pub leak_mb_per_request: usize,
    /// Whether the payment provider answers nothing but errors.
    pub payment_down: bool,
    /// Added to every order that is placed.
    pub slow_checkout_ms: u64,
    /// Whether nobody works on the queue.
    pub jobs_hang: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    slow_query_ms: Option<u64>,
    error_rate: Option<f64>,
    leak_mb_per_request: Option<usize>,
    payment_down: Option<bool>,
    slow_checkout_ms: Option<u64>,
    jobs_hang: Option<bool>,
    /// Ends the process at once, as an abort would.
    crash: Option<bool>,
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    fault: Mutex<Fault>,
    leaked: Mutex<Vec<Vec<u8>>>,
}

impl Faults {
    fn current(&self) -> Fault {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn slow_query(&self) -> Duration {
        Duration::from_millis(self.current().slow_query_ms)
    }

    pub(super) fn slow_checkout(&self) -> Duration {
        Duration::from_millis(self.current().slow_checkout_ms)
    }

    pub(super) fn jobs_hang(&self) -> bool {
        self.current().jobs_hang
    }

    pub(super) fn payment_is_down(&self) -> bool {
        self.current().payment_down
    }

    pub(super) fn fails_now(&self) -> bool {
        let rate = self.current().error_rate;
        rate > 0.0 && rand::random_bool(rate.clamp(0.0, 1.0))
    }

    pub(super) fn leak(&self) {
        let bytes = self.current().leak_mb_per_request << 20;
        if bytes == 0 {
            return;
        }
        let mut leaked = self.leaked.lock().unwrap_or_else(PoisonError::into_inner);
        // Written to, so that the system really has to find the memory.
        leaked.push(vec![1; bytes]);
        if leaked.iter().map(Vec::len).sum::<usize>() > LEAK_LIMIT_BYTES {
            std::process::exit(137);
        }
    }

    fn change(&self, change: &Change) -> Fault {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.slow_query_ms = change.slow_query_ms.unwrap_or(fault.slow_query_ms);
        fault.error_rate = change.error_rate.unwrap_or(fault.error_rate);
        fault.leak_mb_per_request = change.leak_mb_per_request.unwrap_or(fault.leak_mb_per_request);
        fault.payment_down = change.payment_down.unwrap_or(fault.payment_down);
        fault.slow_checkout_ms = change.slow_checkout_ms.unwrap_or(fault.slow_checkout_ms);
        fault.jobs_hang = change.jobs_hang.unwrap_or(fault.jobs_hang);
        *fault
    }
}

pub(super) async fn show(
    State(shop): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    answer(peer, &headers, || shop.faults.current())
}

pub(super) async fn change(
    State(shop): State<Arc<Shop>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Json(change): Json<Change>,
) -> Response {
    answer(peer, &headers, || {
        if change.crash == Some(true) {
            std::process::exit(134);
        }
        shop.faults.change(&change)
    })
}

fn answer(peer: SocketAddr, headers: &HeaderMap, act: impl FnOnce() -> Fault) -> Response {
    let passed_on = ["forwarded", "x-forwarded-for", "via"].map(|name| headers.contains_key(name));
    if !peer.ip().is_loopback() || passed_on.contains(&true) {
        // As if it did not exist: a visitor of the shop has no business here.
        return StatusCode::NOT_FOUND.into_response();
    }
    ([("cache-control", "no-store")], Json(act())).into_response()
}
