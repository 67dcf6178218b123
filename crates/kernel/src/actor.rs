//! Who did something: a person, a program with a token, or Storewarden by itself.
//!
//! It carries an id or a name and nothing personal; who is behind an id, the people's records know.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Who wanted a deed, for runs and the ledger.
///
/// As text, in SQLite and in JSON alike: `person:anna`, `token:deploy`, `storewarden`,
/// `command-line`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Actor {
    /// Somebody who signed in, by the id of their record.
    Person(String),
    /// A program, by the name of the token it showed.
    Token(String),
    /// Nobody else: a schedule, a remedy, a resumption.
    Storewarden,
    /// Whoever may read the state directory of this machine.
    CommandLine,
}

/// A text that names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names nobody; expected `person:ID`, `token:NAME`, `storewarden` or `command-line`")]
pub struct ActorError(String);

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(id) => write!(f, "person:{id}"),
            Self::Token(name) => write!(f, "token:{name}"),
            Self::Storewarden => f.write_str("storewarden"),
            Self::CommandLine => f.write_str("command-line"),
        }
    }
}

impl FromStr for Actor {
    type Err = ActorError;

    fn from_str(text: &str) -> Result<Self, ActorError> {
        match text.split_once(':') {
            Some(("person", id)) if !id.is_empty() => Ok(Self::Person(id.to_owned())),
            Some(("token", name)) if !name.is_empty() => Ok(Self::Token(name.to_owned())),
            None if text == "storewarden" => Ok(Self::Storewarden),
            None if text == "command-line" => Ok(Self::CommandLine),
            _ => Err(ActorError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Actor {
    type Error = ActorError;

    fn try_from(text: String) -> Result<Self, ActorError> {
        text.parse()
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_and_its_text_are_the_same() {
        let check = |actor: Actor, text: &str| {
            assert_eq!(actor.to_string(), text);
            assert_eq!(text.parse(), Ok(actor));
        };
        check(Actor::Person("anna".into()), "person:anna");
        check(Actor::Token("a:b".into()), "token:a:b");
        check(Actor::Storewarden, "storewarden");
        check(Actor::CommandLine, "command-line");
    }

    #[test]
    fn a_text_that_names_nobody_is_refused() {
        for text in ["", "anna", "person:", "token:", "robot:x", "storewarden:"] {
            assert_eq!(text.parse::<Actor>(), Err(ActorError(text.to_owned())));
        }
    }
}
