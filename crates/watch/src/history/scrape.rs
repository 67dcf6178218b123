//! Exporters fetched as a Prometheus would: each target by a task of its own, in even steps.
//!
//! What a fetch told is taken whole or not at all; series that it does not tell any more are ended at once, all of them when it fails. A target
//! that never ends, lies about what it is, or tells too much is cut off, and only that it is not up is told.

use super::{History, SERIES_COLLECTED};
use crate::{WatchError, orders::now_ms};
use kernel::config::{Configuration, ScrapeSettings};
use outbound::http::{Client, ClientOptions, HeaderMap, Method, Request, Response, header};
use promql::wire::{
    ACCEPT, Format, Key, Kind, Known, Seen, WireError,
    text::{Entry, Limits, Reader, SeriesText},
};
use series::{Labels, Sample, SeriesError, SeriesRef};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::watch::Receiver, task::JoinSet};

/// A fetch takes no longer, nor longer than until the next.
const LONGEST_MS: u64 = 10_000;
/// Of an answer.
const BODY_BYTES: usize = 16 << 20;
/// Samples of one fetch.
const MOST_SAMPLES: u64 = 50_000;

/// How it stands with a target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetState {
    pub job: String,
    /// Scheme, host and port: the rest may be a secret.
    pub place: String,
    pub instance: String,
    pub shop: Option<String>,
    pub every_ms: u64,
    /// `None`: it was not fetched yet.
    pub last: Option<TargetFetch>,
}

/// The last fetch.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetFetch {
    /// Unix milliseconds.
    pub at_ms: i64,
    pub seconds: f64,
    pub samples: u64,
    /// Why nothing was taken.
    pub error: Option<String>,
}

/// Of each target by its place in the configuration.
pub(super) type Board = Mutex<BTreeMap<(String, String), TargetState>>;

/// Why a fetch brought nothing.
#[derive(Debug, thiserror::Error)]
enum ScrapeError {
    #[error(transparent)]
    Outbound(#[from] outbound::OutboundError),
    #[error("it answers {0}")]
    Status(u16),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("read the root certificate: {0}")]
    Root(String),
}

struct Target {
    history: History,
    client: Client,
    url: String,
    headers: HeaderMap,
    /// By which its state is known.
    key: (String, String),
    /// Besides those that it tells itself.
    labels: Vec<(&'static str, String)>,
    every_ms: u64,
    known: Known<SeriesRef>,
    own: Option<Vec<SeriesRef>>,
    /// What was said in the log.
    trouble: Option<String>,
}

/// A sample whose series is known, or is to be.
enum Told {
    Known(SeriesRef, Sample),
    New(Vec<(String, String)>, String, Sample),
}

/// What is told of a fetch itself, as in Prometheus.
const ABOUT: [&str; 3] = ["up", "scrape_duration_seconds", "scrape_samples_scraped"];

impl History {
    /// How it stands with what is fetched, by job and address.
    #[must_use]
    pub fn targets(&self) -> Vec<TargetState> {
        self.0.targets.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Fetches what the configuration names, for as long as the task lives.
    pub(super) async fn scrape(&self, mut configuration: Receiver<Arc<Configuration>>) {
        loop {
            let settings = configuration.borrow_and_update().scrapes.clone();
            self.0.targets.lock().unwrap_or_else(PoisonError::into_inner).clear();
            // Those of before end with their set.
            let mut tasks = JoinSet::new();
            for one in &settings {
                for url in &one.targets {
                    match Target::new(self, one, url) {
                        Ok(target) => {
                            tasks.spawn(target.follow());
                        }
                        Err(error) => {
                            tracing::error!(%error, job = one.name, "it is not fetched");
                        }
                    }
                }
            }
            loop {
                if configuration.changed().await.is_err() {
                    // Nobody can change it any more: it stays as it is.
                    std::future::pending::<()>().await;
                }
                if configuration.borrow().scrapes != settings {
                    break;
                }
            }
        }
    }
}

impl Target {
    fn new(history: &History, settings: &ScrapeSettings, url: &str) -> Result<Self, ScrapeError> {
        let root = settings.root.as_ref().map(fs::read_to_string).transpose();
        let root = root.map_err(|error| ScrapeError::Root(error.to_string()))?;
        let options = ClientOptions {
            extra_roots_pem: root.into_iter().collect(),
            body_limit_bytes: BODY_BYTES,
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, header::HeaderValue::from_static(ACCEPT));
        if let Some(token) = &settings.token {
            let value = header::HeaderValue::from_str(&format!("Bearer {}", token.reveal()));
            let value = value.map_err(|error| ScrapeError::Root(error.to_string()))?;
            headers.insert(header::AUTHORIZATION, value);
        }
        let place = outbound::http::place(url).unwrap_or_default();
        let instance = place.split_once("://").map_or("", |(_, host)| host).to_owned();
        let shop = settings.shop.as_ref().map(ToString::to_string);
        let mut labels = vec![("job", settings.name.clone()), ("instance", instance.clone())];
        labels.extend(shop.clone().map(|shop| ("shop", shop)));
        let key = (settings.name.clone(), url.to_owned());
        let state = TargetState {
            job: settings.name.clone(),
            place,
            instance,
            shop,
            every_ms: settings.every_ms,
            last: None,
        };
        let mut board = history.0.targets.lock().unwrap_or_else(PoisonError::into_inner);
        board.insert(key.clone(), state);
        Ok(Self {
            history: history.clone(),
            client: Client::new(&options)?,
            url: url.to_owned(),
            headers,
            key,
            labels,
            every_ms: settings.every_ms,
            known: Known::new(SERIES_COLLECTED.max(50_000)),
            own: None,
            trouble: None,
        })
    }

