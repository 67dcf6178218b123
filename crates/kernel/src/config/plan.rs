//! When changes may be made, as far as the file says.

use crate::{
    ShopId, WindowName,
    calendar::{Freeze, Window},
    plan::{PlanKind, Purpose},
};

/// `[plan]`: the calendar of changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanSettings {
    /// No two of one name.
    pub windows: Vec<Window>,
    /// No two of one name.
    pub freezes: Vec<Freeze>,
    /// The first that fits a plan decides when it begins.
    pub rules: Vec<PlanRule>,
}

/// Which plans wait for which window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRule {
    /// Empty: every kind, but nothing that only makes well again.
    pub kinds: Vec<PlanKind>,
    /// `None`: every shop, and the machine.
    pub shop: Option<ShopId>,
    /// One of the configuration's; `None`: at any time.
    pub window: Option<WindowName>,
}

impl PlanSettings {
    /// The window that a plan waits for; `None`: for none.
    #[must_use]
    pub fn window_of(
        &self,
        kind: &PlanKind,
        shop: Option<&ShopId>,
        purpose: Purpose,
    ) -> Option<&WindowName> {
        let fits = |rule: &&PlanRule| {
            let of_shop = rule.shop.is_none() || rule.shop.as_ref() == shop;
            let of_kind = match rule.kinds.as_slice() {
                [] => purpose == Purpose::Change,
                kinds => kinds.contains(kind),
            };
            of_shop && of_kind
        };
        self.rules.iter().find(fits)?.window.as_ref()
    }
}
