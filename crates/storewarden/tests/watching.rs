//! A run that is watched: on a terminal, in a pipe, as JSON; and left with Ctrl-C. The control is one
//! of the test's own, so that a run is as far as the test wants it to be.

use crate::stand::{LIMIT, Stand, program};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use testkit::process::{Spawn, Stdin, run_to_end};

/// A control that knows one run.
struct Pretender {
    state: TempDir,
    /// When the run began, in Unix ms: a second ago. What is seen before and after its end is of one
    /// run, whose steps never begin anew.
    began_ms: i64,
    run: Arc<Mutex<Value>>,
    events: Arc<Mutex<Vec<TcpStream>>>,
}

impl Pretender {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = testkit::folder();
        let address = listener.local_addr().unwrap();
        fs::write(state.path().join("api-address"), address.to_string()).unwrap();
        fs::write(state.path().join("api-token"), "secret").unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let began_ms = i64::try_from(now.as_millis()).unwrap() - 1_000;
        let run = Arc::new(Mutex::new(running(began_ms)));
        let events: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (known, streams) = (Arc::clone(&run), Arc::clone(&events));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                answer(stream, &log(began_ms), &known, &streams);
            }
        });
        Self { state, began_ms, run, events }
    }

    /// Tells everybody who watches.
    fn tell(&self, event: &str, data: &Value) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has gone need not be told.
        events.retain_mut(|stream| write!(stream, "event: {event}\ndata: {data}\n\n").is_ok());
    }

    fn end(&self) {
        let done = done(self.began_ms);
        self.run.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&done);
        self.tell("run", &done);
    }

    async fn until_watched(&self) {
        testkit::wait_until("somebody who watches", LIMIT, async || {
            let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            if events.is_empty() { Err("nobody") } else { Ok(()) }
        })
        .await;
    }

    fn follow(&self, arguments: &[&str]) -> Spawn {
        program()
            .args(["runs", "follow", "7"])
            .args(arguments)
            .env("STATE_DIRECTORY", self.state.path())
    }

    /// The same on a terminal of so many columns, whose keys are typed into the stream.
    fn follow_on_terminal(&self, columns: u16, log: &Path, keys: UnixStream) -> Spawn {
        let program = env!("CARGO_BIN_EXE_storewarden");
        // The program in the shell's place: a shell beside it gets Ctrl-C as well, and not every one stays.
        let line = format!("stty cols {columns} rows 30; exec {program} runs follow 7");
        Spawn::new("script")
            .args(["-qefc", &line, "/dev/null"])
            .env("STATE_DIRECTORY", self.state.path())
            .env("TERM", "xterm")
            .stdin(Stdin::Descriptor(keys.into()))
            .output_to(log)
    }
}

fn answer(stream: TcpStream, log: &str, run: &Mutex<Value>, events: &Mutex<Vec<TcpStream>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    lines.read_line(&mut head).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut stream = stream;
    let body = match path.as_str() {
        "/api/v1/runs/events" => {
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nretry: 1000\n\n").unwrap();
            events.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
            return;
        }
        "/api/v1/runs/7" => run.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        "/api/v1/runs/7/log?from=0" => json!({ "text": log, "next": log.len() }),
        _ => json!({ "text": "", "next": log.len() }),
    };
    // Until the request has been read, closing would reset the connection.
    while head != "\r\n" {
        head.clear();
        if lines.read_line(&mut head).unwrap_or(0) == 0 {
            break;
        }
    }
    // Whoever asked may have gone.
    write!(stream, "HTTP/1.0 200 OK\r\n\r\n{body}").ok();
}

/// What the first step says, 200 and 900 ms after the run began.
fn log(began_ms: i64) -> String {
    let line = |after_ms, text| {
        let at = Timestamp::from_millisecond(began_ms + after_ms).unwrap();
        format!("{at:.3} 1 {text}\n")
    };
    line(200, "one file") + &line(900, "two \u{1b}[2J")
}

/// A run as the API tells it, whose second step stands so and ended then.
fn run(state: &str, began_ms: i64, second: (&str, Option<i64>)) -> Value {
    let second_ms = began_ms + 1_000;
    let step = |state, started_ms, ended_ms| {
        json!({
            "act": { "code": "remove_old_data", "params": {} }, "error": null,
            "sentence": "remove logs of runs that nobody will ever want to read again",
            "state": state, "started_ms": started_ms, "ended_ms": ended_ms,
        })
    };
    let steps = [step("done", began_ms, Some(second_ms)), step(second.0, second_ms, second.1)];
    json!({
        "id": "7", "kind": "clean_up", "title": { "code": "clean_up", "params": {} }, "shop": null,
        "state": state, "actor": "command-line", "created_ms": began_ms, "started_ms": began_ms,
        "ended_ms": second.1, "done_steps": 1, "all_steps": 2, "steps": steps,
        "cause": null, "may": [],
    })
}

