//! How finely and how long: raw samples for a week, minutes for a month, ten minutes for thirteen months.

use crate::sample::Resolution;

const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Tier {
    Raw,
    Minute,
    TenMinutes,
}

impl Tier {
    pub(crate) const ALL: [Self; 3] = [Self::Raw, Self::Minute, Self::TenMinutes];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Minute => "minute",
            Self::TenMinutes => "ten-minutes",
        }
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Raw => 0,
            Self::Minute => 1,
            Self::TenMinutes => 2,
        }
    }

    pub(crate) fn resolution(self) -> Resolution {
        match self {
            Self::Raw => Resolution::Raw,
            Self::Minute => Resolution::Minute,
            Self::TenMinutes => Resolution::TenMinutes,
        }
    }

    /// Length of a bucket; of raw samples, 1.
    pub(crate) fn bucket_ms(self) -> i64 {
        match self {
            Self::Raw => 1,
            Self::Minute => 60_000,
            Self::TenMinutes => 600_000,
        }
    }

    pub(crate) fn kept_ms(self) -> i64 {
        match self {
            Self::Raw => 7 * DAY_MS,
            Self::Minute => 30 * DAY_MS,
            Self::TenMinutes => 396 * DAY_MS,
        }
    }

    /// How many neighbours of a level become one of the next; `None` where parts are not merged further, so that retention has
    /// something to let go of.
    pub(crate) fn fan_in(self, level: u8) -> Option<usize> {
        match (self, level) {
            (Self::Raw, 0) => Some(12),
            (_, 0) => Some(4),
            (Self::Raw | Self::TenMinutes, 1) | (Self::TenMinutes, 2) => Some(8),
            (Self::Minute, 1) => Some(4),
            _ => None,
        }
    }
}
