//! The moments of a step at which a test lets the process die, to see that nothing is lost or done
//! twice. A program that nobody tests watches none.

use crate::EngineError;
use kernel::plan::RunId;
use std::{fmt, str::FromStr, sync::Arc};

/// A place on the way of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    BeforeIntent,
    /// The intent is on disk, the act has not begun.
    AfterIntent,
    /// The act had its effect, nothing of that is on disk.
    AfterEffect,
    /// It was verified, and that is not on disk.
    AfterVerify,
    AfterRecord,
}

/// Where an engine is with a step. Steps are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub run: RunId,
    pub step: usize,
    pub point: Point,
    pub undo: bool,
}

/// Sees every moment of every step go by.
#[derive(Clone, Default)]
pub struct Moments(Option<Arc<dyn Fn(Moment) + Send + Sync>>);

impl Moments {
    /// Calls this at every moment, on the thread that acts.
    #[must_use]
    pub fn watched_by(watch: impl Fn(Moment) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(watch)))
    }

    /// Ends the process, as a kill would, at the moment that a text names: `STEP:POINT` or
    /// `STEP:POINT:undo`, with points as `after_effect`.
    ///
    /// # Errors
    /// When the text names no moment.
    pub fn dying_at(text: &str) -> Result<Self, EngineError> {
        let malformed = || EngineError::Moment(text.to_owned());
        let mut parts = text.split(':');
        let step: usize = parts.next().and_then(|step| step.parse().ok()).ok_or_else(malformed)?;
        let point: Point = parts.next().and_then(|text| text.parse().ok()).ok_or_else(malformed)?;
        let undo = match (parts.next(), parts.next()) {
            (None, _) => false,
            (Some("undo"), None) => true,
            _ => return Err(malformed()),
        };
        Ok(Self::watched_by(move |moment| {
            if (moment.step, moment.point, moment.undo) == (step, point, undo) {
                std::process::abort();
            }
        }))
    }

    pub(crate) fn pass(&self, moment: Moment) {
        if let Some(watch) = &self.0 {
            watch(moment);
        }
    }
}

impl Point {
    /// All of them, in the order of a step.
    pub const ALL: [Self; 5] = [
        Self::BeforeIntent,
        Self::AfterIntent,
        Self::AfterEffect,
        Self::AfterVerify,
        Self::AfterRecord,
    ];

    /// Snake_case.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::BeforeIntent => "before_intent",
            Self::AfterIntent => "after_intent",
            Self::AfterEffect => "after_effect",
            Self::AfterVerify => "after_verify",
            Self::AfterRecord => "after_record",
        }
    }
}

impl FromStr for Point {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|point| point.code() == text).ok_or(())
    }
}

impl fmt::Debug for Moments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moments").field("watched", &self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_a_moment_or_is_refused() {
        for good in ["0:before_intent", "12:after_effect:undo"] {
            assert!(Moments::dying_at(good).is_ok(), "{good}");
        }
        for bad in
            ["", "0", "x:after_intent", "0:later", "0:after_intent:redo", "0:after_intent:undo:x"]
        {
            assert!(matches!(Moments::dying_at(bad), Err(EngineError::Moment(_))), "{bad}");
        }
    }
}
