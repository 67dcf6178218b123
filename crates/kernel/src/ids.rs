//! Names that people give to things: validated once, trusted afterwards.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("is empty")]
    Empty,
    #[error("is longer than {MAX_LEN} characters")]
    TooLong,
    #[error("has `{0}`, but only lower-case letters, digits, `-` and `_` are allowed")]
    Character(char),
    #[error("begins with `{0}`, but must begin with a letter or a digit")]
    Start(char),
}

const MAX_LEN: usize = 63;

fn validate(text: &str) -> Result<(), IdError> {
    let first = text.chars().next().ok_or(IdError::Empty)?;
    if text.len() > MAX_LEN {
        return Err(IdError::TooLong);
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if let Some(bad) = text.chars().find(|c| !allowed(*c)) {
        return Err(IdError::Character(bad));
    }
    if !first.is_ascii_alphanumeric() {
        return Err(IdError::Start(first));
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// One to 63 of `a-z`, `0-9`, `-`, `_`; begins with a letter or digit. Cheap to clone.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                validate(text)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }
    };
}

name_type!(
    /// A shop: what an owner sells through, whatever runs it. The key of `[shop.ID]`.
    ShopId
);
name_type!(
    /// One running copy of a shop's application, unique within its shop.
    InstanceName
);
name_type!(
    /// A window in which changes may be made. The `name` of a `[[plan.window]]`.
    WindowName
);
name_type!(
    /// Somebody who may sign in, by the name under which they do.
    PersonId
);
name_type!(
    /// What a token of a program is called.
    TokenName
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_with_the_reason() {
        let check = |text: &str, expect: Result<(), IdError>| {
            assert_eq!(text.parse::<ShopId>().map(|_| ()), expect, "{text:?}");
        };
        check("lampenladen", Ok(()));
        check("shop-1_b", Ok(()));
        check("", Err(IdError::Empty));
        check("Shop", Err(IdError::Character('S')));
        check("a.b", Err(IdError::Character('.')));
        check("-a", Err(IdError::Start('-')));
        check(&"a".repeat(64), Err(IdError::TooLong));
    }
}