fn running(began_ms: i64) -> Value {
    run("running", began_ms, ("intended", None))
}

fn done(began_ms: i64) -> Value {
    run("done", began_ms, ("done", Some(began_ms + 4_000)))
}

fn progress() -> Value {
    json!({ "run": "7", "step": 1, "done": 30, "total": 120, "unit": "files", "per_second": 12.0 })
}

async fn until_shown(log: &Path, text: &str) {
    testkit::wait_until(&format!("`{text}` on the terminal"), LIMIT, async || {
        let shown = fs::read_to_string(log).unwrap_or_default();
        if shown.contains(text) { Ok(()) } else { Err(shown) }
    })
    .await;
}

#[tokio::test]
async fn a_pipe_gets_plain_lines_in_the_order_in_which_things_happened() {
    let control = Pretender::start();
    let spawn = control.follow(&[]);
    let watching = tokio::task::spawn_blocking(move || run_to_end(spawn, LIMIT));
    control.until_watched().await;
    control.tell("progress", &progress());
    control.end();
    let output = watching.await.unwrap().unwrap();
    let expect = "\
Run 7: Remove old records of our own
1/2 remove logs of runs that nobody will ever want to read again
      one file
      two  [2J
2/2 remove logs of runs that nobody will ever want to read again
Run 7 is done after 4.0 s.
";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expect);
}

#[tokio::test]
async fn a_program_gets_an_event_a_line() {
    let control = Pretender::start();
    let spawn = control.follow(&["--json"]);
    let watching = tokio::task::spawn_blocking(move || run_to_end(spawn, LIMIT));
    control.until_watched().await;
    control.tell("line", &json!({ "run": "8", "step": 0, "text": "another's" }));
    control.tell("progress", &progress());
    control.end();
    let output = String::from_utf8(watching.await.unwrap().unwrap().stdout).unwrap();
    let events: Vec<Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, before) = events.split_last().unwrap();
    assert_eq!((&last["event"], &last["data"]["state"]), (&json!("run"), &json!("done")));
    assert!(!output.contains("another's"), "{output}");
    for event in before {
        assert!(event["event"] == "run" || event["data"]["done"] == 30, "{event}");
    }
}

#[tokio::test]
async fn a_terminal_shows_how_far_it_is_and_ctrl_c_leaves_the_run_alone() {
    let control = Pretender::start();
    let (keys, mut hand) = UnixStream::pair().unwrap();
    hand.set_nonblocking(false).unwrap();
    let log = control.state.path().join("terminal");
    let mut terminal = control.follow_on_terminal(60, &log, keys).start().unwrap();
    control.until_watched().await;
    until_shown(&log, "Run 7: Remove old records of our own").await;
    control.tell("progress", &progress());
    until_shown(&log, "25 %").await;
    let shown = fs::read_to_string(&log).unwrap();
    assert!(shown.contains("\u{1b}[J"), "lines are drawn again in place: {shown:?}");
    assert!(!shown.contains("\u{1b}[2J"), "what a step says moves no cursor: {shown:?}");
    let bare = without_colours(&shown);
    for line in bare.lines() {
        assert!(line.trim_end_matches('\r').chars().count() <= 60, "{line:?} is too wide");
    }
    hand.write_all(&[3]).unwrap();
    until_shown(&log, "Run 7 goes on. Watch it: storewarden runs follow 7").await;
    assert_eq!(terminal.wait().await.unwrap().code(), Some(130), "the exit code of Ctrl-C");
}

/// Without what sets colours and moves the cursor.
fn without_colours(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |bare, part| {
        let rest = part.find(|c: char| c.is_ascii_alphabetic()).map_or("", |end| &part[end + 1..]);
        bare + rest
    })
}

#[tokio::test]
async fn a_clean_up_is_watched_to_its_end() {
    let stand = Stand::up().await;
    let state = stand.folder.path().join("state");
    let said = testkit::wait_until("a clean-up", LIMIT, async || {
        let spawn = program().args(["clean-up", "--yes", "--state"]).arg(&state);
        let output = run_to_end(spawn, LIMIT).map_err(|error| (error.to_string(), stand.log()))?;
        Ok::<_, (String, String)>(String::from_utf8(output.stdout).unwrap())
    })
    .await;
    assert!(!said.contains('\u{1b}'), "{said}");
    let places: Vec<Option<usize>> = ["1/2 ", "(run_logs)", "2/2 ", "(minutes)", "is done after"]
        .map(|part| said.find(part))
        .into();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{said}");
    let listed = run_to_end(program().args(["runs", "--state"]).arg(&state), LIMIT).unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("Remove old records of our own") && listed.contains("2/2"), "{listed}");
    let ledger = program().args(["ledger", "show", "--state"]).arg(&state);
    let ledger = String::from_utf8(run_to_end(ledger, LIMIT).unwrap().stdout).unwrap();
    assert!(ledger.contains("step 1 done: remove old data"), "{ledger}");
}
