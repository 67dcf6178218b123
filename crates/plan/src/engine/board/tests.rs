//! Who may begin beside whom, and what the others wait for.

use super::*;
use kernel::{
    Actor, Params,
    calendar::Window,
    plan::{Act, Approval, OnFailure, Plan, Purpose, Step, StepRecord, Undo},
};

/// A run on a shop, or for `configuration` on that, in a state.
fn run(id: i64, of: &str, state: RunState, window: Option<&str>) -> Run {
    let act = match of {
        "configuration" => Act::ApplyConfiguration {
            text_sha256: String::new(),
            text: String::new(),
            before_sha256: String::new(),
            before: String::new(),
        },
        shop => Act::Stop { shop: shop.parse().unwrap(), instance: "a".parse().unwrap() },
    };
    let plan = Plan {
        kind: "test".parse().unwrap(),
        shop: None,
        params: Params::new(),
        steps: vec![Step { act, undo: Undo::NothingToUndo, timeout_ms: 1_000 }],
        made_at_ms: 0,
        facts: Vec::new(),
        approval: Approval::NotNeeded,
        purpose: Purpose::Change,
        on_failure: OnFailure::Undo,
        window: window.map(|name| name.parse().unwrap()),
    };
    Run {
        id: RunId(id),
        plan,
        state,
        epoch: 1,
        revision: 1,
        actor: Actor::Storewarden,
        created_at_ms: 0,
        changed_at_ms: 0,
        began_at_ms: None,
        ended_at_ms: None,
        approved_by: None,
        hurried: None,
        cancelled_by: None,
        cause: None,
        steps: vec![StepRecord::planned()],
    }
}

fn board(places: usize, runs: Vec<Run>) -> Board {
    let window = Window::read("nightly".parse().unwrap(), "daily 03:00-05:00").unwrap();
    let mut board = Board::new(places, Calendar::new(vec![window], Vec::new()).unwrap());
    for run in runs {
        board.put(run);
    }
    board
}

fn begin(board: &mut Board, now_ms: i64) -> Vec<i64> {
    board.choose(now_ms).begin.into_iter().map(|begun| begun.run.id.0).collect()
}

fn waits(board: &Board, id: i64) -> Vec<WaitsFor> {
    board.live(RunId(id)).map(|live| live.waits).unwrap_or_default()
}

/// The run has come to rest.
fn end(board: &mut Board, id: i64) {
    assert!(board.left(&run(id, "x", RunState::Done, None)));
}

const WAITING: RunState = RunState::Waiting;

#[test]
fn runs_on_different_shops_act_at_once_and_on_one_shop_in_turn() {
    let runs = vec![
        run(1, "lamps", WAITING, None),
        run(2, "lamps", WAITING, None),
        run(3, "books", WAITING, None),
        run(4, "lamps", WAITING, None),
    ];
    let mut board = board(9, runs);
    assert_eq!(begin(&mut board, 0), [1, 3]);
    assert_eq!(waits(&board, 2), [WaitsFor::Run { run: RunId(1) }]);
    assert_eq!(begin(&mut board, 0), [0_i64; 0]);
    end(&mut board, 1);
    assert_eq!(begin(&mut board, 0), [2]);
    assert_eq!(waits(&board, 2), []);
    assert_eq!(waits(&board, 4), [WaitsFor::Run { run: RunId(2) }]);
}

#[test]
fn a_change_of_the_configuration_waits_for_all_and_all_that_come_later_wait_for_it() {
    let runs = vec![
        run(1, "lamps", WAITING, None),
        run(2, "configuration", WAITING, None),
        run(3, "books", WAITING, None),
    ];
    let mut board = board(9, runs);
    assert_eq!(begin(&mut board, 0), [1]);
    assert_eq!(waits(&board, 2), [WaitsFor::Run { run: RunId(1) }]);
    assert_eq!(waits(&board, 3), [WaitsFor::Run { run: RunId(2) }]);
    end(&mut board, 1);
    assert_eq!(begin(&mut board, 0), [2]);
    end(&mut board, 2);
    assert_eq!(begin(&mut board, 0), [3]);
}

#[test]
fn no_more_act_at_once_than_there_are_places() {
    let runs = (1..=3).map(|id| run(id, &format!("shop{id}"), WAITING, None)).collect();
    let mut board = board(2, runs);
    assert_eq!(begin(&mut board, 0), [1, 2]);
    assert_eq!(waits(&board, 3), [WaitsFor::Place]);
    end(&mut board, 2);
    assert_eq!(begin(&mut board, 0), [3]);
}

#[test]
fn a_run_that_waits_for_its_window_holds_nobody_up() {
    let runs = vec![run(1, "lamps", WAITING, Some("nightly")), run(2, "lamps", WAITING, None)];
    let mut board = board(9, runs);
    let decided = board.choose(0);
    assert_eq!(decided.begin.len(), 1);
    let opens_at_ms = 3 * 3_600_000;
    assert_eq!(decided.look_again_at_ms, Some(opens_at_ms));
    let window = "nightly".parse().unwrap();
    assert_eq!(waits(&board, 1), [WaitsFor::Window { window, opens_at_ms }]);
    // Its window opens while another acts.
    assert_eq!(begin(&mut board, opens_at_ms), [0_i64; 0]);
    assert_eq!(waits(&board, 1), [WaitsFor::Run { run: RunId(2) }]);
    // A clock that goes back closes the window again.
    assert_eq!(begin(&mut board, 1), [0_i64; 0]);
    assert!(matches!(waits(&board, 1)[..], [WaitsFor::Window { .. }]));
    end(&mut board, 2);
    assert_eq!(begin(&mut board, opens_at_ms), [1]);
}

#[test]
fn what_was_interrupted_goes_first_and_what_is_stuck_holds() {
    let runs = vec![
        run(1, "lamps", WAITING, None),
        run(2, "lamps", RunState::Undoing, None),
        run(3, "books", WAITING, None),
        run(4, "books", RunState::Stuck, None),
        run(5, "tea", RunState::AwaitingApproval, None),
    ];
    let mut board = board(9, runs);
    assert_eq!(begin(&mut board, 0), [2]);
    assert_eq!(waits(&board, 1), [WaitsFor::Run { run: RunId(2) }]);
    assert_eq!(waits(&board, 3), [WaitsFor::Run { run: RunId(4) }]);
    assert_eq!(waits(&board, 5), [WaitsFor::Approval]);
    // A person decided: it was done.
    board.decided(&run(4, "books", RunState::Done, None));
    board.decided(&run(5, "tea", WAITING, None));
    assert_eq!(begin(&mut board, 0), [3, 5]);
}

#[test]
fn a_run_that_a_person_sends_on_while_its_task_leaves_is_not_lost() {
    let mut board = board(9, vec![run(1, "lamps", WAITING, None)]);
    assert_eq!(begin(&mut board, 0), [1]);
    board.decided(&run(1, "lamps", RunState::Undoing, None));
    assert!(!board.left(&run(1, "lamps", RunState::Done, None)), "it must look again");
    assert_eq!(begin(&mut board, 0), [0_i64; 0], "its task still has it");
    assert!(board.left(&run(1, "lamps", RunState::Undone, None)));
    assert_eq!(board.len(), 0);
}

#[test]
fn there_is_an_end_to_what_is_taken() {
    let mut board = board(9, vec![run(1, "lamps", WAITING, None)]);
    board.reserve(2).unwrap();
    assert!(matches!(board.reserve(2), Err(EngineError::Full(2))));
    board.release();
    assert!(board.reserve(2).is_ok());
}
