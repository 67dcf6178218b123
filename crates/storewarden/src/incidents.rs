//! `storewarden incidents`: what is wrong, what was done about it, and what a person says to it;
//! and silences, for which nobody is told.

mod text;
mod view;

pub(crate) use view::Incident;

use crate::{
    cli::{Exit, Json, State},
    client::{Answer, ask, ask_with},
    completions::shops,
    moment::{Here, When},
    remote::{escape, good, print, print_bytes},
};
use clap::{Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCandidates;
use kernel::Level;
use serde_json::{Value, json};
use view::{Page, Silences, Whole};

/// Incidents of one answer, as many as the API gives.
const PAGE: usize = 200;
const INCIDENTS: &str = "/api/v1/incidents";
const SILENCES: &str = "/api/v1/silences";

/// What to do with incidents.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum IncidentsCommand {
    /// List incidents, the newest first
    List(Filter),
    /// Show an incident with all that happened in it
    Show { incident: i64 },
    /// Say that you know: nobody else is told for now
    #[command(visible_alias = "ack")]
    Acknowledge {
        incident: i64,
        /// People are told again then: a length (2h) or a time [default: until it is resolved]
        #[arg(long, value_name = "TIME")]
        until: Option<When>,
    },
    /// Say who looks after it
    Own {
        incident: i64,
        /// A name, as people call them
        #[arg(required_unless_present = "nobody")]
        owner: Option<String>,
        /// Nobody in particular
        #[arg(long, conflicts_with = "owner")]
        nobody: bool,
    },
    /// Note something that is known of it
    Note { incident: i64, text: String },
    /// Close it, and say how it was resolved
    Resolve { incident: i64, text: String },
    /// Open a resolved incident again; people are told again
    Reopen { incident: i64 },
    /// Tell nobody of what comes until then; incidents are opened all the same
    Silence {
        /// Until when: a length (2h) or a time
        #[arg(long, value_name = "TIME")]
        until: When,
        /// Of this shop only [default: every shop, and the machine]
        #[arg(long, add = ArgValueCandidates::new(shops))]
        shop: Option<String>,
        /// What this finding leads only, such as slow [default: all]
        #[arg(long)]
        code: Option<String>,
        /// Why, for whoever wonders
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// List silences that have not ended
    Silences,
    /// End a silence before its time
    EndSilence { silence: i64 },
}

/// Which incidents to list.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Filter {
    /// Of this shop only
    #[arg(long, add = ArgValueCandidates::new(shops))]
    shop: Option<String>,
    /// In this state only; `unresolved` are those that are open or acknowledged
    #[arg(long = "in", value_name = "STATE")]
    state: Option<Wanted>,
    /// As bad as this, or worse
    #[arg(long)]
    level: Option<Worst>,
    /// Opened since then: a length (24h) or a time
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// How many
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    last: u32,
}

/// A state of incidents, or of some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    Open,
    Acknowledged,
    Resolved,
    Unresolved,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Worst {
    Unknown,
    Attention,
    Broken,
}

impl Filter {
    /// What is asked for, without the place to go on from.
    fn query(&self) -> String {
        let mut query = format!("limit={}", PAGE.min(self.last as usize));
        if let Some(shop) = &self.shop {
            query.push_str(&format!("&shop={}", escape(shop)));
        }
        let state = match self.state {
            Some(Wanted::Open) => "open",
            Some(Wanted::Acknowledged) => "acknowledged",
            Some(Wanted::Resolved) => "resolved",
            Some(Wanted::Unresolved) | None => return query,
        };
        query + "&state=" + state
    }

    fn takes(&self, incident: &Incident) -> bool {
        let level = match self.level {
            None => Level::Good,
            Some(Worst::Unknown) => Level::Unknown,
            Some(Worst::Attention) => Level::Attention,
            Some(Worst::Broken) => Level::Broken,
        };
        let is_over = incident.state == "resolved";
        incident.level >= level && !(is_over && self.state == Some(Wanted::Unresolved))
    }
}

/// Carries out a command on incidents.
pub(crate) fn run(
    command: IncidentsCommand,
    state: &State,
    Json { json }: Json,
) -> anyhow::Result<Exit> {
    let desk = Desk { state, json, here: Here::now() };
    let of = |incident: i64, deed: &str| format!("{INCIDENTS}/{incident}{deed}");
    match command {
        IncidentsCommand::List(filter) => desk.list(&filter),
        IncidentsCommand::Show { incident } => {
            let answer = good(desk.get(&of(incident, ""))?)?;
            desk.tell(&answer, |whole: Whole| text::whole(&whole, &desk.here))
        }
        IncidentsCommand::Acknowledge { incident, until } => {
            let until_ms = until.map(|until| until.ahead(&desk.here));
            desk.act(&of(incident, "/acknowledge"), &json!({ "until_ms": until_ms }))
        }
        IncidentsCommand::Own { incident, owner, nobody: _ } => {
            desk.act(&of(incident, "/own"), &json!({ "owner": owner }))
        }
        IncidentsCommand::Note { incident, text } => {
            desk.act(&of(incident, "/note"), &json!({ "text": text }))
        }
        IncidentsCommand::Resolve { incident, text } => {
            desk.act(&of(incident, "/resolve"), &json!({ "text": text }))
        }
        IncidentsCommand::Reopen { incident } => desk.act(&of(incident, "/reopen"), &json!({})),
        IncidentsCommand::Silence { until, shop, code, comment } => {
            let until_ms = until.ahead(&desk.here);
            let wish =
                json!({ "shop": shop, "code": code, "until_ms": until_ms, "comment": comment });
            let answer = good(ask_with(&state.directory, "POST", SILENCES, &wish)?)?;
            desk.tell(&answer, |silence| text::silences(&[silence], &desk.here))
        }
        IncidentsCommand::Silences => {
            let answer = good(desk.get(SILENCES)?)?;
            desk.tell(&answer, |all: Silences| text::silences(&all.silences, &desk.here))
        }
        IncidentsCommand::EndSilence { silence } => {
            let path = format!("{SILENCES}/{silence}");
            let answer = good(ask(&state.directory, "DELETE", &path)?)?;
            desk.tell(&answer, |_: Silences| format!("Silence {silence} has ended.\n"))
        }
    }
}

