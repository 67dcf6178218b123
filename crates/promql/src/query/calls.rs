//! Functions.

use super::{
    Evaluation,
    aggregate::rank,
    error::EvalError,
    histogram,
    labels::LabelSet,
    over_time::{
        Extreme, Falls, Samples, changes, extrapolated, instant_rate, line, mean, quantile, resets,
        sum, variance,
    },
    select::slide,
    times,
    value::{Frame, Grid, Row, Value, WindowSeries, Windows, unwrapped},
};
use promql_parser::{
    label::MatchOp,
    parser::{Call, Expr, VectorSelector},
};
use regex::Regex;
use series::METRIC;
use std::{cmp::Ordering, sync::Arc};

/// What is reckoned from the samples of a window.
const OF_WINDOWS: [&str; 20] = [
    "avg_over_time",
    "changes",
    "count_over_time",
    "delta",
    "deriv",
    "first_over_time",
    "idelta",
    "increase",
    "irate",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "predict_linear",
    "present_over_time",
    "quantile_over_time",
    "rate",
    "resets",
    "stddev_over_time",
    "stdvar_over_time",
    "sum_over_time",
];

impl Evaluation<'_> {
    pub(super) fn call(&mut self, call: &Call, grid: &Grid) -> Result<Value, EvalError> {
        let args: Vec<&Expr> = call.args.args.iter().map(AsRef::as_ref).collect();
        let name = call.func.name;
        match name {
            "time" => Ok(Value::Scalar(grid.times().map(|at| at as f64 / 1000.0).collect())),
            "pi" => Ok(Value::constant(std::f64::consts::PI, grid)),
            "vector" => {
                let values = self.scalar(args[0], grid)?.into_iter().map(Some).collect();
                let labels = LabelSet::default();
                Ok(Value::Vector(vec![Row { labels, drops_name: false, values }]))
            }
            "scalar" => {
                let rows = self.vector(args[0], grid)?;
                let at = |step: usize| {
                    let mut there = rows.iter().filter_map(|row| row.values[step]);
                    there.next().filter(|_| there.next().is_none()).unwrap_or(f64::NAN)
                };
                Ok(Value::Scalar((0..grid.steps).map(at).collect()))
            }
            "absent" => self.absent(args[0], grid),
            "absent_over_time" => self.absent_over_time(args[0], grid),
            "timestamp" => self.timestamp(args[0], grid),
            "sort" | "sort_desc" => {
                let mut rows = self.vector(args[0], grid)?;
                // Steps of a range have no order among series.
                if grid.steps == 1 {
                    rows.sort_by(|one, other| ordered(one, other, name == "sort"));
                }
                Ok(Value::Vector(rows))
            }
            "label_replace" => self.label_replace(&args, grid),
            "label_join" => self.label_join(&args, grid),
            "histogram_quantile" => {
                let share = self.scalar(args[0], grid)?;
                let rows = self.vector(args[1], grid)?;
                histogram::quantiles(&share, &rows, grid).map(Value::Vector)
            }
            "histogram_fraction" => {
                let (low, high) = (self.scalar(args[0], grid)?, self.scalar(args[1], grid)?);
                let rows = self.vector(args[2], grid)?;
                histogram::fractions((&low, &high), &rows, grid).map(Value::Vector)
            }
            // Of native histograms alone, of which there are none.
            "histogram_avg" | "histogram_count" | "histogram_sum" | "histogram_stddev"
            | "histogram_stdvar" => self.vector(args[0], grid).map(|_| Value::Vector(Vec::new())),
            "clamp" | "clamp_min" | "clamp_max" | "round" => self.bounded(name, &args, grid),
            name => match (times::part(name), one_number(name)) {
                (Some(part), _) => self.part_of_time(part, args.first().copied(), grid),
                (None, Some(change)) => {
                    let rows = self.vector(args[0], grid)?;
                    Ok(Value::Vector(rows.into_iter().map(|row| row.map(change)).collect()))
                }
                (None, None) => self.of_windows(name, &args, grid),
            },
        }
    }

    fn windows(&mut self, expr: &Expr, grid: &Grid) -> Result<Windows, EvalError> {
        match unwrapped(expr) {
            Expr::MatrixSelector(selector) => self.matrix(selector, grid),
            Expr::Subquery(subquery) => self.subquery(subquery, grid),
            _ => Err(EvalError::Type { expected: "range vector" }),
        }
    }

    fn of_windows(
        &mut self,
        name: &'static str,
        args: &[&Expr],
        grid: &Grid,
    ) -> Result<Value, EvalError> {
        if !OF_WINDOWS.contains(&name) {
            return Err(EvalError::Refused(format!("{name}() is not known here")));
        }
        let (range, param) = match name {
            "quantile_over_time" => (args[1], Some(args[0])),
            "predict_linear" => (args[0], Some(args[1])),
            _ => (args[0], None),
        };
        let param = param.map(|param| self.scalar(param, grid)).transpose()?.unwrap_or_default();
        let mut rows = Vec::new();
        let mut fold = |frame: &Frame, series: WindowSeries| {
            let row = of_series(name, series, (frame, grid), &param);
            rows.extend((!row.is_empty()).then_some(row));
        };
        match unwrapped(range) {
            Expr::MatrixSelector(selector) => {
                self.each_of_matrix(selector, grid, fold)?;
            }
            _ => {
                let Windows { series, frame } = self.windows(range, grid)?;
                self.count(series.len().saturating_mul(grid.steps))?;
                series.into_iter().for_each(|one| fold(&frame, one));
            }
        }
        Ok(Value::Vector(rows))
    }

    fn bounded(&mut self, name: &str, args: &[&Expr], grid: &Grid) -> Result<Value, EvalError> {
        let mut rows = self.vector(args[0], grid)?;
        let mut others = Vec::new();
        for arg in &args[1..] {
            others.push(self.scalar(arg, grid)?);
        }
        for row in &mut rows {
            row.drops_name = true;
            for (step, value) in row.values.iter_mut().enumerate() {
                let Some(own) = *value else { continue };
                let other = |at: usize| others.get(at).map_or(1.0, |other: &Vec<f64>| other[step]);
                *value = match name {
                    "clamp" if other(0) > other(1) => None,
                    "clamp" => Some(greater(other(0), smaller(other(1), own))),
                    "clamp_min" => Some(greater(other(0), own)),
                    "clamp_max" => Some(smaller(other(0), own)),
                    _ => {
                        // The other way round is more exact.
                        let inverse = 1.0 / other(0);
                        Some((own * inverse + 0.5).floor() / inverse)
                    }
                };
            }
        }
        rows.retain(|row| !row.is_empty());
        Ok(Value::Vector(rows))
    }

    fn part_of_time(
        &mut self,
        part: fn(f64) -> f64,
        arg: Option<&Expr>,
        grid: &Grid,
    ) -> Result<Value, EvalError> {
        let rows = match arg {
            Some(arg) => self.vector(arg, grid)?,
            None => {
                let values = grid.times().map(|at| Some(at as f64 / 1000.0)).collect();
                vec![Row { labels: LabelSet::default(), drops_name: false, values }]
            }
        };
        Ok(Value::Vector(rows.into_iter().map(|row| row.map(part)).collect()))
    }

    /// Of a selector the time of its samples, of anything else that of the step.
    fn timestamp(&mut self, arg: &Expr, grid: &Grid) -> Result<Value, EvalError> {
        if let Expr::VectorSelector(selector) = unwrapped(arg) {
            return self.sample_times(selector, grid).map(Value::Vector);
        }
        let mut rows = self.vector(arg, grid)?;
        for row in &mut rows {
            row.drops_name = true;
            for (value, at) in row.values.iter_mut().zip(grid.times()) {
                *value = value.map(|_| at as f64 / 1000.0);
            }
        }
        Ok(Value::Vector(rows))
    }

    fn absent(&mut self, arg: &Expr, grid: &Grid) -> Result<Value, EvalError> {
        let rows = self.vector(arg, grid)?;
        let is_there = |step: usize| rows.iter().any(|row| row.values[step].is_some());
        let values = (0..grid.steps).map(|step| (!is_there(step)).then_some(1.0)).collect();
        let selector = match unwrapped(arg) {
            Expr::VectorSelector(selector) => Some(selector),
            _ => None,
        };
        Ok(Value::Vector(missing(selector, values)))
    }

    fn absent_over_time(&mut self, arg: &Expr, grid: &Grid) -> Result<Value, EvalError> {
        let windows = self.windows(arg, grid)?;
        let mut is_there = vec![false; grid.steps];
        for series in &windows.series {
            let counts = slide(&series.samples, &windows.frame.bounds, |range, _| range.len());
            is_there.iter_mut().zip(counts).for_each(|(there, count)| *there |= count > 0);
        }
        let values = is_there.into_iter().map(|there| (!there).then_some(1.0)).collect();
        let selector = match unwrapped(arg) {
            Expr::MatrixSelector(selector) => Some(&selector.vs),
            _ => None,
        };
        Ok(Value::Vector(missing(selector, values)))
    }

    fn label_replace(&mut self, args: &[&Expr], grid: &Grid) -> Result<Value, EvalError> {
        let mut texts = Vec::new();
        for arg in &args[1..] {
            texts.push(self.text(arg, grid)?);
        }
        let [to, replacement, from, pattern] = texts.as_slice() else {
            return Err(EvalError::Type { expected: "four strings" });
        };
        let regex = Regex::new(&format!("^(?s:{pattern})$"));
        let regex = regex.map_err(|error| EvalError::Regex(error.to_string()))?;
        if to.is_empty() {
            return Err(EvalError::LabelName { what: "label_replace", name: to.clone() });
        }
        let mut rows = self.vector(args[0], grid)?;
        for row in &mut rows {
            let value = row.labels.get(from);
            let Some(found) = regex.captures(value) else { continue };
            let mut made = String::new();
            found.expand(&braced(replacement), &mut made);
            row.labels = row.labels.with(to, &made);
            row.drops_name &= to != METRIC;
        }
        distinct(rows)
    }

    fn label_join(&mut self, args: &[&Expr], grid: &Grid) -> Result<Value, EvalError> {
        let mut texts = Vec::new();
        for arg in &args[1..] {
            texts.push(self.text(arg, grid)?);
        }
        let [to, separator, from @ ..] = texts.as_slice() else {
            return Err(EvalError::Type { expected: "a label and a separator" });
        };
        if to.is_empty() {
            return Err(EvalError::LabelName { what: "label_join", name: to.clone() });
        }
        let mut rows = self.vector(args[0], grid)?;
        for row in &mut rows {
            let values: Vec<&str> = from.iter().map(|name| row.labels.get(name)).collect();
            row.labels = row.labels.with(to, &values.join(separator));
            row.drops_name &= to != METRIC;
        }
        distinct(rows)
    }

    fn sample_times(
        &mut self,
        selector: &VectorSelector,
        grid: &Grid,
    ) -> Result<Vec<Row>, EvalError> {
        self.instants_by(selector, grid, |at, _| at as f64 / 1000.0).map(|mut rows| {
            rows.iter_mut().for_each(|row| row.drops_name = true);
            rows
        })
    }
}

