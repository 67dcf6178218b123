//! What people do with an incident.

use super::{Incidents, Moment, Outcome};
use kernel::{Acknowledgement, Actor, IncidentState, LedgerEntry, Params, TimelineKind, Value};

/// A deed of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// They know; nobody else need be told until then, or until it is resolved.
    Acknowledge {
        until_ms: Option<i64>,
    },
    /// Somebody looks after it; `None`: nobody in particular.
    Own {
        owner: Option<String>,
    },
    Note {
        text: String,
    },
    Resolve {
        text: String,
    },
    Reopen,
}

/// Why a deed was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("there is no such incident")]
    Missing,
    #[error("the incident is resolved")]
    Resolved,
    #[error("the incident is not resolved")]
    NotResolved,
    #[error("the time until which it is acknowledged is over")]
    Past,
}

impl Incidents {
    /// Does what a person asks for.
    ///
    /// # Errors
    /// When it makes no sense for this incident now; nothing changed then.
    pub fn act(
        &mut self,
        id: i64,
        action: Action,
        actor: &Actor,
        at: Moment,
    ) -> Result<Outcome, Refused> {
        let case = self.cases.get_mut(&id).ok_or(Refused::Missing)?;
        let mut params = Params::new();
        let (kind, ledger) = match action {
            Action::Acknowledge { until_ms } => {
                if !case.is_open() {
                    return Err(Refused::Resolved);
                }
                if until_ms.is_some_and(|until_ms| until_ms <= at.wall_ms) {
                    return Err(Refused::Past);
                }
                params.extend(until_ms.map(|until_ms| ("until_ms".to_owned(), until_ms.into())));
                let by = actor.clone();
                case.incident.acknowledged =
                    Some(Acknowledgement { by, at_ms: at.wall_ms, until_ms });
                case.incident.state = IncidentState::Acknowledged;
                (TimelineKind::Acknowledged, "incident_acknowledged")
            }
            Action::Own { owner } => {
                // A name is a human being's: the ledger hears that there is one.
                let entry = if owner.is_some() { "incident_owned" } else { "incident_left" };
                let name = owner.clone().unwrap_or_default();
                params.insert("owner".to_owned(), name.into());
                case.incident.owner = owner;
                (TimelineKind::Owned, entry)
            }
            Action::Note { text } => {
                params.insert("text".to_owned(), text.into());
                (TimelineKind::Note, "incident_noted")
            }
            Action::Resolve { text } => {
                if !case.is_open() {
                    return Err(Refused::Resolved);
                }
                case.resolve(at);
                case.incident.resolution = Some(text.clone());
                self.dismissed.extend(case.held().map(|(shop, finding)| (shop, finding.id)));
                params.insert("text".to_owned(), text.into());
                (TimelineKind::Resolved, "incident_resolved")
            }
            Action::Reopen => {
                if case.is_open() {
                    return Err(Refused::NotResolved);
                }
                case.reopen(at);
                for (shop, finding) in case.held() {
                    self.dismissed.remove(&(shop, finding.id));
                }
                (TimelineKind::Reopened, "incident_reopened")
            }
        };
        let mut outcome = Outcome::default();
        let shop = case.incident.shop.clone();
        // What people write may be about people, and what is in the ledger stays.
        let until = |(name, _): &(&String, &Value)| *name == "until_ms";
        let said = params.iter().filter(until);
        outcome.ledger.push(LedgerEntry {
            at_ms: at.wall_ms,
            actor: actor.clone(),
            shop,
            kind: ledger.to_owned(),
            subject: Some(format!("incident:{id}")),
            params: said.map(|(name, value)| (name.clone(), value.clone())).collect(),
        });
        outcome.note(id, actor.clone(), kind, params, at);
        Ok(outcome)
    }
}