/// Incidents that are not resolved, of one shop or of all, the newest first.
pub(crate) fn unresolved(state: &State, shop: Option<&str>) -> anyhow::Result<Vec<Value>> {
    let filter = Filter {
        shop: shop.map(str::to_owned),
        state: Some(Wanted::Unresolved),
        last: 1_000,
        ..Filter::default()
    };
    Desk { state, json: false, here: Here::now() }.find(&filter)
}

/// Where incidents are asked for, and how answers are printed.
struct Desk<'a> {
    state: &'a State,
    json: bool,
    here: Here,
}

impl Desk<'_> {
    fn get(&self, path: &str) -> anyhow::Result<Answer> {
        Ok(ask(&self.state.directory, "GET", path)?)
    }

    fn list(&self, filter: &Filter) -> anyhow::Result<Exit> {
        let found = self.find(filter)?;
        if self.json {
            let text = serde_json::to_string(&json!({ "incidents": found }))?;
            print_bytes(text.as_bytes())?;
        } else {
            let incidents: Vec<Incident> =
                found.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?;
            print(text::list(&incidents, &self.here).as_bytes())?;
        }
        Ok(Exit::Fine)
    }

    /// Asks page by page until there are enough, or none that could still fit.
    fn find(&self, filter: &Filter) -> anyhow::Result<Vec<Value>> {
        let since_ms = filter.since.as_ref().map_or(i64::MIN, |since| since.ago(&self.here));
        let (query, mut before, mut found) = (filter.query(), String::new(), Vec::new());
        loop {
            let page: Page = good(self.get(&format!("{INCIDENTS}?{query}{before}"))?)?.json()?;
            for value in page.incidents {
                let incident: Incident = serde_json::from_value(value.clone())?;
                if incident.opened_ms < since_ms || found.len() == filter.last as usize {
                    return Ok(found);
                }
                if filter.takes(&incident) {
                    found.push(value);
                }
            }
            let Some(next) = page.next else { return Ok(found) };
            before = format!("&before={next}");
        }
    }

    fn act(&self, path: &str, body: &Value) -> anyhow::Result<Exit> {
        let answer = good(ask_with(&self.state.directory, "POST", path, body)?)?;
        self.tell(&answer, |incident| text::standing(&incident, &self.here))
    }

    fn tell<T: for<'de> serde::Deserialize<'de>>(
        &self,
        answer: &Answer,
        text: impl FnOnce(T) -> String,
    ) -> anyhow::Result<Exit> {
        if self.json {
            print_bytes(&answer.body)?;
        } else {
            print(text(answer.json()?).as_bytes())?;
        }
        Ok(Exit::Fine)
    }
}

/// A sentence for `storewarden status`.
pub(crate) fn line(incident: &Incident, here: &Here) -> String {
    text::line(incident, here)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(level: &str, state: &str) -> Incident {
        serde_json::from_value(json!({
            "id": 3, "shop": null, "cause": "errors", "state": state, "level": level,
            "code": "errors_up", "params": {}, "opened_ms": 0, "resolved_ms": null, "owner": null,
            "acknowledged": null, "resolution": null, "lost_minor": null, "currency": null,
            "findings": [],
        }))
        .unwrap()
    }

    #[test]
    fn a_filter_takes_what_is_as_bad_and_not_over() {
        let filter = |state, level| Filter { state, level, last: 50, ..Filter::default() };
        let check = |filter: &Filter, level: &str, state: &str, expect: bool| {
            let taken = filter.takes(&incident(level, state));
            assert_eq!(taken, expect, "{filter:?} {level} {state}");
        };
        check(&filter(None, None), "unknown", "resolved", true);
        check(&filter(Some(Wanted::Unresolved), None), "broken", "resolved", false);
        check(&filter(Some(Wanted::Unresolved), None), "broken", "acknowledged", true);
        check(&filter(None, Some(Worst::Attention)), "unknown", "open", false);
        check(&filter(None, Some(Worst::Attention)), "broken", "open", true);
    }

    #[test]
    fn what_the_api_can_filter_it_is_asked_for() {
        let of = |state| Filter { state, shop: Some("a b".into()), last: 5, ..Filter::default() };
        assert_eq!(of(Some(Wanted::Open)).query(), "limit=5&shop=a%20b&state=open");
        assert_eq!(of(Some(Wanted::Unresolved)).query(), "limit=5&shop=a%20b");
    }
}
