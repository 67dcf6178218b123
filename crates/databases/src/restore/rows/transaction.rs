//! What happens within the transaction, whatever the database: rows are set apart, become what they
//! shall, and are held against what they should be.

use super::{
    Obstacle, RowCounts,
    job::{Job, Link, Way, literal},
    refused,
};
use crate::{DatabaseError, dump::Kind};

/// A connection in a transaction.
pub(super) trait Session {
    const KIND: Kind;

    fn run(&mut self, what: &str, statement: &str) -> Result<(), DatabaseError>;

    /// The answer's rows, as text.
    fn texts(
        &mut self,
        what: &str,
        statement: &str,
    ) -> Result<Vec<Vec<Option<String>>>, DatabaseError>;

    fn count(&mut self, what: &str, statement: &str) -> Result<u64, DatabaseError> {
        let rows = self.texts(what, statement)?;
        let first = rows.into_iter().flatten().flatten().next();
        let odd = || DatabaseError::DumpCut(format!("{what}: the answer is no number"));
        first.and_then(|text| text.parse().ok()).ok_or_else(odd)
    }
}

/// Which of a database's own constraints stand while rows are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// Foreign keys hold at once: parents come first, children go first.
    Held,
    /// They are off, and looked at in the end.
    Off,
}

/// Sets apart what is to be changed.
pub(super) fn set_apart(
    session: &mut impl Session,
    jobs: &[Job],
    exact: bool,
) -> Result<Vec<RowCounts>, DatabaseError> {
    let mut counts = Vec::new();
    for job in jobs {
        let what = format!("hold the rows of `{}` against the restored ones", job.label);
        session.run(&what, &job.fill_new())?;
        session.run(&what, &job.fill_old())?;
        counts.push(RowCounts {
            table: job.label.clone(),
            added: session.count(&what, &job.count_added())?,
            changed: session.count(&what, &job.count_changed())?,
            only_live: session.count(&what, &job.count_only_live())?,
        });
        if exact {
            session.run(&what, &job.fill_gone())?;
        }
    }
    Ok(counts)
}

/// What is done with rows of all tables, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Delete,
    Update,
    Insert,
}

/// Makes rows what they shall be, in this order: parents come first and go last.
pub(super) fn turn(
    session: &mut impl Session,
    (jobs, links): (&[Job], &[Link]),
    way: Way,
    keys: Keys,
    order: [Deed; 3],
) -> Result<(), DatabaseError> {
    let tables = parents_first(jobs, links);
    for deed in order {
        if deed == Deed::Delete {
            delete(session, (jobs, links), &tables, way, keys)?;
            continue;
        }
        for job in tables.iter().map(|at| &jobs[*at]) {
            let statement = match deed {
                Deed::Update => job.update(way),
                _ => Some(job.insert(way)),
            };
            if let Some(statement) = statement {
                session.run(&format!("change rows of `{}`", job.label), &statement)?;
            }
        }
    }
    match keys {
        Keys::Held => Ok(()),
        Keys::Off => look_at_links(session, (jobs, links), way),
    }
}

fn delete(
    session: &mut impl Session,
    (jobs, links): (&[Job], &[Link]),
    order: &[usize],
    way: Way,
    keys: Keys,
) -> Result<(), DatabaseError> {
    for at in order.iter().rev() {
        let (job, what) = (&jobs[*at], format!("delete rows of `{}`", jobs[*at].label));
        let held = links.iter().filter(|link| link.parent_job == Some(*at));
        for link in held.filter(|_| keys == Keys::Held) {
            let count = session.count(&what, &link.count_held(job, way))?;
            none(count, &job.label, Obstacle::ReferredTo, link)?;
        }
        session.run(&what, &job.delete(way))?;
    }
    Ok(())
}

/// Nobody refers to what is not there.
fn look_at_links(
    session: &mut impl Session,
    (jobs, links): (&[Job], &[Link]),
    way: Way,
) -> Result<(), DatabaseError> {
    let what = "look whether foreign keys hold";
    for link in links {
        if let Some(job) = link.child_job.map(|at| &jobs[at]) {
            let count = session.count(what, &link.count_lost(job, way))?;
            none(count, &job.label, Obstacle::Refers, link)?;
        }
        if let Some(job) = link.parent_job.map(|at| &jobs[at]) {
            let count = session.count(what, &link.count_orphans(job, way))?;
            none(count, &job.label, Obstacle::ReferredTo, link)?;
        }
    }
    Ok(())
}

fn none(count: u64, table: &str, obstacle: Obstacle, link: &Link) -> Result<(), DatabaseError> {
    match count {
        0 => Ok(()),
        count => Err(refused(table, obstacle, &format!("{count} rows by {}", link.said()))),
    }
}

/// Every row is what it was to become.
pub(super) fn hold(session: &mut impl Session, jobs: &[Job]) -> Result<(), DatabaseError> {
    for job in jobs {
        let what = format!("hold the rows of `{}` against the restored ones", job.label);
        match session.count(&what, &job.count_odd())? {
            0 => {}
            count => {
                let said = format!("{count} rows");
                return Err(refused(&job.label, Obstacle::NotAsWritten, &said));
            }
        }
    }
    Ok(())
}

/// Tables before those that refer to them; a circle as it comes.
fn parents_first(jobs: &[Job], links: &[Link]) -> Vec<usize> {
    let mut order = Vec::new();
    let mut left: Vec<usize> = (0..jobs.len()).collect();
    while !left.is_empty() {
        let waits = |at: usize| {
            let parents = links.iter().filter(|link| link.child_job == Some(at));
            parents.filter_map(|link| link.parent_job).any(|job| job != at && left.contains(&job))
        };
        let next = left.iter().position(|at| !waits(*at)).unwrap_or(0);
        order.push(left.remove(next));
    }
    order
}

/// What makes the table of the note, named as it stands in a statement.
pub(super) fn note_table(name: &str) -> String {
    format!(
        "CREATE TABLE {name} (number INTEGER PRIMARY KEY, mark VARCHAR(500), label VARCHAR(500), \
         added BIGINT, changed BIGINT, only_live BIGINT)"
    )
}

/// What is kept of a table in a place of its own, after the place's name.
pub(super) fn kept_names(number: usize) -> [String; 2] {
    [format!("old_{number}"), format!("new_{number}")]
}

pub(super) fn note<S: Session>(
    session: &mut S,
    name: &str,
    mark: &str,
    counts: &[RowCounts],
) -> Result<(), DatabaseError> {
    for (number, of) in counts.iter().enumerate() {
        let RowCounts { table, added, changed, only_live } = of;
        let statement = format!(
            "INSERT INTO {name} VALUES ({}, {}, {}, {added}, {changed}, {only_live})",
            number + 1,
            literal(S::KIND, mark),
            literal(S::KIND, table)
        );
        session.run("note what was done", &statement)?;
    }
    Ok(())
}

/// Whose the note is, and what it says.
pub(super) fn noted(
    session: &mut impl Session,
    name: &str,
) -> Result<(Option<String>, Vec<RowCounts>), DatabaseError> {
    let statement =
        format!("SELECT mark, label, added, changed, only_live FROM {name} ORDER BY number");
    let mut mark = None;
    let mut counts = Vec::new();
    for row in session.texts("read what was done", &statement)? {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || row.next().unwrap_or_default();
        mark = Some(next());
        let table = next();
        let mut number = || next().parse().unwrap_or_default();
        let (added, changed, only_live) = (number(), number(), number());
        counts.push(RowCounts { table, added, changed, only_live });
    }
    Ok((mark, counts))
}
