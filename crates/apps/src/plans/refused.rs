//! Why no plan was made.

use kernel::{InstanceName, Params, ShopId};

/// A plan that is not made, and why: a code with parameters, as for findings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("there is no shop `{shop}`")]
    NoShop { shop: ShopId },
    #[error("shop `{shop}` has no instance `{instance}`")]
    NoInstance { shop: ShopId, instance: InstanceName },
    #[error("nothing of ours starts `{instance}`: it has neither `unit` nor `command`")]
    NoLaunch { shop: ShopId, instance: InstanceName },
    /// Can be forced.
    #[error("`{instance}` is the last instance that is well: {}", held_text(*held, *for_ms))]
    LastOne {
        shop: ShopId,
        instance: InstanceName,
        /// About how many requests would come meanwhile; `None`: unknown.
        held: Option<u64>,
        /// About how long they would wait.
        for_ms: u64,
    },
    #[error("shop `{shop}` has no `deploy`, so that nobody knows where its releases are")]
    NoDeploy { shop: ShopId },
    #[error("shop `{shop}` has no release `{release}`")]
    NoRelease { shop: ShopId, release: String },
    #[error("shop `{shop}` runs release `{release}` already")]
    RunsAlready { shop: ShopId, release: String },
    #[error("no release of shop `{shop}` runs that one could go back to: point its link at one")]
    NoWayBack { shop: ShopId },
}

impl Refused {
    /// Names its message, snake_case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoShop { .. } => "no_shop",
            Self::NoInstance { .. } => "no_instance",
            Self::NoLaunch { .. } => "no_launch",
            Self::LastOne { .. } => "last_instance",
            Self::NoDeploy { .. } => "no_deploy",
            Self::NoRelease { .. } => "no_release",
            Self::RunsAlready { .. } => "runs_already",
            Self::NoWayBack { .. } => "no_way_back",
        }
    }

    /// Whether it would be granted when it is forced.
    #[must_use]
    pub fn can_be_forced(&self) -> bool {
        matches!(self, Self::LastOne { .. })
    }

    /// The parameters of its message.
    #[must_use]
    pub fn params(&self) -> Params {
        let mut params = Params::new();
        let mut put = |name: &str, value: kernel::Value| {
            params.insert(name.to_owned(), value);
        };
        match self {
            Self::NoShop { shop } | Self::NoDeploy { shop } | Self::NoWayBack { shop } => {
                put("shop", shop.as_str().into());
            }
            Self::NoInstance { shop, instance } | Self::NoLaunch { shop, instance } => {
                put("shop", shop.as_str().into());
                put("instance", instance.as_str().into());
            }
            Self::LastOne { shop, instance, held, for_ms } => {
                put("shop", shop.as_str().into());
                put("instance", instance.as_str().into());
                put("for_ms", (*for_ms).into());
                if let Some(held) = held {
                    put("held", (*held).into());
                }
            }
            Self::NoRelease { shop, release } | Self::RunsAlready { shop, release } => {
                put("shop", shop.as_str().into());
                put("release", release.as_str().into());
            }
        }
        params
    }
}

fn held_text(held: Option<u64>, for_ms: u64) -> String {
    let seconds = for_ms.div_ceil(1_000);
    let whose = match held {
        Some(1) => "about 1 visitor's request".to_owned(),
        Some(held) => format!("about {held} visitors' requests"),
        None => "visitors' requests".to_owned(),
    };
    format!("{whose} would be held for about {seconds} s")
}
