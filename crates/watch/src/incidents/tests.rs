//! Incidents as stories: what is seen, second by second, and what comes of it.

use super::*;
use crate::rules::{Seen, Source};
use kernel::{
    Finding, Incident, Level,
    config::{ChannelSettings, Language, NotifySettings, RemedySettings},
};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
/// A Thursday.
const BEGIN: i64 = 1_767_265_200_000;

/// A machine with shops, played second by second.
struct Story {
    incidents: Incidents,
    at: Moment,
    seen: Vec<Seen>,
    told: Vec<String>,
    entries: Vec<(i64, TimelineKind)>,
    wishes: Vec<RemedyWish>,
    ledger: Vec<String>,
}

fn route(name: &str) -> NotifySettings {
    NotifySettings {
        name: name.into(),
        channel: ChannelSettings::Email(vec!["anna@lamps.example".into()]),
        language: Language::English,
        level: Level::Unknown,
        shops: vec![],
        after_ms: 0,
        repeat_ms: None,
        resolved: true,
        mute: vec![],
    }
}

fn one_route() -> AlertSettings {
    AlertSettings { routes: vec![route("owner")], ..AlertSettings::default() }
}

fn shop(name: &str) -> Option<ShopId> {
    Some(name.parse().unwrap())
}

impl Story {
    fn new(settings: AlertSettings) -> Self {
        let at = Moment { wall_ms: BEGIN, steady_ms: 0 };
        let incidents = Incidents::new(settings, Kept::default(), vec![], 0, vec![]);
        let shops = ["lamps", "tea", "books", "toys", "shoes", "hats", "bikes"];
        let shops = shops.map(shop).into_iter().chain([None]);
        let seen = shops.map(|shop| Seen { shop, findings: vec![], blind: vec![] }).collect();
        let (told, entries, wishes, ledger) = (vec![], vec![], vec![], vec![]);
        let mut story = Self { incidents, at, seen, told, entries, wishes, ledger };
        // Rules are warm from the beginning.
        story.wait(120);
        story
    }

    fn scope(&mut self, name: &str) -> &mut Seen {
        let wanted = if name == "machine" { None } else { shop(name) };
        self.seen.iter_mut().find(|seen| seen.shop == wanted).unwrap()
    }

    fn find(&mut self, name: &str, id: &str, level: Level) {
        let code = id.split(':').next().unwrap().to_owned();
        let params = Params::new();
        let scope = self.scope(name);
        scope.findings.retain(|finding| finding.id != id);
        scope.findings.push(Finding { id: id.into(), level, code, params, since_ms: BEGIN });
    }

    fn lose(&mut self, name: &str, id: &str) {
        self.scope(name).findings.retain(|finding| finding.id != id);
    }

    fn take(&mut self, outcome: Outcome) {
        self.told.extend(outcome.notices.iter().map(|notice| {
            let Incident { id, code, .. } = &notice.incident;
            format!("{} {} {id} {code}", notice.route, notice.event.as_str())
        }));
        self.entries.extend(outcome.entries.iter().map(|(id, entry)| (*id, entry.kind)));
        self.ledger.extend(outcome.ledger.iter().map(|entry| entry.kind.clone()));
        self.wishes.extend(outcome.wishes);
    }

    fn wait(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.at.wall_ms += SECOND;
            self.at.steady_ms += SECOND;
            let (outcome, _) = self.incidents.step(&self.seen, self.at);
            self.take(outcome);
        }
    }

    fn act(&mut self, id: i64, action: Action) -> Result<(), Refused> {
        let outcome = self.incidents.act(id, action, &Actor::CommandLine, self.at)?;
        self.take(outcome);
        Ok(())
    }

    fn restart(&mut self, pause_ms: i64) {
        let kept = serde_json::to_string(&self.incidents.keep(self.at)).unwrap();
        let mut kept: Kept = serde_json::from_str(&kept).unwrap();
        self.at.wall_ms += pause_ms;
        self.at.steady_ms += pause_ms;
        kept.steady_ms = self.at.steady_ms;
        let cases = self.incidents.cases.values().map(|case| {
            let memory = serde_json::to_string(&case.memory).unwrap();
            let incident = serde_json::to_string(&case.incident).unwrap();
            Case {
                incident: serde_json::from_str(&incident).unwrap(),
                memory: serde_json::from_str(&memory).unwrap(),
            }
        });
        let (settings, silences) =
            (self.incidents.settings.clone(), self.incidents.silences.clone());
        let last = self.incidents.last_id;
        self.incidents = Incidents::new(settings, kept, cases.collect(), last, silences);
    }

    #[track_caller]
    fn expect(&mut self, told: &[&str]) {
        assert_eq!(std::mem::take(&mut self.told), told);
    }

    fn kinds(&self, id: i64) -> Vec<TimelineKind> {
        self.entries.iter().filter(|(of, _)| *of == id).map(|(_, kind)| *kind).collect()
    }
}

