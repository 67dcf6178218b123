//! The way of one request: which shop, which class, from the cache or from an instance, and what is
//! told of it afterwards.
//!
//! Each stage either goes on or ends in a [`Trouble`], which becomes a page for people. What must
//! never happen twice (sending a request that may have reached the shop) is decided here and
//! nowhere else.

use crate::{
    answer,
    body::{BodyError, BodyLimits, EdgeBody, Spooled},
    cache::{Ask, Asked, Forward, Key, Lookup, Shelf, Ticket},
    error_page::{self, Report, ReportError, Trouble},
    guard::{self, BodyFault},
    headers,
    pool::{Claim, NoPlace, Permit},
    relay::Question,
    serving::{Serving, Site},
    upstream::{Exchange, SendError},
    worker::{Connection, Upgrade, Worker},
};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header, request::Parts};
use hyper::body::Incoming;
use kernel::RouteClass;
use std::{
    hash::{Hash, Hasher},
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant, SystemTime},
};

mod finish;
mod record;

pub(crate) use finish::Finish;
pub(crate) use record::{CacheOutcome, Record};

/// The body of every answer that leaves this edge.
pub(crate) type Body = EdgeBody<Finish>;

/// Most instances that one request is tried at before it is given up.
const MAX_ATTEMPTS: u32 = 5;
/// Most times that one request is sent and gets no answer: one that kills whoever reads it must not
/// go round them all.
const MAX_SENT: u32 = 3;

/// Answers one request. Never fails: what goes wrong is an answer too.
pub(crate) async fn handle(
    connection: Rc<Connection>,
    request: Request<Incoming>,
) -> Response<Body> {
    let exchange = connection.guard.exchange();
    let worker = connection.worker.clone();
    let serving = worker.serving();
    let (head, body) = request.into_parts();
    let id = worker.ids.borrow_mut().next();
    let mut record = Record::begin(&connection, &head, id);
    // HTTP/1 was guarded before hyper read it.
    if head.version == http::Version::HTTP_2
        && let Err(reason) = guard::check_stream_head(&head, &serving.limits)
    {
        worker.shared.refusals.count(reason.code());
        record.end_whole(reason.status(), 0);
        return answer::malformed(reason);
    }
    if let Some(response) = answer::challenge(&serving, &head) {
        record.end_whole(response.status(), 0);
        return response;
    }
    if let Some(question) = Question::of(&serving, &head) {
        // Boxed: the futures of visitors are to be no larger for it.
        let response = Box::pin(question.pass_on(&worker)).await;
        let bytes = http_body::Body::size_hint(response.body()).exact().unwrap_or(0);
        record.end_whole(response.status(), bytes);
        return response;
    }
    let Some(site) = record.host().and_then(|host| serving.hosts.find(host)).cloned() else {
        worker.shared.refusals.count(Trouble::UnknownHost.code());
        record.end_edge_made(Trouble::UnknownHost);
        return answer::refuse(Trouble::UnknownHost, None, &head, &record);
    };
    record.enter(&site, &head);
    let visit = Visit { connection, worker, serving, site, head };
    match visit.answer(body, record, exchange).await {
        Ok(response) => response,
        Err((trouble, mut record)) => {
            record.end_edge_made(trouble);
            answer::refuse(trouble, Some(&visit.site), &visit.head, &record)
        }
    }
}

/// A request that belongs to a shop.
struct Visit {
    connection: Rc<Connection>,
    worker: Rc<Worker>,
    serving: Arc<Serving>,
    site: Arc<Site>,
    head: Parts,
}

/// What the cache has to do with a request that goes on to the shop.
enum Keeping {
    /// Nothing.
    Not(Forward),
    /// The answer may be kept.
    Maybe { shelf: Arc<Shelf>, ticket: Ticket, ask: Ask, forward: Forward },
    /// When it goes well, what is kept of the same address is out of date.
    Invalidate(Arc<Shelf>),
}

impl Keeping {
    /// The request goes to the shop only now: what happened while it waited does not count.
    fn sent(&mut self, now: Instant) {
        if let Self::Maybe { shelf, ticket, .. } = self {
            shelf.renew(ticket, now);
        }
    }
}

/// How often one request has been tried.
#[derive(Debug, Default)]
struct Tries {
    begun: u32,
    /// Of these: sent, and no answer came.
    sent: u32,
}

type Failed = (Trouble, Box<Record>);

