//! Which services this machine runs, found without any configuration, and how each is asked.
//!
//! Who listens is known from a survey of the host, pools of PHP-FPM from their configuration. Each is asked once: what answers can be
//! collected from then on, and of what does not it is said what is wanted. No password is ever guessed.

mod pools;

use crate::{CollectError, Collector, Login, Place, Service, StatusPage, Target};
use host::survey::{Listening, Survey};
use kernel::{config::DatabaseUrl, readings::Readings};
use outbound::http::Client;
use pools::Pool;
use std::{
    collections::BTreeSet,
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

/// More than this are not looked at.
const MOST: usize = 64;
/// Of one nginx so many of its addresses.
const MOST_ADDRESSES: usize = 4;
/// Where manuals and packages put the page of `stub_status`.
const NGINX_PAGES: [&str; 4] = ["/nginx_status", "/stub_status", "/basic_status", "/status"];
/// Where a pool's page usually is, when its configuration cannot be read.
const POOL_PAGES: [&str; 3] = ["/status", "/fpm-status", "/php-fpm-status"];
const TLS_PORT: u16 = 443;
const AMQP_PORT: u16 = 5672;
/// Where Debian's and Red Hat's packages have Redis and Valkey listen beside the network, or instead.
const REDIS_SOCKETS: [&str; 4] = [
    "/run/redis/redis-server.sock",
    "/run/redis/redis.sock",
    "/run/valkey/valkey-server.sock",
    "/run/valkey/valkey.sock",
];

/// A service that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub service: Service,
    /// Where it was seen: an address, or the path of a socket.
    pub place: String,
    pub clue: Clue,
    /// How it is asked: it has answered. `None`: [`Found::wants`] says what is missing.
    pub target: Option<Target>,
    pub wants: Option<Want>,
}

/// By what a service was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clue {
    /// A process listens; `None`: we may not see whose socket it is, and went by its port.
    Listens { pid: Option<u32> },
    /// A socket is where packages put it.
    Socket,
    /// A pool stands in this file.
    Pool { file: PathBuf },
}

/// What would help to ask a service that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// A user, or a password.
    Login,
    /// A page that tells its status: `stub_status`, `pm.status_path`, the management plugin.
    StatusPage,
    /// The right to connect to its socket: membership of a group, mostly.
    Access,
}

struct Candidate {
    service: Service,
    place: String,
    clue: Clue,
    /// The first that answers.
    tries: Vec<Target>,
    /// When none does.
    wants: Want,
    /// It is what it is taken for: seen by its program, not by its port alone.
    certain: bool,
}

/// Looks who listens and what pools there are below `root` (`/`), and asks each. `known` are databases whose address is known;
/// of others it is only said that they are there. `deadline` is for each question.
pub async fn discover(
    survey: &Survey,
    root: &Path,
    known: &[DatabaseUrl],
    http: &Client,
    deadline: Duration,
) -> Vec<Found> {
    let mut found = Vec::new();
    for candidate in candidates(survey, root, known).into_iter().take(MOST) {
        found.extend(probe(candidate, http, deadline).await);
    }
    found
}

async fn probe(candidate: Candidate, http: &Client, deadline: Duration) -> Option<Found> {
    let Candidate { service, place, clue, tries, mut wants, certain } = candidate;
    let mut refused = false;
    for target in tries {
        let mut collector = Collector::new(target, http.clone());
        match collector.collect(deadline, &mut Readings::new()).await {
            Ok(()) => {
                let target = Some(collector.target().clone());
                return Some(Found { service, place, clue, target, wants: None });
            }
            Err(CollectError::Refused { .. }) => refused = true,
            Err(error) if is_closed(&error) => wants = Want::Access,
            // It is another service, or one that is not well: which, the next look says.
            Err(_) => {}
        }
    }
    let is_it = certain || refused;
    is_it.then_some(Found { service, place, clue, target: None, wants: Some(wants) })
}

/// Whether the system keeps us from its socket.
fn is_closed(error: &CollectError) -> bool {
    matches!(error, CollectError::Ask { source, .. } if source.kind() == ErrorKind::PermissionDenied)
}

