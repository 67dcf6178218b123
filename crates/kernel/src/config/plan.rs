//! When changes may be made, as far as the file says.

use crate::calendar::{Freeze, Window};

/// `[plan]`: the calendar of changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanSettings {
    /// No two of one name.
    pub windows: Vec<Window>,
    /// No two of one name.
    pub freezes: Vec<Freeze>,
}
