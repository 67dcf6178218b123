//! A run that is watched to its end: on a terminal as lines that are drawn again, else as plain
//! lines, for programs as JSON, an event a line. Ctrl-C ends the watching and nothing else; a control
//! that is away for a while is waited for.

use super::{
    board::{Canvas, board, measured},
    story::{Happening, Story, What},
    text::{ending, title, waits_for},
    view::{Log, Measure, Run},
};
use crate::{
    client::{self, Answer, ask},
    moment::Here,
    remote::{good, print},
    terminal::{self, Foot, Paint, cut, printable},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    io::BufRead,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

const EVENTS: &str = "/api/v1/runs/events";
/// How often the lines are drawn again while nothing happens.
const BEAT: Duration = Duration::from_millis(200);
/// Events that come within this are looked at together.
const TOGETHER: Duration = Duration::from_millis(50);
/// How long a control that has gone is waited for. The next one comes within seconds.
const AWAY: Duration = Duration::from_secs(60);
const TRY_AGAIN_EVERY: Duration = Duration::from_millis(500);
/// Without a terminal, how far a step is, is told this often.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// How the watching ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watched {
    /// The run has done what it was to do.
    Done,
    /// It rests, and has not.
    AtRest,
    /// The person has gone; the run has not.
    Left,
}

/// What the watching hears.
#[derive(Debug)]
enum Notice {
    Event {
        name: String,
        data: String,
    },
    /// The stream has ended.
    Gone,
    /// Ctrl-C.
    Interrupt,
}

/// The events of all runs, from now on.
#[derive(Debug)]
pub(super) struct Events {
    state: PathBuf,
    sender: Sender<Notice>,
    heard: Receiver<Notice>,
}

impl Events {
    /// # Errors
    /// When no control answers.
    pub(super) fn open(state: &Path) -> anyhow::Result<Self> {
        let (sender, heard) = mpsc::channel();
        let events = Self { state: state.to_owned(), sender, heard };
        events.listen()?;
        Ok(events)
    }

    fn listen(&self) -> anyhow::Result<()> {
        let lines = client::follow(&self.state, EVENTS)?;
        let sender = self.sender.clone();
        thread::spawn(move || hear(lines, &sender));
        Ok(())
    }

    /// From here on Ctrl-C is heard, and no longer the end of the program.
    fn hear_interrupts(&self) -> anyhow::Result<()> {
        let sender = self.sender.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (ready, is_ready) = mpsc::channel();
        thread::spawn(move || {
            runtime.block_on(async {
                let interrupt = tokio::signal::unix::SignalKind::interrupt();
                let signals = tokio::signal::unix::signal(interrupt);
                // Whoever waits for this has gone when it cannot be sent.
                ready.send(()).ok();
                if let Ok(mut signals) = signals {
                    while signals.recv().await.is_some() && sender.send(Notice::Interrupt).is_ok() {
                    }
                }
            });
        });
        is_ready.recv().ok();
        Ok(())
    }

    /// Waits for the next control; whether there is one, and nobody has gone meanwhile.
    fn wait_for_control(&self) -> anyhow::Result<bool> {
        let begun = Instant::now();
        loop {
            match self.heard.recv_timeout(TRY_AGAIN_EVERY) {
                Ok(Notice::Interrupt) => return Ok(false),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
            }
            match self.listen() {
                Ok(()) => return Ok(true),
                Err(error) if begun.elapsed() > AWAY => return Err(error),
                Err(_) => {}
            }
        }
    }
}

fn hear(lines: impl BufRead, sender: &Sender<Notice>) {
    let mut name = String::new();
    for line in lines.lines().map_while(Result::ok) {
        if let Some(event) = line.strip_prefix("event: ") {
            event.clone_into(&mut name);
        } else if let Some(data) = line.strip_prefix("data: ") {
            let event = Notice::Event { name: name.clone(), data: data.to_owned() };
            if sender.send(event).is_err() {
                return;
            }
        }
    }
    // Nobody listens any more when it cannot be sent.
    sender.send(Notice::Gone).ok();
}

