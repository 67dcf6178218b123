//! Names that nobody has, told with the one that was meant: to each caller of what they may see.

use crate::{ApiError, ApiState, caller::Caller};
use ::watch::state::ShopSummary;
use kernel::{InstanceName, ShopId, config::nearest};

/// Names that are listed when none is near.
const LISTED: usize = 8;

/// A shop of the configuration. One that the caller may not see is none.
///
/// # Errors
/// [`ApiError::NotFound`], which [`told`] tells with the shops there are.
pub(crate) fn shop(state: &ApiState, caller: &Caller, id: &ShopId) -> Result<(), ApiError> {
    if seen(state, caller).iter().any(|shop| shop.id == *id) {
        return Ok(());
    }
    Err(ApiError::NotFound { what: "shop", name: id.to_string() })
}

/// An instance of a shop.
///
/// # Errors
/// [`ApiError::Unknown`]; [`ApiError::NotFound`] when there is not even the shop.
pub(crate) fn instance(
    state: &ApiState,
    shop: &ShopId,
    name: &InstanceName,
) -> Result<(), ApiError> {
    if state.watch.with(|live| live.instance(shop, name)).is_some() {
        return Ok(());
    }
    let Some(known) = state.watch.with(|live| live.state(shop)) else {
        return Err(ApiError::NotFound { what: "shop", name: shop.to_string() });
    };
    let known = known.now.instances.iter().map(|instance| instance.name.as_str());
    Err(unknown("instance", name.as_str(), known))
}

/// The same error, with the names of shops where it is about a shop.
pub(crate) fn told(state: &ApiState, caller: &Caller, error: ApiError) -> ApiError {
    match error {
        ApiError::NotFound { what: "shop", name } => {
            let shops = seen(state, caller);
            unknown("shop", &name, shops.iter().map(|shop| shop.id.as_str()))
        }
        error => error,
    }
}

/// That there is no `name`, and what there is instead.
pub(crate) fn unknown<'a>(
    what: &'static str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> ApiError {
    let hint = match nearest(name, known.clone()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => listed(&known.collect::<Vec<_>>()),
    };
    ApiError::Unknown { what, name: name.to_owned(), hint }
}

/// `; there are `a`, `b` and 3 more`.
fn listed(known: &[&str]) -> String {
    let quoted: Vec<String> = known.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    let more = known.len().saturating_sub(LISTED);
    match (quoted.as_slice(), more) {
        ([], _) => String::new(),
        ([one], 0) => format!("; there is {one}"),
        ([most @ .., last], 0) => format!("; there are {} and {last}", most.join(", ")),
        (all, more) => format!("; there are {} and {more} more", all.join(", ")),
    }
}

fn seen(state: &ApiState, caller: &Caller) -> Vec<ShopSummary> {
    let mut shops = state.watch.with(|live| live.shops());
    shops.retain(|shop| caller.sees(&shop.id));
    shops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_meant_is_told_or_those_there_are() {
        let check = |name: &str, known: &[&str], expect: &str| {
            let said = unknown("shop", name, known.iter().copied()).to_string();
            assert_eq!(said, expect);
        };
        check("lamp", &["socks", "lamps"], "there is no shop `lamp`; did you mean `lamps`?");
        check("x", &["socks", "lamps"], "there is no shop `x`; there are `socks` and `lamps`");
        check("x", &["socks"], "there is no shop `x`; there is `socks`");
        check("x", &[], "there is no shop `x`");
        let many = ["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "b1"];
        let said = unknown("shop", "zebra", many.into_iter()).to_string();
        assert!(said.ends_with("`a7`, `a8` and 2 more"), "{said}");
    }
}
