//! The desk with a real store and a server that takes its messages: what is told, what waits, what
//! a restart finds.

use super::*;
use crate::{
    live::Live,
    notify::tests::{Manner, http::Server},
};
use kernel::{
    IncidentState, TimelineKind,
    config::{Known, KnownPlatform, parse},
    snapshot::Check,
};
use store::IncidentFilter;
use tempfile::TempDir;
use testkit::wait_until;
use tokio::{sync::watch::Sender, task::JoinHandle};

const LONG: Duration = Duration::from_secs(20);

/// One trouble that is easily made: a configuration that is not taken over.
const RULES: &str = r#"
version = 1
[shop.lamps]
platform = "generic"
hosts = "lamps.example"
app = "127.0.0.1:3001"
[[rule]]
on = "configuration_rejected"
for = "0s"
keep = "0s"
[[remedy]]
on = "configuration_rejected"
do = "free_disk"
[[notify]]
name = "owner"
"#;

struct Running {
    desk: Desk,
    watch: Watch,
    wished: mpsc::Receiver<RemedyWish>,
    stop: Sender<bool>,
    task: JoinHandle<()>,
}

fn configuration(server: &Server) -> Configuration {
    let text = format!("{RULES}webhook = \"http://{}/hook\"\n", server.address);
    let platforms = [KnownPlatform { name: "generic".into(), check: Check::default() }];
    parse(&text, Known { platforms: &platforms, environment: &|_| None, time_zone: &|_| Ok(()) })
        .unwrap()
}

impl Running {
    async fn start(folder: &TempDir, server: &Server) -> Self {
        let watch = Watch::new(Live::new(now_ms()));
        let store = Store::open(folder.path()).unwrap();
        let (desk, wished) =
            Desk::open(watch.clone(), store, &configuration(server)).await.unwrap();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let task = tokio::spawn(desk.clone().run(stopped));
        Self { desk, watch, wished, stop, task }
    }

    fn trouble(&self, error: Option<&str>) {
        self.watch.with(|live| {
            live.configuration_error(error.map(str::to_owned));
            live.tick(now_ms());
        });
    }

    async fn timeline(&self, id: i64) -> Vec<TimelineKind> {
        let (_, timeline) = self.desk.one(id).await.unwrap().unwrap_or_else(|| panic!("{id}"));
        timeline.iter().map(|entry| entry.kind).collect()
    }

    async fn until(&self, what: &str, kind: TimelineKind) {
        wait_until(what, LONG, async || {
            let found = self.desk.one(1).await.unwrap();
            let kinds: Vec<_> =
                found.iter().flat_map(|(_, t)| t.iter().map(|entry| entry.kind)).collect();
            if kinds.contains(&kind) { Ok(()) } else { Err(kinds) }
        })
        .await;
    }

    /// As when the process is told to end.
    async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }

    /// As when it is killed.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

#[tokio::test]
async fn trouble_is_told_once_over_restarts_and_so_is_its_end() {
    let (folder, server) = (testkit::folder(), Server::start(Manner::Takes).await);
    let running = Running::start(&folder, &server).await;
    running.trouble(Some("line 3"));
    running.until("the message", TimelineKind::Notified).await;
    let told = server.take();
    assert_eq!((told.len(), told[0].json["event"].as_str()), (1, Some("opened")));
    running.kill().await;

    let running = Running::start(&folder, &server).await;
    running.trouble(Some("line 3"));
    let anna = Actor::Person("anna".into());
    let action = Action::Acknowledge { until_ms: None };
    running.desk.act(1, action, &anna).await.unwrap();
    running.kill().await;

    let running = Running::start(&folder, &server).await;
    running.trouble(Some("line 3"));
    let (incident, _) = running.desk.one(1).await.unwrap().unwrap();
    assert_eq!(incident.state, IncidentState::Acknowledged);
    let resolve = Action::Resolve { text: "the comma is back".into() };
    let resolved = running.desk.act(1, resolve, &anna).await.unwrap();
    assert_eq!(resolved.resolution.as_deref(), Some("the comma is back"));
    wait_until("the end is told", LONG, async || {
        let told = server.take();
        if told.iter().any(|t| t.json["event"] == "resolved") { Ok(()) } else { Err(told.len()) }
    })
    .await;
    let page = running.desk.list(IncidentFilter::default(), 10).await.unwrap();
    assert_eq!(page.len(), 1, "nothing was opened twice");
    let timeline = running.timeline(1).await;
    let count = |kind| timeline.iter().filter(|k| **k == kind).count();
    assert_eq!((count(TimelineKind::Opened), count(TimelineKind::Acknowledged)), (1, 1));
    running.stop().await;
}

