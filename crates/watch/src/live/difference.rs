//! What happened between two frames of facts of the same edge.

use kernel::{
    Histogram, InstanceName, RouteClass, ShopId,
    facts::{CacheFacts, ClassFacts, Facts, InstanceFacts, ShopFacts},
};

/// Counts of one shop over a stretch of time; adds up over edges and seconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) classes: Vec<ClassCounts>,
    pub(crate) instances: Vec<InstanceCounts>,
    pub(crate) cache_hits: u64,
    /// Requests answered 503 because their wait ran out or too many waited.
    pub(crate) turned_away: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct ClassCounts {
    pub(crate) class: RouteClass,
    pub(crate) requests: u64,
    /// Answers with status 500 and above, and answers that broke off.
    pub(crate) errors: u64,
    pub(crate) first_byte: Histogram,
}

#[derive(Debug, Clone)]
pub(crate) struct InstanceCounts {
    pub(crate) name: InstanceName,
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) connect: Histogram,
    pub(crate) first_byte: Histogram,
}

impl Counts {
    /// What `now` counted that `before` had not; everything when there is nothing before.
    pub(crate) fn between(before: Option<&ShopFacts>, now: &ShopFacts) -> Self {
        let classes = now.classes.iter().filter_map(|class| {
            let earlier = before.and_then(|b| b.classes.iter().find(|c| c.class == class.class));
            ClassCounts::between(earlier, class)
        });
        let instances = now.instances.iter().filter_map(|instance| {
            let earlier = before.and_then(|b| b.instances.iter().find(|i| i.name == instance.name));
            InstanceCounts::between(earlier, instance)
        });
        let none = CacheFacts::default();
        let cache_before = before.map_or(&none, |b| &b.cache);
        let turned_away = |shop: &ShopFacts| shop.hold.expired + shop.hold.refused;
        Self {
            classes: classes.collect(),
            instances: instances.collect(),
            cache_hits: now.cache.hits.saturating_sub(cache_before.hits),
            turned_away: turned_away(now).saturating_sub(before.map_or(0, turned_away)),
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for class in other.classes {
            match self.classes.iter_mut().find(|mine| mine.class == class.class) {
                Some(mine) => mine.merge(&class),
                None => self.classes.push(class),
            }
        }
        for instance in other.instances {
            match self.instances.iter_mut().find(|mine| mine.name == instance.name) {
                Some(mine) => mine.merge(&instance),
                None => self.instances.push(instance),
            }
        }
        self.cache_hits += other.cache_hits;
        self.turned_away += other.turned_away;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.classes.iter().map(|class| class.requests).sum()
    }

    pub(crate) fn errors(&self) -> u64 {
        self.classes.iter().map(|class| class.errors).sum()
    }

    /// Requests and errors of checkout and payment.
    pub(crate) fn checkout(&self) -> (u64, u64) {
        let selling = self
            .classes
            .iter()
            .filter(|c| matches!(c.class, RouteClass::Checkout | RouteClass::Payment));
        selling.fold((0, 0), |(requests, errors), c| (requests + c.requests, errors + c.errors))
    }
}

impl ClassCounts {
    fn between(before: Option<&ClassFacts>, now: &ClassFacts) -> Option<Self> {
        let count = |class: &ClassFacts| class.statuses.iter().map(|(_, count)| count).sum::<u64>();
        let errors = |class: &ClassFacts| {
            let answered = class.statuses.iter().filter(|(status, _)| *status >= 500);
            answered.map(|(_, count)| count).sum::<u64>() + class.aborted
        };
        let requests = count(now).saturating_sub(before.map_or(0, count));
        // An answer that broke off counts once, whatever its status was.
        let errors = errors(now).saturating_sub(before.map_or(0, errors)).min(requests);
        (requests > 0).then(|| Self {
            class: now.class,
            requests,
            errors,
            first_byte: since(&now.first_byte, before.map(|b| &b.first_byte)),
        })
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.first_byte.merge(&other.first_byte);
    }
}

impl InstanceCounts {
    fn between(before: Option<&InstanceFacts>, now: &InstanceFacts) -> Option<Self> {
        let errors = |instance: &InstanceFacts| instance.errors + instance.failures;
        let requests = now.requests.saturating_sub(before.map_or(0, |b| b.requests));
        let errors = errors(now).saturating_sub(before.map_or(0, errors));
        (requests > 0 || errors > 0).then(|| Self {
            name: now.name.clone(),
            requests,
            errors,
            connect: since(&now.connect, before.map(|b| &b.connect)),
            first_byte: since(&now.first_byte, before.map(|b| &b.first_byte)),
        })
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.connect.merge(&other.connect);
        self.first_byte.merge(&other.first_byte);
    }
}

fn since(now: &Histogram, before: Option<&Histogram>) -> Histogram {
    before.map_or_else(|| now.clone(), |before| now.since(before))
}

/// The facts of `shop` in a frame.
pub(crate) fn shop_facts<'a>(facts: &'a Facts, shop: &ShopId) -> Option<&'a ShopFacts> {
    facts.shops.iter().find(|facts| facts.id == *shop)
}
