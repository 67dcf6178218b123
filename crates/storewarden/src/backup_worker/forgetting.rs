//! People who had their data erased stay so in a database that comes back from before.
//!
//! Nothing here names anybody.

use super::{
    Database, Done, Erasures, Event, Trouble, Voice,
    carrying::{graph, open},
    databases::of_restore,
    story,
};
use serde::{Deserialize, Serialize};
use vault::orders::{OrderError, forget};

/// Where, and who.
#[derive(Serialize, Deserialize)]
pub(crate) struct Forgetting {
    /// The shop's own, by the account that restores.
    pub(crate) live: Database,
    /// Whose file says what tells of a person.
    pub(crate) platform: String,
    /// The database that was restored beside it.
    pub(crate) name: String,
    /// The moment that it is from, unix milliseconds.
    pub(crate) then_ms: i64,
    pub(crate) erasures: Erasures,
}

/// How much was emptied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ForgottenPeople {
    /// Whose data was there.
    pub(crate) people: u64,
    pub(crate) orders: u64,
    pub(crate) rows: u64,
    /// Columns and tables that may tell of them still.
    pub(crate) left: u64,
}

/// # Errors
/// What kept it from being done.
pub(super) fn run(wanted: &Forgetting, voice: &Voice) -> Result<Done, Box<Trouble>> {
    let url = wanted.live.url();
    let not_done = |error: &OrderError| match error {
        OrderError::Database(error) => of_restore(error, &url),
        error => {
            let message = story(error);
            let said = [("error", message.as_str().into())];
            Box::new(Trouble::new("erasures_not_kept", said, message.clone()))
        }
    };
    let mut beside = open(&url, &wanted.name).map_err(|error| not_done(&error))?;
    let graph = graph(&wanted.platform, &mut beside)?;
    let erased = |address: &str| {
        let erased = wanted.erasures.erased(address, wanted.then_ms);
        erased.map(|erased| erased.named)
    };
    let mut read = |rows| voice.say(&Event::Progress { bytes: rows, total_bytes: None });
    let forgotten = forget(&mut beside, &graph, &erased, &mut read);
    let forgotten = forgotten.map_err(|error| not_done(&error))?;
    for place in &forgotten.left {
        voice.line(format!("{place} may tell of them still: the platform's file does not name it"));
    }
    Ok(Done::Forgot(ForgottenPeople {
        people: forgotten.people.len() as u64,
        orders: forgotten.orders,
        rows: forgotten.rows,
        left: forgotten.left.len() as u64,
    }))
}