impl Visit {
    async fn answer(
        &self,
        body: Incoming,
        mut record: Box<Record>,
        exchange: guard::Exchange,
    ) -> Result<Response<Body>, Failed> {
        let (path, query) = (self.head.uri.path(), self.head.uri.query());
        let method = self.head.method.as_str();
        record.class = self.site.matcher.class(method, path, query, None);
        if self.site.force_https && self.connection.tls.is_none() {
            let response = answer::to_https(&self.head, &record);
            record.end_whole(response.status(), 0);
            return Ok(response);
        }
        if path == error_page::REPORT_PATH && self.head.method == Method::POST {
            return Ok(self.take_report(body, &mut record).await);
        }
        if self.head.method == Method::CONNECT || self.head.method == Method::TRACE {
            return Err((Trouble::Method, record));
        }
        let has_body = !hyper::body::Body::is_end_stream(&body);
        let keeping = match self.look_up(has_body, &mut record) {
            Ok(response) => return Ok(response),
            Err(keeping) => keeping,
        };
        let spooled = match self.take_in(body).await {
            Ok(spooled) => spooled,
            Err(trouble) => return Err((trouble, record)),
        };
        record.request_bytes = spooled.len();
        if has_body && self.site.matcher.needs_body(method, path) {
            let first = spooled.first(shops::matcher::BODY_BYTES);
            record.class = self.site.matcher.class(method, path, query, Some(first));
        }
        self.forward(&spooled, keeping, record, exchange).await
    }

    /// The answer out of the cache, or what the cache has to do with the shop's answer.
    fn look_up(&self, has_body: bool, record: &mut Record) -> Result<Response<Body>, Keeping> {
        let Some(shelf) = &self.site.shelf else { return Err(Keeping::Not(Forward::Bypass)) };
        let ask = match Asked::of(&self.head.method, &self.head.headers, has_body) {
            Asked::Read(ask) => ask,
            Asked::Change => return Err(Keeping::Invalidate(shelf.clone())),
            Asked::PassBy => return Err(Keeping::Not(Forward::Bypass)),
        };
        let (path, query) = (self.head.uri.path(), self.head.uri.query());
        let values = |name: &str| self.head.headers.get_all(name).iter().map(HeaderValue::as_bytes);
        if !self.site.matcher.cacheable_request(path, query, cookies(&self.head), values) {
            record.cache = CacheOutcome::Bypass;
            return Err(Keeping::Not(Forward::Bypass));
        }
        let mut key = self.worker.key.borrow_mut();
        self.write_key(&mut key, &ask);
        let now = Instant::now();
        match shelf.lookup(&key, &ask, now) {
            Lookup::Hit(hit) => {
                record.cache = CacheOutcome::Hit;
                let mut response = hit.response(&ask, &self.head.headers);
                headers::finish_response(response.headers_mut(), record.id());
                let bytes = http_body::Body::size_hint(response.body()).exact().unwrap_or(0);
                record.end_whole(response.status(), bytes);
                Ok(response)
            }
            Lookup::Miss(forward) => {
                record.cache = CacheOutcome::Miss;
                let ticket = shelf.ticket(&key, &self.address_key(path, query), path, now);
                Err(Keeping::Maybe { shelf: shelf.clone(), ticket, ask, forward })
            }
        }
    }

    fn write_key(&self, key: &mut Key, ask: &Ask) {
        let (path, query) = (self.head.uri.path(), self.head.uri.query());
        let values = |name: &str| self.head.headers.get_all(name).iter().map(HeaderValue::as_bytes);
        let host = host_of(&self.head).unwrap_or_default();
        let buffer = key.start(self.connection.tls.is_some(), ask);
        let cookies: Vec<&[u8]> = cookies(&self.head).collect();
        let cookies = cookies.iter().copied();
        self.site.matcher.write_cache_key(buffer, host, path, query, cookies, values);
    }

    /// What all variants of an address of this host have in common.
    fn address_key(&self, path: &str, query: Option<&str>) -> Vec<u8> {
        let host = host_of(&self.head).unwrap_or_default();
        let mut key = Vec::with_capacity(host.len() + path.len() + 64);
        let nothing = std::iter::empty::<&[u8]>();
        self.site
            .matcher
            .write_cache_key(&mut key, host, path, query, nothing, |_| std::iter::empty::<&[u8]>());
        key
    }

    async fn take_in(&self, body: Incoming) -> Result<Spooled, Trouble> {
        let limits = &self.serving.limits;
        let limits = BodyLimits {
            total_bytes: limits.body_bytes,
            memory_bytes: limits.body_memory_bytes,
            quiet: Duration::from_millis(limits.body_timeout_ms),
        };
        let spooled = Spooled::collect(body, limits, &self.worker.spill).await;
        spooled.map_err(|error| body_trouble(&error))
    }

