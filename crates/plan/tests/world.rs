//! A world to act upon: a folder with a file of effects, a performer whose instances behave as
//! their names say, and an engine on it.

use kernel::{
    Actor, Params,
    plan::{
        Act, Approval, Area, Condition, Holds, OnFailure, Pending, Plan, Purpose, Run, RunId,
        RunState, Step, StepState, Undo,
    },
};
use plan::{
    Calendar, Engine, EngineError, Failed, Fence, Intent, Measure, Moments, Performer, Probe,
    Progress, Settings,
};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};
use store::{LedgerFilter, LedgerPaging, Store};

pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// 2026-11-22T12:00:00Z.
pub(crate) const NOON: i64 = 1_795_348_800_000;

/// Instances do as their names begin: `good`, `fails`, `breaks` (half done, then fails), `halves`
/// (in two parts), `flaky` (fails twice for now), `never` (always),
/// `hangs` (done, but never returns), `stalls` (not
/// done, never returns), `dark` (nobody can tell, until there is light), `unverified`, `closed` and
/// `murky` (conditions), `dawning` (those too, until there is light), `gate` (waits for the gate, or for being cancelled).
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) folder: PathBuf,
    /// Dies in the middle of the effect of this act and instance.
    pub(crate) dies_in: Option<String>,
    tries: Arc<AtomicU32>,
    pub(crate) now_ms: Arc<AtomicI64>,
    pub(crate) look_again: Duration,
    /// How often somebody asked what became of an act.
    pub(crate) looks: Arc<AtomicU32>,
    pub(crate) fences: Arc<Mutex<Vec<Fence>>>,
}

impl World {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            dies_in: None,
            tries: Arc::default(),
            now_ms: Arc::new(AtomicI64::new(NOON)),
            look_again: Settings::LOOK_AGAIN,
            looks: Arc::default(),
            fences: Arc::default(),
        }
    }

    /// Everything that was done, in its order: `start good1`.
    pub(crate) fn effects(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join("effects")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The kinds of the ledger's entries, the oldest first.
    pub(crate) async fn ledger(&self) -> Vec<String> {
        let store = Store::open(&self.folder).unwrap();
        let paging = LedgerPaging::OldestFirst { after: 0 };
        let page = store.ledger(paging, 100, LedgerFilter::default()).await.unwrap();
        page.records.into_iter().map(|record| record.kind).collect()
    }

    pub(crate) fn set(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    /// Waits until a step stands at the gate.
    pub(crate) async fn at_gate(&self) {
        testkit::wait_until("the gate to be reached", LIMIT, async || {
            if self.is_set("at-gate") { Ok(()) } else { Err("nobody is there") }
        })
        .await;
    }

    fn is_set(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    fn count(&self, effect: &str) -> i64 {
        let count = self.effects().iter().filter(|line| *line == effect).count();
        count.try_into().unwrap()
    }

    fn have(&self, effect: &str) {
        let path = self.folder.join("effects");
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        writeln!(file, "{effect}").unwrap();
    }

    /// The parts of an act's effect.
    fn parts(act: &Act) -> Vec<String> {
        let (_, instance) = act.instance().unwrap();
        let whole = format!("{} {instance}", act.code());
        if instance.as_str().starts_with("halves") || instance.as_str().starts_with("breaks") {
            vec![format!("{whole}/1"), format!("{whole}/2")]
        } else {
            vec![whole]
        }
    }

    fn evidence(&self, act: &Act) -> Params {
        Self::parts(act).into_iter().map(|part| (part.clone(), self.count(&part).into())).collect()
    }

    async fn act(&self, act: &Act, progress: &dyn Progress) -> Result<(), Failed> {
        let (_, instance) = act.instance().unwrap();
        let name = instance.as_str();
        let is_forward = matches!(act, Act::Start { .. });
        progress.line(&format!("{} {name}", act.code()));
        match name.trim_end_matches(|c: char| c.is_ascii_digit()) {
            "fails" if is_forward => return Err(Failed::new("it fails")),
            "dark" if is_forward => return Err(Failed::new("it went dark")),
            "flaky" if self.tries.fetch_add(1, Ordering::Relaxed) < 2 => {
                return Err(Failed::for_now("not yet"));
            }
            "never" => return Err(Failed::for_now("not yet, and never")),
            "stalls" => std::future::pending::<()>().await,
            "gate" => self.wait_at_gate(progress).await?,
            _ => {}
        }
        let parts = Self::parts(act);
        for (done, part) in (1_u64..).zip(&parts) {
            // Only what has parts can be completed: the rest, done twice, is seen twice.
            if parts.len() == 1 || self.count(part) == 0 {
                self.have(part);
            }
            progress.measure(Measure { done, total: Some(2), unit: "parts".into() });
            if self.dies_in.as_ref() == Some(part) {
                std::process::abort();
            }
            if name.starts_with("breaks") && is_forward {
                return Err(Failed::new("it broke"));
            }
        }
        if name.starts_with("hangs") {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn wait_at_gate(&self, progress: &dyn Progress) -> Result<(), Failed> {
        self.set("at-gate", "");
        let opens = async {
            while !self.is_set("open") {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = opens => Ok(()),
            () = progress.cancelled() => Err(Failed::new("it was stopped at the gate")),
        }
    }
}

impl Performer for World {
    fn areas(&self) -> &[Area] {
        &[Area::Instances]
    }

    fn conditions<'a>(&'a self, act: &'a Act, after: &'a [Act]) -> Pending<'a, Vec<Condition>> {
        let name = act.instance().unwrap().1.as_str();
        let holds = match (name.trim_end_matches(|c: char| c.is_ascii_digit()), act) {
            ("closed", Act::Start { .. }) => Holds::No,
            ("murky", _) => Holds::Unknown,
            ("dawning", _) if !self.is_set("light") => Holds::Unknown,
            _ => Holds::Yes,
        };
        let after = i64::try_from(after.len()).unwrap();
        let params = Params::from([("after".to_owned(), after.into())]);
        Box::pin(std::future::ready(vec![Condition { code: "is_open".into(), params, holds }]))
    }

    fn before<'a>(&'a self, act: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(std::future::ready(Ok(self.evidence(act))))
    }

    fn perform<'a>(
        &'a self,
        act: &'a Act,
        fence: Fence,
        progress: &'a dyn Progress,
    ) -> Pending<'a, Result<Params, Failed>> {
        self.fences.lock().unwrap().push(fence);
        Box::pin(async move {
            self.act(act, progress).await?;
            Ok(Params::from([("performed".to_owned(), 1_i64.into())]))
        })
    }

    fn verify<'a>(&'a self, act: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        let name = act.instance().unwrap().1.as_str();
        let is_fine = !(name.starts_with("unverified") && matches!(act, Act::Start { .. }));
        let verified = Params::from([("verified".to_owned(), 1_i64.into())]);
        let result = if is_fine { Ok(verified) } else { Err(Failed::new("it is not there")) };
        Box::pin(std::future::ready(result))
    }

    fn probe<'a>(&'a self, act: &'a Act, intent: &'a Intent) -> Pending<'a, Probe> {
        let name = act.instance().unwrap().1.as_str();
        self.looks.fetch_add(1, Ordering::Relaxed);
        if name.starts_with("dark") && !self.is_set("light") {
            return Box::pin(std::future::ready(
                Failed::new("no light").because("no_light", []).into(),
            ));
        }
        let now = self.evidence(act);
        let done = now.iter().filter(|(part, count)| intent.before.get(*part) != Some(count));
        let probe = match done.count() {
            0 => Probe::NotDone,
            count if count == now.len() => Probe::Done,
            _ => Probe::Partial,
        };
        Box::pin(std::future::ready(probe))
    }

    fn fact<'a>(&'a self, name: &'a str) -> Pending<'a, Option<String>> {
        Box::pin(std::future::ready(fs::read_to_string(self.folder.join(name)).ok()))
    }
}

