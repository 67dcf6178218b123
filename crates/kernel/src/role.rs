//! Who may do what: roles of people, scopes of tokens, and the one question both answer.
//!
//! **Default deny**: what is not written in [`Role::permissions`] or in a token's scope is not
//! allowed. Knows no session, no request and no record; who somebody is, others find out.

use crate::ShopId;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// What a person is to a shop, or to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers for everything, people included.
    Owner,
    /// Keeps the shops running, and decides on changes to them.
    Operator,
    /// Works on the shop's software: restarts and deploys, and lets others decide.
    Developer,
    /// Whose shop it is, looked after by others: sees how it does.
    Client,
    /// Reads everything that was done and by whom, and touches nothing.
    Auditor,
}

/// One kind of thing that can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// See how a shop is, and what happened to it.
    See,
    /// Drain, restart, deploy: ask for what a plan does.
    Operate,
    /// Let a plan that waits for a decision go, or stop it.
    Approve,
    /// Have the configuration taken over.
    ChangeConfiguration,
    /// Take an incident on, note what is known of it, close it.
    Acknowledge,
    /// Read the ledger.
    ReadLedger,
    /// See who may do what.
    SeePeople,
    /// Invite people, change what they may, make tokens.
    ManagePeople,
    /// Hear how this Storewarden is, as another one does that watches it.
    Peer,
    /// Send what was measured elsewhere, by remote write.
    SendMetrics,
}

/// A role, at one shop or at all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    pub role: Role,
    /// `None` is every shop, those to come included, and the machine itself.
    pub shop: Option<ShopId>,
}

/// What a token is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    pub permissions: BTreeSet<Permission>,
    /// `None` is every shop and the machine itself; no shop at all is of no use.
    pub shops: Option<BTreeSet<ShopId>>,
}

/// All that somebody may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// Whoever may read the state directory: they could change every record by hand.
    Everything,
    /// A person's. Without a grant: nothing.
    Granted(Vec<Grant>),
    /// A token's.
    Scoped(Scope),
}

/// What a permission is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// What concerns all shops at once.
    Machine,
    Shop(&'a ShopId),
    /// Any one shop will do: a list that shows each reader their part.
    Somewhere,
}

/// A text that is no role, or no permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}; expected one of {known}")]
pub struct RoleError {
    text: String,
    what: &'static str,
    known: String,
}

impl Role {
    pub const ALL: [Self; 5] =
        [Self::Owner, Self::Operator, Self::Developer, Self::Client, Self::Auditor];

    /// Everything this role allows, in the order of [`Permission::ALL`].
    #[must_use]
    pub const fn permissions(self) -> &'static [Permission] {
        use Permission::{Acknowledge, Approve, ChangeConfiguration, Operate};
        use Permission::{ReadLedger, See, SeePeople};
        match self {
            Self::Owner => &Permission::ALL,
            Self::Operator => {
                &[See, Operate, Approve, ChangeConfiguration, Acknowledge, ReadLedger, SeePeople]
            }
            Self::Developer => &[See, Operate, Acknowledge],
            Self::Client => &[See],
            Self::Auditor => &[See, ReadLedger, SeePeople],
        }
    }

    #[must_use]
    pub fn may(self, permission: Permission) -> bool {
        self.permissions().contains(&permission)
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Operator => "operator",
            Self::Developer => "developer",
            Self::Client => "client",
            Self::Auditor => "auditor",
        }
    }
}

impl Permission {
    pub const ALL: [Self; 10] = [
        Self::See,
        Self::Operate,
        Self::Approve,
        Self::ChangeConfiguration,
        Self::Acknowledge,
        Self::ReadLedger,
        Self::SeePeople,
        Self::ManagePeople,
        Self::Peer,
        Self::SendMetrics,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::See => "see",
            Self::Operate => "operate",
            Self::Approve => "approve",
            Self::ChangeConfiguration => "change_configuration",
            Self::Acknowledge => "acknowledge",
            Self::ReadLedger => "read_ledger",
            Self::SeePeople => "see_people",
            Self::ManagePeople => "manage_people",
            Self::Peer => "peer",
            Self::SendMetrics => "send_metrics",
        }
    }

    /// Whether a token may have it. One that manages people could make itself another token, and so
    /// outlive its own end.
    #[must_use]
    pub const fn is_for_tokens(self) -> bool {
        !matches!(self, Self::ManagePeople)
    }
}

impl Rights {
    /// Whether this is allowed there.
    #[must_use]
    pub fn may(&self, permission: Permission, place: Place<'_>) -> bool {
        match self {
            Self::Everything => true,
            Self::Granted(grants) => {
                grants.iter().any(|grant| grant.role.may(permission) && grant.reaches(place))
            }
            Self::Scoped(scope) => {
                scope.permissions.contains(&permission)
                    && permission.is_for_tokens()
                    && scope.reaches(place)
            }
        }
    }

    /// Everything that is allowed there, in the order of [`Permission::ALL`].
    #[must_use]
    pub fn at(&self, place: Place<'_>) -> Vec<Permission> {
        Permission::ALL.into_iter().filter(|permission| self.may(*permission, place)).collect()
    }
}

