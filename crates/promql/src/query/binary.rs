//! Operators between two operands.

use super::{
    Evaluation,
    error::EvalError,
    labels::{LabelSet, has},
    value::{Grid, Row, Value},
};
use promql_parser::{
    label::Labels as Names,
    parser::{
        BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality,
        token::{
            T_ADD, T_ATAN2, T_DIV, T_EQLC, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE, T_MOD, T_MUL,
            T_NEQ, T_POW, T_SUB, TokenId,
        },
    },
};
use series::METRIC;
use std::collections::{BTreeMap, HashMap, HashSet};

impl Evaluation<'_> {
    pub(super) fn binary(&mut self, binary: &BinaryExpr, grid: &Grid) -> Result<Value, EvalError> {
        let operation = Operation { op: binary.op.id(), is_bool: binary.return_bool() };
        let (left, right) = (self.value(&binary.lhs, grid)?, self.value(&binary.rhs, grid)?);
        Ok(match (left, right) {
            (Value::Scalar(left), Value::Scalar(right)) => {
                let pairs = left.into_iter().zip(right);
                let value = |(left, right)| operation.number(left, right);
                Value::Scalar(pairs.map(value).collect())
            }
            (Value::Vector(rows), Value::Scalar(scalar)) => {
                Value::Vector(operation.with_scalar(rows, &scalar, false))
            }
            (Value::Scalar(scalar), Value::Vector(rows)) => {
                Value::Vector(operation.with_scalar(rows, &scalar, true))
            }
            (Value::Vector(left), Value::Vector(right)) => {
                let modifier = binary.modifier.as_ref();
                let rows = if binary.op.is_set_operator() {
                    of_sets(operation.op, left, right, modifier, grid)
                } else {
                    operation.matched(left, right, modifier, grid)?
                };
                Value::Vector(rows)
            }
            _ => return Err(EvalError::Type { expected: "scalar or instant vector" }),
        })
    }
}

#[derive(Clone, Copy)]
struct Operation {
    op: TokenId,
    is_bool: bool,
}

impl Operation {
    fn compares(self) -> bool {
        matches!(self.op, T_EQLC | T_NEQ | T_LTE | T_LSS | T_GTE | T_GTR)
    }

    fn holds(self, left: f64, right: f64) -> bool {
        match self.op {
            T_EQLC => left == right,
            T_NEQ => left != right,
            T_LTE => left <= right,
            T_LSS => left < right,
            T_GTE => left >= right,
            _ => left > right,
        }
    }

    /// A comparison is 1 or 0.
    fn number(self, left: f64, right: f64) -> f64 {
        match self.op {
            T_ADD => left + right,
            T_SUB => left - right,
            T_MUL => left * right,
            T_DIV => left / right,
            T_MOD => left % right,
            T_POW => left.powf(right),
            T_ATAN2 => left.atan2(right),
            _ => f64::from(u8::from(self.holds(left, right))),
        }
    }

    /// Without `bool`, a comparison filters, and `kept` stays.
    fn value(self, left: f64, right: f64, kept: f64) -> Option<f64> {
        match self.compares() && !self.is_bool {
            true => self.holds(left, right).then_some(kept),
            false => Some(self.number(left, right)),
        }
    }

    fn drops_name(self) -> bool {
        !self.compares() || self.is_bool
    }

    fn with_scalar(self, rows: Vec<Row>, scalar: &[f64], is_left: bool) -> Vec<Row> {
        let row = |mut row: Row| {
            for (value, scalar) in row.values.iter_mut().zip(scalar) {
                let Some(own) = *value else { continue };
                let (left, right) = if is_left { (*scalar, own) } else { (own, *scalar) };
                *value = self.value(left, right, own);
            }
            row.drops_name |= self.drops_name();
            row
        };
        rows.into_iter().map(row).filter(|row| !row.is_empty()).collect()
    }

    fn matched(
        self,
        left: Vec<Row>,
        right: Vec<Row>,
        modifier: Option<&BinModifier>,
        grid: &Grid,
    ) -> Result<Vec<Row>, EvalError> {
        let card = modifier.map_or(&VectorMatchCardinality::OneToOne, |modifier| &modifier.card);
        let matching = modifier.and_then(|modifier| modifier.matching.as_ref());
        let is_swapped = matches!(card, VectorMatchCardinality::OneToMany(_));
        let (many, one) = if is_swapped { (right, left) } else { (left, right) };
        let one_side = if is_swapped { "left" } else { "right" };
        let is_single = matches!(card, VectorMatchCardinality::OneToOne);
        let mut ones: HashMap<LabelSet, Vec<usize>> = HashMap::new();
        for (at, row) in one.iter().enumerate() {
            ones.entry(signature(row, matching)).or_default().push(at);
        }
        refuse_twice(&ones, &one, grid, one_side)?;
        let partner_at = |places: &[usize], step: usize| {
            places.iter().copied().find(|place| one[*place].values[step].is_some())
        };
        // Of one to one: whether somebody of a signature found a partner at a step, also when a comparison let it go.
        let mut taken: HashMap<LabelSet, Vec<bool>> = HashMap::new();
        let mut made: Vec<Row> = Vec::new();
        for row in many {
            let signature = signature(&row, matching);
            let Some(partners) = ones.get(&signature) else { continue };
            let taken = taken.entry(signature).or_insert_with(|| vec![false; grid.steps]);
            // Partners take turns over the steps, and each may give other labels.
            let mut results: BTreeMap<LabelSet, Vec<Option<f64>>> = BTreeMap::new();
            for (step, own) in row.values.iter().enumerate() {
                let Some(own) = *own else { continue };
                let Some(partner) = partner_at(partners, step) else { continue };
                let Some(other) = one[partner].values[step] else { continue };
                if is_single && std::mem::replace(&mut taken[step], true) {
                    let what = "many-to-one matching must be explicit (group_left/group_right)";
                    return Err(EvalError::Matches { what });
                }
                let (left, right) = if is_swapped { (other, own) } else { (own, other) };
                let Some(value) = self.value(left, right, left) else { continue };
                let labels = result_labels(&row, &one[partner], card, matching);
                let values = results.entry(labels).or_insert_with(|| vec![None; grid.steps]);
                values[step] = Some(value);
            }
            let drops_name = row.drops_name || self.drops_name();
            let results = results.into_iter();
            made.extend(results.map(|(labels, values)| Row { labels, drops_name, values }));
        }
        unique(made)
    }
}

