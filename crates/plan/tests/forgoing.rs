//! What a run put aside is removed by another one, and the first can no longer be taken back.

use crate::world::{LIMIT, NOON, anna, is_not_now, plan_of, settled, start, until};
use kernel::{
    Params,
    plan::{Act, Area, Condition, Intent, Pending, Plan, Reason, Run, RunId, RunState, Step, Undo},
};
use plan::{
    Calendar, Engine, EngineError, Failed, Fence, Moments, Performer, Probe, Progress, Settings,
};
use std::{
    path::Path,
    sync::{Arc, Mutex},
};
use store::Store;

const ASIDE: &str = "shop_before_20261122_120000_250";

/// Does everything at once, and writes down what.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Vec<&'static str>>>);

impl Performer for Shelf {
    fn areas(&self) -> &[Area] {
        &[Area::Backups]
    }

    fn conditions<'a>(&'a self, _: &'a Act, _: &'a [Act]) -> Pending<'a, Vec<Condition>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn perform<'a>(
        &'a self,
        act: &'a Act,
        _: Fence,
        _: &'a dyn Progress,
    ) -> Pending<'a, Result<Params, Failed>> {
        self.0.lock().unwrap().push(act.code());
        Box::pin(std::future::ready(Ok(Params::new())))
    }

    fn verify<'a>(&'a self, _: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(std::future::ready(Ok(Params::new())))
    }

    fn probe<'a>(&'a self, _: &'a Act, _: &'a Intent) -> Pending<'a, Probe> {
        Box::pin(std::future::ready(Probe::NotDone))
    }

    fn fact<'a>(&'a self, _: &'a str) -> Pending<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }
}

async fn engine(folder: &Path, shelf: &Shelf) -> Engine {
    let settings = Settings {
        logs: folder.join("runs"),
        at_once: 4,
        calendar: Calendar::default(),
        clock: Arc::new(|| NOON),
        look_again: Settings::LOOK_AGAIN,
        moments: Moments::default(),
    };
    let store = Store::open(folder).unwrap();
    let engine = Engine::open(store, vec![Arc::new(shelf.clone())], settings).await.unwrap();
    engine.resume_all().await;
    engine
}

fn of_one(act: Act, undo: Undo) -> Plan {
    Plan { steps: vec![Step { act, undo, timeout_ms: 20_000 }], ..plan_of("good1") }
}

fn swap() -> Plan {
    let swap = |with: &str, aside: &str| Act::SwapDatabase {
        shop: "lamps".parse().unwrap(),
        with: with.to_owned(),
        aside: aside.to_owned(),
        kind: "postgres".to_owned(),
    };
    of_one(swap("restored", ASIDE), Undo::By(swap(ASIDE, "restored")))
}

fn removal(run: RunId) -> Plan {
    let act = Act::RemoveAside {
        shop: "lamps".parse().unwrap(),
        name: ASIDE.to_owned(),
        what: "database".to_owned(),
        run: Some(run),
        since_ms: NOON,
        bytes: None,
    };
    of_one(act, Undo::Impossible { reason: "data_is_gone".to_owned() })
}

async fn done(engine: &Engine, plan: Plan) -> Run {
    let run = start(engine, plan).await;
    let run = settled(engine, run).await;
    assert_eq!(run.state, RunState::Done, "{:?}", run.cause);
    run
}

#[tokio::test]
async fn a_run_whose_put_aside_is_gone_says_so_and_is_not_taken_back() {
    let (folder, shelf) = (testkit::folder(), Shelf::default());
    let engine = engine(folder.path(), &shelf).await;
    let swapped = done(&engine, swap()).await.id;
    let removed = done(&engine, removal(swapped)).await.id;
    let refused = engine.undo(swapped, anna()).await.unwrap_err();
    assert!(matches!(refused, EngineError::UndoGone { .. }), "{refused:?}");
    let why = refused.reason().unwrap();
    let texts =
        [("by", removed.to_string()), ("name", ASIDE.to_owned()), ("run", swapped.to_string())];
    let texts = texts.map(|(name, text)| (name, text.into()));
    assert_eq!(why, Reason::new("undo_gone", texts));
    let record = engine.run(swapped).await.unwrap();
    assert!(!Engine::may_be_undone(&record) && Engine::undo_gone(&record) == Some(&why));
    assert_eq!(record.state, RunState::Done);
    assert_eq!(*shelf.0.lock().unwrap(), ["swap_database", "remove_aside"]);
    // It is so for the next engine too.
    engine.close(LIMIT).await;
    drop(engine);
    let engine = self::engine(folder.path(), &shelf).await;
    assert!(matches!(engine.undo(swapped, anna()).await, Err(EngineError::UndoGone { .. })));
}

#[tokio::test]
async fn whoever_takes_it_back_first_keeps_what_was_put_aside_from_going() {
    let (folder, shelf) = (testkit::folder(), Shelf::default());
    let engine = engine(folder.path(), &shelf).await;
    let swapped = done(&engine, swap()).await.id;
    engine.undo(swapped, anna()).await.unwrap();
    until(&engine, swapped, RunState::Undone).await;
    // Nothing leans on the name any more.
    done(&engine, removal(swapped)).await;
    assert!(is_not_now(&engine.undo(swapped, anna()).await));
    // A run that nobody remembers keeps nobody from it.
    done(&engine, removal(RunId(999))).await;
}