    /// A visitor tells what happened to them.
    async fn take_report(&self, body: Incoming, record: &mut Record) -> Response<Body> {
        let spooled = self.take_in(body).await;
        let kind = self.head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let report = match &spooled {
            Ok(form) if form.len() > error_page::REPORT_BYTES as u64 => Err(ReportError::TooLarge),
            Ok(form) => Report::parse(kind, form.first(error_page::REPORT_BYTES)),
            Err(Trouble::BodyTooLarge) => Err(ReportError::TooLarge),
            Err(_) => Err(ReportError::Form),
        };
        if let Ok(report) = &report {
            self.worker.shared.reports.add(&self.site.id, report);
        }
        let response = answer::report(&self.site, &report, &self.head, record);
        record.end_whole(response.status(), 0);
        response
    }

    /// Sends the request to an instance, waiting for a place and trying again where that is safe.
    async fn forward(
        &self,
        spooled: &Spooled,
        mut keeping: Keeping,
        mut record: Box<Record>,
        exchange: guard::Exchange,
    ) -> Result<Response<Body>, Failed> {
        let claim = self.claim(record.class);
        record.priority = Some(claim.priority);
        let upgrade = headers::wants_upgrade(&self.head);
        let careful = !is_idempotent(&self.head.method);
        let mut tries = Tries::default();
        loop {
            tries.begun += 1;
            let asked = Instant::now();
            let permit = match self.site.pool.admit(claim, record.waited).await {
                Ok(permit) => permit,
                Err(no_place) => return Err((no_place_trouble(no_place), record)),
            };
            record.waited += asked.elapsed();
            let sent = self.upstream_head(upgrade, &record);
            let request = Request::from_parts(sent, spooled.body());
            let started = Instant::now();
            keeping.sent(started);
            let patience = self.site.patience;
            let result =
                self.worker.upstreams.send(&permit.instance, request, careful, patience).await;
            permit.instance.requests.fetch_add(1, Relaxed);
            record.instance = Some(permit.instance.name.clone());
            match result.and_then(|answered| asked_for(answered, upgrade)) {
                Ok(answered) => {
                    let micros = started.elapsed().as_micros();
                    let micros = u64::try_from(micros).unwrap_or(u64::MAX);
                    permit.instance.first_byte.record(micros);
                    permit.instance.reset_failures();
                    return Ok(self.pass_on(answered, permit, keeping, record, exchange));
                }
                Err(error) => {
                    if let Some(trouble) = self.settle(&permit, &error, careful, &mut tries) {
                        return Err((trouble, record));
                    }
                    record.retries += 1;
                    permit.instance.retries.fetch_add(1, Relaxed);
                }
            }
        }
    }

    /// Reports a failed try. `None`: try again, nothing can have happened twice.
    fn settle(
        &self,
        permit: &Permit,
        error: &SendError,
        careful: bool,
        tries: &mut Tries,
    ) -> Option<Trouble> {
        let pool = &self.site.pool;
        let trouble = match error {
            SendError::Connect(text) => {
                pool.report_unreachable(&permit.instance, text.clone());
                Trouble::Unreachable
            }
            SendError::Broken(text) => {
                pool.report_failure(&permit.instance, text.clone());
                tries.sent += 1;
                if careful {
                    return Some(Trouble::BrokenOff);
                }
                Trouble::BrokenOff
            }
            SendError::TimedOut => {
                pool.report_failure(&permit.instance, "no answer in time".to_owned());
                return Some(Trouble::TimedOut);
            }
        };
        (tries.begun >= MAX_ATTEMPTS || tries.sent >= MAX_SENT).then_some(trouble)
    }

    fn claim(&self, class: RouteClass) -> Claim {
        let session = self.site.matcher.session(cookies(&self.head));
        Claim {
            priority: self.site.matcher.priority(class, cookies(&self.head)),
            session: session.map(hash_of),
        }
    }

    /// The head as the shop gets it; made anew for every try, since each is a span of its own.
    fn upstream_head(&self, upgrade: bool, record: &Record) -> Parts {
        let (mut sent, ()) = Request::new(()).into_parts();
        sent.method = self.head.method.clone();
        let path = self.head.uri.path_and_query().cloned();
        sent.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        let visitor = headers::Visitor {
            address: self.connection.peer.ip(),
            tls: self.connection.tls.is_some(),
            host: host_of(&self.head).unwrap_or_default(),
        };
        sent.headers = headers::for_shop(&self.head.headers, &visitor, record.id(), upgrade);
        sent
    }

