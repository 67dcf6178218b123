//! Which change may follow which, as tables and as a property of every story.

use super::*;
use kernel::plan::{Act, Approval, Plan, Purpose, RunId, Step};

/// Undo of a step: `u` by an act, `n` nothing to undo, `r` nothing before it either, `i` impossible.
fn run(undos: &str, state: RunState) -> Run {
    let act = || Act::Start { shop: "s".parse().unwrap(), instance: "a".parse().unwrap() };
    let back = || Act::Stop { shop: "s".parse().unwrap(), instance: "a".parse().unwrap() };
    let step = |undo: char| {
        let undo = match undo {
            'u' => Undo::By(back()),
            'n' => Undo::NothingToUndo,
            'r' => Undo::NoReturn { reason: "gone".into() },
            _ => Undo::Impossible { reason: "gone".into() },
        };
        Step { act: act(), undo, timeout_ms: 1 }
    };
    let plan = Plan {
        kind: "test".parse().unwrap(),
        shop: None,
        params: Params::new(),
        steps: undos.chars().map(step).collect(),
        made_at_ms: 0,
        facts: Vec::new(),
        approval: Approval::NotNeeded,
        purpose: Purpose::Change,
        on_failure: OnFailure::Undo,
        window: None,
    };
    Run {
        id: RunId(1),
        steps: plan.steps.iter().map(|_| StepRecord::planned()).collect(),
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
    }
}

fn cause(code: CauseCode) -> Cause {
    Cause::bare(code)
}

fn intent() -> Intent {
    Intent { at_ms: 1, before: Params::new() }
}

/// A change of one word: the steps of the tables below.
fn change(word: &str) -> Change {
    let (verb, step) = word.split_at(word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len()));
    let step = step.parse().unwrap_or(0);
    let (by, evidence, intent) = (Actor::Storewarden, Params::new(), intent());
    match verb {
        "approve" => Change::Approve { by },
        "hurry" => Change::Hurry(Override { by, reason: "fire".into() }),
        "begin" => Change::Begin,
        "refuse" => Change::Refuse(cause(CauseCode::Stale)),
        "cancel" => Change::Cancel { by },
        "intend" => Change::Intend { step, intent },
        "finish" => Change::Finish { step, evidence },
        "fail" => Change::Fail { step, cause: cause(CauseCode::StepFailed), touched: false },
        "break" => Change::Fail { step, cause: cause(CauseCode::StepFailed), touched: true },
        "stop" => Change::Fail { step, cause: cause(CauseCode::Cancelled), touched: false },
        "turn" => Change::TurnBack,
        "resume" => Change::Resume { step },
        "lose" => Change::LoseSight { step, why: Failed::new("dark") },
        "undo" => Change::AskUndo { by },
        "back" => Change::IntendUndo { step, intent },
        "undone" => Change::FinishUndo { step, evidence },
        "unfail" => Change::FailUndo { step, cause: cause(CauseCode::StepFailed) },
        "end" => Change::EndUndo,
        "retry" => Change::Retry { by },
        "done" => Change::Declare { done: true, by },
        "notdone" => Change::Declare { done: false, by },
        "giveup" => Change::GiveUp { by },
        "forgo" => Change::Forgo { step, why: Reason::new("undo_gone", []) },
        _ => panic!("{word}"),
    }
}

fn letter(state: StepState) -> char {
    match state {
        StepState::Planned => 'p',
        StepState::Intended => 'i',
        StepState::Done => 'd',
        StepState::Failed => 'f',
        StepState::Undoing => 'U',
        StepState::Undone => 'u',
        StepState::Skipped => 's',
        StepState::Unknown => '?',
    }
}

fn after(undos: &str, from: RunState, words: &str) -> Run {
    let mut run = run(undos, from);
    for word in words.split_whitespace() {
        let before = run.clone();
        if let Err(illegal) = apply(&mut run, change(word), 5) {
            assert_eq!(run, before, "a refused change changes nothing");
            panic!("`{word}` of `{words}`: {illegal:?}");
        }
        assert_eq!(run.revision, before.revision + 1);
    }
    run
}

