//! Other Storewardens: each is asked how it is, and pages of its shops are looked at from here.
//!
//! Silence is told from a refusal, and a dead peer from a dead line of our own, as well as one can:
//! when nothing else can be reached either, nobody is called dead. What it means is `judgement`'s to
//! say; here it is asked, remembered and shown.

mod answer;
mod ask;
mod book;
mod witness;

pub use answer::{PeerAnswer, PeerEdge, PeerIncidents};
pub use book::{PageStanding, PageState, PeerStanding, PeerState, PeersStanding};

use crate::{Watch, orders::now_ms};
use ask::{Asker, Heard, Question};
use book::{Book, Target};
use kernel::config::{Configuration, PeerSettings};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch::Receiver},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// What was heard and not noted yet.
const HEARD: usize = 64;
/// One asking ends by then, however seldom it is asked.
const LONGEST: Duration = Duration::from_secs(10);

/// A handle on how it stands with every peer; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Peers(Arc<Mutex<PeersStanding>>);

impl Peers {
    /// How it stands, as of the last second.
    #[must_use]
    pub fn standing(&self) -> PeersStanding {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the peers of the configuration until `stop` is true, and tells `watch` how they are.
    pub async fn run(
        self,
        watch: Watch,
        mut configuration: Receiver<Arc<Configuration>>,
        mut stop: Receiver<bool>,
    ) {
        let mut book = Book::default();
        let mut rounds: JoinSet<Vec<bool>> = JoinSet::new();
        let (tell, mut told) = mpsc::channel(HEARD);
        let began = Instant::now();
        let steady_ms = || i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let wanted = Arc::clone(&configuration.borrow_and_update());
        book.configure(&wanted.peers, witness::all(&wanted), steady_ms());
        let mut asking = keep_asking(&wanted.peers, &tell);
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = seconds.tick() => {}
                // We hold a sender ourselves.
                Some((target, heard)) = told.recv() => {
                    book.hear(&target, heard, steady_ms(), now_ms());
                    if book.wants_witnesses() && rounds.is_empty() {
                        rounds.spawn(witness::round(book.witnesses().to_vec()));
                    }
                }
                Some(Ok(reached)) = rounds.join_next(), if !rounds.is_empty() => {
                    book.witnessed(reached, steady_ms());
                }
                changed = configuration.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let wanted = Arc::clone(&configuration.borrow_and_update());
                    if book.configure(&wanted.peers, witness::all(&wanted), steady_ms()) {
                        asking = keep_asking(&wanted.peers, &tell);
                    }
                }
                _ = stop.wait_for(|stop| *stop) => break,
            }
            let standing = book.standing(steady_ms(), now_ms());
            watch.with(|live| live.peers(standing.clone()));
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = standing;
        }
        asking.shutdown().await;
    }
}

/// A task for each peer that is asked, and for each page that is looked at; they end with the set.
fn keep_asking(peers: &[PeerSettings], tell: &mpsc::Sender<(Target, Heard)>) -> JoinSet<()> {
    let mut asking = JoinSet::new();
    for peer in peers {
        let every = Duration::from_millis(peer.every_ms);
        let client = ask::client(peer.root.as_deref());
        let mut begin = |target, question| {
            let (client, deadline) = (client.clone(), every.min(LONGEST));
            let asker = Asker { client, question, deadline };
            asking.spawn(every_so_often(every, target, asker, tell.clone()));
        };
        if let Some(address) = peer.ask.clone() {
            begin(Target::Peer(peer.name.clone()), Question::Peer(address));
        }
        for url in &peer.look_at {
            let target = Target::Page { peer: peer.name.clone(), url: url.clone() };
            begin(target, Question::Page(url.clone()));
        }
    }
    asking
}

async fn every_so_often(
    every: Duration,
    target: Target,
    asker: Asker,
    tell: mpsc::Sender<(Target, Heard)>,
) {
    let mut moments = interval(every);
    moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        moments.tick().await;
        if tell.send((target.clone(), asker.ask().await)).await.is_err() {
            return;
        }
    }
}