    async fn follow(mut self) {
        let every_ms = i64::try_from(self.every_ms).unwrap_or(i64::MAX);
        loop {
            let wait_ms = every_ms - now_ms().rem_euclid(every_ms);
            tokio::time::sleep(Duration::from_millis(wait_ms.unsigned_abs())).await;
            let at_ms = (now_ms() + every_ms / 2).div_euclid(every_ms) * every_ms;
            let begun = Instant::now();
            let answer = self.fetch().await;
            let seconds = begun.elapsed().as_secs_f64();
            let work = move || {
                let done = self.write(answer, (at_ms, seconds));
                (self, done)
            };
            // A panic there is our own bug: the others go on.
            let Ok((target, done)) = tokio::task::spawn_blocking(work).await else { return };
            self = target;
            if let Err(error) = done {
                tracing::warn!(%error, job = self.key.0, "what was fetched is not written down");
            }
        }
    }

    async fn fetch(&self) -> Result<(Format, Response), ScrapeError> {
        let request = Request {
            method: Method::GET,
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: Default::default(),
            deadline: Duration::from_millis(self.every_ms.min(LONGEST_MS)),
        };
        let answer = self.client.send(request).await?;
        if !answer.status.is_success() {
            return Err(ScrapeError::Status(answer.status.as_u16()));
        }
        let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        Ok((Format::of_content_type(kind)?, answer))
    }

