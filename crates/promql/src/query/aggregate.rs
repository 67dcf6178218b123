//! Many series, one for each group.

use super::{
    Evaluation,
    error::EvalError,
    labels::{LabelSet, has},
    over_time::{Sum, mean, quantile, variance},
    value::Value,
    value::{Grid, Row},
};
use promql_parser::parser::{
    AggregateExpr, LabelModifier,
    token::{
        T_AVG, T_BOTTOMK, T_COUNT, T_COUNT_VALUES, T_GROUP, T_MAX, T_MIN, T_QUANTILE, T_STDDEV,
        T_STDVAR, T_SUM, T_TOPK, TokenId,
    },
};
use series::METRIC;
use std::{cmp::Ordering, collections::BTreeMap, collections::HashMap};

/// Rows of a group, by their places.
type Groups = Vec<(LabelSet, Vec<usize>)>;

impl Evaluation<'_> {
    pub(super) fn aggregate(
        &mut self,
        aggregate: &AggregateExpr,
        grid: &Grid,
    ) -> Result<Value, EvalError> {
        let op = aggregate.op.id();
        let rows = self.vector(&aggregate.expr, grid)?;
        let modifier = aggregate.modifier.as_ref();
        let param = aggregate.param.as_deref();
        let missing = || EvalError::Type { expected: "parameter" };
        let rows = match op {
            T_COUNT_VALUES => {
                let name = self.text(param.ok_or_else(missing)?, grid)?;
                count_values(&rows, &name, modifier)?
            }
            T_TOPK | T_BOTTOMK => {
                let most = self.scalar(param.ok_or_else(missing)?, grid)?;
                most.iter().try_for_each(|most| countable(*most))?;
                ranked(rows, modifier, &most, op == T_TOPK)
            }
            T_QUANTILE => {
                let share = self.scalar(param.ok_or_else(missing)?, grid)?;
                let groups = groups(&rows, modifier);
                folded(&rows, groups, grid, |step, values| quantile(share[step], values))
            }
            op if ROW_BY_ROW.contains(&op) => {
                let groups = groups(&rows, modifier);
                let row = |(labels, members): (LabelSet, Vec<usize>)| {
                    let drops_name = members.iter().any(|member| rows[*member].drops_name);
                    let values = row_by_row(op, &rows, &members, grid);
                    Row { labels, drops_name, values }
                };
                groups.into_iter().map(row).filter(|row| !row.is_empty()).collect()
            }
            op => {
                let groups = groups(&rows, modifier);
                folded(&rows, groups, grid, |_, values| fold(op, &values))
            }
        };
        Ok(Value::Vector(rows))
    }
}

/// What needs no more of a row than its value: for these, rows are gone through one after another and not step by step, as they lie in memory.
const ROW_BY_ROW: [TokenId; 5] = [T_SUM, T_COUNT, T_MIN, T_MAX, T_GROUP];

fn row_by_row(op: TokenId, rows: &[Row], members: &[usize], grid: &Grid) -> Vec<Option<f64>> {
    let there = || members.iter().map(|member| &rows[*member].values);
    let mut values: Vec<Option<f64>> = vec![None; grid.steps];
    if op == T_SUM {
        let mut sums = vec![Sum::default(); grid.steps];
        for row in there() {
            for ((sum, known), value) in sums.iter_mut().zip(&mut values).zip(row) {
                if let Some(value) = value {
                    sum.add(*value);
                    *known = Some(0.0);
                }
            }
        }
        let totals = values.iter_mut().zip(sums);
        totals.for_each(|(known, sum)| *known = known.map(|_| sum.total()));
        return values;
    }
    let fold = |known: Option<f64>, value: f64| match (op, known) {
        (T_COUNT, known) => known.unwrap_or_default() + 1.0,
        (T_GROUP, _) => 1.0,
        (_, None) => value,
        (_, Some(known)) if known.is_nan() => value,
        (T_MIN, Some(known)) => {
            if value < known {
                value
            } else {
                known
            }
        }
        (_, Some(known)) => {
            if value > known {
                value
            } else {
                known
            }
        }
    };
    for row in there() {
        for (known, value) in values.iter_mut().zip(row) {
            if let Some(value) = value {
                *known = Some(fold(*known, *value));
            }
        }
    }
    values
}

fn fold(op: TokenId, values: &[f64]) -> Option<f64> {
    let all = || values.iter().copied();
    if values.is_empty() {
        return None;
    }
    Some(match op {
        T_AVG => mean(all()),
        T_STDDEV => variance(all()).sqrt(),
        T_STDVAR => variance(all()),
        _ => unreachable!("the parser knows no other aggregation"),
    })
}

