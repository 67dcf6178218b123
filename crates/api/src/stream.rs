//! Ticks to everybody who watches: each made into bytes once, shared by all, and kept for ten
//! minutes for those who come back. Who reads too slowly is cut off and comes back.

use crate::{
    ApiState,
    caller::{self, Caller},
    guard::now_ms,
};
use ::watch::state::Tick;
use axum::{
    body::Body,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use futures_util::stream::unfold;
use kernel::ShopId;
use serde::Serialize;
use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::broadcast::{self, error::RecvError};

/// One frame of the stream, ready to be sent.
type Frame = axum::body::Bytes;

/// Ticks kept for those who come back.
const KEPT: usize = 600;
/// Ticks a reader may be behind before it is cut off.
const BEHIND: usize = 16;
/// Silence after which a comment is sent, so that nobody on the way takes the line for dead.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often it is looked at again whether the reader may still see the shop.
const RECHECK_MS: i64 = 60_000;

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resume {
    /// With the next tick.
    Next,
    /// After this sequence.
    After(u64),
    /// With the whole state.
    Reset,
}

/// The streams of all shops.
#[derive(Debug, Default)]
pub struct Stream {
    shops: Mutex<BTreeMap<ShopId, Channel>>,
}

#[derive(Debug)]
struct Channel {
    /// Sequence and frame, the oldest first, without a gap.
    kept: VecDeque<(u64, Frame)>,
    readers: broadcast::Sender<Frame>,
    /// Ticks since the last reader left: nobody can come back for what is older.
    alone: usize,
}

impl Channel {
    fn new() -> Self {
        Self { kept: VecDeque::new(), readers: broadcast::Sender::new(BEHIND), alone: KEPT }
    }
}

/// What a new reader gets first, and where the rest comes from.
#[derive(Debug)]
struct Subscription {
    missed: VecDeque<Frame>,
    /// The whole state must come first.
    reset: bool,
    news: broadcast::Receiver<Frame>,
}

impl Stream {
    /// Sends the ticks of one second. Never waits. While nobody watches a shop, nothing is made.
    pub fn publish(&self, ticks: &[Tick]) {
        let mut shops = self.shops.lock().unwrap_or_else(PoisonError::into_inner);
        for tick in ticks {
            let Some(channel) = shops.get_mut(&tick.now.id) else { continue };
            channel.alone =
                if channel.readers.receiver_count() > 0 { 0 } else { channel.alone + 1 };
            if channel.alone > KEPT {
                channel.kept.clear();
                continue;
            }
            let frame = frame("tick", tick.now.sequence, tick);
            channel.kept.push_back((tick.now.sequence, frame.clone()));
            if channel.kept.len() > KEPT {
                channel.kept.pop_front();
            }
            // Nobody listening is no error.
            channel.readers.send(frame).ok();
        }
        shops.retain(|id, _| ticks.iter().any(|tick| tick.now.id == *id));
    }

    fn subscribe(&self, shop: &ShopId, sequence: u64, resume: Resume) -> Subscription {
        let mut shops = self.shops.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = shops.entry(shop.clone()).or_insert_with(Channel::new);
        channel.alone = 0;
        let news = channel.readers.subscribe();
        let missed = match resume {
            Resume::Next => Some(VecDeque::new()),
            Resume::After(last) if last == sequence => Some(VecDeque::new()),
            Resume::After(last) => {
                let next = channel.kept.iter().position(|(sequence, _)| *sequence == last + 1);
                let missed = |from| channel.kept.range(from..).map(|(_, frame)| frame.clone());
                next.map(|from| missed(from).collect())
            }
            Resume::Reset => None,
        };
        let reset = missed.is_none();
        Subscription { missed: missed.unwrap_or_default(), reset, news }
    }
}

fn frame(event: &str, sequence: u64, data: &impl Serialize) -> Frame {
    let mut bytes = format!("event: {event}\nid: {sequence}\ndata: ").into_bytes();
    serde_json::to_writer(&mut bytes, data)
        .expect("invariant: the state is made of plain values with text keys");
    bytes.extend_from_slice(b"\n\n");
    bytes.into()
}

struct Reader {
    state: ApiState,
    caller: Caller,
    shop: ShopId,
    subscription: Subscription,
    checked_ms: i64,
}

/// The stream of one shop as an answer; `None` when there is no such shop.
pub(crate) fn answer(
    state: ApiState,
    caller: Caller,
    shop: &ShopId,
    resume: Resume,
) -> Option<Response> {
    // The picture stays locked until the reader is subscribed: no tick falls in between.
    let subscription = state.watch.with(|live| {
        let sequence = live.sequence();
        let known = live.shops().iter().any(|summary| summary.id == *shop);
        let mut subscription = known.then(|| state.stream.subscribe(shop, sequence, resume))?;
        if subscription.reset {
            let whole = live.state(shop)?;
            subscription.missed.push_back(frame("reset", sequence, &whole));
        }
        subscription.missed.push_front(Frame::from_static(b"retry: 1000\n\n"));
        Some(subscription)
    })?;
    let reader = Reader { state, caller, shop: shop.clone(), subscription, checked_ms: now_ms() };
    let frames = unfold(reader, |mut reader| async move {
        let frame = reader.next().await?;
        Some((Ok::<_, Infallible>(frame), reader))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Some((headers, Body::from_stream(frames)).into_response())
}

impl Reader {
    /// The next frame; `None` ends the stream: too slow, signed out, or control is ending.
    async fn next(&mut self) -> Option<Frame> {
        if let Some(frame) = self.subscription.missed.pop_front() {
            return Some(frame);
        }
        if !self.still_signed_in().await {
            return None;
        }
        match tokio::time::timeout(HEARTBEAT, self.subscription.news.recv()).await {
            Ok(Ok(frame)) => Some(frame),
            Ok(Err(RecvError::Closed | RecvError::Lagged(_))) => None,
            Err(_) => Some(Frame::from_static(b": still here\n\n")),
        }
    }

    async fn still_signed_in(&mut self) -> bool {
        let now_ms = now_ms();
        if now_ms - self.checked_ms < RECHECK_MS {
            return true;
        }
        self.checked_ms = now_ms;
        // While the records cannot be read the stream goes on: it was allowed a minute ago.
        match caller::again(&self.state, &self.caller).await {
            Ok(now) => now.is_some_and(|caller| caller.sees(&self.shop)),
            Err(_) => true,
        }
    }
}
