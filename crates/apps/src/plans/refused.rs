//! Why no plan was made.

use kernel::{InstanceName, Params, ShopId, config::nearest};

/// Releases that are named to whoever asked for one that is not there.
const NAMED: usize = 8;

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
    #[error("shop `{shop}` has no release `{release}`: {}", known_text(known, *others))]
    NoRelease {
        shop: ShopId,
        release: String,
        /// Some of those that there are: what may have been meant, then the last by name.
        known: Vec<String>,
        /// How many there are besides.
        others: usize,
    },
    #[error("shop `{shop}` runs release `{release}` already")]
    RunsAlready { shop: ShopId, release: String },
    #[error("no release of shop `{shop}` runs that one could go back to: point its link at one")]
    NoWayBack { shop: ShopId },
}

impl Refused {
    /// For a release that is none of `all`, which are sorted.
    pub(super) fn no_release(shop: ShopId, release: &str, all: &[String]) -> Self {
        let near = nearest(release, all.iter().map(String::as_str));
        let rest = all.iter().rev().map(String::as_str).filter(|name| Some(*name) != near);
        let known: Vec<_> = near.into_iter().chain(rest).take(NAMED).map(str::to_owned).collect();
        let others = all.len() - known.len();
        Self::NoRelease { shop, release: release.to_owned(), known, others }
    }

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
            Self::NoRelease { shop, release, known, others } => {
                put("shop", shop.as_str().into());
                put("release", release.as_str().into());
                put("known", known.join(", ").into());
                put("others", (*others as u64).into());
            }
            Self::RunsAlready { shop, release } => {
                put("shop", shop.as_str().into());
                put("release", release.as_str().into());
            }
        }
        params
    }
}

fn known_text(known: &[String], others: usize) -> String {
    let quoted: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    match (quoted.as_slice(), others) {
        ([], _) => "there is none at all".to_owned(),
        ([one], 0) => format!("there is {one}"),
        ([most @ .., last], 0) => format!("there are {} and {last}", most.join(", ")),
        (some, 1) => format!("there are {} and another", some.join(", ")),
        (some, others) => format!("there are {} and {others} others", some.join(", ")),
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
