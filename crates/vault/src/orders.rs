//! The order time machine: what belonged to an order at a moment, what became of it, and how it comes
//! back under its own id and number, with everything else left alone.
//!
//! The moment is any [`Source`] of rows: a dump in a backup, the living database, or a [`Moment`] that the
//! journal tells of; a [`Trail`] is what became of an order there. [`Closure`] is all that belongs to an order in one; [`Difference`] holds two of them against
//! each other; [`restoration`] makes changes of rows from it, or says why not. Nothing here goes
//! through the platform: a restored order sends no mail and takes nothing from stock.

mod buyer;
mod carry;
mod closure;
mod deleted;
mod difference;
mod erasing;
mod fitting;
mod forgetting;
mod gone;
mod moment;
mod restoration;
mod source;
mod trail;

pub use buyer::{addresses, since};
pub use carry::{Carried, CarryOptions, carry};
pub use closure::{Closure, Found, Role, Wanted, find, found};
pub use deleted::Deleted;
pub use difference::{Difference, RowDifference, State};
pub use fitting::{allowed, fitting, is_order, untried};
pub use forgetting::{Forgotten, forget};
pub use gone::{Gone, gone, lacking, was_emptied};
pub use moment::{Base, Cut, Moment};
pub use restoration::{Options, Refusal, Restoration, restoration};
pub use source::{Past, Source, read, written};
pub use trail::{Happening, Trail, What};

use crate::VaultError;
use databases::DatabaseError;

/// So many rows belong to no order; the graph must be wrong.
const MOST_ROWS: usize = 20_000;

/// Why an order cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The platform's file names what this database does not have.
    #[error("find `{what}`, which the platform's file names, in the database")]
    NotThere { what: String },
    /// The names that the platform's file knows fit several shops' tables.
    #[error("tell whose orders are meant: there are {tables}")]
    Several { tables: String },
    #[error(
        "gather what belongs to the order: more than {MOST_ROWS} rows do; `{table}` has the most"
    )]
    TooMuch { table: String },
    #[error(transparent)]
    Journal(#[from] VaultError),
    /// The journal knows that it was another, and not what.
    #[error("tell row {key} of `{table}` at that moment: the journal does not know all of it")]
    NotKnown { table: String, key: String },
    #[error("tell rows of `{table}` at that moment: its columns were changed since")]
    Redefined { table: String },
}
