//! The order time machine: what belonged to an order at a moment, what became of it, and how it comes
//! back under its own id and number, with everything else left alone.
//!
//! The moment is any [`Source`] of rows: a dump in a backup, the living database, or what the journal
//! says. [`Closure`] is all that belongs to an order in one; [`Difference`] holds two of them against
//! each other; [`restoration`] makes changes of rows from it, or says why not. Nothing here goes
//! through the platform: a restored order sends no mail and takes nothing from stock.

mod closure;
mod deleted;
mod difference;
mod restoration;
mod source;

pub use closure::{Closure, Found, Role, Wanted, find, found};
pub use deleted::Deleted;
pub use difference::{Difference, RowDifference, State};
pub use restoration::{Options, Refusal, Restoration, restoration};
pub use source::{Past, Source};

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
    #[error(
        "gather what belongs to the order: more than {MOST_ROWS} rows do; `{table}` has the most"
    )]
    TooMuch { table: String },
}
