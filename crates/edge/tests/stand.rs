//! A stand for the edge under test: the edge on free ports, control's side of the link, and origins
//! that do exactly what a test scripts.

use edge::{BoundListener, EdgeOptions, link::ControlLink};
use kernel::{
    Currency, TrafficRules,
    config::Listen,
    facts::Facts,
    snapshot::{
        Balance, Brand, CacheLimits, Check, Hold, Instance, Limits, Pool, ShopSite, Snapshot,
        Timeouts,
    },
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::watch;

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running edge. Stopped when dropped.
pub(crate) struct Stand {
    pub(crate) address: SocketAddr,
    pub(crate) control: ControlLink,
    pub(crate) state: tempfile::TempDir,
    facts: Arc<Mutex<Option<Arc<Facts>>>>,
    stop: watch::Sender<bool>,
    edge: Option<JoinHandle<Result<(), edge::EdgeError>>>,
}

/// A snapshot of one shop for every host, with these instances; checks ask for `/health`.
pub(crate) fn snapshot(version: u64, origins: &[SocketAddr]) -> Snapshot {
    let instances = origins.iter().enumerate().map(|(index, address)| Instance {
        name: format!("app-{}", index + 1).parse().unwrap(),
        address: *address,
        weight: 1,
        connections: 64,
        drain: false,
    });
    let traffic: TrafficRules = TrafficRules {
        session_cookies: vec!["session".to_owned()],
        cart_cookies: vec!["cart".to_owned()],
        ..TrafficRules::default()
    };
    Snapshot {
        version,
        made_at_ms: 1,
        limits: Limits::default(),
        shops: vec![ShopSite {
            id: "shop".parse().unwrap(),
            brand: Brand {
                name: "Lampenladen".to_owned(),
                colour: "#aa5500".to_owned(),
                contact: None,
                currency: Currency::EUR,
            },
            hosts: vec!["*".to_owned()],
            force_https: false,
            pool: Pool {
                instances: instances.collect(),
                balance: Balance::RoundRobin,
                check: Check {
                    path: "/health".to_owned(),
                    interval_ms: 50,
                    timeout_ms: 1_000,
                    rise: 1,
                    ..Check::default()
                },
                hold: Hold::default(),
                timeouts: Timeouts::default(),
                slow_start_ms: 0,
                eject_after_failures: 3,
                eject_for_ms: 200,
            },
            traffic,
            cache: CacheLimits::default(),
        }],
        certificates: Vec::new(),
        challenges: Vec::new(),
        control: None,
    }
}

impl Stand {
    /// An edge with two workers that serves from `snapshot`.
    pub(crate) async fn start(snapshot: Snapshot) -> Self {
        let state = testkit::folder();
        let control = ControlLink::bind(&state.path().join("control.sock")).unwrap();
        control.publish(snapshot).unwrap();
        let facts = Arc::new(Mutex::new(None));
        tokio::spawn(keep_facts(control.events(), facts.clone()));
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let options = EdgeOptions {
            listeners: vec![BoundListener { listen: Listen { address, tls: false }, socket }],
            workers: Some(2),
            state: state.path().to_owned(),
            control_socket: state.path().join("control.sock"),
            access_log: Some(state.path().join("access.log")),
            drain: Duration::from_secs(5),
        };
        let (stop, stopped) = watch::channel(false);
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let edge = std::thread::spawn(move || {
            edge::run(options, move || ready.send(()).unwrap(), &stopped)
        });
        tokio::time::timeout(PATIENCE, is_ready).await.unwrap().unwrap();
        Self { address, control, state, facts, stop, edge: Some(edge) }
    }

    /// The newest facts, once they satisfy `good`.
    pub(crate) async fn facts_where(&self, good: impl Fn(&Facts) -> bool) -> Arc<Facts> {
        testkit::wait_until("facts", PATIENCE, async || {
            let facts = self.facts.lock().unwrap().clone();
            facts.as_ref().filter(|facts| good(facts)).cloned().ok_or(facts)
        })
        .await
    }

    /// Stops the edge and waits for its orderly end.
    pub(crate) fn stop(&mut self) {
        self.stop.send_replace(true);
        if let Some(edge) = self.edge.take() {
            edge.join().unwrap().unwrap();
        }
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn keep_facts(
    mut events: tokio::sync::broadcast::Receiver<edge::link::LinkEvent>,
    newest: Arc<Mutex<Option<Arc<Facts>>>>,
) {
    while let Ok(event) = events.recv().await {
        if let edge::link::LinkEvent::Facts(facts) = event {
            *newest.lock().unwrap() = Some(facts);
        }
    }
}
