//! One visitor on the way: what they were given, where they are, what they saw.

use super::{
    Evidence, Journey, Placed, Placing, StepSeen, Variables, Walk,
    cookies::Cookies,
    evidence,
    expect::{Got, graphql_errors},
    script::{AT_MS, Body, ORDER, Step},
    template,
};
use crate::{
    address::Address,
    connection::AddressFamily,
    http::{Answer, Ask, HttpCheck, Protocol, location},
    outcome::{Conclusion, Phase, Reason},
    trace::Trace,
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{CONTENT_ENCODING, CONTENT_TYPE, ORIGIN, REFERER},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Of a page; shops whose pages are longer than that have other worries.
const BODY_LIMIT_BYTES: u64 = 4 << 20;
/// In one step.
const MOST_REDIRECTS: usize = 10;

pub(super) async fn walk(journey: &Journey, at_ms: i64, deadline: Duration) -> Walk {
    let mut walk =
        Walk { at_ms, conclusion: Conclusion::Passed, steps: vec![], placed: None, evidence: None };
    let mut walker = match Walker::ready(journey, at_ms) {
        Ok(walker) => walker,
        Err(conclusion) => return Walk { conclusion, ..walk },
    };
    let (ahead, cancelling) = match journey.placing {
        Placing::Before => (journey.script.before_placing(), [].as_slice()),
        Placing::With(_) => journey.script.with_placing(),
    };
    let ends = Instant::now() + deadline;
    for step in ahead {
        if !walker.take(step, ends, deadline, &mut walk).await {
            break;
        }
    }
    if walker.has_sent_order {
        let ends = Instant::now() + deadline;
        let mut is_cancelled = !cancelling.is_empty();
        for step in cancelling {
            is_cancelled &= walker.take(step, ends, deadline, &mut walk).await;
        }
        walk.placed = Some(Placed { order: walker.order.take(), is_cancelled });
    }
    walk
}

struct Walker {
    /// What every request is made with; its own request is none of them.
    means: HttpCheck,
    at_ms: i64,
    base: Address,
    values: Variables,
    /// Captured tokens, and variables whose names say so.
    secrets: Vec<String>,
    cookies: Cookies,
    /// The last page.
    here: Option<Address>,
    /// Of the step that is taken: what evidence is made of.
    body: Vec<u8>,
    has_sent_order: bool,
    order: Option<String>,
}

/// A page where a step ended.
struct Arrival {
    address: Address,
    answer: Answer,
}

impl Walker {
    /// Also looks whether everything is known that will be needed: nobody places and then finds that the key for cancelling is missing.
    fn ready(journey: &Journey, at_ms: i64) -> Result<Self, Conclusion> {
        let mut values: Variables = Variables::new();
        let places = matches!(journey.placing, Placing::With(_));
        for input in journey.script.inputs() {
            let own = match &journey.placing {
                Placing::With(own) => own.get(&input.name),
                Placing::Before => None,
            };
            let told =
                own.or_else(|| journey.variables.get(&input.name)).or(input.default.as_ref());
            match told {
                Some(told) => drop(values.insert(input.name.clone(), told.clone())),
                None if input.is_for_placing && !places => {}
                None => {
                    let reason = Reason::new("variable_missing");
                    return Err(Conclusion::Unknown(reason.with("variable", input.name.as_str())));
                }
            }
        }
        let is_secret = |(name, _): &(&String, &String)| evidence::is_secret_name(name);
        let secrets = values.iter().filter(is_secret).map(|(_, value)| value.clone()).collect();
        values.insert(AT_MS.to_owned(), at_ms.to_string());
        Ok(Self {
            means: means(journey),
            at_ms,
            base: Address::parse(&journey.base)?,
            values,
            secrets,
            cookies: Cookies::default(),
            here: None,
            body: Vec::new(),
            has_sent_order: false,
            order: None,
        })
    }

    /// Whether it passed.
    async fn take(
        &mut self,
        step: &Step,
        ends: Instant,
        deadline: Duration,
        walk: &mut Walk,
    ) -> bool {
        let mut trace = Trace::begin();
        self.body.clear();
        let left = ends.saturating_duration_since(Instant::now());
        let conclusion = match tokio::time::timeout(left, self.attempt(step, &mut trace)).await {
            Ok(Ok(())) => Conclusion::Passed,
            Ok(Err(why)) => why,
            Err(_) => trace.timed_out(deadline),
        };
        let outcome = trace.finish(self.at_ms, conclusion);
        // Whatever left this machine may have placed an order, whether or not an answer came.
        let was_sent = outcome.phases.iter().any(|(phase, _)| *phase == Phase::Processing);
        self.has_sent_order |= step.places && was_sent;
        self.secrets.extend(self.cookies.values().map(str::to_owned));
        self.secrets.sort_unstable();
        self.secrets.dedup();
        let conclusion = evidence::struck(outcome.conclusion, &self.secrets);
        let status = outcome.seen.http.map(|http| http.status);
        let has_passed = conclusion == Conclusion::Passed;
        if !has_passed && walk.conclusion == Conclusion::Passed {
            walk.conclusion = conclusion.clone();
            let body = evidence::shown(&self.body, &self.secrets);
            walk.evidence = Some(Evidence { step: step.name.clone(), status, body });
        }
        let (name, seconds) = (step.name.clone(), outcome.took_seconds);
        walk.steps.push(StepSeen { name, seconds, status, conclusion });
        has_passed
    }

    async fn attempt(&mut self, step: &Step, trace: &mut Trace) -> Result<(), Conclusion> {
        let ask = self.ask(step)?;
        let Arrival { address, answer } = self.follow(ask, trace).await?;
        let path = address.path.clone();
        self.here = Some(address);
        self.judge(step, &answer, &path)
    }

    /// The request of a step, as a browser would send it from the page before.
    fn ask(&self, step: &Step) -> Result<Ask, Conclusion> {
        let own = if step.path.written.starts_with('/') { self.base.path.as_str() } else { "" };
        let own = own.split('?').next().unwrap_or_default().trim_end_matches('/');
        let reference = format!("{own}{}", step.path.render_for_address(&self.values)?);
        let address = self.here.as_ref().unwrap_or(&self.base).follow(&reference)?;
        self.may_go(&self.base, &address)?;
        let mut headers = HeaderMap::new();
        let body = match &step.body {
            Body::None => Bytes::new(),
            Body::Form(fields) => {
                let fields = fields.iter().map(|(key, value)| {
                    Ok((key.render(&self.values)?, value.render(&self.values)?))
                });
                let fields = fields.collect::<Result<Vec<_>, Conclusion>>()?;
                headers.insert(
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/x-www-form-urlencoded"),
                );
                template::form(&fields).into()
            }
            Body::Json(shape) => as_json(&shape.render(&self.values)?, &mut headers),
            Body::GraphQl { query, variables } => {
                let variables = variables.render(&self.values)?;
                as_json(&json!({ "query": query, "variables": variables }), &mut headers)
            }
        };
        for (name, value) in &step.headers {
            let value = header(name, &value.render(&self.values)?)?;
            headers.insert(name, value);
        }
        Ok(Ask { address, method: step.method.clone(), headers, body })
    }

    /// What a browser adds by itself (fetch.spec.whatwg.org, 3.2; Django wants both).
    fn dress(&self, ask: &mut Ask) -> Result<(), Conclusion> {
        if let Some(here) = &self.here {
            ask.headers.insert(REFERER, header(&REFERER, &here.whole())?);
        }
        if !matches!(ask.method, Method::GET | Method::HEAD) {
            ask.headers.insert(ORIGIN, header(&ORIGIN, &ask.address.place())?);
        } else {
            ask.headers.remove(ORIGIN);
        }
        self.cookies.write(ask.address.is_https, &mut ask.headers);
        Ok(())
    }

    async fn follow(&mut self, mut ask: Ask, trace: &mut Trace) -> Result<Arrival, Conclusion> {
        let mut been = Vec::new();
        loop {
            self.dress(&mut ask)?;
            been.push((ask.method.clone(), ask.address.whole(), self.cookies.clone()));
            let answer = self.means.exchange(&ask, self.at_ms, trace).await?;
            trace.leave();
            self.cookies.take(&answer.headers);
            self.body.clone_from(&answer.body);
            let Some(location) = location(&answer) else {
                return Ok(Arrival { address: ask.address, answer });
            };
            let place = ask.address.place();
            if been.len() > MOST_REDIRECTS {
                let reason = Reason::new("too_many_redirects").with("limit", MOST_REDIRECTS as u64);
                return Err(Conclusion::Failed(reason.with("place", place)));
            }
            let from = ask.address.clone();
            let headers = ask.headers.clone();
            ask = ask.redirected(answer.status, location)?;
            self.may_go(&from, &ask.address)?;
            if ask.address.is_https != from.is_https {
                // The same shop, which wants to be spoken to over TLS from here on.
                ask.headers = headers;
                if ask.body.is_empty() {
                    ask.headers.remove(CONTENT_TYPE);
                }
                self.base = Address { path: self.base.path.clone(), ..ask.address.clone() };
            }
            // A page may lead to itself once it has set its cookie.
            let next = (ask.method.clone(), ask.address.whole(), self.cookies.clone());
            if been.contains(&next) {
                return Err(Conclusion::Failed(Reason::new("redirect_loop").with("place", place)));
            }
            trace.seen.redirects += 1;
        }
    }

    /// It stays with its host and port: cookies and what was typed in are for nobody else. From plain HTTP it may be led to TLS.
    fn may_go(&self, from: &Address, to: &Address) -> Result<(), Conclusion> {
        let is_same = to.is_https == from.is_https && to.port == from.port;
        let is_upgrade = to.is_https && !from.is_https;
        if to.host == from.host && (is_same || is_upgrade) {
            return Ok(());
        }
        let reason = Reason::new("leads_elsewhere").with("place", to.place());
        Err(Conclusion::Failed(reason))
    }

    fn judge(&mut self, step: &Step, answer: &Answer, path: &str) -> Result<(), Conclusion> {
        let is_graphql = matches!(step.body, Body::GraphQl { .. });
        let reads_body = is_graphql
            || step.expect.is_of_body()
            || step.captures.iter().any(|(_, capture)| capture.is_of_body());
        let packed = answer.headers.get(CONTENT_ENCODING).filter(|packed| *packed != "identity");
        let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
        // The status says more than that the body of an error page is packed.
        let body = if packed.is_some() { &[][..] } else { answer.body.as_slice() };
        let status = answer.status.as_u16();
        let got = Got { status, path, body, json: json.as_ref() };
        if let Some(packed) = packed.filter(|_| reads_body && answer.status.is_success()) {
            let encoding = String::from_utf8_lossy(packed.as_bytes()).into_owned();
            let reason = Reason::new("body_packed").with("encoding", encoding);
            return Err(Conclusion::Unknown(reason));
        }
        // What was placed is known even of an answer that is otherwise not as it should be.
        let captured = self.capture(step, answer, json.as_ref());
        step.expect.judge(&got, &self.values)?;
        if is_graphql {
            graphql_errors(json.as_ref())?;
        }
        captured
    }

    fn capture(
        &mut self,
        step: &Step,
        answer: &Answer,
        json: Option<&Value>,
    ) -> Result<(), Conclusion> {
        let mut missing = Ok(());
        for (name, capture) in &step.captures {
            let Some(value) = capture.take(&answer.headers, &answer.body, json, &self.cookies)
            else {
                let reason = Reason::new("capture_missing").with("variable", name.as_str());
                let reason = reason.with("from", capture.word());
                missing = missing.and(Err(Conclusion::Failed(reason)));
                continue;
            };
            if capture.is_secret() || evidence::is_secret_name(name) {
                self.secrets.push(value.clone());
            }
            if name == ORDER && (step.places || self.has_sent_order) {
                self.order = Some(value.clone());
            }
            self.values.insert(name.clone(), value);
        }
        missing
    }
}

fn means(journey: &Journey) -> HttpCheck {
    HttpCheck {
        method: Method::GET,
        url: journey.base.clone(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        expected_status: Vec::new(),
        expectations: Vec::new(),
        body_limit_bytes: BODY_LIMIT_BYTES,
        redirects: MOST_REDIRECTS,
        family: AddressFamily::Any,
        protocol: Protocol::Any,
        trust: journey.trust.clone(),
    }
}

fn as_json(value: &Value, headers: &mut HeaderMap) -> Bytes {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    value.to_string().into()
}

fn header(name: &HeaderName, value: &str) -> Result<HeaderValue, Conclusion> {
    let impossible = || {
        let said = format!("no value for the header {name}");
        Conclusion::Unknown(Reason::new("request_impossible").with("said", said))
    };
    HeaderValue::try_from(value).map_err(|_| impossible())
}