/// What a function of windows says of a series over the steps; `param` of each step where there is one.
fn of_series(
    name: &str,
    series: WindowSeries,
    (frame, grid): (&Frame, &Grid),
    param: &[f64],
) -> Row {
    let values = match (Extreme::of(name), &series.rolled) {
        (Some(extreme), None) => extreme.over(&series.samples, &frame.bounds),
        (_, rolled) => {
            let mut step = 0;
            let is_counted = matches!(name, "rate" | "increase") && rolled.is_none();
            let mut falls = Falls::of(if is_counted { series.samples.as_slice() } else { &[] });
            slide(&series.samples, &frame.bounds, |range, window| {
                let param = param.get(step).copied().unwrap_or_default();
                let at_ms = grid.at(step);
                step += 1;
                let samples = &series.samples[range.clone()];
                match rolled {
                    Some(rolled) => {
                        let asked = (param, at_ms, frame.shortened);
                        rolled.folded(name, range, samples, window, asked)
                    }
                    None => folded(name, samples, window, (param, at_ms), falls.within(range)),
                }
            })
        }
    };
    let keeps_name = matches!(name, "last_over_time" | "first_over_time");
    Row { labels: series.labels, drops_name: series.drops_name || !keeps_name, values }
}

fn folded(
    name: &str,
    samples: Samples<'_>,
    window: (i64, i64),
    (param, at_ms): (f64, i64),
    fallen: impl IntoIterator<Item = f64>,
) -> Option<f64> {
    let values = || samples.iter().map(|(_, value)| *value);
    if samples.is_empty() {
        return None;
    }
    match name {
        "rate" => extrapolated(samples, window, (true, true), fallen),
        "increase" => extrapolated(samples, window, (true, false), fallen),
        "delta" => extrapolated(samples, window, (false, false), []),
        "irate" => instant_rate(samples, true),
        "idelta" => instant_rate(samples, false),
        "deriv" => line(samples, samples[0].0).map(|(slope, _)| slope),
        "predict_linear" => line(samples, at_ms).map(|(slope, now)| now + slope * param),
        "changes" => Some(changes(samples)),
        "resets" => Some(resets(samples)),
        "avg_over_time" => Some(mean(values())),
        "sum_over_time" => Some(sum(values())),
        "count_over_time" => Some(samples.len() as f64),
        "present_over_time" => Some(1.0),
        "last_over_time" => samples.last().map(|(_, value)| *value),
        "first_over_time" => samples.first().map(|(_, value)| *value),
        "stddev_over_time" => Some(variance(values()).sqrt()),
        "stdvar_over_time" => Some(variance(values())),
        "quantile_over_time" => quantile(param, values().collect()),
        _ => unreachable!("invariant: it is one of those of windows"),
    }
}

