//! The guide: a page of things to try on the stage, each with what to look at, and the same things
//! for the command line. Serves one person on this machine.

mod acts;
mod script;

use std::{
    collections::{BTreeSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result};
use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{customers::Kind, stage::Stage};
pub(crate) use acts::Act;

/// Lines of what happened that the page can show.
const MOST_LINES: usize = 40;
/// Most customers a minute that the guide asks for: more is a load test, not a demonstration.
const MOST_PER_MINUTE: u64 = 3000;

/// The addresses that the guide shows.
#[derive(Debug, Clone, Serialize)]
pub struct Addresses {
    /// None for a shop without pages.
    pub shop: Option<String>,
    /// None on a stage without Storewarden.
    pub storewarden: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct Line {
    at_ms: i64,
    text: String,
}

/// What the guide knows beside the stage.
#[derive(Debug)]
pub(crate) struct Prompter {
    stage: Arc<Stage>,
    addresses: Addresses,
    /// The usual number of customers, to which "ten times as many" refers.
    usual_rate: u64,
    busy: Mutex<BTreeSet<&'static str>>,
    lines: Mutex<VecDeque<Line>>,
    tasks: Mutex<JoinSet<()>>,
}

type Shared = State<Arc<Prompter>>;

/// A guide that is being served.
#[derive(Debug)]
pub struct Guide {
    address: SocketAddr,
    prompter: Arc<Prompter>,
    server: JoinSet<()>,
}

impl Guide {
    /// Serves the guide for this stage on a free port of the loopback.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(stage: Arc<Stage>, addresses: Addresses) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("find a port")?;
        let address = listener.local_addr()?;
        let prompter = Arc::new(Prompter {
            usual_rate: stage.customers().rate().max(1),
            stage,
            addresses,
            busy: Mutex::default(),
            lines: Mutex::default(),
            tasks: Mutex::default(),
        });
        let router = Router::new()
            .route("/", get(page))
            .route("/guide.css", get(style))
            .route("/acts", get(list))
            .route("/state", get(state))
            .route("/do", post(perform))
            .layer(middleware::from_fn(only_by_address))
            .with_state(Arc::clone(&prompter));
        let mut server = JoinSet::new();
        server.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("error: serve the guide: {error}");
            }
        });
        Ok(Self { address, prompter, server })
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops serving, and whatever is being tried right now.
    pub async fn stop(mut self) {
        self.server.shutdown().await;
        let mut tasks = std::mem::take(&mut *lock(&self.prompter.tasks));
        tasks.shutdown().await;
    }
}

impl Prompter {
    fn say(&self, text: &str) {
        let mut lines = lock(&self.lines);
        if lines.len() == MOST_LINES {
            lines.pop_front();
        }
        let at_ms = jiff::Timestamp::now().as_millisecond();
        lines.push_back(Line { at_ms, text: text.to_owned() });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A page elsewhere that points a name of its own at this machine must not reach the guide.
async fn only_by_address(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    if matches!(name, Some("127.0.0.1" | "localhost")) {
        return next.run(request).await;
    }
    StatusCode::MISDIRECTED_REQUEST.into_response()
}

async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; style-src 'self'; script-src 'self' 'unsafe-inline'; \
             frame-ancestors 'none'",
        ),
    ];
    (headers, include_str!("../assets/guide.html")).into_response()
}

async fn style() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (headers, include_str!("../assets/guide.css")).into_response()
}

/// The things to try, in the order of the page.
async fn list(State(prompter): Shared) -> Json<Vec<&'static Act>> {
    let kind = prompter.stage.shop();
    let has_storewarden = prompter.stage.storewarden().is_some();
    Json(acts::ACTS.iter().filter(|act| act.is_for(kind, has_storewarden)).collect())
}

async fn state(State(prompter): Shared) -> Json<Value> {
    let stage = &prompter.stage;
    let mut instances = Vec::new();
    for instance in stage.instances() {
        instances.push(json!({
            "name": instance.name(),
            "address": instance.address(),
            "presence": instance.presence().await,
        }));
    }
    Json(json!({
        "addresses": prompter.addresses,
        "differs": differs(stage.shop()),
        "database": stage.database_name(),
        "customers": stage.customers().ledger().figures(),
        "rate": stage.customers().rate(),
        "usual_rate": prompter.usual_rate,
        "most_per_minute": MOST_PER_MINUTE,
        "instances": instances,
        "fault": stage.fault().await,
        "busy": *lock(&prompter.busy),
        "lines": *lock(&prompter.lines),
    }))
}

/// What a shop that is not ours lets nobody try, for the person at the page.
fn differs(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Sample => None,
        Kind::Vendure => Some(
            "This is Vendure, as it is. It has no pages, and cannot be asked to fail: a broken \
             checkout, slow queries, errors and a leak are to be tried with the sample shop.",
        ),
        Kind::Oscar => Some(
            "This is django-oscar, as it is. It cannot be asked to fail: a broken checkout, slow \
             queries, errors and a leak are to be tried with the sample shop. Its pages show whose \
             basket it is, so only pictures and style sheets come from the cache.",
        ),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    act: String,
    value: Option<u64>,
}

/// Takes JSON only, which a form of a foreign page can't send.
async fn perform(State(prompter): Shared, headers: HeaderMap, Json(wish): Json<Wish>) -> Response {
    let from_elsewhere =
        headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    if from_elsewhere {
        return StatusCode::FORBIDDEN.into_response();
    }
    match script::perform(&prompter, &wish.act, wish.value).await {
        Ok(said) => Json(json!({ "said": said })).into_response(),
        Err(error) => {
            let said = format!("{error:#}");
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "said": said }))).into_response()
        }
    }
}