#[test]
fn a_run_that_took_itself_back_is_undone_only_while_it_has_not() {
    let (shop, instance) = (|| "s".parse().unwrap(), || "a".parse().unwrap());
    let out = || Act::Drain { shop: shop(), instance: instance() };
    let back = || Act::Undrain { shop: shop(), instance: instance() };
    let mut run = run("uu", RunState::Running);
    run.plan.steps[0] = Step { act: out(), undo: Undo::By(back()), timeout_ms: 1 };
    run.plan.steps[1] = Step { act: back(), undo: Undo::By(out()), timeout_ms: 1 };
    for (word, state) in [("intend0", false), ("finish0", false), ("fail1", false)] {
        apply(&mut run, change(word), 5).unwrap();
        assert_eq!(may_be_undone(&run), state, "{word}");
    }
    // What was done of it is taken back by itself.
    assert_eq!(next(&run), Next::Undo(0));
    run.state = RunState::Running;
    run.steps[1].state = StepState::Intended;
    apply(&mut run, change("finish1"), 5).unwrap();
    assert_eq!((run.state, may_be_undone(&run)), (RunState::Done, false));
}

#[test]
fn a_run_lives_as_its_changes_say() {
    use RunState::{
        AwaitingApproval, Cancelled, Done, Failed, Running, Stuck, UndoFailed, Undoing, Undone,
        Waiting,
    };
    let check = |undos: &str, from, words: &str, state: RunState, steps: &str| {
        let run = after(undos, from, words);
        let letters: String = run.steps.iter().map(|step| letter(step.state)).collect();
        assert_eq!((run.state, letters.as_str()), (state, steps), "{undos} {words}");
        assert_eq!(run.ended_at_ms.is_some(), state.is_over(), "{words}");
    };
    check("uu", AwaitingApproval, "approve", Waiting, "pp");
    check("uu", AwaitingApproval, "hurry approve begin", Running, "pp");
    check("uu", AwaitingApproval, "cancel", Cancelled, "ss");
    check("uu", Waiting, "cancel", Cancelled, "ss");
    check("uu", Waiting, "refuse", Failed, "ss");
    check("uu", Waiting, "begin intend0 finish0 intend1 finish1", Done, "dd");
    // A failure takes back what was done, and what it left in part.
    check("uu", Running, "fail0", Failed, "fs");
    check("uu", Running, "intend0 fail0", Failed, "fs");
    check("uu", Running, "intend0 break0", Undoing, "fs");
    check("uu", Running, "intend0 break0 back0 undone0 end", Undone, "us");
    check("uuu", Running, "intend0 finish0 intend1 fail1", Undoing, "dfs");
    check("uuu", Running, "intend0 finish0 intend1 fail1 back0 undone0 end", Undone, "ufs");
    // Where there is nothing to take back, or no way to, it has failed.
    check("nu", Running, "intend0 finish0 fail1", Failed, "df");
    check("iu", Running, "intend0 finish0 fail1", Failed, "df");
    // What cannot be undone stays, and is said.
    check(
        "uiu",
        Running,
        "intend0 finish0 intend1 finish1 fail2 back0 undone0 end",
        UndoFailed,
        "udf",
    );
    check("unu", Running, "intend0 finish0 intend1 finish1 fail2 back0 undone0 end", Undone, "udf");
    // From behind a step without return nothing leads back; before it, everything does.
    check("uru", Running, "intend0 finish0 intend1 fail1 back0 undone0 end", Undone, "ufs");
    check("uru", Running, "intend0 finish0 intend1 finish1 fail2", Failed, "ddf");
    let over = "intend0 finish0 intend1 finish1 intend2 finish2";
    assert!(!may_be_undone(&after("urn", Running, over)));
    assert!(may_be_undone(&after("uin", Running, over)));
    // Cancelling waits for the step.
    check("uu", Running, "cancel turn", Cancelled, "ss");
    check("uu", Running, "intend0 cancel finish0", Running, "dp");
    check("uu", Running, "intend0 cancel finish0 turn", Undoing, "ds");
    check("uu", Running, "intend0 cancel stop0", Cancelled, "fs");
    check("u", Running, "intend0 cancel finish0", Done, "d");
    // A person takes a run back.
    check("uu", Running, "intend0 finish0 intend1 finish1 undo", Undoing, "dd");
    check("uu", Running, "intend0 finish0 intend1 finish1 undo back1 undone1", Undoing, "du");
    // An undo that fails, and is tried again.
    check("u", Running, "intend0 finish0 undo back0 unfail0", UndoFailed, "f");
    check("u", Running, "intend0 finish0 undo unfail0 retry back0 undone0 end", Undone, "u");
    // Another engine goes on with it.
    check("uu", Running, "intend0 resume0 resume0 finish0", Running, "dp");
    check("u", Running, "intend0 finish0 undo back0 resume0 undone0 end", Undone, "u");
    // Nobody can tell.
    check("uu", Running, "intend0 lose0", Stuck, "?p");
    check("uu", Running, "intend0 lose0 retry", Running, "ip");
    check("uu", Running, "intend0 lose0 done", Running, "dp");
    check("uu", Running, "intend0 lose0 notdone", Running, "pp");
    check("u", Running, "intend0 lose0 done", Done, "d");
    check("uu", Running, "intend0 lose0 undo", Undoing, "fs");
    check("uu", Running, "intend0 lose0 giveup", Failed, "?s");
    check("uu", Running, "intend0 lose0 giveup undo back0 undone0 end", Undone, "us");
    check("u", Running, "intend0 finish0 undo back0 lose0", Stuck, "?");
    check("u", Running, "intend0 finish0 undo back0 lose0 retry", Undoing, "U");
    check("u", Running, "intend0 finish0 undo back0 lose0 done end", Undone, "u");
    check("u", Running, "intend0 finish0 undo back0 lose0 notdone back0", Undoing, "U");
    check("u", Running, "intend0 finish0 undo back0 lose0 giveup", UndoFailed, "?");
    check("u", Running, "intend0 finish0 undo back0 lose0 giveup retry back0", Undoing, "U");
}