impl Grant {
    fn reaches(&self, place: Place<'_>) -> bool {
        match (place, &self.shop) {
            (_, None) | (Place::Somewhere, _) => true,
            (Place::Machine, Some(_)) => false,
            (Place::Shop(asked), Some(own)) => asked == own,
        }
    }
}

impl Scope {
    fn reaches(&self, place: Place<'_>) -> bool {
        match (place, &self.shops) {
            (_, None) => true,
            (Place::Machine, Some(_)) => false,
            (Place::Somewhere, Some(shops)) => !shops.is_empty(),
            (Place::Shop(asked), Some(shops)) => shops.contains(asked),
        }
    }
}

/// `operator`, or `operator@lamps` for one shop alone.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shop {
            Some(shop) => write!(f, "{}@{shop}", self.role),
            None => self.role.fmt(f),
        }
    }
}

macro_rules! text_of {
    ($type:ident, $what:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = RoleError;

            fn from_str(text: &str) -> Result<Self, RoleError> {
                let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
                found.ok_or_else(|| RoleError {
                    text: text.to_owned(),
                    what: $what,
                    known: Self::ALL.map(Self::as_str).join(", "),
                })
            }
        }
    };
}

text_of!(Role, "role");
text_of!(Permission, "permission");

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    /// The whole table; a change to it is seen in review.
    const TABLE: &str = "
                     owner     operator  developer client    auditor
see                  yes       yes       yes       yes       yes
operate              yes       yes       yes       -         -
approve              yes       yes       -         -         -
change_configuration yes       yes       -         -         -
acknowledge          yes       yes       yes       -         -
read_ledger          yes       yes       -         -         yes
see_people           yes       yes       -         -         yes
manage_people        yes       -         -         -         -
peer                 yes       -         -         -         -
send_metrics         yes       -         -         -         -
";

    fn shop(id: &str) -> ShopId {
        id.parse().unwrap()
    }

    #[test]
    fn every_role_may_what_the_table_says() {
        let mut table = format!("\n{:<20}", "");
        for role in Role::ALL {
            write!(table, " {role:<9}").unwrap();
        }
        for permission in Permission::ALL {
            table = format!("{}\n{permission:<20}", table.trim_end());
            for role in Role::ALL {
                write!(table, " {:<9}", if role.may(permission) { "yes" } else { "-" }).unwrap();
            }
        }
        assert_eq!(format!("{}\n", table.trim_end()), TABLE);
    }

    #[test]
    fn a_grant_holds_where_it_was_given_and_nowhere_else() {
        let (lamps, socks) = (shop("lamps"), shop("socks"));
        let here = Grant { role: Role::Operator, shop: Some(lamps.clone()) };
        let everywhere = Grant { role: Role::Auditor, shop: None };
        let check = |grants: &[&Grant], permission, expect: [bool; 4]| {
            let rights = Rights::Granted(grants.iter().map(|grant| (*grant).clone()).collect());
            let places =
                [Place::Shop(&lamps), Place::Shop(&socks), Place::Somewhere, Place::Machine];
            assert_eq!(places.map(|place| rights.may(permission, place)), expect, "{rights:?}");
        };
        check(&[], Permission::See, [false; 4]);
        check(&[&here], Permission::See, [true, false, true, false]);
        check(&[&here], Permission::Operate, [true, false, true, false]);
        check(&[&here], Permission::ManagePeople, [false; 4]);
        check(&[&everywhere], Permission::ReadLedger, [true; 4]);
        check(&[&everywhere], Permission::Operate, [false; 4]);
        check(&[&here, &everywhere], Permission::Operate, [true, false, true, false]);
        check(&[&here, &everywhere], Permission::ReadLedger, [true; 4]);
    }

    #[test]
    fn a_token_may_what_its_scope_says_and_never_make_another() {
        let lamps = shop("lamps");
        let check = |permissions: &[Permission], shops: Option<&[&ShopId]>, expect: &str| {
            let shops = shops.map(|shops| shops.iter().map(|shop| (*shop).clone()).collect());
            let permissions = permissions.iter().copied().collect();
            let rights = Rights::Scoped(Scope { permissions, shops });
            let said = |place| rights.at(place).iter().map(|p| p.as_str()).collect::<Vec<_>>();
            let said = [Place::Shop(&lamps), Place::Machine, Place::Somewhere].map(said);
            assert_eq!(said.map(|part| part.join(" ")).join(" | "), expect);
        };
        use Permission::{ManagePeople, Operate, See};
        check(&[See, Operate], None, "see operate | see operate | see operate");
        check(&[See], Some(&[&lamps]), "see |  | see");
        check(&[See], Some(&[&shop("socks")]), " |  | see");
        check(&[See], Some(&[]), " |  | ");
        check(&[ManagePeople], None, " |  | ");
    }

    #[test]
    fn a_role_and_its_text_are_the_same() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        for permission in Permission::ALL {
            assert_eq!(permission.to_string().parse(), Ok(permission));
        }
        let error = "king".parse::<Role>().unwrap_err().to_string();
        let expected =
            "`king` is no role; expected one of owner, operator, developer, client, auditor";
        assert_eq!(error, expected);
        let grant = Grant { role: Role::Client, shop: Some(shop("lamps")) };
        assert_eq!(grant.to_string(), "client@lamps");
    }
}