#[tokio::test]
async fn what_could_not_be_sent_waits_over_a_restart() {
    let (folder, server) = (testkit::folder(), Server::start(Manner::RefusesForNow).await);
    let running = Running::start(&folder, &server).await;
    running.trouble(Some("line 3"));
    wait_until("an attempt", LONG, async || {
        let routes = running.desk.routes().await.unwrap();
        let error = routes[0].error.clone().filter(|error| error.contains("503"));
        error.ok_or((routes[0].waiting, server.take().len()))
    })
    .await;
    assert_eq!(running.desk.routes().await.unwrap()[0].waiting, 1);
    running.kill().await;

    server.behave(Manner::Takes);
    server.take();
    let running = Running::start(&folder, &server).await;
    running.until("the message", TimelineKind::Notified).await;
    let told = server.take();
    assert_eq!((told.len(), told[0].json["event"].as_str()), (1, Some("opened")));
    let route = running.desk.routes().await.unwrap().remove(0);
    assert!(route.last.is_some_and(|last| last.sent) && route.error.is_none());
    running.stop().await;
}

#[tokio::test]
async fn a_remedy_is_in_the_ledger_before_anybody_may_carry_it_out() {
    let (folder, server) = (testkit::folder(), Server::start(Manner::Takes).await);
    let mut running = Running::start(&folder, &server).await;
    running.trouble(Some("line 3"));
    let wish = tokio::time::timeout(LONG, running.wished.recv()).await.unwrap().unwrap();
    assert_eq!((wish.action.as_str(), wish.incident), ("free_disk", 1));
    assert!(running.timeline(1).await.contains(&TimelineKind::RemedyStarted));
    let failed = crate::incidents::ProgressKind::Failed { why: "no plan of that kind".into() };
    let progress = RemedyProgress { wish: wish.id, kind: failed };
    running.desk.remedy_progress(progress).await;
    let timeline = running.timeline(1).await;
    assert!(timeline.contains(&TimelineKind::RemedyFailed), "{timeline:?}");
    assert!(timeline.contains(&TimelineKind::Escalated), "{timeline:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_test_arrives_and_says_why_it_does_not() {
    let (folder, server) = (testkit::folder(), Server::start(Manner::Takes).await);
    let running = Running::start(&folder, &server).await;
    running.desk.test("owner").await.unwrap();
    let told = server.take();
    assert_eq!((told.len(), told[0].json["event"].as_str()), (1, Some("test")));
    server.behave(Manner::RefusesForGood);
    let refused = running.desk.test("owner").await.unwrap_err();
    assert!(refused.to_string().contains("403"), "{refused}");
    let unknown = running.desk.test("boss").await.unwrap_err();
    assert!(matches!(unknown, WatchError::Missing { .. }), "{unknown}");
    let last = running.desk.routes().await.unwrap().remove(0).last.unwrap();
    assert!(!last.sent && last.error.unwrap().contains("403"));
    running.stop().await;
}

#[tokio::test]
async fn a_silence_outlives_a_restart_and_ends() {
    let (folder, server) = (testkit::folder(), Server::start(Manner::Takes).await);
    let running = Running::start(&folder, &server).await;
    let silence = Silence {
        id: 0,
        shop: None,
        code: Some("configuration_rejected".into()),
        from_ms: 0,
        until_ms: now_ms() + 3_600_000,
        comment: "we know".into(),
        by: Actor::CommandLine,
    };
    let made = running.desk.add_silence(silence).await.unwrap();
    running.stop().await;
    let running = Running::start(&folder, &server).await;
    assert_eq!(running.desk.silences().await, std::slice::from_ref(&made));
    running.trouble(Some("line 3"));
    running.until("the incident", TimelineKind::Opened).await;
    assert!(server.take().is_empty());
    running.desk.end_silence(made.id, &Actor::CommandLine).await.unwrap();
    running.until("the message", TimelineKind::Notified).await;
    let gone = running.desk.end_silence(made.id, &Actor::CommandLine).await;
    assert!(matches!(gone, Err(WatchError::Missing { .. })));
    running.stop().await;
}