#[test]
fn an_instance_that_stays_down_is_told_once_and_so_is_its_end() {
    let mut story = Story::new(one_route());
    story.find("lamps", "instance_down:app-1", Level::Attention);
    story.wait(29);
    story.expect(&[]);
    story.wait(12);
    story.expect(&["owner opened 1 instance_down"]);
    story.wait(3_600);
    story.expect(&[]);
    story.lose("lamps", "instance_down:app-1");
    story.wait(9);
    story.expect(&[]);
    story.wait(2);
    story.expect(&["owner resolved 1 instance_down"]);
    assert_eq!(story.kinds(1), [TimelineKind::Opened, TimelineKind::Resolved]);
}

#[test]
fn an_order_that_is_missed_twice_is_one_incident() {
    let mut story = Story::new(one_route());
    story.find("lamps", "orders_vanished:5", Level::Broken);
    story.wait(12);
    story.expect(&["owner opened 1 orders_vanished"]);
    story.find("lamps", "confirmations_without_order", Level::Broken);
    story.wait(60);
    story.expect(&[]);
    story.lose("lamps", "orders_vanished:5");
    story.wait(60);
    story.expect(&[]);
    story.lose("lamps", "confirmations_without_order");
    story.wait(60);
    story.expect(&["owner resolved 1 confirmations_without_order"]);
}

#[test]
fn what_somebody_took_on_or_ended_is_known_by_its_finding_and_time() {
    let mut story = Story::new(one_route());
    story.find("machine", "upgrade_taken_back", Level::Attention);
    story.wait(2);
    let found_ms = story.at.wall_ms;
    let known = |story: &Story, at_ms| story.incidents.is_taken_on("upgrade_taken_back", at_ms);
    assert!(!known(&story, found_ms));
    story.wait(1);
    story.act(1, Action::Acknowledge { until_ms: None }).unwrap();
    assert!(known(&story, found_ms) && !story.incidents.is_taken_on("clock_off", found_ms));
    let later_ms = story.at.wall_ms + 1;
    assert!(!known(&story, later_ms), "of another one");
    story.lose("machine", "upgrade_taken_back");
    story.wait(2);
    assert!(known(&story, later_ms), "it is over");
}

#[test]
fn one_cause_is_one_incident_and_worse_is_told_at_once() {
    let mut story = Story::new(one_route());
    story.find("lamps", "instance_down:app-1", Level::Attention);
    story.wait(60);
    story.expect(&["owner opened 1 instance_down"]);
    story.find("lamps", "instance_down:app-2", Level::Attention);
    story.find("lamps", "all_down", Level::Broken);
    story.find("lamps", "checkout_errors", Level::Broken);
    story.find("lamps", "errors_up", Level::Attention);
    story.wait(120);
    // Errors have their reason already.
    story.expect(&["owner opened 2 checkout_errors", "owner worsened 1 all_down"]);
    let first = &story.incidents.case(1).unwrap().incident;
    assert_eq!((first.findings.len(), first.level), (3, Level::Broken));
    story.lose("lamps", "all_down");
    story.lose("lamps", "checkout_errors");
    story.lose("lamps", "errors_up");
    story.wait(1_000);
    story.expect(&["owner resolved 2 checkout_errors"]);
    assert_eq!(story.incidents.case(1).unwrap().incident.code, "instance_down");
}

#[test]
fn what_another_trouble_explains_is_told_when_that_is_over() {
    let mut story = Story::new(one_route());
    story.find("lamps", "all_down", Level::Broken);
    story.wait(10);
    story.find("lamps", "errors_up", Level::Attention);
    story.wait(60);
    story.expect(&["owner opened 1 all_down"]);
    // A restart forgets nothing of it.
    story.restart(5_000);
    story.wait(60);
    story.expect(&[]);
    story.lose("lamps", "all_down");
    story.wait(200);
    story.expect(&["owner resolved 1 all_down", "owner opened 2 errors_up"]);
}

