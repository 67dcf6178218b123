//! Is the shop selling as it should? Two sequential tests on orders alone, one step and constant memory a minute.
//!
//! **Stopped**: how unlikely this silence is. Orders are a Poisson stream whose rate is the expected one times an unknown factor
//! of the day; its Gamma posterior makes the probability of nothing while `e` orders were expected `(b / (b + e))^a`, with `a`
//! orders that came and `b` that were expected lately (Gelman et al., Bayesian Data Analysis, 2013, 2.6). A quiet day is so
//! given longer silences than a busy one.
//! **Falling**: Page's cumulative sum (Biometrika 41, 1954) of the log likelihood ratio of half the expected rate against all of it.
//!
//! The dispersion that the baseline measures is told and not used: dividing by it did not transfer from one part of a year to
//! the other (docs/detection.md).

use serde::{Deserialize, Serialize};

use crate::Expected;

/// The rate that the falling test looks for, as a share of the expected one.
const FALLEN_SHARE: f64 = 0.5;

/// Thresholds. [`Settings::default`] has those that docs/detection.md publishes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Score of a silence at which the shop counts as stopped, above 0; a natural logarithm of improbability.
    pub stopped: f64,
    /// Cumulative sum at which the shop counts as falling, above 0.
    pub falling: f64,
    /// Expected orders that the belief "today is as expected" is worth, above 0.
    pub prior: f64,
    /// Expected orders after which half of what came is forgotten, above 0.
    pub half_life: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { stopped: 9.0, falling: 12.0, prior: 40.0, half_life: 10.0 }
    }
}

/// What the orders say this minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    /// There is no expectation for this minute, or none above 0: nothing can be said.
    Unknown,
    /// Not distinguishable from selling as expected.
    Selling,
    /// Orders come, at clearly less than the expected rate.
    Falling,
    /// No orders where there should be some.
    Stopped,
}

/// The state of both tests: seven numbers, serialisable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    settings: Settings,
    came: f64,
    expected: f64,
    silence: f64,
    sum: f64,
    is_falling: bool,
    is_stopped: bool,
}

impl Detector {
    /// A detector that has seen nothing.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            came: 0.0,
            expected: 0.0,
            silence: 0.0,
            sum: 0.0,
            is_falling: false,
            is_stopped: false,
        }
    }

    /// Takes in one minute: what its hour should bring and how many orders it brought. `None` where nothing is expected of it (too
    /// short a past, closed, not observed): the tests stand still and go on with the next minute that has an expectation.
    pub fn minute(&mut self, expected: Option<Expected>, orders: u32) -> Signal {
        let Some(expected) = expected.filter(|expected| expected.an_hour > 0.0) else {
            return Signal::Unknown;
        };
        let rate = expected.an_hour / 60.0;
        let orders = f64::from(orders);
        self.silence += rate;
        let score = self.silence_score();
        if orders > 0.0 {
            self.believe(orders);
            self.is_stopped = false;
        } else if score >= self.settings.stopped {
            self.is_stopped = true;
        }
        let step = rate * (1.0 - FALLEN_SHARE) + orders * FALLEN_SHARE.ln();
        // Capped at twice the threshold, so that a long outage is over soon after it ended.
        self.sum = (self.sum + step).clamp(0.0, self.settings.falling * 2.0);
        self.is_falling = if self.is_falling {
            self.sum > self.settings.falling / 2.0
        } else {
            self.sum >= self.settings.falling
        };
        match (self.is_stopped, self.is_falling) {
            (true, _) => Signal::Stopped,
            (false, true) => Signal::Falling,
            (false, false) => Signal::Selling,
        }
    }

    /// Orders that were expected since the last one came, at least 0.
    #[must_use]
    pub fn missing(&self) -> f64 {
        self.silence
    }

    fn silence_score(&self) -> f64 {
        let came = self.settings.prior + self.came;
        let expected = self.settings.prior + self.expected;
        came * (self.silence / expected).ln_1p()
    }

    /// Orders came: the silence is over and becomes part of what is known of today.
    fn believe(&mut self, orders: f64) {
        let kept = (-self.silence / self.settings.half_life).exp2();
        self.came = self.came * kept + orders;
        self.expected = self.expected * kept + self.silence;
        self.silence = 0.0;
    }
}
