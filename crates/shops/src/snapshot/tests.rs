//! What a snapshot says of a configuration.

use super::*;
use kernel::{
    Currency,
    config::{CertificateSource, ControlSettings, EdgeSettings, Listen, SecondFactorDemand},
    snapshot::{Balance, CacheLimits, Check, Hold, Limits, Timeouts},
};

fn configuration() -> Configuration {
    let address = "127.0.0.1:3001".parse().unwrap();
    let instance = |name: &str| InstanceSettings {
        name: name.parse().unwrap(),
        address,
        weight: 2,
        connections: 7,
        launch: None,
    };
    Configuration {
        edge: EdgeSettings {
            listen: vec![Listen { address, tls: false }],
            workers: None,
            limits: Limits { headers: 50, ..Limits::default() },
            drain_ms: 1,
            access_log: None,
        },
        control: ControlSettings {
            listen: address,
            second_factor: SecondFactorDemand::Never,
            discover_services: false,
            pulse_ms: 10_000,
        },
        acme: None,
        alerts: kernel::config::AlertSettings::default(),
        ledger: kernel::config::LedgerSettings { checkpoint_ms: 1, to: Vec::new() },
        plan: kernel::config::PlanSettings::default(),
        peers: Vec::new(),
        scrapes: Vec::new(),
        checks: Vec::new(),
        services: Vec::new(),
        shops: vec![ShopSettings {
            id: "lamps".parse().unwrap(),
            name: "Lamps".into(),
            platform: "sample".into(),
            hosts: vec!["lamps.example".into()],
            beside: None,
            instances: vec![instance("a"), instance("b")],
            deploy: None,
            balance: Balance::Session,
            check: Check::default(),
            hold: Hold::default(),
            timeouts: Timeouts::default(),
            slow_start_ms: 5,
            eject_after_failures: 4,
            eject_for_ms: 3,
            cache: CacheLimits::default(),
            certificate: CertificateSource::SelfSigned,
            force_https: true,
            database: None,
            currency: Currency::EUR,
            time_zone: "UTC".into(),
            queue_waits_at_most_ms: 900_000,
            colour: "#335577".into(),
            contact: None,
            media: Vec::new(),
            media_buckets: Vec::new(),
            code: Vec::new(),
            backup: None,
            stream: None,
            replica: None,
        }],
    }
}

#[test]
fn a_snapshot_says_what_was_asked_and_what_the_platform_knows() {
    let drains = [
        ("lamps".parse().unwrap(), "b".parse().unwrap()),
        ("other".parse().unwrap(), "a".parse().unwrap()),
    ];
    let snapshot = make(&configuration(), 7, 99, vec![], vec![], &drains.into());
    assert_eq!((snapshot.version, snapshot.made_at_ms, snapshot.limits.headers), (7, 99, 50));
    assert_eq!(snapshot.check_invariants(), Ok(()));
    let shop = &snapshot.shops[0];
    let drained: Vec<bool> = shop.pool.instances.iter().map(|instance| instance.drain).collect();
    assert_eq!(drained, [false, true]);
    assert_eq!(shop.pool.balance, Balance::Session);
    assert_eq!(shop.traffic, platform("sample").unwrap().traffic);
    assert!(shop.force_https);
}

#[test]
fn a_snapshot_survives_the_wire() {
    let snapshot = make(&configuration(), 1, 0, vec![], vec![], &HashSet::new());
    let frame = kernel::link::Frame::Snapshot(Box::new(snapshot));
    let bytes = frame.encode().unwrap();
    assert_eq!(kernel::link::Frame::decode(&bytes).unwrap().unwrap().0, frame);
}