fn one_number(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sgn" => |value| if value == 0.0 || value.is_nan() { value } else { value.signum() },
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "deg" => |value| value * 180.0 / std::f64::consts::PI,
        "rad" => |value| value * std::f64::consts::PI / 180.0,
        _ => return None,
    })
}

/// What is no number stays none.
fn greater(bound: f64, value: f64) -> f64 {
    if bound.is_nan() || value.is_nan() { f64::NAN } else { bound.max(value) }
}

fn smaller(bound: f64, value: f64) -> f64 {
    if bound.is_nan() || value.is_nan() { f64::NAN } else { bound.min(value) }
}

fn ordered(one: &Row, other: &Row, ascending: bool) -> Ordering {
    let value = |row: &Row| row.values[0].unwrap_or(f64::NAN);
    rank(value(one), value(other), !ascending)
}

/// A row that says that nothing is there, with the labels that a selector asks for by equality.
fn missing(selector: Option<&VectorSelector>, values: Vec<Option<f64>>) -> Vec<Row> {
    let mut pairs: Vec<(Arc<str>, Arc<str>)> = Vec::new();
    let mut twice: Vec<&str> = Vec::new();
    for matcher in selector.iter().flat_map(|selector| &selector.matchers.matchers) {
        if matcher.name == METRIC {
            continue;
        }
        let is_known = pairs.iter().any(|(name, _)| **name == matcher.name);
        if matcher.op == MatchOp::Equal && !is_known {
            pairs.push((matcher.name.as_str().into(), matcher.value.as_str().into()));
        } else {
            twice.push(&matcher.name);
        }
    }
    pairs.retain(|(name, _)| !twice.contains(&&**name));
    let row = Row { labels: LabelSet::of(pairs), drops_name: false, values };
    if row.is_empty() { Vec::new() } else { vec![row] }
}

