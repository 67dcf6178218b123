//! What happens to runs, as it happens: server-sent events for everybody who may see them.
//!
//! An event `run` carries the run whole, so that whoever missed some is right again with the next;
//! after a gap comes `reset`, and the reader asks for the list again.

use super::{find, shown};
use crate::{
    ApiState,
    caller::{self, Caller},
    guard::now_ms,
};
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use futures_util::stream::unfold;
use kernel::plan::{RunEvent, RunHappening, RunId};
use serde::Serialize;
use std::{convert::Infallible, time::Duration};
use tokio::sync::broadcast::{self, error::RecvError};
use utoipa::ToSchema;

/// Silence after which a comment is sent, so that nobody on the way takes the line for dead.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often the session behind a stream is looked at again.
const RECHECK_MS: i64 = 60_000;

/// How far the step of a run is that is being done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProgressView {
    run: String,
    step: usize,
    done: u64,
    total: Option<u64>,
    unit: String,
    per_second: f64,
}

/// A line of a run's log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineView {
    run: String,
    at_ms: i64,
    step: usize,
    text: String,
}

struct Reader {
    state: ApiState,
    caller: Caller,
    events: broadcast::Receiver<RunEvent>,
    greeted: bool,
    checked_ms: i64,
}

/// What happens to runs, as it happens (server-sent events): `run` with the whole run on every
/// change of its state, `progress`, `line`, and `reset` when some were missed.
#[utoipa::path(
    get, path = "/api/v1/runs/events", tag = "changes",
    responses(
        (status = 200, description = "A stream of events", body = super::RunView, content_type = "text/event-stream"),
        (status = 401, body = crate::error::ErrorBody),
    )
)]
pub(crate) async fn events(State(state): State<ApiState>, caller: Caller) -> Response {
    let events = state.engine.subscribe();
    let reader = Reader { state, caller, events, greeted: false, checked_ms: now_ms() };
    let frames = unfold(reader, |mut reader| async move {
        let frame = reader.next().await?;
        Some((Ok::<_, Infallible>(frame), reader))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(frames)).into_response()
}

impl Reader {
    /// The next frame; `None` ends the stream: signed out, or control is ending.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Some(Bytes::from_static(b"retry: 1000\n\n"));
        }
        loop {
            if !self.still_signed_in().await {
                return None;
            }
            match tokio::time::timeout(HEARTBEAT, self.events.recv()).await {
                Ok(Ok(event)) => {
                    if let Some(frame) = self.tell(event).await {
                        return Some(frame);
                    }
                }
                Ok(Err(RecvError::Lagged(_))) => return Some(frame("reset", &())),
                Ok(Err(RecvError::Closed)) => return None,
                Err(_) => return Some(Bytes::from_static(b": still here\n\n")),
            }
        }
    }

    /// An event as this reader may see it; `None` when it may not.
    async fn tell(&self, event: RunEvent) -> Option<Bytes> {
        let id: RunId = event.run;
        let run = find(&self.state, &self.caller, &id.to_string()).await.ok()?;
        Some(match event.what {
            RunHappening::State { .. } | RunHappening::Step { .. } | RunHappening::Waits { .. } => {
                frame("run", &shown(&self.state, &self.caller, &run))
            }
            RunHappening::Progress { step, measure, per_second, .. } => {
                let (run, done, total) = (id.to_string(), measure.done, measure.total);
                let unit = measure.unit;
                frame("progress", &ProgressView { run, step, done, total, unit, per_second })
            }
            RunHappening::Line { step, text } => {
                frame("line", &LineView { run: id.to_string(), at_ms: event.at_ms, step, text })
            }
        })
    }

    async fn still_signed_in(&mut self) -> bool {
        let now_ms = now_ms();
        if now_ms - self.checked_ms < RECHECK_MS {
            return true;
        }
        self.checked_ms = now_ms;
        // While the records cannot be read the stream goes on: it was allowed a minute ago.
        match caller::again(&self.state, &self.caller).await {
            Ok(now) => now.map(|caller| self.caller = caller).is_some(),
            Err(_) => true,
        }
    }
}

fn frame(event: &str, data: &impl Serialize) -> Bytes {
    let mut bytes = format!("event: {event}\ndata: ").into_bytes();
    serde_json::to_writer(&mut bytes, data)
        .expect("invariant: views are made of plain values with text keys");
    bytes.extend_from_slice(b"\n\n");
    bytes.into()
}