    /// Makes the visitor's answer of the shop's.
    fn pass_on(
        &self,
        answered: Exchange,
        permit: Permit,
        keeping: Keeping,
        mut record: Box<Record>,
        exchange: guard::Exchange,
    ) -> Response<Body> {
        let Exchange { response, connect, lane } = answered;
        record.connect = connect;
        let (mut head, body) = response.into_parts();
        if head.status.is_server_error() {
            permit.instance.errors.fetch_add(1, Relaxed);
        }
        record.first_byte(head.status);
        let (recorder, cache_status) = self.keep(keeping, &head);
        let upgraded = head.status == StatusCode::SWITCHING_PROTOCOLS;
        headers::prepare_response(&mut head.headers, upgraded);
        headers::finish_response(&mut head.headers, record.id());
        if let Some(value) = cache_status {
            head.headers.append("cache-status", value);
        }
        head.version = http::Version::HTTP_11;
        head.extensions.clear();
        let finish = Finish::new(self.worker.clone(), record, permit, exchange);
        if upgraded {
            self.connection.guard.upgraded();
            self.connection.upgrade.set(Some(Upgrade { lane, finish }));
            return Response::from_parts(head, EdgeBody::Empty);
        }
        let finish = finish.giving_back(lane).keeping(recorder);
        Response::from_parts(head, EdgeBody::upstream(body, finish, self.site.read_quiet))
    }

    fn keep(
        &self,
        keeping: Keeping,
        head: &http::response::Parts,
    ) -> (Option<crate::cache::Recorder>, Option<HeaderValue>) {
        match keeping {
            Keeping::Not(forward) => (None, self.site.shelf.is_some().then(|| forward.value())),
            Keeping::Maybe { shelf, ticket, ask, forward } => {
                let (now, wall) = (Instant::now(), SystemTime::now());
                match shelf.begin_store(ticket, &ask, head, now, wall) {
                    Ok(recorder) => (Some(recorder), Some(forward.stored())),
                    Err(refusal) => (None, Some(forward.refused(refusal))),
                }
            }
            Keeping::Invalidate(shelf) => {
                if head.status.is_success() || head.status.is_redirection() {
                    self.invalidate(&shelf, head);
                }
                (None, Some(Forward::Method.value()))
            }
        }
    }

    /// Drops what is kept of the address that was changed, and of those the answer names
    /// (RFC 9111 §4.4).
    fn invalidate(&self, shelf: &Shelf, head: &http::response::Parts) {
        let host = host_of(&self.head).unwrap_or_default();
        let drop_address =
            |path: &str, query: Option<&str>| shelf.invalidate(&self.address_key(path, query));
        drop_address(self.head.uri.path(), self.head.uri.query());
        for name in [header::LOCATION, header::CONTENT_LOCATION] {
            let named = head.headers.get(name).and_then(|value| value.to_str().ok());
            let Some(uri) = named.and_then(|text| text.parse::<Uri>().ok()) else { continue };
            if uri.host().is_none_or(|named| named == shops::hosts::plain_host(host)) {
                drop_address(uri.path(), uri.query());
            }
        }
    }
}

/// The raw values of the `Cookie` headers.
fn cookies(head: &Parts) -> impl Iterator<Item = &[u8]> {
    head.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes)
}

/// The host the visitor asked for, as given.
pub(crate) fn host_of(head: &Parts) -> Option<&str> {
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    authority.or_else(|| head.headers.get(header::HOST)?.to_str().ok())
}

/// RFC 9110 §9.2.2.
fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE
    )
}

/// A shop that changes the protocol unasked has lost the thread: nobody knows what its bytes mean.
fn asked_for(answered: Exchange, upgrade: bool) -> Result<Exchange, SendError> {
    if answered.response.status() == StatusCode::SWITCHING_PROTOCOLS && !upgrade {
        return Err(SendError::Broken("it switched protocols without being asked".to_owned()));
    }
    Ok(answered)
}

fn hash_of(value: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn no_place_trouble(no_place: NoPlace) -> Trouble {
    match no_place {
        NoPlace::HoldExpired => Trouble::Held,
        NoPlace::QueueFull | NoPlace::QueueExpired => Trouble::Full,
    }
}

fn body_trouble(error: &BodyError) -> Trouble {
    if let Some(reason) = BodyFault::of(error) {
        return match reason.status() {
            StatusCode::REQUEST_TIMEOUT => Trouble::Slow,
            StatusCode::PAYLOAD_TOO_LARGE => Trouble::BodyTooLarge,
            _ => Trouble::Malformed,
        };
    }
    match error {
        BodyError::TooLarge(_) => Trouble::BodyTooLarge,
        BodyError::Stalled => Trouble::Slow,
        BodyError::Aborted(_) => Trouble::Malformed,
        BodyError::Full | BodyError::Spill(_) => {
            tracing::error!(error = crate::upstream::chain(error), "take in a request body");
            Trouble::NoRoom
        }
    }
}