/// `$1a` is group 1 and `a` in Go, and a group named `1a` here.
fn braced(replacement: &str) -> String {
    let mut made = String::with_capacity(replacement.len() + 4);
    let mut rest = replacement;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        made.push_str(before);
        let after = &after[1..];
        let name: String =
            after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        if name.is_empty() {
            made.push('$');
            rest = after;
            if let Some(dollar) = rest.strip_prefix('$') {
                made.push('$');
                rest = dollar;
            } else if rest.starts_with('{') {
                let end = rest.find('}').map_or(rest.len(), |end| end + 1);
                made.push_str(&rest[..end]);
                rest = &rest[end..];
            } else {
                made.push('$');
            }
            continue;
        }
        made.push_str("${");
        made.push_str(&name);
        made.push('}');
        rest = &after[name.len()..];
    }
    made.push_str(rest);
    made
}

/// What was made the same is refused at once: a name that is to go does not tell two apart.
fn distinct(rows: Vec<Row>) -> Result<Value, EvalError> {
    let mut known = std::collections::HashMap::<_, Vec<usize>>::new();
    for (at, row) in rows.iter().enumerate() {
        let labels = if row.drops_name { row.labels.without_name() } else { row.labels.clone() };
        let others = known.entry(labels).or_default();
        for other in others.iter() {
            let both = rows[*other].values.iter().zip(&row.values);
            if both.clone().any(|(one, other)| one.is_some() && other.is_some()) {
                return Err(EvalError::SameLabels);
            }
        }
        others.push(at);
    }
    Ok(Value::Vector(rows))
}