/// Watches a run until it is at rest.
///
/// # Errors
/// When there is no such run, or no control for long.
pub(super) fn watch(
    state: &Path,
    id: &str,
    events: &Events,
    as_json: bool,
) -> anyhow::Result<Watched> {
    events.hear_interrupts()?;
    let mut watching = Watching { state, id, as_json, show: Show::new(), next: 0 };
    loop {
        if let Some(ended) = watching.look()? {
            return Ok(ended);
        }
        match watching.listen(events)? {
            Heard::News => {}
            Heard::Gone => {
                watching.say("control is away; the run goes on when it is back")?;
                if !events.wait_for_control()? {
                    return watching.leave();
                }
            }
            Heard::Interrupt => return watching.leave(),
        }
    }
}

/// Why the run is looked at again, or not.
enum Heard {
    News,
    Gone,
    Interrupt,
}

struct Watching<'a> {
    state: &'a Path,
    id: &'a str,
    as_json: bool,
    show: Show,
    /// Where the log goes on.
    next: usize,
}

/// Of which run an event is; the run itself has an `id`, what happens in it names the `run`.
#[derive(Debug, Deserialize)]
struct Of {
    id: Option<String>,
    run: Option<String>,
}

impl Watching<'_> {
    /// Shows the run as it is now; how it ended, once it rests.
    fn look(&mut self) -> anyhow::Result<Option<Watched>> {
        let (state, id) = (self.state, self.id);
        let path = format!("/api/v1/runs/{id}");
        let answer: Answer = good(ask(state, "GET", &path)?)?;
        let run: Run = answer.json()?;
        if self.as_json {
            print_event("run", &answer.json()?)?;
        } else {
            // After the run: what it says of its steps is in the log by then.
            let path = format!("/api/v1/runs/{id}/log?from={}", self.next);
            let log: Log = good(ask(state, "GET", &path)?)?.json()?;
            self.next = log.next;
            self.show.goes_on(&run, &log.text)?;
        }
        let ended = if run.state == "done" { Watched::Done } else { Watched::AtRest };
        Ok(run.is_at_rest().then_some(ended))
    }

    /// Waits until something happens to the run.
    fn listen(&mut self, events: &Events) -> anyhow::Result<Heard> {
        let mut until: Option<Instant> = None;
        loop {
            let patience =
                until.map_or(BEAT, |until| until.saturating_duration_since(Instant::now()));
            match events.heard.recv_timeout(patience) {
                Ok(Notice::Interrupt) => return Ok(Heard::Interrupt),
                Ok(Notice::Gone) => return Ok(Heard::Gone),
                Ok(Notice::Event { name, data }) => {
                    if self.is_news(&name, &data)? && until.is_none() {
                        until = Some(Instant::now() + TOGETHER);
                    }
                }
                Err(_) if until.is_some() => return Ok(Heard::News),
                Err(_) => self.show.beat()?,
            }
        }
    }

    /// Takes an event in; whether the run has to be looked at for it.
    fn is_news(&mut self, name: &str, data: &str) -> anyhow::Result<bool> {
        if name == "reset" {
            return Ok(true);
        }
        let of: Of = serde_json::from_str(data)?;
        if of.id.or(of.run).as_deref() != Some(self.id) {
            return Ok(false);
        }
        if self.as_json && name != "run" {
            print_event(name, &serde_json::from_str(data)?)?;
            return Ok(false);
        }
        if name == "progress" {
            self.show.measure(serde_json::from_str(data)?)?;
            return Ok(false);
        }
        Ok(true)
    }

    fn say(&mut self, text: &str) -> anyhow::Result<()> {
        if self.as_json { Ok(()) } else { self.show.say(text) }
    }

    fn leave(mut self) -> anyhow::Result<Watched> {
        self.show.leave()?;
        let id = self.id;
        eprintln!(
            "Run {id} goes on. Watch it: storewarden runs follow {id}; stop it: storewarden runs \
             cancel {id}"
        );
        Ok(Watched::Left)
    }
}

fn print_event(name: &str, data: &Value) -> anyhow::Result<()> {
    print(format!("{}\n", json!({ "event": name, "data": data })).as_bytes())
}

/// What is shown to a person.
struct Show {
    story: Story,
    run: Option<Run>,
    measure: Option<Measure>,
    foot: Foot,
    is_live: bool,
    paint: Paint,
    beats: usize,
    told: Instant,
    waited: String,
}

