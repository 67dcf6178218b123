//! What somebody asks a plan for, in words of the API, and what it takes to ask for it.

use crate::{ApiError, ApiState, Restore, RestoreDatabase, Wished, caller::Caller, names};
use ::watch::time_machine::OrderQuestion;
use kernel::{
    InstanceName, Permission, ShopId, WindowName,
    config::{Bundle, Secret},
    plan::{Reason, Way},
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use utoipa::ToSchema;

/// Where a window could be named: none.
const AT_ONCE: &str = "now";

/// A plan that is wished for. Which of the other fields are needed, the kind says.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WishBody {
    /// `restart_instance` (`shop`, `instance`, `forced`), `rolling_restart` (`shop`),
    /// `rolling_redeploy` (`shop`, `release`; without it a `rolling_restart`), `apply_configuration`
    /// (`text`; without it what stands in the file), `renew_certificate` (`shop`), `front` (`shop`),
    /// `back_up` (`shop`, `without_dump`), `verify_backup` (`shop`, `all`), `drill_backup` (`shop`, `snapshot`, `phrase`),
    /// `restore_backup` (`shop`, `snapshot`, `path`, `target`, `overwrite`, `from`), `restore_whole` (`shop`,
    /// `snapshot`, `target`, `name`, `from`), `restore_database` (`shop`, `snapshot`, `database`,
    /// `tables`, `name`, `in_place`, `exact`, `keep_newer_orders`, `newer_states`, `from`), `restore_order` (`shop`, `order`, or `table` and `key`,
    /// `as_of_ms`, `set_back`), `mend_database` (`shop`, `finding`), `remove_aside` (`shop`, `name`),
    /// `add_replica` (`shop`, `target`, `listen`), `remove_replica` (`shop`),
    /// `promote_replica` (`shop`, `primary_is_dead`) or `clean_up`.
    kind: String,
    #[serde(default)]
    shop: Option<String>,
    #[serde(default)]
    instance: Option<String>,
    /// Also when nobody else is there to serve meanwhile.
    #[serde(default)]
    forced: bool,
    /// What to deploy.
    #[serde(default)]
    release: Option<String>,
    /// The whole new configuration, as it is told: the file, and behind it what it includes.
    #[serde(default)]
    text: Option<String>,
    /// Files of the configuration that are to say something else.
    #[serde(default)]
    files: Vec<FileBody>,
    /// No dump of the database where the journal of its changes stands for it.
    #[serde(default)]
    without_dump: bool,
    /// Every byte of the backups, not a share of them.
    #[serde(default)]
    all: bool,
    /// The backup to restore from: its id, or how it begins; the newest unless told.
    #[serde(default)]
    snapshot: Option<String>,
    /// What of it, from the root; all of it unless told.
    #[serde(default)]
    path: Option<String>,
    /// The folder that it goes to, from the root; or a bucket of the shop's media, as `s3://NAME/PREFIX`.
    #[serde(default)]
    target: Option<String>,
    /// In a bucket: objects that are others by now are written over.
    #[serde(default)]
    overwrite: bool,
    /// The place of the repository that it is taken from; the first that has it unless told.
    #[serde(default)]
    from: Option<String>,
    /// Which database of the backup; the first in it unless told.
    #[serde(default)]
    database: Option<String>,
    /// Only the rows of these tables of it.
    #[serde(default)]
    tables: Vec<String>,
    /// What the restored database is called; by date unless told. Of what was put aside: its name.
    #[serde(default)]
    name: Option<String>,
    /// Whether it takes the place of the shop's own, which is kept under another name; with `tables`
    /// their rows are put back into the live ones.
    #[serde(default)]
    in_place: bool,
    /// With both of them: rows that the backup does not have are deleted.
    #[serde(default)]
    exact: bool,
    /// With a whole database in place: orders that are newer than the backup come along.
    #[serde(default)]
    keep_newer_orders: bool,
    /// With them: orders that both have become as the shop has them now.
    #[serde(default)]
    newer_states: bool,
    /// The order to bring back, by its number as people read it or its key.
    #[serde(default)]
    order: Option<String>,
    /// The table and the key of a row that is no order.
    #[serde(default)]
    table: Option<String>,
    #[serde(default)]
    key: Option<String>,
    /// As it was then, unix milliseconds: an order, unless told by the newest backup that has it; a whole
    /// database, by the journal of changes.
    #[serde(default)]
    as_of_ms: Option<i64>,
    /// With that, of a whole database: by the `journal`, or by the server's own `log`; by whichever goes there
    /// unless told.
    #[serde(default)]
    by: Option<String>,
    /// Also what was changed since, and not only what is gone.
    #[serde(default)]
    set_back: bool,
    /// What the database suffers from: the id of a finding.
    #[serde(default)]
    finding: Option<String>,
    /// Where a replica listens, an address and port; a free one of this machine's own unless told.
    #[serde(default)]
    listen: Option<String>,
    /// For `promote_replica`: the database does not answer and will not again.
    #[serde(default)]
    primary_is_dead: bool,
    /// The phrase of a recovery sheet, to open the backup by it alone. It is kept in memory until then, and
    /// told nowhere.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    phrase: Option<Phrase>,
    /// The window to wait for; `now`: none, whatever the configuration says. Without it, as its rules
    /// say.
    #[serde(default)]
    window: Option<String>,
}