#[test]
fn what_goes_away_together_is_told_as_one_end() {
    let mut story = Story::new(with_remedy());
    story.find("lamps", "instance_hung:app-1", Level::Attention);
    story.find("lamps", "all_down", Level::Broken);
    story.wait(60);
    assert_eq!(story.wishes.len(), 1, "what hangs is restarted, though all is down");
    story.lose("lamps", "all_down");
    story.lose("lamps", "instance_hung:app-1");
    story.wait(600);
    story.expect(&["owner opened 1 all_down", "owner resolved 1 all_down"]);
}

#[test]
fn a_finding_that_goes_before_the_others_is_told_once() {
    let mut story = Story::new(one_route());
    story.find("lamps", "checkout_errors", Level::Broken);
    story.wait(5);
    story.find("lamps", "errors_up", Level::Attention);
    story.wait(60);
    story.lose("lamps", "checkout_errors");
    story.wait(300);
    let kinds = story.kinds(1);
    let cleared = kinds.iter().filter(|kind| **kind == TimelineKind::Cleared);
    assert_eq!(cleared.count(), 1, "{kinds:?}");
}

#[test]
fn a_storm_is_one_incident_with_a_list() {
    let mut story = Story::new(one_route());
    for name in ["lamps", "tea", "books", "toys", "shoes", "hats", "bikes"] {
        story.find(name, "all_down", Level::Broken);
        story.wait(2);
    }
    story.wait(20);
    let told = std::mem::take(&mut story.told);
    assert_eq!(told.len(), 6);
    assert_eq!(told[5], "owner opened 6 storm");
    let storm = story.incidents.case(6).unwrap().incident.clone();
    assert_eq!((storm.shop, storm.findings.len()), (None, 2));
    assert_eq!(storm.params["shops"], Value::Integer(2));
    for seen in &mut story.seen {
        seen.findings.clear();
    }
    story.wait(70);
    assert_eq!(story.told.len(), 6);
}

#[test]
fn who_acknowledges_is_left_alone_until_they_said() {
    let mut settings = one_route();
    settings.routes[0].repeat_ms = Some(600_000);
    settings.routes.push(NotifySettings { after_ms: 900_000, ..route("boss") });
    let mut story = Story::new(settings);
    story.find("lamps", "checkout_errors", Level::Broken);
    story.wait(610);
    story.expect(&["owner opened 1 checkout_errors", "owner repeated 1 checkout_errors"]);
    let until_ms = Some(story.at.wall_ms + 20 * MINUTE);
    story.act(1, Action::Acknowledge { until_ms }).unwrap();
    story.wait(1_199);
    story.expect(&[]);
    story.wait(1);
    story.expect(&["owner repeated 1 checkout_errors"]);
    // The escalation waits from then on.
    story.wait(910);
    story.expect(&["owner repeated 1 checkout_errors", "boss opened 1 checkout_errors"]);
    assert_eq!(story.act(1, Action::Acknowledge { until_ms }), Err(Refused::Past));
    story.act(1, Action::Resolve { text: "a new key for payments".into() }).unwrap();
    story.wait(700);
    story.expect(&["owner resolved 1 checkout_errors", "boss resolved 1 checkout_errors"]);
    assert_eq!(story.act(1, Action::Acknowledge { until_ms: None }), Err(Refused::Resolved));
    // Once it was gone, it is a trouble of its own again.
    story.lose("lamps", "checkout_errors");
    story.wait(200);
    story.find("lamps", "checkout_errors", Level::Broken);
    story.wait(1);
    story.expect(&["owner opened 2 checkout_errors"]);
    assert_eq!(story.ledger, ["incident_acknowledged", "incident_resolved"]);
}

#[test]
fn the_ledger_hears_what_people_did_and_not_what_they_wrote() {
    let mut story = Story::new(one_route());
    story.find("lamps", "checkout_errors", Level::Broken);
    story.wait(5);
    let (by, at) = (Actor::Person("anna".into()), story.at);
    let mut check = |action: Action, expect: &str| {
        let outcome = story.incidents.act(1, action, &by, at).unwrap();
        let [entry] = &outcome.ledger[..] else { panic!("{outcome:?}") };
        let told = (&*entry.kind, entry.subject.as_deref(), &entry.actor, entry.params.len());
        assert_eq!(told, (expect, Some("incident:1"), &by, 0));
    };
    check(Action::Own { owner: Some("Anna Berg".into()) }, "incident_owned");
    check(Action::Own { owner: None }, "incident_left");
    check(Action::Note { text: "Mr. Lind has called".into() }, "incident_noted");
    check(Action::Resolve { text: "he paid".into() }, "incident_resolved");
    check(Action::Reopen, "incident_reopened");
}

