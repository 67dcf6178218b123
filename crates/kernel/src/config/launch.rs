//! How instances are started, stopped and given new releases, where that is left to us.

use std::{fmt, path::PathBuf, str::FromStr};

/// What starts and stops an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Launch {
    /// A service of systemd, which also brings it back when it ends.
    Unit(UnitName),
    /// A process of our own, which we bring back when it ends.
    Command(CommandSettings),
}

/// A program that we start ourselves. No shell reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSettings {
    /// The program, by its whole path or by a name that the `PATH` finds, and its arguments. Never
    /// empty.
    pub command: Vec<String>,
    /// Where it is started; `None`: in `/`.
    pub directory: Option<PathBuf>,
    /// Whom it runs as; `None`: as we do.
    pub user: Option<String>,
    /// Lines of `NAME=value`, read at each start.
    pub environment_file: Option<PathBuf>,
    /// How long it may take to end after SIGTERM, before it is killed.
    pub stop_grace_ms: u64,
}

/// Where a shop's releases lie, each in a folder of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploySettings {
    pub releases: PathBuf,
    /// A symbolic link to the release that runs. Not within `releases`.
    pub current: PathBuf,
}

/// The name of a service of systemd with its suffix, such as `shop@3001.service`.
///
/// Up to 255 of ASCII letters, digits and `:-_.\@` (systemd.unit(5)); begins with none of `-.@`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitName(String);

/// Why a text names no service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitNameError {
    #[error("is empty")]
    Empty,
    #[error("is longer than {MOST} characters")]
    TooLong,
    #[error("has `{0}`, which no unit's name may have")]
    Character(char),
    #[error("begins with `{0}`")]
    Start(char),
    /// A timer, a socket, a target: nothing that runs by itself.
    #[error("is a {0}, but a service is wanted")]
    Kind(&'static str),
}

/// systemd's `UNIT_NAME_MAX`, less its final zero.
const MOST: usize = 255;
const SERVICE: &str = ".service";
/// The other kinds of units (systemd.unit(5)).
const OTHER_KINDS: [&str; 10] =
    ["socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];

impl UnitName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UnitName {
    type Err = UnitNameError;

    /// Without a suffix it is a service's, as for systemctl.
    fn from_str(text: &str) -> Result<Self, UnitNameError> {
        let first = text.chars().next().ok_or(UnitNameError::Empty)?;
        if matches!(first, '-' | '.' | '@') {
            return Err(UnitNameError::Start(first));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
        if let Some(bad) = text.chars().find(|c| !allowed(*c)) {
            return Err(UnitNameError::Character(bad));
        }
        let suffix = text.rsplit_once('.').map(|(_, suffix)| suffix);
        if let Some(kind) = OTHER_KINDS.into_iter().find(|kind| suffix == Some(kind)) {
            return Err(UnitNameError::Kind(kind));
        }
        let bare = text.strip_suffix(SERVICE).unwrap_or(text);
        let name = format!("{bare}{SERVICE}");
        if name.len() > MOST {
            return Err(UnitNameError::TooLong);
        }
        Ok(Self(name))
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_services_by_their_whole_name() {
        let check = |text: &str, expect: Result<&str, UnitNameError>| {
            let name = text.parse::<UnitName>().map(|name| name.to_string());
            assert_eq!(name, expect.map(str::to_owned), "{text:?}");
        };
        check("shop@3001.service", Ok("shop@3001.service"));
        check("shop@3001", Ok("shop@3001.service"));
        check("php8.2-fpm", Ok("php8.2-fpm.service"));
        check("a\\x2db", Ok("a\\x2db.service"));
        check("", Err(UnitNameError::Empty));
        check("--now", Err(UnitNameError::Start('-')));
        check("shop; rm", Err(UnitNameError::Character(';')));
        check("shop/a", Err(UnitNameError::Character('/')));
        check("shop*", Err(UnitNameError::Character('*')));
        check("shop.timer", Err(UnitNameError::Kind("timer")));
        check(&"a".repeat(250), Err(UnitNameError::TooLong));
    }
}