/// What a row is grouped by. A name that is to go at the end is still one here, as in Prometheus.
fn key(row: &Row, modifier: Option<&LabelModifier>) -> LabelSet {
    match modifier {
        None => LabelSet::default(),
        Some(LabelModifier::Include(names)) => row.labels.keep(|name| has(names, name)),
        Some(LabelModifier::Exclude(names)) => {
            row.labels.keep(|name| name != METRIC && !has(names, name))
        }
    }
}

fn groups(rows: &[Row], modifier: Option<&LabelModifier>) -> Groups {
    let mut known: HashMap<LabelSet, usize> = HashMap::new();
    let mut groups: Groups = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let key = key(row, modifier);
        let group = *known.entry(key.clone()).or_insert_with(|| {
            groups.push((key, Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(at);
    }
    groups
}

fn folded(
    rows: &[Row],
    groups: Groups,
    grid: &Grid,
    fold: impl Fn(usize, Vec<f64>) -> Option<f64>,
) -> Vec<Row> {
    let row = |(labels, members): (LabelSet, Vec<usize>)| {
        let at = |step: usize| {
            let values = members.iter().filter_map(|member| rows[*member].values[step]).collect();
            fold(step, values)
        };
        let drops_name = members.iter().any(|member| rows[*member].drops_name);
        Row { labels, drops_name, values: (0..grid.steps).map(at).collect() }
    };
    groups.into_iter().map(row).filter(|row| !row.is_empty()).collect()
}

/// How many are wanted must be a number that there can be.
fn countable(most: f64) -> Result<(), EvalError> {
    let refused = |why: String| Err(EvalError::Refused(why));
    if most.is_nan() {
        return refused("Parameter value is NaN".to_owned());
    }
    if most >= i64::MAX as f64 {
        return refused(format!("Scalar value {most} overflows int64"));
    }
    if most <= i64::MIN as f64 {
        return refused(format!("Scalar value {most} underflows int64"));
    }
    Ok(())
}

/// Of each group the greatest or smallest, as they are; ordered by value where there is one step.
fn ranked(
    mut rows: Vec<Row>,
    modifier: Option<&LabelModifier>,
    most: &[f64],
    is_top: bool,
) -> Vec<Row> {
    let groups = groups(&rows, modifier);
    let mut kept = vec![vec![false; rows.len()]; most.len()];
    let mut order = Vec::new();
    for (_, members) in &groups {
        for (step, most) in most.iter().enumerate() {
            let mut there: Vec<(usize, f64)> = members
                .iter()
                .filter_map(|member| Some((*member, rows[*member].values[step]?)))
                .collect();
            there.sort_by(|one, other| rank(one.1, other.1, is_top));
            let most = most.max(0.0) as usize;
            for (member, _) in there.into_iter().take(most) {
                kept[step][member] = true;
                order.push(member);
            }
        }
    }
    for (at, row) in rows.iter_mut().enumerate() {
        for (value, kept) in row.values.iter_mut().zip(&kept) {
            if !kept[at] {
                *value = None;
            }
        }
    }
    let mut rows: Vec<Option<Row>> = rows.into_iter().map(Some).collect();
    let rows = order.into_iter().filter_map(|at| rows[at].take());
    rows.filter(|row| !row.is_empty()).collect()
}

/// The best first; what is no number last.
pub(super) fn rank(one: f64, other: f64, is_top: bool) -> Ordering {
    match (one.is_nan(), other.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let order = one.partial_cmp(&other).unwrap_or(Ordering::Equal);
            if is_top { order.reverse() } else { order }
        }
    }
}

fn count_values(
    rows: &[Row],
    name: &str,
    modifier: Option<&LabelModifier>,
) -> Result<Vec<Row>, EvalError> {
    if name.is_empty() {
        return Err(EvalError::LabelName { what: "count_values", name: name.to_owned() });
    }
    let mut counts: BTreeMap<LabelSet, Vec<Option<f64>>> = BTreeMap::new();
    for row in rows {
        let key = key(row, modifier);
        for (step, value) in row.values.iter().enumerate() {
            let Some(value) = value else { continue };
            let labels = key.with(name, &number(*value));
            let counts = counts.entry(labels).or_insert_with(|| vec![None; row.values.len()]);
            counts[step] = Some(counts[step].unwrap_or_default() + 1.0);
        }
    }
    let row = |(labels, values)| Row { labels, drops_name: false, values };
    Ok(counts.into_iter().map(row).collect())
}

/// As Prometheus writes numbers: without an exponent.
pub(super) fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}