fn candidates(survey: &Survey, root: &Path, known: &[DatabaseUrl]) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut seen = BTreeSet::new();
    for listening in &survey.listening {
        let Some((service, certain)) = service_of(listening) else { continue };
        let pid = listening.owner.as_ref().map(|owner| owner.pid);
        // A process listens at several addresses, and is one service.
        let port = u32::from(listening.address.port());
        if !seen.insert((service, pid.map_or((0, port), |pid| (1, pid)))) {
            continue;
        }
        let places = survey.listening.iter().filter(|other| match pid {
            Some(pid) => other.owner.as_ref().is_some_and(|owner| owner.pid == pid),
            None => other.address == listening.address,
        });
        let addresses: Vec<_> = places.map(|other| reachable(other.address)).collect();
        let (tries, wants) = tries(service, &addresses, known);
        let place = reachable(listening.address).to_string();
        candidates.push(Candidate {
            service,
            place,
            clue: Clue::Listens { pid },
            tries,
            wants,
            certain,
        });
    }
    candidates.extend(redis_sockets(root, &candidates));
    let pools = pools::read(root);
    candidates.extend(pools.into_iter().filter_map(|pool| pool_candidate(pool, survey, root)));
    candidates
}

/// By its program, or by its port when we may not see whose it is.
fn service_of(listening: &Listening) -> Option<(Service, bool)> {
    let port = listening.address.port();
    let Some(owner) = &listening.owner else {
        let service = match port {
            6379 => Service::Redis,
            5432 => Service::Postgres,
            3306 => Service::MySql,
            15672 => Service::RabbitMq,
            9200 => Service::Elasticsearch,
            80 | 8080 => Service::Nginx,
            _ => return None,
        };
        return Some((service, false));
    };
    let service = match owner.name.as_deref()? {
        "redis-server" | "valkey-server" | "keydb-server" => Service::Redis,
        "nginx" => Service::Nginx,
        "postgres" => Service::Postgres,
        "mariadbd" | "mysqld" => Service::MySql,
        "beam.smp" if matches!(port, AMQP_PORT | 15672) => Service::RabbitMq,
        // Many programs are Java's.
        "java" if port == 9200 => return Some((Service::Elasticsearch, false)),
        _ => return None,
    };
    Some((service, true))
}

/// How it may be asked, and what is wanted if it does not answer.
fn tries(service: Service, addresses: &[SocketAddr], known: &[DatabaseUrl]) -> (Vec<Target>, Want) {
    let urls = |port: Option<u16>| {
        let fits =
            addresses.iter().filter(move |address| port.is_none_or(|port| address.port() == port));
        fits.map(|address| format!("http://{address}"))
    };
    let login: Option<Login> = None;
    match service {
        Service::Redis => {
            let place = |address: &SocketAddr| Place::Tcp(address.to_string());
            let target = |place| Target::Redis { place, login: None };
            (addresses.iter().map(place).map(target).collect(), Want::Login)
        }
        Service::Nginx => {
            let plain =
                addresses.iter().filter(|address| address.port() != TLS_PORT).take(MOST_ADDRESSES);
            let page = |address| {
                NGINX_PAGES.map(|page| Target::Nginx { url: format!("http://{address}{page}") })
            };
            (plain.flat_map(page).collect(), Want::StatusPage)
        }
        Service::Postgres | Service::MySql => {
            let here = |url: &&DatabaseUrl| is_at(url, addresses);
            let target = |url: &DatabaseUrl| match service {
                Service::Postgres => Target::Postgres(url.clone()),
                _ => Target::MySql(url.clone()),
            };
            (known.iter().filter(here).take(1).map(target).collect(), Want::Login)
        }
        Service::RabbitMq => {
            let target = |url| Target::RabbitMq { url, login: login.clone() };
            let tries: Vec<_> = urls(Some(15672)).map(target).collect();
            let wants = if tries.is_empty() { Want::StatusPage } else { Want::Login };
            (tries, wants)
        }
        Service::Elasticsearch => {
            let target = |url| Target::Elasticsearch { url, login: login.clone() };
            (urls(Some(9200)).map(target).collect(), Want::Login)
        }
        // Neither is found by who listens.
        Service::PhpFpm | Service::Queues => (Vec::new(), Want::StatusPage),
    }
}