#[test]
fn the_same_trouble_soon_after_is_the_same_incident() {
    let mut story = Story::new(one_route());
    story.find("lamps", "checkout_errors", Level::Broken);
    story.wait(5);
    story.lose("lamps", "checkout_errors");
    story.wait(300);
    story.find("lamps", "checkout_errors", Level::Broken);
    story.wait(5);
    story.expect(&[
        "owner opened 1 checkout_errors",
        "owner resolved 1 checkout_errors",
        "owner repeated 1 checkout_errors",
    ]);
    let entries = [TimelineKind::Opened, TimelineKind::Resolved, TimelineKind::Reopened];
    assert_eq!(story.kinds(1), entries);
}

#[test]
fn routes_are_told_what_they_asked_for() {
    let mut settings = one_route();
    settings.routes = vec![
        NotifySettings { level: Level::Broken, ..route("urgent") },
        NotifySettings { shops: vec!["tea".parse().unwrap()], ..route("tea") },
        NotifySettings { resolved: false, ..route("beginnings") },
    ];
    let mut story = Story::new(settings);
    story.find("lamps", "slow", Level::Attention);
    story.wait(140);
    story.expect(&["beginnings opened 1 slow"]);
    story.find("tea", "all_down", Level::Broken);
    story.wait(10);
    story.expect(&[
        "urgent opened 2 all_down",
        "tea opened 2 all_down",
        "beginnings opened 2 all_down",
    ]);
    story.lose("tea", "all_down");
    story.wait(100);
    story.expect(&["urgent resolved 2 all_down", "tea resolved 2 all_down"]);
}

#[test]
fn silences_and_windows_delay_what_still_stands_at_their_end() {
    let mut story = Story::new(one_route());
    let silence = |id, code: Option<&str>, until_ms| Silence {
        id,
        shop: shop("lamps"),
        code: code.map(str::to_owned),
        from_ms: BEGIN,
        until_ms,
        comment: String::new(),
        by: Actor::CommandLine,
    };
    let end_ms = story.at.wall_ms + 10 * MINUTE;
    story.incidents.add_silence(silence(1, Some("slow"), end_ms));
    story.find("lamps", "slow", Level::Attention);
    story.find("lamps", "checkout_errors", Level::Broken);
    story.wait(300);
    story.expect(&["owner opened 1 checkout_errors"]);
    story.restart(1_000);
    story.wait(310);
    story.expect(&["owner opened 2 slow"]);
    assert!(story.incidents.silences().is_empty());

    let mut settings = one_route();
    // BEGIN is 12:00 in Berlin.
    let window = kernel::config::MuteWindow {
        days: [true; 7],
        from_minute: 12 * 60,
        until_minute: 12 * 60 + 10,
        time_zone: "Europe/Berlin".into(),
    };
    settings.routes[0].mute = vec![window];
    let mut story = Story::new(settings);
    story.find("lamps", "checkout_errors", Level::Broken);
    story.wait(400);
    story.expect(&[]);
    story.wait(100);
    story.expect(&["owner opened 1 checkout_errors"]);
}

#[test]
fn neither_a_restart_nor_a_clock_that_jumps_tells_twice_or_forgets() {
    let mut settings = one_route();
    settings.routes[0].repeat_ms = Some(600_000);
    let mut story = Story::new(settings);
    story.find("lamps", "checkout_errors", Level::Broken);
    story.wait(5);
    story.expect(&["owner opened 1 checkout_errors"]);
    let seen = std::mem::take(&mut story.scope("lamps").findings);
    story.restart(30_000);
    story.wait(60);
    story.at.wall_ms -= 60 * MINUTE;
    story.scope("lamps").findings = seen;
    story.wait(400);
    story.expect(&[]);
    story.at.wall_ms += 120 * MINUTE;
    story.wait(90);
    story.expect(&[]);
    story.wait(20);
    story.expect(&["owner repeated 1 checkout_errors"]);
    assert_eq!(story.kinds(1), [TimelineKind::Opened]);
}

#[test]
fn what_is_not_seen_is_neither_told_nor_over() {
    let mut story = Story::new(one_route());
    story.find("lamps", "slow", Level::Attention);
    story.wait(140);
    story.expect(&["owner opened 1 slow"]);
    story.lose("lamps", "slow");
    story.scope("lamps").blind = vec![Source::Edge];
    story.find("machine", "edge_away", Level::Unknown);
    story.wait(600);
    story.expect(&["owner opened 2 edge_away"]);
    assert_eq!(story.incidents.case(1).unwrap().incident.findings[0].state, FindingState::NoData);
    story.scope("lamps").blind = vec![];
    story.lose("machine", "edge_away");
    story.wait(310);
    story.expect(&["owner resolved 2 edge_away", "owner resolved 1 slow"]);
}

