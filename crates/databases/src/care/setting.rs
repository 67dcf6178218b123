//! One setting of a server, changed and changed back, and whether the server goes by it.
//!
//! A server takes a new value a moment after it was told, or at its next start; and some forget it
//! then. Which of that it is, is part of the setting.

use super::{deed, mysql, postgres, sqlite};
use crate::DatabaseError;
use kernel::config::{DatabaseKind, DatabaseUrl};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::Instant;

/// By then a server goes by what it was told.
const SOON: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(100);

/// A setting with the statements that change it and change it back. Only [`super::examine`] makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    pub name: String,
    /// As the server writes it: `128MB` in PostgreSQL, bytes in MariaDB and MySQL.
    pub from: String,
    pub to: String,
    pub set: String,
    pub back: String,
    /// It holds from the server's next start on, not before.
    pub restart: bool,
    /// It holds after the server's next start as well.
    pub lasts: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingState {
    /// The server goes by what it is to be.
    Held,
    /// It is written down, and the server goes by it from its next start on.
    Waiting,
    /// The server goes by something else.
    Other,
}

/// How it stands with a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingSeen {
    pub state: SettingState,
    /// What the server goes by, as it writes it.
    pub value: String,
    /// By whom it would be changed.
    pub account: String,
    /// Whether that account may; `None`: the server does not say.
    pub may: Option<bool>,
}

impl SettingSeen {
    /// Whether nothing more is to be done for `setting` but, at most, a restart.
    #[must_use]
    pub fn is_done(&self, setting: &Setting) -> bool {
        match self.state {
            SettingState::Held => true,
            SettingState::Waiting => setting.restart,
            SettingState::Other => false,
        }
    }
}

/// How it stands with a setting now.
///
/// # Errors
/// When the database cannot be asked, or knows no such setting.
pub async fn setting_seen(
    url: &DatabaseUrl,
    setting: &Setting,
) -> Result<SettingSeen, DatabaseError> {
    match url.kind {
        DatabaseKind::Postgres => postgres::setting_seen(url, setting).await,
        DatabaseKind::MySql => mysql::setting_seen(url, setting).await,
        DatabaseKind::Sqlite => {
            let setting = setting.clone();
            sqlite::aside(url, move |url| sqlite::setting_seen(url, &setting)).await
        }
    }
}

/// Has the server go by the setting, and waits until it does or will after a restart.
///
/// # Errors
/// [`DatabaseError::Change`] when the server refuses, or still goes by something else after ten seconds.
pub async fn change_setting(url: &DatabaseUrl, setting: &Setting) -> Result<(), DatabaseError> {
    let what = format!("setting `{}`", setting.name);
    deed::run(url, &what, &setting.set).await?;
    if url.kind == DatabaseKind::Postgres {
        deed::run(url, &what, "SELECT pg_reload_conf()").await?;
    }
    let until = Instant::now() + SOON;
    loop {
        let seen = setting_seen(url, setting).await?;
        if seen.is_done(setting) {
            return Ok(());
        }
        if Instant::now() >= until {
            let why = format!("the server still goes by {}", seen.value);
            return Err(DatabaseError::Change { what, why });
        }
        tokio::time::sleep(AGAIN).await;
    }
}
