//! Processes: started, signalled, stopped, run to their end.

use host::{
    HostError,
    process::{Signal, Spawn, exists, run_to_end, runs},
};
use std::{
    os::unix::process::ExitStatusExt,
    time::{Duration, Instant},
};

const LONG: Duration = Duration::from_secs(20);

fn shell(script: &str) -> Spawn {
    Spawn::new("/bin/sh").args(["-c", script])
}

#[test]
fn a_command_that_ends_well_gives_what_it_said() {
    let output = run_to_end(shell("echo out; echo err >&2"), LONG).unwrap();
    assert_eq!(
        (output.stdout.as_slice(), output.stderr.as_slice()),
        (&b"out\n"[..], &b"err\n"[..])
    );
}

#[test]
fn a_command_that_ends_badly_is_an_error_with_all_one_needs() {
    let error = run_to_end(shell("echo the reason >&2; exit 7"), LONG).unwrap_err();
    let text = error.to_string();
    for part in ["/bin/sh -c", "exit status: 7", "the reason"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn much_output_on_both_sides_does_not_block() {
    let script =
        "i=0; while [ $i -lt 20000 ]; do echo 0123456789; echo 9876543210 >&2; i=$((i+1)); done";
    let output = run_to_end(shell(script), LONG).unwrap();
    assert_eq!((output.stdout.len(), output.stderr.len()), (220_000, 220_000));
}

#[test]
fn a_command_that_takes_too_long_is_killed_with_its_children() {
    let begins = Instant::now();
    let error = run_to_end(shell("sleep 60 & sleep 60"), Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, HostError::TimedOut { .. }), "{error}");
    assert!(begins.elapsed() < LONG);
}

#[test]
fn one_left_behind_with_our_pipes_is_not_waited_for() {
    let begins = Instant::now();
    let output = run_to_end(shell("sleep 5 & echo $!"), LONG).unwrap();
    assert!(begins.elapsed() < Duration::from_secs(4));
    let pid: u32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    host::process::signal(pid, Signal::Kill).unwrap();
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let error = run_to_end(Spawn::new("/no/such/program"), LONG).unwrap_err();
    assert_eq!(error.to_string(), "start `/no/such/program`");
}

#[test]
fn environment_and_directory_are_those_given() {
    let spawn = shell("echo $A:$HOME:$PWD").clear_env().env("A", "1").directory("/");
    assert_eq!(run_to_end(spawn, LONG).unwrap().stdout, b"1::/\n");
}

#[test]
fn a_user_that_does_not_exist_is_refused_before_anything_runs() {
    let error = run_to_end(shell("true").user("nobody-of-that-name"), LONG).unwrap_err();
    assert!(matches!(error, HostError::UnknownUser(_)), "{error}");
}

#[tokio::test]
async fn output_goes_to_the_end_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    for word in ["one", "two"] {
        let mut process = shell(&format!("echo {word}")).output_to(&path).start().unwrap();
        assert!(process.wait().await.unwrap().success());
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), "one\ntwo\n");
}

#[tokio::test]
async fn a_process_that_listens_ends_by_itself() {
    let mut process = Spawn::new("sleep").arg("60").start().unwrap();
    let status = process.stop(LONG).await.unwrap();
    assert_eq!(status.signal(), Some(15));
}

#[tokio::test]
async fn a_deaf_process_is_killed_after_its_grace() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let script = format!("trap '' TERM; echo > {}; while :; do sleep 0.05; done", ready.display());
    let mut process = shell(&script).start().unwrap();
    let ends = Instant::now() + LONG;
    while !ready.exists() {
        assert!(Instant::now() < ends, "the script did not start");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let status = process.stop(Duration::from_millis(50)).await.unwrap();
    assert_eq!(status.signal(), Some(9));
    assert!(!exists(process.pid()));
}

#[tokio::test]
async fn a_zombie_exists_and_does_not_run() {
    let mut process = Spawn::new("true").start().unwrap();
    let ends = Instant::now() + LONG;
    while runs(process.pid()) {
        assert!(Instant::now() < ends, "it does not end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(exists(process.pid()), "nobody has asked yet how it ended");
    process.wait().await.unwrap();
    assert!(!exists(process.pid()));
    assert!(runs(std::process::id()));
}

#[tokio::test]
async fn one_that_has_ended_is_never_signalled() {
    let mut process = Spawn::new("true").start().unwrap();
    process.wait().await.unwrap();
    let error = process.signal(Signal::Kill).unwrap_err();
    assert!(matches!(error, HostError::Ended(_)), "{error}");
    assert!(process.stop(LONG).await.unwrap().success());
}

#[test]
fn a_tied_process_ends_with_the_thread_that_started_it() {
    let command = |pid| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let begins = Instant::now();
    let until = |holds: &dyn Fn() -> bool, what: &str| {
        while !holds() {
            assert!(begins.elapsed() < LONG, "{what}");
            std::thread::yield_now();
        }
    };
    let begin = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sleep = Spawn::new("sleep").arg("60").tied_to_this_thread(Signal::Kill);
        let pid = runtime.block_on(async { sleep.start().unwrap().pid() });
        // Until then it is the program that ties it.
        until(&|| command(pid).starts_with(b"sleep"), "it does not begin");
        pid
    };
    let pid = std::thread::scope(|scope| scope.spawn(begin).join().unwrap());
    // Nobody has waited for it: what is left of it has no command any more.
    until(&|| command(pid).is_empty(), "it goes on");
}