/// Never shown.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
struct Phrase(String);

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

/// A file of the configuration.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileBody {
    /// As the configuration tells it; `null`: the file itself.
    #[serde(default)]
    path: Option<String>,
    text: String,
}

/// When a plan is to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum When {
    AsRulesSay,
    /// Who says so past a window or a freeze must say why.
    AtOnce,
    In(WindowName),
}

impl WishBody {
    pub(crate) fn when(&self) -> Result<When, ApiError> {
        match self.window.as_deref() {
            None => Ok(When::AsRulesSay),
            Some(AT_ONCE) => Ok(When::AtOnce),
            Some(name) => name
                .parse()
                .map(When::In)
                .map_err(|_| ApiError::NotFound { what: "window", name: name.to_owned() }),
        }
    }

    fn restore(&self, shop: ShopId) -> Result<Wished, ApiError> {
        let snapshot = self.snapshot.clone().unwrap_or_else(|| "latest".to_owned());
        if self.kind == "restore_database" {
            let wanted = RestoreDatabase {
                snapshot,
                as_of_ms: self.as_of_ms,
                by: self.by.as_deref().map(way).transpose()?,
                database: self.database.clone(),
                tables: self.tables.clone(),
                name: self.name.clone(),
                in_place: self.in_place,
                exact: self.exact,
                keep_newer_orders: self.keep_newer_orders,
                newer_states: self.newer_states,
                from: self.from.clone(),
            };
            return Ok(Wished::RestoreDatabase { shop, wanted });
        }
        let wanted = Restore {
            snapshot,
            path: self.path.clone().unwrap_or_else(|| "/".to_owned()),
            target: self.target.clone().ok_or_else(|| missing("target"))?,
            overwrite: self.overwrite,
            from: self.from.clone(),
            whole: self.kind == "restore_whole",
            name: self.name.clone(),
        };
        Ok(Wished::RestoreBackup { shop, wanted })
    }

    pub(crate) fn understand(self) -> Result<Wished, ApiError> {
        let shop = || -> Result<ShopId, ApiError> {
            let text = self.shop.clone().ok_or_else(|| missing("shop"))?;
            text.parse().map_err(|_| ApiError::NotFound { what: "shop", name: text })
        };
        match self.kind.as_str() {
            "restart_instance" => {
                let text = self.instance.clone().ok_or_else(|| missing("instance"))?;
                let instance: InstanceName = text
                    .parse()
                    .map_err(|_| ApiError::NotFound { what: "instance", name: text.clone() })?;
                Ok(Wished::RestartInstance { shop: shop()?, instance, forced: self.forced })
            }
            "rolling_restart" => Ok(Wished::RollingRestart { shop: shop()? }),
            "rolling_redeploy" => Ok(match self.release.clone() {
                Some(release) => Wished::RollingRedeploy { shop: shop()?, release },
                None => Wished::RollingRestart { shop: shop()? },
            }),
            "apply_configuration" => Ok(self.configuration()),
            "renew_certificate" => Ok(Wished::RenewCertificate { shop: shop()? }),
            "front" => Ok(Wished::Front { shop: shop()? }),
            "back_up" => Ok(Wished::BackUp { shop: shop()?, dump: !self.without_dump }),
            "verify_backup" => Ok(Wished::VerifyBackup { shop: shop()?, all: self.all }),
            "drill_backup" => {
                let snapshot = self.snapshot.clone().unwrap_or_else(|| "latest".to_owned());
                let sheet = self.phrase.clone().map(|Phrase(phrase)| Secret::new(phrase));
                Ok(Wished::DrillBackup { shop: shop()?, snapshot, sheet })
            }
            "restore_backup" | "restore_whole" | "restore_database" => self.restore(shop()?),
            "restore_order" => {
                let question = OrderQuestion {
                    order: self.order.clone(),
                    email: None,
                    table: self.table.clone(),
                    key: self.key.clone(),
                    as_of_ms: self.as_of_ms,
                };
                Ok(Wished::RestoreOrder { shop: shop()?, question, set_back: self.set_back })
            }
            "mend_database" => {
                let finding = self.finding.clone().ok_or_else(|| missing("finding"))?;
                Ok(Wished::MendDatabase { shop: shop()?, finding })
            }
            "remove_aside" => {
                let name = self.name.clone().ok_or_else(|| missing("name"))?;
                Ok(Wished::RemoveAside { shop: shop()?, name })
            }
            "add_replica" => {
                let folder = self.target.clone().ok_or_else(|| missing("target"))?.into();
                let listen = self.listen.as_deref().map(address).transpose()?;
                Ok(Wished::AddReplica { shop: shop()?, folder, listen })
            }
            "remove_replica" => Ok(Wished::RemoveReplica { shop: shop()? }),
            "promote_replica" => {
                Ok(Wished::PromoteReplica { shop: shop()?, is_dead: self.primary_is_dead })
            }
            "clean_up" => Ok(Wished::CleanUp),
            _ => Err(ApiError::NotFound { what: "kind of plan", name: self.kind }),
        }
    }
}

