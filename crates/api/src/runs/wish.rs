//! What somebody asks a plan for, in words of the API, and what it takes to ask for it.

use crate::{ApiError, Wished, caller::Caller};
use kernel::{InstanceName, Permission, ShopId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A plan that is wished for. Which of the other fields are needed, the kind says.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WishBody {
    /// `restart_instance` (`shop`, `instance`, `forced`), `rolling_redeploy` (`shop`, `release`),
    /// `apply_configuration` (`text`; without it what stands in the file) or `clean_up`.
    kind: String,
    #[serde(default)]
    shop: Option<String>,
    #[serde(default)]
    instance: Option<String>,
    /// Also when nobody else is there to serve meanwhile.
    #[serde(default)]
    forced: bool,
    /// What to deploy; without it the one that runs.
    #[serde(default)]
    release: Option<String>,
    /// The whole new configuration file.
    #[serde(default)]
    text: Option<String>,
}

impl WishBody {
    pub(crate) fn understand(self) -> Result<Wished, ApiError> {
        let missing = |field: &str| ApiError::NoPlan {
            message: format!("`{field}` is missing"),
            details: Vec::new(),
        };
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
            "rolling_redeploy" => {
                Ok(Wished::RollingRedeploy { shop: shop()?, release: self.release })
            }
            "apply_configuration" => Ok(match self.text {
                Some(text) => Wished::ApplyConfiguration { text },
                None => Wished::TakeOverFile,
            }),
            "clean_up" => Ok(Wished::CleanUp),
            _ => Err(ApiError::NotFound { what: "kind of plan", name: self.kind }),
        }
    }
}

/// Whether somebody may ask for this: a preview already tells what is there.
///
/// # Errors
/// [`ApiError::Forbidden`], or [`ApiError::NotFound`] for a shop that the caller may not see.
pub(crate) fn allowed(wish: &Wished, caller: &Caller) -> Result<(), ApiError> {
    match wish {
        Wished::RestartInstance { shop, .. } | Wished::RollingRedeploy { shop, .. } => {
            caller.may(Permission::Operate, shop)
        }
        Wished::ApplyConfiguration { .. } | Wished::TakeOverFile => {
            caller.may_everywhere(Permission::ChangeConfiguration)
        }
        Wished::CleanUp => caller.may_everywhere(Permission::Operate),
    }
}