impl Show {
    fn new() -> Self {
        Self {
            story: Story::default(),
            run: None,
            measure: None,
            foot: Foot::default(),
            is_live: terminal::is_live(),
            paint: Paint::of_output(),
            beats: 0,
            told: Instant::now(),
            waited: String::new(),
        }
    }

    fn goes_on(&mut self, run: &Run, log: &str) -> anyhow::Result<()> {
        let news = self.story.goes_on(run, log);
        let is_first = self.run.is_none();
        self.run = Some(run.clone());
        let mut stays = String::new();
        if self.is_live {
            stays.extend(news.iter().filter_map(|happening| self.live_line(happening)));
        } else {
            if is_first {
                stays.push_str(&format!("{}\n", title(run)));
            }
            stays.push_str(&self.waits(run));
            stays.extend(news.iter().map(|happening| plain_line(run, happening)));
        }
        if !run.is_at_rest() {
            return self.draw(&stays);
        }
        if self.is_live {
            stays.extend(self.lines(usize::MAX).into_iter().map(|line| line + "\n"));
        }
        stays.push_str(&ending(run));
        print(self.foot.draw(&stays, &[]).as_bytes())
    }

    /// What the run waits for, when that is news.
    fn waits(&mut self, run: &Run) -> String {
        let here = Here::now();
        let waits = run.waits_for.iter().map(|waits| waits_for(waits, &here)).collect::<Vec<_>>();
        let codes: String = run.waits_for.iter().map(|waits| format!("{waits:?}")).collect();
        if std::mem::replace(&mut self.waited, codes.clone()) == codes || waits.is_empty() {
            return String::new();
        }
        format!("Waits for {}.\n", printable(&waits.join(", and for ")))
    }

    fn live_line(&self, happening: &Happening) -> Option<String> {
        let What::Line { text } = &happening.what else { return None };
        let (columns, _) = terminal::size();
        let line = cut(&format!("{:>3} {}", happening.step + 1, printable(text)), columns);
        Some(format!("{}\n", self.paint.quiet(&line)))
    }

    fn measure(&mut self, measure: Measure) -> anyhow::Result<()> {
        let text = measured(&measure)[1..].join(", ");
        self.measure = Some(measure);
        if self.is_live {
            return self.draw("");
        }
        if self.told.elapsed() < TOLD_EVERY {
            return Ok(());
        }
        self.told = Instant::now();
        print(format!("      {text}\n").as_bytes())
    }

    fn beat(&mut self) -> anyhow::Result<()> {
        if self.is_live { self.draw("") } else { Ok(()) }
    }

    fn say(&mut self, text: &str) -> anyhow::Result<()> {
        self.draw(&format!("{text}\n"))
    }

    /// What was drawn stays, and the next line stands below it.
    fn leave(&mut self) -> anyhow::Result<()> {
        if self.is_live { print(b"\n") } else { Ok(()) }
    }

    fn draw(&mut self, stays: &str) -> anyhow::Result<()> {
        let (_, height) = terminal::size();
        let lines = if self.is_live { self.lines(height) } else { Vec::new() };
        print(self.foot.draw(stays, &lines).as_bytes())
    }

    fn lines(&mut self, height: usize) -> Vec<String> {
        let Some(run) = &self.run else { return Vec::new() };
        self.beats += 1;
        let canvas = Canvas {
            here: Here::now(),
            columns: terminal::size().0,
            lines: height,
            paint: self.paint,
            beat: self.beats,
        };
        board(run, self.measure.as_ref(), &canvas)
    }
}

fn plain_line(run: &Run, happening: &Happening) -> String {
    let (number, of) = (happening.step + 1, run.steps.len());
    let sentence = || run.steps.get(happening.step).map_or("", |step| step.sentence.as_str());
    match &happening.what {
        What::Begins { undo: false } => format!("{number}/{of} {}\n", printable(sentence())),
        What::Begins { undo: true } => {
            format!("{number}/{of} {}: taken back\n", printable(sentence()))
        }
        What::Line { text } => format!("      {}\n", printable(text)),
        What::Ends { outcome } => {
            format!("{number}/{of} {}: {}\n", printable(sentence()), printable(outcome))
        }
    }
}
