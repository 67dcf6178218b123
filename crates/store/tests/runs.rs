//! Runs on disk: kept whole, changed by compare-and-set only, found by shop, state and time.

use kernel::{
    Actor, LedgerEntry, Params, ShopId,
    plan::{
        Act, Approval, Cause, CauseCode, Intent, OnFailure, Override, Plan, Purpose, Run, RunId,
        RunState, Step, StepRecord, StepState, Undo,
    },
};
use std::time::Instant;
use store::{LedgerFilter, LedgerPaging, RunFilter, RunPaging, RunWrite, Store};

fn shop(name: &str) -> ShopId {
    name.parse().unwrap()
}

/// A run that nobody has stored.
fn new_run(of: &str, epoch: u64, created_at_ms: i64) -> Run {
    let act = Act::Restart { shop: shop(of), instance: "a".parse().unwrap() };
    let step = Step { act, undo: Undo::NothingToUndo, timeout_ms: 1_000 };
    let plan = Plan {
        kind: "restart_instance".parse().unwrap(),
        shop: Some(shop(of)),
        params: Params::from([("instance".to_owned(), "a".into())]),
        steps: vec![step.clone(), step],
        made_at_ms: created_at_ms,
        facts: Vec::new(),
        approval: Approval::NotNeeded,
        purpose: Purpose::Change,
        on_failure: OnFailure::Undo,
        window: None,
    };
    Run {
        id: RunId::default(),
        plan,
        state: RunState::Waiting,
        epoch,
        revision: 1,
        actor: Actor::Person("anna".into()),
        created_at_ms,
        changed_at_ms: created_at_ms,
        began_at_ms: None,
        ended_at_ms: None,
        approved_by: None,
        hurried: None,
        cancelled_by: None,
        cause: None,
        steps: vec![StepRecord::planned(); 2],
    }
}

fn entry(run: RunId, kind: &str) -> LedgerEntry {
    LedgerEntry {
        at_ms: 1,
        actor: Actor::Storewarden,
        shop: None,
        kind: kind.to_owned(),
        subject: Some(format!("run:{run}")),
        params: Params::new(),
    }
}

async fn create(store: &Store, run: &mut Run) -> RunId {
    run.id = store.create_run(run, |id| vec![entry(id, "run_started")]).await.unwrap().unwrap();
    run.id
}

async fn ledger_kinds(store: &Store) -> Vec<String> {
    let page = store
        .ledger(LedgerPaging::OldestFirst { after: 0 }, 100, LedgerFilter::default())
        .await
        .unwrap();
    page.records.into_iter().map(|record| record.kind).collect()
}

