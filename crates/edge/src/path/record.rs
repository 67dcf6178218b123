//! What is remembered of one request, for the counters and the access log.

use crate::{
    access_log::Entry,
    body::Outcome,
    clock::unix_ms,
    counters::ClassCounters,
    error_page::Trouble,
    request_id::RequestId,
    serving::Site,
    worker::{Connection, Worker},
};
use http::{HeaderValue, Method, StatusCode, Uri, Version, header, request::Parts};
use kernel::{InstanceName, Priority, RouteClass};
use std::{
    hash::{Hash, Hasher},
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// What the cache had to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheOutcome {
    /// No method, or no shop, with a cache.
    None,
    Bypass,
    Miss,
    Hit,
}

impl CacheOutcome {
    fn as_str(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Bypass => Some("bypass"),
            Self::Miss => Some("miss"),
            Self::Hit => Some("hit"),
        }
    }
}

/// What the access log says of a visitor who left before an answer began, as nginx does.
const VISITOR_LEFT: u16 = 499;

/// One request, from its head to its last byte. Counted and logged once: at its end, or as left by
/// its visitor when it is dropped before.
pub(crate) struct Record {
    worker: Rc<Worker>,
    ended: bool,
    started: Instant,
    id: RequestId,
    site: Option<Arc<Site>>,
    peer: SocketAddr,
    tls: Option<&'static str>,
    method: Method,
    uri: Uri,
    version: Version,
    host: Option<HeaderValue>,
    pub(crate) class: RouteClass,
    /// Known once it asked for a place.
    pub(crate) priority: Option<Priority>,
    pub(crate) waited: Duration,
    pub(crate) connect: Option<Duration>,
    pub(crate) retries: u32,
    pub(crate) request_bytes: u64,
    pub(crate) instance: Option<InstanceName>,
    pub(crate) cache: CacheOutcome,
    status: StatusCode,
    first_byte: Option<Duration>,
}

impl Record {
    pub(crate) fn begin(connection: &Rc<Connection>, head: &Parts, id: RequestId) -> Box<Self> {
        Box::new(Self {
            worker: connection.worker.clone(),
            ended: false,
            started: Instant::now(),
            id,
            site: None,
            peer: connection.peer,
            tls: connection.tls,
            method: head.method.clone(),
            uri: head.uri.clone(),
            version: head.version,
            host: head.headers.get(header::HOST).cloned(),
            class: RouteClass::Other,
            priority: None,
            waited: Duration::ZERO,
            connect: None,
            retries: 0,
            request_bytes: 0,
            instance: None,
            cache: CacheOutcome::None,
            status: StatusCode::OK,
            first_byte: None,
        })
    }

    /// The host that was asked for, as the visitor wrote it.
    pub(crate) fn host(&self) -> Option<&str> {
        let authority = self.uri.authority().map(http::uri::Authority::as_str);
        authority.or_else(|| self.host.as_ref()?.to_str().ok())
    }

    pub(crate) fn id(&self) -> &RequestId {
        &self.id
    }

    /// The request belongs to this shop; its visitor is counted.
    pub(crate) fn enter(&mut self, site: &Arc<Site>, head: &Parts) {
        let mut hasher = std::hash::DefaultHasher::new();
        match site.matcher.session(super::cookies(head)) {
            Some(session) => session.hash(&mut hasher),
            None => {
                self.peer.ip().hash(&mut hasher);
                head.headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).hash(&mut hasher);
            }
        }
        site.counters.visitors.see(hasher.finish());
        self.site = Some(site.clone());
    }

    /// The shop's answer began.
    pub(crate) fn first_byte(&mut self, status: StatusCode) {
        self.status = status;
        self.first_byte = Some(self.started.elapsed());
    }

    /// An answer made here ends the request, for want of one from the shop.
    pub(crate) fn end_edge_made(&mut self, trouble: Trouble) {
        self.first_byte(trouble.status());
        if let Some(counters) = self.counters()
            && trouble.status().is_server_error()
        {
            counters.failed_by_edge.fetch_add(1, Relaxed);
        }
        self.end(0, Outcome::Whole, Some(trouble.code()));
    }

    /// An answer that needed no instance ends the request.
    pub(crate) fn end_whole(&mut self, status: StatusCode, bytes: u64) {
        self.first_byte(status);
        self.end(bytes, Outcome::Whole, None);
    }

    /// Counts and logs; called once.
    pub(crate) fn end(&mut self, bytes: u64, outcome: Outcome, reason: Option<&'static str>) {
        self.ended = true;
        let whole = self.started.elapsed();
        let first_byte = self.first_byte.unwrap_or(whole);
        if let Some(counters) = self.counters() {
            counters.count_status(self.status.as_u16());
            counters.response_bytes.fetch_add(bytes, Relaxed);
            counters.first_byte.record(micros(first_byte));
            counters.whole.record(micros(whole));
            if let Some(connect) = self.connect {
                counters.connect.record(micros(connect));
            }
            match self.cache {
                CacheOutcome::None => {}
                CacheOutcome::Bypass => count(&counters.bypassed),
                CacheOutcome::Miss => count(&counters.misses),
                CacheOutcome::Hit => count(&counters.hits),
            }
            if matches!(outcome, Outcome::Broken | Outcome::Stalled) {
                count(&counters.aborted);
            }
        }
        self.log(self.status.as_u16(), bytes, outcome, reason);
    }

    fn log(&self, status: u16, bytes: u64, outcome: Outcome, reason: Option<&'static str>) {
        if let Some(log) = &self.worker.log {
            log.write(&self.entry(status, bytes, outcome, reason));
        }
    }

    /// The answer is in the cache now.
    pub(crate) fn kept(&self) {
        if let Some(site) = &self.site {
            count(&site.counters.workers[self.worker.index].stored);
        }
    }

    fn counters(&self) -> Option<&ClassCounters> {
        let site = self.site.as_ref()?;
        Some(site.counters.workers[self.worker.index].class(self.class))
    }

    fn entry(
        &self,
        status: u16,
        bytes: u64,
        outcome: Outcome,
        reason: Option<&'static str>,
    ) -> Entry<'_> {
        let whole = self.started.elapsed();
        let error = reason.or(match outcome {
            Outcome::Whole => None,
            Outcome::Broken => Some("shop_broke_off"),
            Outcome::Stalled => Some("shop_stalled"),
            Outcome::Left => Some("visitor_left"),
        });
        let went = self.instance.is_some();
        Entry {
            at_ms: unix_ms() - i64::try_from(whole.as_millis()).unwrap_or(0),
            request_id: self.id.as_str(),
            shop: self.site.as_ref().map(|site| site.id.as_str()),
            class: self.site.is_some().then_some(self.class),
            method: self.method.as_str(),
            host: self.host().unwrap_or_default(),
            target: self.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str),
            status,
            request_bytes: self.request_bytes,
            response_bytes: bytes,
            waited: went.then_some(self.waited),
            connect: self.connect,
            first_byte: self.first_byte.filter(|_| went),
            whole,
            instance: self.instance.as_ref().map(InstanceName::as_str),
            retries: self.retries,
            cache: self.cache.as_str(),
            client: self.peer.ip(),
            http: if self.version == Version::HTTP_2 { "2" } else { "1.1" },
            tls: self.tls,
            priority: self.priority,
            error,
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if let Some(counters) = self.counters() {
            count(&counters.left);
        }
        self.log(VISITOR_LEFT, 0, Outcome::Left, None);
    }
}
