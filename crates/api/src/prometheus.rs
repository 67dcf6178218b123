//! Prometheus' HTTP API over our metrics store, for Grafana, promtool and whoever speaks it.
//!
//! Everything stands under `/prometheus`, which is the address to give as that of a Prometheus. Answers and errors have its shapes
//! (prometheus.io, "HTTP API"). Whoever may not see all shops is shown those series alone that have the label `shop` of one they may see.

mod alerts;
mod answer;
mod catalog;
mod params;
mod queries;
mod write;

pub(crate) use alerts::{__path_alerts, __path_rules, __path_targets, alerts, rules, targets};
pub(crate) use catalog::{
    __path_build, __path_exemplars, __path_label_values, __path_labels, __path_metadata,
    __path_series, build, exemplars, label_values, labels, metadata, series,
};
pub(crate) use queries::{__path_query, __path_query_range, query, query_range};
pub(crate) use write::{__path_write, write};

use crate::{ApiState, caller::Caller};
use ::series::{Matcher, Test};
use kernel::Permission;

/// The label that says of which shop a series is.
const SHOP: &str = "shop";

/// The conditions that every series has to meet for whoever asks; none for who may see everything.
fn scope(state: &ApiState, caller: &Caller) -> Vec<Matcher> {
    if caller.may_everywhere(Permission::See).is_ok() {
        return Vec::new();
    }
    let shops = state.watch.with(|live| live.shops());
    let seen = shops.into_iter().filter(|shop| caller.sees(&shop.id));
    let test = Test::OneOf(seen.map(|shop| shop.id.to_string()).collect());
    vec![Matcher { label: SHOP.to_owned(), test }]
}