fn way(text: &str) -> Result<Way, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound { what: "way", name: text.to_owned() })
}

fn address(text: &str) -> Result<SocketAddr, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound { what: "address", name: text.to_owned() })
}

fn missing(field: &'static str) -> ApiError {
    ApiError::NoPlan {
        message: format!("`{field}` is missing"),
        details: Vec::new(),
        reason: Some(Reason::new("field_missing", [("field", field.into())])),
    }
}

/// Whether there is what somebody asks something for.
///
/// # Errors
/// [`ApiError::NotFound`] and [`ApiError::Unknown`].
pub(crate) fn names_what_is_there(
    wish: &Wished,
    state: &ApiState,
    caller: &Caller,
) -> Result<(), ApiError> {
    match wish {
        Wished::RestartInstance { shop, instance, .. } => {
            names::shop(state, caller, shop)?;
            names::instance(state, shop, instance)
        }
        Wished::RollingRestart { shop }
        | Wished::RollingRedeploy { shop, .. }
        | Wished::Front { shop }
        | Wished::BackUp { shop, .. }
        | Wished::VerifyBackup { shop, .. }
        | Wished::DrillBackup { shop, .. }
        | Wished::RestoreBackup { shop, .. }
        | Wished::RestoreDatabase { shop, .. }
        | Wished::RestoreOrder { shop, .. }
        | Wished::MendDatabase { shop, .. }
        | Wished::RemoveAside { shop, .. }
        | Wished::AddReplica { shop, .. }
        | Wished::RemoveReplica { shop }
        | Wished::PromoteReplica { shop, .. }
        | Wished::RenewCertificate { shop } => names::shop(state, caller, shop),
        Wished::ApplyConfiguration { .. } | Wished::TakeOverFile | Wished::CleanUp => Ok(()),
    }
}

impl WishBody {
    /// All of it, some files of it, or what stands on disk.
    fn configuration(self) -> Wished {
        let bundle = self.text.as_deref().map(Bundle::split).unwrap_or_default();
        let whole = bundle.files().filter(|_| self.text.is_some());
        let whole = whole.map(|(path, text)| (path.map(Path::to_owned), text.to_owned()));
        let files = self.files.into_iter().map(|file| (file.path.map(PathBuf::from), file.text));
        let texts: Vec<(Option<PathBuf>, String)> = whole.chain(files).collect();
        match texts.is_empty() {
            true => Wished::TakeOverFile,
            false => Wished::ApplyConfiguration { texts },
        }
    }
}

/// Whether somebody may ask for this: a preview already tells what is there.
///
/// # Errors
/// [`ApiError::Forbidden`], or [`ApiError::NotFound`] for a shop that the caller may not see.
pub(crate) fn allowed(wish: &Wished, caller: &Caller) -> Result<(), ApiError> {
    match wish {
        Wished::RestartInstance { shop, .. }
        | Wished::RollingRestart { shop }
        | Wished::RollingRedeploy { shop, .. }
        | Wished::RenewCertificate { shop } => caller.may(Permission::Operate, shop),
        // A replica goes wherever somebody says, and stands in the configuration.
        Wished::ApplyConfiguration { .. }
        | Wished::TakeOverFile
        | Wished::Front { .. }
        | Wished::AddReplica { .. }
        | Wished::RemoveReplica { .. }
        | Wished::PromoteReplica { .. } => {
            caller.may_everywhere(Permission::ChangeConfiguration)
        }
        Wished::BackUp { shop, .. }
        | Wished::VerifyBackup { shop, .. }
        | Wished::DrillBackup { shop, .. }
        | Wished::MendDatabase { shop, .. }
        | Wished::RemoveAside { shop, .. }
        // Its preview tells of what somebody bought.
        | Wished::RestoreOrder { shop, .. } => caller.may(Permission::Approve, shop),
        // It writes wherever somebody says, as whom we run as.
        Wished::RestoreBackup { shop, .. } | Wished::RestoreDatabase { shop, .. } => {
            caller.may(Permission::See, shop)?;
            caller.may_everywhere(Permission::Approve)
        }
        Wished::CleanUp => caller.may_everywhere(Permission::Operate),
    }
}
