//! The store against a plain map, through random appends in and out of order, maintenance, and openings.

use crate::stand::{BEGIN_MS, HOUR_MS, labels, open, read};
use bolero::TypeGenerator;
use series::{Limits, Matcher, Resolution, Sample, Series};
use std::{collections::BTreeMap, path::Path};

const SERIES: u32 = 5;
const WEEK_MS: i64 = 7 * 24 * HOUR_MS;

#[derive(Debug, Clone, Copy, TypeGenerator)]
enum Step {
    /// A tick of all series, after so many seconds.
    Tick {
        seconds: u8,
        value: u16,
    },
    /// Many ticks of one series, evenly spaced.
    Run {
        series: u8,
        count: u8,
        seconds: u8,
    },
    /// A sample of one series from so many seconds ago.
    Late {
        series: u8,
        seconds: u16,
        bits: u64,
    },
    Maintain,
    Condense,
    Reopen,
    /// Nothing for so many hours.
    Pause {
        hours: u8,
    },
}

/// The times that are not expired, and the bits of their values.
type Model = BTreeMap<(u32, i64), u64>;

struct Pair<'a> {
    folder: &'a Path,
    store: Option<Series>,
    model: Model,
    now_ms: i64,
}

impl Pair<'_> {
    fn store(&self) -> &Series {
        self.store.as_ref().unwrap()
    }

    fn append(&mut self, samples: &[(u32, Sample)]) {
        let store = self.store();
        let references: Vec<_> = samples
            .iter()
            .map(|(number, sample)| (store.series(&labels(*number), self.now_ms).unwrap(), *sample))
            .collect();
        let appended = store.append(&references, self.now_ms).unwrap();
        assert_eq!(appended.taken as usize, samples.len());
        store.commit(appended.ticket).unwrap();
        for (number, sample) in samples {
            self.model.insert((*number, sample.at_ms), sample.value.to_bits());
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Tick { seconds, value } => {
                self.now_ms += i64::from(seconds) * 1_000 + 1;
                let sample = Sample { at_ms: self.now_ms, value: f64::from(value) };
                self.append(&(0..SERIES).map(|number| (number, sample)).collect::<Vec<_>>());
            }
            Step::Run { series, count, seconds } => {
                let mut samples = Vec::new();
                for tick in 0..u32::from(count) * 4 {
                    self.now_ms += i64::from(seconds % 64) * 100 + 1;
                    let sample = Sample { at_ms: self.now_ms, value: f64::from(tick) / 10.0 };
                    samples.push((u32::from(series) % SERIES, sample));
                }
                // At once: some of it is late by then, within the window.
                self.append(&samples);
            }
            Step::Late { series, seconds, bits } => {
                let at_ms = self.now_ms - i64::from(seconds % 7_200) * 1_000;
                let sample = Sample { at_ms, value: f64::from_bits(bits) };
                self.append(&[(u32::from(series) % SERIES, sample)]);
            }
            Step::Maintain => {
                self.store().maintain(self.now_ms + HOUR_MS).unwrap();
            }
            Step::Condense => self.store().condense(self.now_ms).unwrap(),
            Step::Reopen => {
                self.store = None;
                let limits = Limits { head_bytes: 4_000, ..Limits::default() };
                self.store = Some(Series::open(self.folder, limits, self.now_ms).unwrap());
            }
            Step::Pause { hours } => self.now_ms += i64::from(hours) * HOUR_MS,
        }
        // What the tight memory holds must not fill up.
        self.store().maintain(self.now_ms).unwrap();
    }

    /// All that is kept is there, and nothing that never was appended.
    fn check(&self) {
        for number in 0..SERIES {
            let found = read(self.store(), number);
            let all = self.model.range((number, 0)..(number, i64::MAX));
            let is_kept = |at_ms: i64| at_ms >= self.now_ms + HOUR_MS - WEEK_MS;
            let found: BTreeMap<i64, u64> =
                found.iter().map(|sample| (sample.at_ms, sample.value.to_bits())).collect();
            for ((_, at_ms), bits) in all.filter(|((_, at_ms), _)| is_kept(*at_ms)) {
                assert_eq!(found.get(at_ms), Some(bits), "series {number} at {at_ms}");
            }
            for (at_ms, bits) in &found {
                assert_eq!(
                    self.model.get(&(number, *at_ms)),
                    Some(bits),
                    "series {number} at {at_ms}"
                );
            }
        }
    }
}

#[test]
fn whatever_happens_the_store_holds_what_a_map_would() {
    bolero::check!().with_iterations(60).with_type::<Vec<Step>>().for_each(|steps| {
        let folder = testkit::folder();
        let store = Some(open(folder.path()));
        let mut pair = Pair { folder: folder.path(), store, model: Model::new(), now_ms: BEGIN_MS };
        for step in steps {
            pair.take(*step);
        }
        pair.check();
        pair.take(Step::Condense);
        pair.check();
        pair.take(Step::Reopen);
        pair.check();
    });
}

#[test]
fn a_range_is_read_from_its_begin_to_before_its_end() {
    let folder = testkit::folder();
    let store = open(folder.path());
    let mut pair =
        Pair { folder: folder.path(), store: Some(store), model: Model::new(), now_ms: BEGIN_MS };
    pair.take(Step::Run { series: 1, count: 25, seconds: 10 });
    let times: Vec<i64> = read(pair.store(), 1).iter().map(|sample| sample.at_ms).collect();
    let range = times[10]..times[20];
    let matchers = [Matcher::metric("test"), Matcher::is("host", "h1")];
    let found: Vec<_> =
        pair.store().read(&matchers, range, Resolution::Raw).map(Result::unwrap).collect();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].labels.clone(), found[0].points.len()), (labels(1), 10));
    assert_eq!(pair.store().read(&[], 0..times[0], Resolution::Raw).count(), 0);
}