#[tokio::test]
async fn a_run_is_read_as_it_was_written() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    let (epoch, unfinished) = store.take_runs_over().await.unwrap();
    assert_eq!((epoch, unfinished.len()), (1, 0));
    let mut run = new_run("lamps", epoch, 5);
    let id = create(&store, &mut run).await;
    assert_eq!(id, RunId(1));
    assert_eq!(store.run(id).await.unwrap().unwrap(), run);
    run.state = RunState::Stuck;
    run.revision = 2;
    (run.began_at_ms, run.changed_at_ms) = (Some(6), 7);
    run.approved_by = Some(Actor::CommandLine);
    run.hurried = Some(Override { by: Actor::CommandLine, reason: "fire".into() });
    run.cancelled_by = Some(Actor::Token("t".into()));
    let (code, message) = (CauseCode::Unknown, Some("dark".to_owned()));
    run.cause = Some(Cause { step: Some(1), message, ..Cause::bare(code) });
    run.steps[1].state = StepState::Unknown;
    let before = Params::from([("pid".to_owned(), 7_i64.into())]);
    run.steps[1].intent = Some(Intent { at_ms: 6, before });
    let write = store.change_run(&run, &[1], vec![entry(id, "step_unknown")]).await.unwrap();
    assert_eq!(write, RunWrite::Written);
    assert_eq!(store.run(id).await.unwrap().unwrap(), run);
    assert_eq!(ledger_kinds(&store).await, ["run_started", "step_unknown"]);
    assert_eq!(store.run(RunId(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_change_of_an_older_revision_or_an_older_engine_is_refused() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    let (old, _) = store.take_runs_over().await.unwrap();
    let mut run = new_run("lamps", old, 5);
    let id = create(&store, &mut run).await;
    let mut ahead = Run { revision: 3, ..run.clone() };
    let refused = store.change_run(&ahead, &[0], vec![entry(id, "never")]).await.unwrap();
    assert_eq!(refused, RunWrite::Conflict);
    ahead.revision = 2;
    let written = store.change_run(&ahead, &[], Vec::new()).await.unwrap();
    assert_eq!(written, RunWrite::Written);
    // Another engine takes over: the older one can do nothing any more.
    let (new, unfinished) = store.take_runs_over().await.unwrap();
    assert_eq!((new, unfinished.len()), (old + 1, 1));
    assert_eq!((unfinished[0].epoch, unfinished[0].revision), (new, 3));
    for revision in [3, 4] {
        let late = Run { revision, ..ahead.clone() };
        let fenced = store.change_run(&late, &[], vec![entry(id, "never")]).await.unwrap();
        assert_eq!(fenced, RunWrite::Fenced);
    }
    let late = new_run("lamps", old, 9);
    assert_eq!(store.create_run(&late, |_| Vec::new()).await.unwrap(), None);
    let next = Run { revision: 4, epoch: new, state: RunState::Done, ..ahead };
    assert_eq!(store.change_run(&next, &[], Vec::new()).await.unwrap(), RunWrite::Written);
    let (_, unfinished) = store.take_runs_over().await.unwrap();
    assert!(unfinished.is_empty(), "a run that is over is nobody's");
    assert_eq!(ledger_kinds(&store).await, ["run_started"]);
}

#[tokio::test]
async fn runs_are_found_by_shop_state_and_time_page_by_page() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    let (epoch, _) = store.take_runs_over().await.unwrap();
    for number in 0..30_i64 {
        let name = if number % 3 == 0 { "books" } else { "lamps" };
        let mut run = new_run(name, epoch, number * 100);
        create(&store, &mut run).await;
        if number % 2 == 0 {
            run.state = RunState::Done;
            run.steps[0].state = StepState::Done;
            run.revision = 2;
            store.change_run(&run, &[0], Vec::new()).await.unwrap();
        }
    }
    let ids = async |filter: RunFilter, before: Option<i64>, limit| {
        let paging = RunPaging { before: before.map(RunId), limit };
        let page = store.runs(filter, paging).await.unwrap();
        page.into_iter().map(|run| run.id.0).collect::<Vec<_>>()
    };
    let all = RunFilter::default();
    assert_eq!(ids(all.clone(), None, 3).await, [30, 29, 28]);
    assert_eq!(ids(all.clone(), Some(28), 2).await, [27, 26]);
    assert_eq!(ids(all.clone(), Some(1), 2).await, [0_i64; 0]);
    let books = RunFilter { shop: Some(shop("books")), ..all.clone() };
    assert_eq!(ids(books.clone(), None, 3).await, [28, 25, 22]);
    let done = RunFilter { states: vec![RunState::Done, RunState::Stuck], ..books };
    assert_eq!(ids(done, None, 3).await, [25, 19, 13]);
    let kinds = |kind: &str| RunFilter { kinds: vec![kind.parse().unwrap()], ..all.clone() };
    assert_eq!(ids(kinds("back_up"), None, 3).await, [0_i64; 0]);
    assert_eq!(ids(kinds(new_run("lamps", 1, 0).plan.kind.as_str()), None, 2).await, [30, 29]);
    let times = RunFilter { from_ms: Some(200), until_ms: Some(500), ..all.clone() };
    assert_eq!(ids(times, None, 9).await, [5, 4, 3]);
    assert_eq!(ids(RunFilter { until_ms: Some(0), ..all.clone() }, None, 9).await, [0_i64; 0]);
    let newest = store.runs(all, RunPaging { before: None, limit: 2 }).await.unwrap();
    assert_eq!(
        newest.iter().map(|run| (run.done, run.steps)).collect::<Vec<_>>(),
        [(0, 2), (1, 2)]
    );
    let counts = store.runs_by_state().await.unwrap();
    assert_eq!(counts, [(RunState::Done, 15), (RunState::Waiting, 15)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_change_one_run_one_wins() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    let (epoch, _) = store.take_runs_over().await.unwrap();
    let mut run = new_run("lamps", epoch, 5);
    create(&store, &mut run).await;
    for revision in 2..40 {
        let next = Run { revision, ..run.clone() };
        let (left, right) = tokio::join!(
            store.change_run(&next, &[0], vec![]),
            store.change_run(&next, &[1], vec![])
        );
        let mut writes = [left.unwrap(), right.unwrap()];
        writes.sort_by_key(|write| *write == RunWrite::Conflict);
        assert_eq!(writes, [RunWrite::Written, RunWrite::Conflict]);
    }
}

#[tokio::test]
async fn a_page_of_many_runs_comes_at_once() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    let (epoch, _) = store.take_runs_over().await.unwrap();
    let new: Vec<Run> = (0..3_000).map(|number| new_run("lamps", epoch, number)).collect();
    let creations: Vec<_> = new
        .into_iter()
        .map(|run| {
            let store = store.clone();
            tokio::spawn(async move { store.create_run(&run, |_| Vec::new()).await.unwrap() })
        })
        .collect();
    for creation in creations {
        creation.await.unwrap();
    }
    let filter = RunFilter {
        shop: Some(shop("lamps")),
        until_ms: Some(1_000),
        states: vec![RunState::Waiting],
        ..RunFilter::default()
    };
    let begin = Instant::now();
    let page = store.runs(filter, RunPaging { before: None, limit: 50 }).await.unwrap();
    let took = begin.elapsed();
    assert_eq!(page.len(), 50);
    println!("a page of 50 from the middle of 3,000 runs took {took:?}");
    assert!(took.as_millis() < 500, "{took:?}");
}