fn with_remedy() -> AlertSettings {
    let remedy = RemedySettings {
        on: "instance_hung".into(),
        action: "restart_instance".into(),
        at_most: 2,
        within_ms: 3_600_000,
        verify_ms: 60_000,
        shops: vec![],
    };
    let boss = NotifySettings { after_ms: 3_600_000, ..route("boss") };
    AlertSettings { remedies: vec![remedy], routes: vec![route("owner"), boss], ..one_route() }
}

impl Story {
    fn progress(&mut self, kind: ProgressKind) {
        let wish = self.wishes.last().unwrap().id.clone();
        let outcome = self.incidents.remedy_progress(&RemedyProgress { wish, kind }, self.at);
        self.take(outcome);
    }
}

#[test]
fn a_remedy_is_good_when_its_finding_went_away() {
    let mut story = Story::new(with_remedy());
    story.find("lamps", "instance_hung:app-1", Level::Attention);
    story.wait(31);
    assert_eq!(story.wishes.len(), 1);
    assert_eq!(
        (story.wishes[0].action.as_str(), &story.wishes[0].shop),
        ("restart_instance", &shop("lamps"))
    );
    story.progress(ProgressKind::Started { run: "r1".into() });
    story.restart(1_000);
    story.wait(20);
    story.progress(ProgressKind::Done);
    story.wait(5);
    story.lose("lamps", "instance_hung:app-1");
    story.wait(200);
    story.expect(&["owner opened 1 instance_hung", "owner resolved 1 instance_hung"]);
    use TimelineKind::{Opened, RemedyEnded, RemedyRuns, RemedyStarted, Resolved};
    assert_eq!(story.kinds(1), [Opened, RemedyStarted, RemedyRuns, RemedyEnded, Resolved]);
    assert_eq!(story.ledger, ["remedy_started", "remedy_ended"]);
}

#[test]
fn after_a_restart_a_remedy_is_not_called_useless_by_whoever_sees_nothing_yet() {
    let mut story = Story::new(with_remedy());
    story.find("lamps", "instance_hung:app-1", Level::Attention);
    story.wait(31);
    story.progress(ProgressKind::Started { run: "r1".into() });
    story.progress(ProgressKind::Done);
    story.lose("lamps", "instance_hung:app-1");
    story.restart(1_000);
    story.wait(150);
    use TimelineKind::{Opened, RemedyEnded, RemedyRuns, RemedyStarted, Resolved};
    assert_eq!(story.kinds(1), [Opened, RemedyStarted, RemedyRuns, RemedyEnded, Resolved]);
}

#[test]
fn a_remedy_that_does_not_help_is_tried_as_often_as_it_may_and_then_told() {
    let mut story = Story::new(with_remedy());
    story.find("lamps", "instance_hung:app-1", Level::Attention);
    story.wait(41);
    story.expect(&["owner opened 1 instance_hung"]);
    story.progress(ProgressKind::Done);
    story.wait(61);
    story.expect(&["owner repeated 1 instance_hung", "boss opened 1 instance_hung"]);
    assert_eq!(story.wishes.len(), 2);
    story.progress(ProgressKind::Done);
    story.wait(3_700);
    assert_eq!(story.wishes.len(), 2);
    let limited = story.kinds(1).iter().filter(|k| **k == TimelineKind::RemedyLimited).count();
    assert_eq!(limited, 1);
}

#[test]
fn a_remedy_that_fails_is_told_at_once() {
    let mut story = Story::new(with_remedy());
    story.find("lamps", "instance_hung:app-1", Level::Attention);
    story.wait(41);
    story.progress(ProgressKind::Failed { why: "the unit did not start".into() });
    story.wait(1);
    story.expect(&[
        "owner opened 1 instance_hung",
        "owner repeated 1 instance_hung",
        "boss opened 1 instance_hung",
    ]);
    story.wait(600);
    assert_eq!(story.wishes.len(), 1);
}

#[test]
fn what_was_kept_and_lost_leaves_no_incident_that_never_ends() {
    let mut story = Story::new(one_route());
    story.find("lamps", "slow", Level::Attention);
    story.wait(140);
    let cases = story.incidents.cases.values().cloned().collect();
    story.incidents = Incidents::new(one_route(), Kept::default(), cases, 1, vec![]);
    story.lose("lamps", "slow");
    story.wait(1);
    assert!(!story.incidents.case(1).unwrap().is_open());
}