/// A plan that starts each instance, and stops it again to undo. `x:-` has nothing to undo, `x:!`
/// cannot be undone.
pub(crate) fn plan_of(names: &str) -> Plan {
    let step = |name: &str| {
        let (name, undo) = name.split_once(':').unwrap_or((name, ""));
        let shop = || "lamps".parse().unwrap();
        let undo = match undo {
            "-" => Undo::NothingToUndo,
            "!" => Undo::Impossible { reason: "it_is_gone".into() },
            _ => Undo::By(Act::Stop { shop: shop(), instance: name.parse().unwrap() }),
        };
        let act = Act::Start { shop: shop(), instance: name.parse().unwrap() };
        let is_short = ["hangs", "stalls", "murky"].iter().any(|sort| name.starts_with(sort));
        Step { act, undo, timeout_ms: if is_short { 50 } else { 20_000 } }
    };
    Plan {
        kind: "start_instances".parse().unwrap(),
        shop: Some("lamps".parse().unwrap()),
        params: Params::new(),
        steps: names.split_whitespace().map(step).collect(),
        made_at_ms: NOON,
        facts: Vec::new(),
        approval: Approval::NotNeeded,
        purpose: Purpose::Change,
        on_failure: OnFailure::Undo,
        window: None,
    }
}

pub(crate) async fn open(world: &World, moments: Moments) -> Engine {
    open_with(world, moments, Calendar::default()).await
}

/// An engine whose runs have not been resumed yet.
pub(crate) async fn open_with(world: &World, moments: Moments, calendar: Calendar) -> Engine {
    let now_ms = Arc::clone(&world.now_ms);
    let settings = Settings {
        logs: world.folder.join("runs"),
        at_once: 4,
        calendar,
        clock: Arc::new(move || now_ms.load(Ordering::Relaxed)),
        look_again: world.look_again,
        moments,
    };
    let store = Store::open(&world.folder).unwrap();
    Engine::open(store, vec![Arc::new(world.clone())], settings).await.unwrap()
}

pub(crate) async fn engine(world: &World) -> Engine {
    let engine = open(world, Moments::default()).await;
    engine.resume_all().await;
    engine
}

pub(crate) async fn start(engine: &Engine, plan: Plan) -> RunId {
    engine.start(plan, anna()).await.unwrap()
}

pub(crate) async fn settled(engine: &Engine, run: RunId) -> Run {
    tokio::time::timeout(LIMIT, engine.settled(run)).await.expect("the run settles").unwrap()
}

/// Waits until the run is in a state.
pub(crate) async fn until(engine: &Engine, run: RunId, state: RunState) -> Run {
    testkit::wait_until(state.code(), LIMIT, async || {
        let record = engine.run(run).await.unwrap();
        if record.state == state { Ok(record) } else { Err(record.state) }
    })
    .await
}

pub(crate) fn anna() -> Actor {
    Actor::Person("anna".into())
}

pub(crate) fn steps_of(run: &Run) -> String {
    let letter = |state| match state {
        StepState::Planned => 'p',
        StepState::Intended => 'i',
        StepState::Done => 'd',
        StepState::Failed => 'f',
        StepState::Undoing => 'U',
        StepState::Undone => 'u',
        StepState::Skipped => 's',
        StepState::Unknown => '?',
    };
    run.steps.iter().map(|step| letter(step.state)).collect()
}

pub(crate) fn is_not_now<T>(result: &Result<T, EngineError>) -> bool {
    matches!(result, Err(EngineError::NotNow { .. }))
}
