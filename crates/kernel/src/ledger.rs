//! What the ledger is told: who did what, when, to which shop.
//!
//! An entry is what a caller knows. Its place in the chain and its hash are the store's, and so is
//! putting keyed ids where an entry names somebody (docs/formats/ledger.md).

use crate::{Actor, Params, ShopId, Value};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// One thing that was done, before it has its place in the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Unix milliseconds.
    pub at_ms: i64,
    pub actor: Actor,
    /// `None` when it concerns the machine or all shops.
    pub shop: Option<ShopId>,
    /// What was done, a verb phrase in `snake_case`: `run_started`, `person_invited`.
    pub kind: String,
    /// What it was done to, as `CLASS:ID`: `run:42`, `incident:7`. A human being only as
    /// [`Personal`].
    pub subject: Option<String>,
    /// Names and numbers, no sentences. A human being only as [`Personal`].
    pub params: Params,
}

/// A human being as the ledger may be told of one: a text that the store replaces by a keyed id,
/// which becomes unreadable when the being is forgotten.
///
/// As text `person:anna`, `customer:4711`, `order:10042`, `mail:anna@lamps.example`. Whatever stands in an entry
/// in this form is taken for one, wherever it came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Personal {
    /// Somebody who may sign in, by the id of their record.
    Person(String),
    /// Somebody who buys, by the shop's own id of them.
    Customer(String),
    /// What somebody bought, by what the shop calls the order.
    Order(String),
    /// An address to which mail goes.
    Mail(String),
}

/// A text that is about no human being.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `person:ID`, `customer:ID`, `order:NUMBER` or `mail:ADDRESS`")]
pub struct PersonalError;

impl Personal {
    /// What is known of them: the text without its class.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Person(id) | Self::Customer(id) | Self::Order(id) | Self::Mail(id) => id,
        }
    }

    /// `person`, `customer`, `order` or `mail`.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Customer(_) => "customer",
            Self::Order(_) => "order",
            Self::Mail(_) => "mail",
        }
    }
}

impl fmt::Display for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.class(), self.id())
    }
}

impl FromStr for Personal {
    type Err = PersonalError;

    fn from_str(text: &str) -> Result<Self, PersonalError> {
        match text.split_once(':') {
            Some((_, "")) => Err(PersonalError),
            Some(("person", id)) => Ok(Self::Person(id.to_owned())),
            Some(("customer", id)) => Ok(Self::Customer(id.to_owned())),
            Some(("order", number)) => Ok(Self::Order(number.to_owned())),
            Some(("mail", address)) => Ok(Self::Mail(address.to_owned())),
            _ => Err(PersonalError),
        }
    }
}

impl TryFrom<String> for Personal {
    type Error = PersonalError;

    fn try_from(text: String) -> Result<Self, PersonalError> {
        text.parse()
    }
}

impl From<Personal> for String {
    fn from(personal: Personal) -> Self {
        personal.to_string()
    }
}

/// For the parameters of an entry.
impl From<Personal> for Value {
    fn from(personal: Personal) -> Self {
        Self::Text(personal.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_human_being_and_its_text_are_the_same() {
        let check = |personal: Personal, text: &str| {
            assert_eq!(personal.to_string(), text);
            assert_eq!(text.parse(), Ok(personal));
        };
        check(Personal::Person("anna".into()), "person:anna");
        check(Personal::Customer("a:b".into()), "customer:a:b");
        check(Personal::Order("L-1".into()), "order:L-1");
        check(Personal::Mail("a@lamps.example".into()), "mail:a@lamps.example");
        let actor = Actor::Person("anna".into()).to_string();
        assert_eq!(actor.parse(), Ok(Personal::Person("anna".into())));
        for text in ["", "anna", "person:", "token:deploy", "storewarden"] {
            assert_eq!(text.parse::<Personal>(), Err(PersonalError), "{text}");
        }
    }
}
