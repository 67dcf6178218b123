//! What everybody passes who signs in: the throttle, few hashes at once, and whether a second
//! factor is asked of those who could do harm.

use crate::{password::Passwords, throttle::Throttle};

/// Shared by all sign-ins of one control.
#[derive(Debug, Default)]
pub struct Entrance {
    pub(crate) passwords: Passwords,
    pub(crate) throttle: Throttle,
    second_factor: bool,
}

impl Entrance {
    /// With `second_factor`, owners and operators can do nothing before they have set one up.
    #[must_use]
    pub fn new(second_factor: bool) -> Self {
        Self { second_factor, ..Self::default() }
    }

    pub(crate) fn demands_second_factor(&self) -> bool {
        self.second_factor
    }
}