/// # Errors
/// Where two rows of the one side have the same signature and are there at once.
fn refuse_twice(
    ones: &HashMap<LabelSet, Vec<usize>>,
    rows: &[Row],
    grid: &Grid,
    side: &'static str,
) -> Result<(), EvalError> {
    for (signature, places) in ones.iter().filter(|(_, places)| places.len() > 1) {
        for step in 0..grid.steps {
            let there = places.iter().filter(|place| rows[**place].values[step].is_some());
            if there.count() > 1 {
                return Err(EvalError::ManyToMany { group: signature.to_string(), side });
            }
        }
    }
    Ok(())
}

/// No two results with the same labels are there at once; those that take turns are one.
fn unique(made: Vec<Row>) -> Result<Vec<Row>, EvalError> {
    let mut known: HashMap<LabelSet, usize> = HashMap::new();
    let mut rows: Vec<Row> = Vec::new();
    for row in made {
        let Some(at) = known.get(&row.labels).copied() else {
            known.insert(row.labels.clone(), rows.len());
            rows.push(row);
            continue;
        };
        for (own, other) in rows[at].values.iter_mut().zip(row.values) {
            if own.is_some() && other.is_some() {
                let what = "grouping labels must ensure unique matches";
                return Err(EvalError::Matches { what });
            }
            *own = own.or(other);
        }
    }
    Ok(rows.into_iter().filter(|row| !row.is_empty()).collect())
}

fn signature(row: &Row, matching: Option<&LabelModifier>) -> LabelSet {
    let name_stays = !row.drops_name;
    match matching {
        None => row.labels.without_name(),
        Some(LabelModifier::Include(names)) => {
            row.labels.keep(|name| has(names, name) && (name_stays || name != METRIC))
        }
        Some(LabelModifier::Exclude(names)) => {
            row.labels.keep(|name| name != METRIC && !has(names, name))
        }
    }
}

fn result_labels(
    row: &Row,
    partner: &Row,
    card: &VectorMatchCardinality,
    matching: Option<&LabelModifier>,
) -> LabelSet {
    let mut labels = row.labels.clone();
    if matches!(card, VectorMatchCardinality::OneToOne) {
        labels = match matching {
            Some(LabelModifier::Include(names)) => labels.keep(|name| has(names, name)),
            Some(LabelModifier::Exclude(names)) => labels.keep(|name| !has(names, name)),
            None => labels,
        };
    }
    let included: Option<&Names> = card.labels();
    for name in included.into_iter().flat_map(|names| &names.labels) {
        labels = labels.with(name, partner.labels.get(name));
    }
    labels
}

fn of_sets(
    op: TokenId,
    left: Vec<Row>,
    right: Vec<Row>,
    modifier: Option<&BinModifier>,
    grid: &Grid,
) -> Vec<Row> {
    let matching = modifier.and_then(|modifier| modifier.matching.as_ref());
    let there = |rows: &[Row]| -> Vec<HashSet<LabelSet>> {
        let mut there = vec![HashSet::new(); grid.steps];
        for row in rows {
            let signature = signature(row, matching);
            for (step, _) in row.values.iter().enumerate().filter(|(_, value)| value.is_some()) {
                there[step].insert(signature.clone());
            }
        }
        there
    };
    let filtered = |rows: Vec<Row>, others: &[HashSet<LabelSet>], wanted: bool| {
        let row = move |mut row: Row| {
            let signature = signature(&row, matching);
            for (value, others) in row.values.iter_mut().zip(others) {
                if others.contains(&signature) != wanted {
                    *value = None;
                }
            }
            row
        };
        rows.into_iter().map(row).filter(|row| !row.is_empty()).collect::<Vec<_>>()
    };
    match op {
        T_LAND => filtered(left, &there(&right), true),
        T_LOR => {
            let others = there(&left);
            let mut rows = left;
            rows.extend(filtered(right, &others, false));
            rows
        }
        _ => filtered(left, &there(&right), false),
    }
}