    /// Writes down what was fetched, or that nothing was.
    fn write(
        &mut self,
        answer: Result<(Format, Response), ScrapeError>,
        (at_ms, seconds): (i64, f64),
    ) -> Result<(), WatchError> {
        let now_ms = now_ms();
        let read =
            answer.and_then(|(format, answer)| Ok(self.read(format, &answer.body, at_ms)?));
        let (told, error) = match read {
            Ok(told) => (told, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let mut samples = self.defined(told, now_ms)?;
        let count = samples.len() as u64;
        // After a fetch that failed what was met of it before the failure ends too.
        for _ in 0..1 + u8::from(error.is_some()) {
            self.known.end_round(|series| samples.push((series, Sample::stale(at_ms))));
        }
        let up = if error.is_none() { 1.0 } else { 0.0 };
        for (series, value) in self.about(now_ms)?.into_iter().zip([up, seconds, count as f64]) {
            samples.push((series, Sample { at_ms, value }));
        }
        self.tell(TargetFetch { at_ms, seconds, samples: count, error });
        samples.sort_by_key(|(series, _)| *series);
        let refused = self.history.append(&samples, now_ms)?;
        if refused.unknown > 0 {
            self.known.clear();
            self.own = None;
        }
        Ok(())
    }

    /// Reads all of it. What is met again is recognised; of a series that comes twice the first counts, as in Prometheus.
    fn read(&mut self, format: Format, body: &[u8], at_ms: i64) -> Result<Vec<Told>, WireError> {
        let limits = Limits { samples: MOST_SAMPLES, ..Limits::default() };
        let mut reader = Reader::new(format, limits);
        let mut told = Vec::new();
        let mut new: HashSet<String> = HashSet::new();
        let mut families: BTreeMap<String, (Kind, String, String)> = BTreeMap::new();
        let known = &mut self.known;
        let mut take = |entry: Entry<'_>| match entry {
            Entry::Sample(sample) => {
                let at_ms = sample.at_ms.unwrap_or(at_ms);
                let value = Sample { at_ms, value: sample.value };
                match known.find(Key::Text(sample.series)) {
                    Some((series, Seen::Again)) => told.push(Told::Known(series, value)),
                    Some((series, Seen::ThisRound)) if sample.at_ms.is_some() => {
                        told.push(Told::Known(series, value));
                    }
                    Some((_, Seen::ThisRound)) => {}
                    None => {
                        if new.insert(sample.series.raw().to_owned()) || sample.at_ms.is_some() {
                            let raw = sample.series.raw().to_owned();
                            told.push(Told::New(pairs(sample.series), raw, value));
                        }
                    }
                }
            }
            Entry::Type { family, kind } => {
                families.entry(family.into_owned()).or_default().0 = kind;
            }
            Entry::Help { family, text } => {
                families.entry(family.into_owned()).or_default().1 = text.into_owned();
            }
            Entry::Unit { family, unit } => {
                families.entry(family.into_owned()).or_default().2 = unit.to_owned();
            }
        };
        reader.feed(body, &mut take)?;
        reader.finish(&mut take)?;
        for (name, (kind, help, unit)) in families {
            self.history.note_family(&name, kind, &help, &unit);
        }
        Ok(told)
    }

    /// With the series of those that are new, as far as there is room.
    fn defined(
        &mut self,
        told: Vec<Told>,
        now_ms: i64,
    ) -> Result<Vec<(SeriesRef, Sample)>, WatchError> {
        let store = self.history.series(now_ms)?;
        let mut samples = Vec::with_capacity(told.len());
        let (mut new, mut all) = (Vec::new(), Vec::new());
        for one in told {
            match one {
                Told::Known(series, sample) => samples.push((series, sample)),
                Told::New(pairs, raw, sample) => match self.labels(pairs) {
                    Ok(labels) => {
                        all.push(labels);
                        new.push((raw, sample));
                    }
                    Err(error) => tracing::debug!(%error, "a series that was fetched is left out"),
                },
            }
        }
        let spared = self.history.0.own + SERIES_COLLECTED;
        for (found, (raw, sample)) in
            store.series_sparing(&all, spared, now_ms)?.into_iter().zip(new)
        {
            let Some(series) = found else { continue };
            self.known.remember(Key::Raw(&raw), series);
            samples.push((series, sample));
        }
        Ok(samples)
    }

    /// Labels of ours hold where a target has one of the same name, which is kept as `exported_…`, as in Prometheus.
    fn labels(&self, mut pairs: Vec<(String, String)>) -> Result<Labels, SeriesError> {
        for (name, _) in &mut pairs {
            if self.labels.iter().any(|(own, _)| own == name) {
                *name = format!("exported_{name}");
            }
        }
        let own = self.labels.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Labels::from_pairs(pairs.into_iter().chain(own).collect())
    }

    fn about(&mut self, now_ms: i64) -> Result<Vec<SeriesRef>, WatchError> {
        if let Some(own) = &self.own {
            return Ok(own.clone());
        }
        let labels = |name: &str| Labels::new(name, self.labels.iter().cloned());
        let labels: Result<Vec<Labels>, _> = ABOUT.iter().map(|name| labels(name)).collect();
        let found = self.history.series(now_ms)?.series_all(&labels?, now_ms)?;
        self.own = Some(found.clone());
        Ok(found)
    }

    fn tell(&mut self, fetch: TargetFetch) {
        if fetch.error != self.trouble {
            match &fetch.error {
                Some(error) => tracing::warn!(error, job = self.key.0, "a target was not fetched"),
                None => tracing::info!(job = self.key.0, "a target is fetched again"),
            }
            self.trouble.clone_from(&fetch.error);
        }
        let mut board = self.history.0.targets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = board.get_mut(&self.key) {
            state.last = Some(fetch);
        }
    }
}

fn pairs(series: SeriesText<'_>) -> Vec<(String, String)> {
    let text = |text: Cow<'_, str>| text.into_owned();
    series.labels().map(|(name, value)| (text(name), text(value))).collect()
}

#[cfg(test)]
mod tests;