#[test]
fn a_change_out_of_turn_is_refused() {
    let check = |undos: &str, from, words: &str, refused: &str| {
        let mut run = after(undos, from, words);
        let before = run.clone();
        for word in refused.split_whitespace() {
            assert!(apply(&mut run, change(word), 9).is_err(), "`{word}` after `{words}`");
            assert_eq!(run, before);
        }
    };
    let all_of_steps = "intend0 resume0 finish0 fail0 turn lose0 back0 undone0 unfail0 end";
    let persons = "approve undo retry done notdone giveup";
    check("uu", RunState::AwaitingApproval, "", all_of_steps);
    check("uu", RunState::AwaitingApproval, "", "begin refuse undo retry done giveup");
    check("uu", RunState::Waiting, "", all_of_steps);
    check("uu", RunState::Waiting, "begin", "begin refuse hurry intend1 finish0 turn undone0 end");
    check("uu", RunState::Waiting, "begin", persons);
    check("uu", RunState::Waiting, "begin intend0", "intend0 intend1 turn finish1 fail1 lose1");
    check("uu", RunState::Waiting, "begin cancel", "cancel intend0 fail0");
    check("uu", RunState::Running, "intend0 finish0 fail1", "cancel undo back1 end finish1 lose0");
    check("u", RunState::Running, "intend0 finish0", all_of_steps);
    check("u", RunState::Running, "intend0 finish0", "approve retry done giveup cancel hurry");
    check("n", RunState::Running, "intend0 finish0", "undo");
    check("u", RunState::Running, "intend0 finish0 undo back0 undone0", "undo back0");
    check("u", RunState::Running, "intend0 finish0 undo back0 undone0 end", "undo retry cancel");
    check("u", RunState::Running, "intend0 finish0 undo back0 lose0", "undo cancel end");
    check("i", RunState::Running, "intend0 finish0", "undo");
}

#[test]
fn time_within_a_run_never_goes_back() {
    let mut run = run("u", RunState::Waiting);
    apply(&mut run, Change::Begin, 1_000).unwrap();
    apply(&mut run, Change::Intend { step: 0, intent: intent() }, 10).unwrap();
    apply(&mut run, Change::Finish { step: 0, evidence: Params::new() }, 20).unwrap();
    assert_eq!((run.changed_at_ms, run.ended_at_ms), (1_000, Some(1_000)));
    assert_eq!(run.steps[0].ended_at_ms, Some(1_000));
}

