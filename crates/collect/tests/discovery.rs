//! What runs on a machine, found without configuration.

use crate::{
    recorded::record,
    server::{Answer, DEADLINE, Server, recorded},
};
use collect::{Clue, Service, StatusPage, Target, Want, discover};
use host::survey::{Listening, Owner, Survey};
use kernel::config::{DatabaseKind, DatabaseUrl};
use outbound::http::{Client, ClientOptions};
use std::{fs, net::SocketAddr};

fn listening(address: &str, pid: u32, name: &str) -> Listening {
    let owner = Owner {
        pid,
        name: Some(name.into()),
        program: None,
        command: None,
        directory: None,
        user: None,
        unit: None,
    };
    Listening { address: address.parse().unwrap(), owner: (pid > 0).then_some(owner) }
}

async fn status_of_pool() -> Server {
    Server::start(|heard| {
        heard.ends_with(&record(5, &[], 0)).then_some(())?;
        assert!(
            heard.windows(14).any(|bytes| bytes == b"/status-of-www"),
            "another page was asked for"
        );
        let text = format!(
            "Content-type: application/json\r\n\r\n{}",
            recorded("php-fpm-8.2-status.json")
        );
        let mut answer = record(6, text.as_bytes(), 0);
        answer.extend(record(3, &[0; 8], 0));
        Answer::last(answer)
    })
    .await
}

#[tokio::test]
async fn each_service_is_asked_and_of_the_others_it_is_said_what_is_wanted() {
    let info = recorded("redis-7.0-primary.txt");
    let redis = Server::start(move |_| Answer::of(format!("${}\r\n{info}\r\n", info.len()))).await;
    let locked = Server::start(|_| Answer::of("-NOAUTH Authentication required.\r\n")).await;
    let nginx = Server::start(|heard| {
        let found = heard.starts_with(b"GET /stub_status ");
        let page = recorded("nginx-1.22-stub-status.txt");
        if found { Answer::http("200 OK", &page) } else { Answer::http("404 Not Found", "") }
    })
    .await;
    let bare = Server::start(|_| Answer::http("200 OK", "<html>The shop")).await;
    let pool = status_of_pool().await;
    let other_pool: SocketAddr = testkit::free_port();
    let silent = testkit::free_port().to_string();

    let root = testkit::folder();
    let folder = root.path().join("etc/php/8.2/fpm/pool.d");
    fs::create_dir_all(&folder).unwrap();
    let text = format!("[www]\nlisten = {}\npm.status_path = /status-of-$pool\n", pool.address);
    fs::write(folder.join("www.conf"), text).unwrap();
    fs::write(folder.join("other.conf"), format!("[other]\nlisten = {}\n", other_pool.port()))
        .unwrap();
    fs::write(
        folder.join("gone.conf"),
        "[gone]\nlisten = /run/php/gone.sock\npm.status_path = /status\n",
    )
    .unwrap();

    let port = |address: &str| address.rsplit_once(':').unwrap().1.to_owned();
    let survey = Survey {
        listening: vec![
            // Everywhere is reached by the loopback; a second address of the same process is no second service.
            listening(&format!("0.0.0.0:{}", port(&redis.address)), 1, "redis-server"),
            listening(&format!("[::]:{}", port(&redis.address)), 1, "redis-server"),
            listening(&locked.address, 2, "valkey-server"),
            listening(&nginx.address, 3, "nginx"),
            listening(&bare.address, 4, "nginx"),
            listening(&other_pool.to_string(), 5, "php-fpm8.2"),
            listening(&pool.address, 5, "php-fpm8.2"),
            listening(&silent, 6, "postgres"),
            listening("127.0.0.1:5672", 7, "beam.smp"),
            listening("127.0.0.1:4444", 8, "beam.smp"),
            listening("127.0.0.1:8080", 9, "java"),
            listening(&bare.address, 10, "node"),
            listening("127.0.0.1:22", 0, ""),
        ],
    };
    let client = Client::new(&ClientOptions::default()).unwrap();
    let elsewhere = DatabaseUrl {
        kind: DatabaseKind::Postgres,
        secret: "postgres://shop@10.0.0.7/shop".into(),
    };
    let found = discover(&survey, root.path(), &[elsewhere], &client, DEADLINE).await;
    let told: Vec<_> =
        found.iter().map(|one| (one.service, one.place.as_str(), one.wants)).collect();
    let other_pool = format!("127.0.0.1:{}", other_pool.port());
    assert_eq!(
        told,
        [
            (Service::Redis, redis.address.as_str(), None),
            (Service::Redis, &locked.address, Some(Want::Login)),
            (Service::Nginx, &nginx.address, None),
            (Service::Nginx, &bare.address, Some(Want::StatusPage)),
            (Service::Postgres, &silent, Some(Want::Login)),
            (Service::RabbitMq, "127.0.0.1:5672", Some(Want::StatusPage)),
            (Service::PhpFpm, &other_pool, Some(Want::StatusPage)),
            (Service::PhpFpm, &pool.address, None),
        ]
    );
    let targets: Vec<_> = found.iter().filter_map(|one| one.target.clone()).collect();
    let expected = [
        Target::Redis { place: redis.place(), login: None },
        Target::Nginx { url: nginx.url("/stub_status") },
        Target::PhpFpm(StatusPage::FastCgi { place: pool.place(), path: "/status-of-www".into() }),
    ];
    assert_eq!(targets, expected);
    assert_eq!(found[0].clue, Clue::Listens { pid: Some(1) });
    assert_eq!(found[7].clue, Clue::Pool { file: "/etc/php/8.2/fpm/pool.d/www.conf".into() });
}

#[tokio::test]
async fn where_nobody_listens_on_the_network_a_socket_is_found() {
    let root = testkit::folder();
    fs::create_dir_all(root.path().join("run/redis")).unwrap();
    fs::create_dir_all(root.path().join("run/php")).unwrap();
    fs::write(root.path().join("run/redis/redis-server.sock"), "").unwrap();
    fs::write(root.path().join("run/php/php8.2-fpm.sock"), "").unwrap();
    let client = Client::new(&ClientOptions::default()).unwrap();
    let survey = Survey { listening: Vec::new() };
    let found = discover(&survey, root.path(), &[], &client, DEADLINE).await;
    let told: Vec<_> =
        found.iter().map(|one| (one.service, one.place.as_str(), &one.clue, one.wants)).collect();
    assert_eq!(
        told,
        [
            (Service::Redis, "/run/redis/redis-server.sock", &Clue::Socket, Some(Want::Login)),
            (Service::PhpFpm, "/run/php/php8.2-fpm.sock", &Clue::Socket, Some(Want::StatusPage)),
        ]
    );
}
