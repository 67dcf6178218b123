//! Plans a second through the engine: ten steps each, acts that do nothing, a store on disk.
//!
//! `cargo run --release -p plan --example throughput [PLANS] [FOLDER]`. A folder on the disk that
//! counts, for every step is flushed to it twice.

use kernel::{
    Actor, Params,
    plan::{
        Act, Approval, Area, Condition, OnFailure, Pending, Plan, Purpose, RunEvent, RunHappening,
        RunState, Step, Undo,
    },
};
use plan::{
    Calendar, Engine, Failed, Fence, Intent, Moments, Performer, Probe, Progress, Settings,
};
use std::{
    future::ready,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use store::Store;
use tokio::sync::{Semaphore, broadcast::Receiver};

const STEPS: usize = 10;
/// Runs that are started and not over.
const AHEAD: usize = 200;
/// Clock ticks a second of /proc/PID/stat on Linux (man 5 proc, `sysconf(_SC_CLK_TCK)`).
const TICKS: f64 = 100.0;

struct Nothing;

impl Performer for Nothing {
    fn areas(&self) -> &[Area] {
        &[Area::Instances]
    }
    fn conditions<'a>(&'a self, _: &'a Act, _: &'a [Act]) -> Pending<'a, Vec<Condition>> {
        Box::pin(ready(Vec::new()))
    }
    fn perform<'a>(
        &'a self,
        _: &'a Act,
        _: Fence,
        _: &'a dyn Progress,
    ) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(ready(Ok(Params::new())))
    }
    fn verify<'a>(&'a self, _: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(ready(Ok(Params::new())))
    }
    fn probe<'a>(&'a self, _: &'a Act, _: &'a Intent) -> Pending<'a, Probe> {
        Box::pin(ready(Probe::NotDone))
    }
    fn fact<'a>(&'a self, _: &'a str) -> Pending<'a, Option<String>> {
        Box::pin(ready(None))
    }
}

/// Plans for different shops, so that none waits for another but behind itself.
fn plan(number: usize) -> Plan {
    let shop = format!("shop-{}", number % AHEAD);
    let step = |index: usize| {
        let shop = shop.parse().expect("a shop's name");
        let instance = format!("i{index}").parse().expect("an instance's name");
        Step { act: Act::Restart { shop, instance }, undo: Undo::NothingToUndo, timeout_ms: 1_000 }
    };
    Plan {
        kind: "restart_instances".parse().expect("a kind"),
        shop: None,
        params: Params::new(),
        steps: (0..STEPS).map(step).collect(),
        made_at_ms: 0,
        facts: Vec::new(),
        approval: Approval::NotNeeded,
        purpose: Purpose::Change,
        on_failure: OnFailure::Undo,
        window: None,
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis().try_into().unwrap_or(i64::MAX)
}

/// CPU seconds of this process so far, all threads.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc is there");
    let after_name = stat.rsplit_once(')').expect("the name is in parentheses").1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("a number of ticks");
    (ticks(11) + ticks(12)) / TICKS
}

/// Starts plans, as many ahead as may be, until all are done.
async fn run_all(engine: &Engine, plans: usize) {
    let ahead = Arc::new(Semaphore::new(AHEAD));
    let watching = tokio::spawn(watch(engine.subscribe(), plans, Arc::clone(&ahead)));
    for number in 0..plans {
        ahead.acquire().await.expect("it is never closed").forget();
        engine.start(plan(number), Actor::CommandLine).await.expect("the plan starts");
    }
    watching.await.expect("all are done");
}

async fn watch(mut events: Receiver<RunEvent>, plans: usize, ahead: Arc<Semaphore>) {
    let mut done = 0;
    while done < plans {
        let event = events.recv().await.expect("no event is missed");
        if let RunHappening::State { state, .. } = event.what
            && state.is_over()
        {
            assert_eq!(state, RunState::Done);
            done += 1;
            ahead.add_permits(1);
        }
    }
}

#[expect(clippy::print_stdout, reason = "a program whose result is what it prints")]
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let plans: usize = arguments.next().map_or(2_000, |text| text.parse().expect("a number"));
    let parent = arguments.next().unwrap_or_else(|| ".".to_owned());
    let folder = tempfile::tempdir_in(Path::new(&parent)).expect("a folder");
    let settings = Settings {
        logs: folder.path().join("runs"),
        at_once: 64,
        calendar: Calendar::default(),
        clock: Arc::new(now_ms),
        look_again: Settings::LOOK_AGAIN,
        moments: Moments::default(),
    };
    let store = Store::open(folder.path()).expect("a store");
    let engine = Engine::open(store, vec![Arc::new(Nothing)], settings).await.expect("an engine");
    engine.resume_all().await;
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    run_all(&engine, plans).await;
    let (seconds, cpu) = (begin.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    #[expect(clippy::cast_precision_loss, reason = "a rate for a person's eye")]
    let count = plans as f64;
    println!(
        "{plans} plans of {STEPS} steps in {seconds:.2} s: {:.0} plans a second, {:.0} a CPU second",
        count / seconds,
        count / cpu
    );
    engine.close(Duration::from_secs(10)).await;
}
