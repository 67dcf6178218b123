//! What the edges say, on its way to where it is wanted.

use ::edge::link::LinkEvent;
use ::watch::Watch;
use std::collections::BTreeMap;
use tokio::sync::{
    broadcast::{Receiver, error::RecvError},
    mpsc, watch,
};

/// The snapshot version that each connected edge serves by.
pub(super) type Versions = BTreeMap<u64, u64>;

/// Follows the edges until control's link is closed. `held` hears which versions edges bring along.
pub(super) async fn follow(
    mut events: Receiver<LinkEvent>,
    live: Watch,
    versions: watch::Sender<Versions>,
    held: mpsc::Sender<u64>,
) {
    loop {
        match events.recv().await {
            Ok(LinkEvent::Connected(hello)) => {
                versions.send_modify(|versions| {
                    versions.insert(hello.edge_start, hello.snapshot_version);
                });
                live.with(|live| live.edge_connected(&hello));
                // When nobody listens any more, control is ending.
                held.send(hello.snapshot_version).await.ok();
            }
            Ok(LinkEvent::Applied { edge_start, applied }) => match applied.error {
                None => {
                    versions.send_modify(|versions| {
                        versions.insert(edge_start, applied.version);
                    });
                    live.with(|live| live.edge_applied(edge_start, applied.version));
                }
                Some(error) => {
                    tracing::error!(version = applied.version, %error, "the edge refused a snapshot");
                    let text = format!("the edge refused it: {error}");
                    live.with(|live| live.configuration_error(Some(text)));
                }
            },
            Ok(LinkEvent::Facts(facts)) => {
                live.with(|live| live.edge_facts(&facts, super::now_ms()));
            }
            Ok(LinkEvent::Disconnected { edge_start }) => {
                versions.send_modify(|versions| {
                    versions.remove(&edge_start);
                });
                live.with(|live| live.edge_disconnected(edge_start));
            }
            // Facts are cumulative: the next frame makes up for those that were missed.
            Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "events of the edges"),
            Err(RecvError::Closed) => return,
        }
    }
}
