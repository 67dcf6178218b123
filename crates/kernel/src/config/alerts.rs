//! What a person asked for about trouble: when a finding becomes an incident, who is told how, and
//! what may be done about it without asking.

use crate::{Level, ShopId};
use std::fmt;

/// All of it. Without a word of the person, rules have their defaults and nobody is told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlertSettings {
    /// What differs from the rules' defaults.
    pub rules: Vec<RuleSettings>,
    pub smtp: Option<SmtpSettings>,
    /// Names are unique.
    pub routes: Vec<NotifySettings>,
    pub remedies: Vec<RemedySettings>,
}

/// `[[rule]]`: how one code of findings becomes an alert. `None`: as by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSettings {
    /// The finding's code.
    pub on: String,
    /// False: this finding never opens an incident.
    pub enabled: bool,
    /// How long it must hold before it fires.
    pub for_ms: Option<u64>,
    /// How long it must be gone before it counts as over.
    pub keep_ms: Option<u64>,
}

/// `[smtp]`: the mail server that takes our mails.
#[derive(Debug, Clone, PartialEq)]
pub struct SmtpSettings {
    /// A name or an address.
    pub host: String,
    pub port: u16,
    pub security: SmtpSecurity,
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub from: String,
    /// A root certificate (PEM) to trust besides the system's.
    pub root: Option<std::path::PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// Encrypted from the first byte (RFC 8314).
    Tls,
    /// Plain, then encrypted, or not at all (RFC 3207).
    StartTls,
    /// In plain: for a server on this machine.
    None,
}

/// `[[notify]]`: somebody to tell, by one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct NotifySettings {
    pub name: String,
    pub channel: ChannelSettings,
    pub language: Language,
    /// Incidents below this are not told.
    pub level: Level,
    /// Empty: every shop, and the machine.
    pub shops: Vec<ShopId>,
    /// Told only when nobody has acknowledged the incident by then.
    pub after_ms: u64,
    /// Told again after this, until somebody acknowledges; `None`: once.
    pub repeat_ms: Option<u64>,
    /// Whether the end is told too.
    pub resolved: bool,
    /// Told of nothing in these windows; what still stands is told when they end.
    pub mute: Vec<MuteWindow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelSettings {
    /// Addresses; at least one.
    Email(Vec<String>),
    Webhook {
        url: Secret,
        token: Option<Secret>,
    },
    Slack {
        url: Secret,
    },
    Ntfy {
        url: Secret,
        token: Option<Secret>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    English,
    German,
}

/// Hours of days of the week that come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MuteWindow {
    /// Monday first; the days on which it begins.
    pub days: [bool; 7],
    /// Minutes since midnight, 0 to 1439.
    pub from_minute: u16,
    /// 1 to 1440; not after `from_minute`: on the next day.
    pub until_minute: u16,
    /// An IANA name, not checked here.
    pub time_zone: String,
}

/// `[[remedy]]`: what is approved beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemedySettings {
    /// The finding's code.
    pub on: String,
    pub action: String,
    /// So many times for one shop …
    pub at_most: u32,
    /// … within this.
    pub within_ms: u64,
    /// How long after its end the finding may take to go away.
    pub verify_ms: u64,
    /// Empty: every shop.
    pub shops: Vec<ShopId>,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for whoever must send it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}