/// Whether a database's address is one of these on this machine.
fn is_at(url: &DatabaseUrl, addresses: &[SocketAddr]) -> bool {
    let shown = url.to_string();
    let rest = shown.split_once("://").map_or(shown.as_str(), |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let place = rest.split(['/', '?']).next().unwrap_or_default();
    let usual = match url.kind {
        kernel::config::DatabaseKind::Postgres => 5432,
        _ => 3306,
    };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().unwrap_or(usual)),
        None => (place, usual),
    };
    let is_here = |address: &SocketAddr| {
        address.ip().to_string() == host.trim_matches(['[', ']'])
            || (host == "localhost" && address.ip().is_loopback())
    };
    addresses.iter().any(|address| address.port() == port && is_here(address))
}

/// Who listens everywhere is reached by the loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Where none listens on the network.
fn redis_sockets(root: &Path, candidates: &[Candidate]) -> Vec<Candidate> {
    if candidates.iter().any(|candidate| candidate.service == Service::Redis) {
        return Vec::new();
    }
    let exists = |path: &&&str| pools::below(root, Path::new(path)).exists();
    let candidate = |path: &&str| Candidate {
        service: Service::Redis,
        place: (*path).to_owned(),
        clue: Clue::Socket,
        tries: vec![Target::Redis { place: Place::Unix(path.into()), login: None }],
        wants: Want::Login,
        certain: true,
    };
    REDIS_SOCKETS.iter().filter(exists).map(candidate).collect()
}

/// Of a pool that listens now.
fn pool_candidate(pool: Pool, survey: &Survey, root: &Path) -> Option<Candidate> {
    let place = match pool.listen.parse::<u16>() {
        Ok(port) => Place::Tcp(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port).to_string()),
        Err(_) if pool.listen.starts_with('/') => Place::Unix(pool.listen.clone().into()),
        Err(_) => Place::Tcp(reachable(pool.listen.parse().ok()?).to_string()),
    };
    let listens = match &place {
        Place::Unix(path) => pools::below(root, path).exists(),
        Place::Tcp(address) => {
            let address: SocketAddr = address.parse().ok()?;
            survey.listening.iter().any(|listening| listening.address.port() == address.port())
        }
    };
    // Without a status path the pool would run the page as a script.
    let pages = match (&pool.status_path, &pool.file) {
        (Some(path), _) => vec![path.clone()],
        (None, Some(_)) => Vec::new(),
        (None, None) => POOL_PAGES.map(str::to_owned).to_vec(),
    };
    let page = |path| Target::PhpFpm(StatusPage::FastCgi { place: place.clone(), path });
    listens.then(|| Candidate {
        service: Service::PhpFpm,
        place: place.to_string(),
        clue: pool.file.map_or(Clue::Socket, |file| Clue::Pool { file }),
        tries: pages.into_iter().map(page).collect(),
        wants: Want::StatusPage,
        certain: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::config::DatabaseKind;

    #[test]
    fn a_socket_that_is_not_for_us_is_told_from_one_that_is_dead() {
        let check = |kind: ErrorKind, expect: bool| {
            let error = CollectError::Ask { place: "/run/x".into(), source: kind.into() };
            assert_eq!(is_closed(&error), expect, "{kind}");
        };
        check(ErrorKind::PermissionDenied, true);
        check(ErrorKind::ConnectionRefused, false);
        check(ErrorKind::NotFound, false);
    }

    #[test]
    fn a_database_is_here_by_its_address() {
        let check = |kind, secret: &str, expect: bool| {
            let url = DatabaseUrl { kind, secret: secret.to_owned() };
            let here = ["127.0.0.1:5432", "[::1]:5432", "127.0.0.1:3307"]
                .map(|text| text.parse().unwrap());
            assert_eq!(is_at(&url, &here), expect, "{secret}");
        };
        check(DatabaseKind::Postgres, "postgres://shop:secret@127.0.0.1:5432/shop", true);
        check(
            DatabaseKind::Postgres,
            "postgres://shop:se@cret@localhost/shop?sslmode=disable",
            true,
        );
        check(DatabaseKind::Postgres, "postgres://[::1]:5432/shop", true);
        check(DatabaseKind::Postgres, "postgres://shop@10.0.0.7/shop", false);
        check(DatabaseKind::Postgres, "postgres://shop@127.0.0.1:5433/shop", false);
        check(DatabaseKind::MySql, "mysql://shop@127.0.0.1:3307/shop", true);
        check(DatabaseKind::MySql, "mysql://shop@127.0.0.1/shop", false);
        check(DatabaseKind::Postgres, "nonsense", false);
    }
}