/// What a step did to the world, as far as anybody can know.
#[derive(Debug, Clone, Copy, PartialEq)]
enum World {
    Untouched,
    Partly,
    Done,
}

/// A run through a world that fails, crashes and hides at random: it always comes to rest, does
/// every step at most once, takes back what it must, and says so when it did not.
#[test]
fn whatever_happens_a_run_comes_to_rest_and_its_record_is_true() {
    bolero::check!().with_type::<(Vec<u8>, Vec<u8>)>().for_each(|(shape, dice)| {
        let undos: String =
            shape.iter().take(6).map(|byte| ['u', 'u', 'n', 'i'][usize::from(byte % 4)]).collect();
        if undos.is_empty() {
            return;
        }
        let mut run = run(&undos, RunState::Waiting);
        let mut world = vec![World::Untouched; undos.len()];
        let mut dice = dice.iter().copied().chain(std::iter::repeat(0));
        let mut roll = |sides: u8| dice.next().unwrap_or(0) % sides;
        for turn in 0.. {
            assert!(turn < 200, "{run:?} does not come to rest");
            if roll(8) == 1 {
                // Refused in most states, which must change nothing.
                let _ = apply(&mut run, change("cancel"), 1);
            }
            let before = run.clone();
            let changed = match next(&run) {
                Next::Rest if run.state == RunState::Stuck => {
                    // A person looks, and knows.
                    let step =
                        run.steps.iter().position(|s| s.state == StepState::Unknown).unwrap();
                    let undo = run.steps[step].undo_intent.is_some();
                    let is_done = world[step] == World::Done;
                    match (undo, is_done, world[step]) {
                        (false, true, _) | (true, _, World::Untouched) => Some(change("done")),
                        _ => Some(change("notdone")),
                    }
                }
                Next::Rest => break,
                Next::Begin => Some(change("begin")),
                Next::TurnBack => Some(change("turn")),
                Next::EndUndo => Some(change("end")),
                Next::Do(step) if roll(8) == 1 => Some(change(&format!("fail{step}"))),
                Next::Do(step) => Some(change(&format!("intend{step}"))),
                Next::Undo(step) => Some(change(&format!("back{step}"))),
                Next::Resolve(step) => match (world[step], roll(6)) {
                    (_, 1) => Some(change(&format!("lose{step}"))),
                    (World::Untouched, 2) => Some(change(&format!("fail{step}"))),
                    (World::Partly, 2) => Some(change(&format!("break{step}"))),
                    (World::Done, _) => Some(change(&format!("finish{step}"))),
                    (_, 3) => {
                        world[step] = World::Partly;
                        None
                    }
                    _ => {
                        assert_ne!(world[step], World::Done, "a step is done once");
                        world[step] = World::Done;
                        None
                    }
                },
                Next::ResolveUndo(step) => match (world[step], roll(6)) {
                    (_, 1) => Some(change(&format!("lose{step}"))),
                    (World::Untouched, _) => Some(change(&format!("undone{step}"))),
                    (_, 2) => Some(change(&format!("unfail{step}"))),
                    _ => {
                        world[step] = World::Untouched;
                        None
                    }
                },
            };
            if let Some(changed) = changed {
                apply(&mut run, changed.clone(), 1)
                    .unwrap_or_else(|_| panic!("{changed:?} follows {before:?}"));
            }
        }
        let is_true = |step: usize| match run.steps[step].state {
            StepState::Done => world[step] == World::Done,
            StepState::Undone | StepState::Skipped => world[step] == World::Untouched,
            StepState::Failed => run.steps[step].touched || world[step] == World::Untouched,
            _ => false,
        };
        assert!((0..undos.len()).all(is_true), "{run:?} {world:?}");
        let stays = |step: usize| world[step] != World::Untouched && &undos[step..=step] != "n";
        match run.state {
            RunState::Done => assert!(world.iter().all(|of| *of == World::Done)),
            RunState::Undone => assert!(!(0..undos.len()).any(stays), "{run:?} {world:?}"),
            RunState::UndoFailed | RunState::Failed | RunState::Cancelled => {}
            other => panic!("{other} is no rest"),
        }
    });
}
