//! What is done about a finding without asking: a wish for a plan that was approved beforehand.
//!
//! Pure: it says what is wished for and remembers what became of it. A remedy counts as good only
//! when its finding went away; when it did not, when the plan failed, or when it ran as often as it
//! may, a person is asked instead. Who carries a plan out is not known here.

use crate::{
    incidents::{Happening, Moment, ProgressKind, RemedyProgress},
    rules::{Alert, AlertKey, Alerts, Phase},
};
use kernel::{Params, RemedyWish, ShopId, TimelineKind, config::RemedySettings};
use serde::{Deserialize, Serialize};

/// A wish that nobody takes up within this has failed.
const TAKEN_UP_MS: i64 = 10 * 60_000;
/// Starts older than this are forgotten; no limit looks back further.
const REMEMBERED_MS: i64 = 30 * 24 * 60 * 60_000;

/// Remedies that run, and those that did. Steady milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Remedies {
    count: u64,
    starts: Vec<Start>,
    running: Vec<Running>,
    /// Alerts for which nothing more is tried until they are over.
    spent: Vec<AlertKey>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Start {
    action: String,
    shop: Option<ShopId>,
    steady_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Running {
    wish: String,
    incident: i64,
    alert: AlertKey,
    action: String,
    verify_ms: i64,
    state: State,
    /// That was made of it.
    #[serde(default)]
    run: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Asked {
        until_steady_ms: i64,
    },
    Runs {
        run: String,
    },
    /// Done; the finding is to go away.
    Verifying {
        until_steady_ms: i64,
    },
}

impl Remedies {
    /// Looks after those that run, and starts those that `wanted` calls for: alerts of open incidents
    /// with the incident's id.
    pub(crate) fn step(
        &mut self,
        settings: &[RemedySettings],
        wanted: &[(i64, &Alert)],
        alerts: &Alerts,
        at: Moment,
    ) -> Vec<Happening> {
        let active = |key: &AlertKey| alerts.get(key).is_some_and(Alert::is_active);
        self.spent.retain(active);
        self.starts.retain(|start| at.steady_ms - start.steady_ms < REMEMBERED_MS);
        let mut happenings = self.look_after(alerts, at);
        for (incident, alert) in wanted.iter().filter(|(_, alert)| alert.phase == Phase::Firing) {
            let fits = |remedy: &&RemedySettings| {
                let shops = &remedy.shops;
                let concerns = || alert.shop.as_ref().is_some_and(|shop| shops.contains(shop));
                remedy.on == alert.finding.code && (shops.is_empty() || concerns())
            };
            let Some(remedy) = settings.iter().find(fits) else { continue };
            let key = alert.key();
            if self.spent.contains(&key) || self.running.iter().any(|run| run.alert == key) {
                continue;
            }
            happenings.push(self.start(remedy, *incident, alert, at));
        }
        happenings
    }

    /// Starts a remedy, or says that it ran as often as it may.
    fn start(
        &mut self,
        remedy: &RemedySettings,
        incident: i64,
        alert: &Alert,
        at: Moment,
    ) -> Happening {
        let within_ms = i64::try_from(remedy.within_ms).unwrap_or(i64::MAX);
        let recent = self.starts.iter().filter(|start| {
            let recent = at.steady_ms - start.steady_ms < within_ms;
            start.action == remedy.action && start.shop == alert.shop && recent
        });
        let mut params = alert.finding.params.clone();
        params.insert("action".to_owned(), remedy.action.as_str().into());
        let shop = alert.shop.clone();
        if recent.count() >= remedy.at_most as usize {
            self.spent.push(alert.key());
            let kind = TimelineKind::RemedyLimited;
            return Happening { incident, shop, kind, params, escalates: true, wish: None };
        }
        self.count += 1;
        let wish = RemedyWish {
            id: format!("remedy-{incident}-{}", self.count),
            incident,
            shop: shop.clone(),
            action: remedy.action.clone(),
            params: alert.finding.params.clone(),
        };
        let (action, steady_ms) = (remedy.action.clone(), at.steady_ms);
        self.starts.push(Start { action: action.clone(), shop: shop.clone(), steady_ms });
        self.running.push(Running {
            wish: wish.id.clone(),
            incident,
            alert: alert.key(),
            action,
            verify_ms: i64::try_from(remedy.verify_ms).unwrap_or(i64::MAX),
            state: State::Asked { until_steady_ms: steady_ms + TAKEN_UP_MS },
            run: None,
        });
        let kind = TimelineKind::RemedyStarted;
        Happening { incident, shop, kind, params, escalates: false, wish: Some(wish) }
    }

    fn look_after(&mut self, alerts: &Alerts, at: Moment) -> Vec<Happening> {
        let mut happenings = Vec::new();
        let mut spent = Vec::new();
        self.running.retain(|running| {
            let still = alerts
                .get(&running.alert)
                .is_some_and(|alert| matches!(alert.phase, Phase::Firing | Phase::NoData));
            let ends = match &running.state {
                State::Verifying { .. } if !still => Some(None),
                State::Verifying { until_steady_ms } if *until_steady_ms <= at.steady_ms => {
                    // Right after a restart nobody can see yet that it is gone.
                    let may_be_gone = alerts.may_be_gone(&running.alert, at.steady_ms);
                    (!may_be_gone).then_some(Some("still_there"))
                }
                State::Asked { until_steady_ms } if at.steady_ms >= *until_steady_ms => {
                    spent.push(running.alert.clone());
                    Some(Some("nobody_took_it_up"))
                }
                _ => None,
            };
            if let Some(why) = ends {
                happenings.push(ended(running, why));
            }
            ends.is_none()
        });
        self.spent.extend(spent);
        happenings
    }

    /// What became of a wish. One that is not known is passed over: it was given up.
    pub(crate) fn progress(&mut self, progress: &RemedyProgress, at: Moment) -> Vec<Happening> {
        let mut running = self.running.iter_mut();
        let Some(index) = running.position(|running| running.wish == progress.wish) else {
            return Vec::new();
        };
        let running = &mut self.running[index];
        match &progress.kind {
            ProgressKind::Started { run } => {
                running.state = State::Runs { run: run.clone() };
                running.run = Some(run.clone());
                vec![told(running, TimelineKind::RemedyRuns, None)]
            }
            ProgressKind::Done => {
                let until_steady_ms = at.steady_ms + running.verify_ms;
                running.state = State::Verifying { until_steady_ms };
                Vec::new()
            }
            ProgressKind::Failed { why } => {
                let failed = self.running.remove(index);
                self.spent.push(failed.alert.clone());
                vec![ended(&failed, Some(why))]
            }
        }
    }

    /// Wishes with the runs that were made of them, which go on over a restart.
    pub(crate) fn runs(&self) -> Vec<(String, String)> {
        let runs = self.running.iter().filter_map(|running| match &running.state {
            State::Runs { run } => Some((running.wish.clone(), run.clone())),
            State::Asked { .. } | State::Verifying { .. } => None,
        });
        runs.collect()
    }
}

/// `why` is a code or a sentence of whoever carried it out; none when all is well.
fn ended(running: &Running, why: Option<&str>) -> Happening {
    let kind = if why.is_some() { TimelineKind::RemedyFailed } else { TimelineKind::RemedyEnded };
    told(running, kind, why)
}

fn told(running: &Running, kind: TimelineKind, why: Option<&str>) -> Happening {
    let mut params = Params::from([("action".to_owned(), running.action.as_str().into())]);
    params.extend(running.run.as_deref().map(|run| ("run".to_owned(), run.into())));
    params.extend(why.map(|why| ("error".to_owned(), why.into())));
    Happening {
        incident: running.incident,
        shop: running.alert.0.clone(),
        kind,
        params,
        escalates: why.is_some(),
        wish: None,
    }
}
