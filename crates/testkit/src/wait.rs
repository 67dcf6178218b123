//! Waiting for what must become true, instead of sleeping and hoping.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

const EVERY: Duration = Duration::from_millis(5);

/// Asks again and again until `condition` is `Ok`, and gives what it holds.
///
/// # Panics
/// When it is not `Ok` within `limit`: with `what` was waited for and what was seen last.
pub async fn wait_until<T, S: Debug>(
    what: &str,
    limit: Duration,
    mut condition: impl AsyncFnMut() -> Result<T, S>,
) -> T {
    let begins = Instant::now();
    loop {
        match condition().await {
            Ok(value) => return value,
            Err(seen) if begins.elapsed() >= limit => {
                panic!("waited {limit:?} for {what}; last seen: {seen:?}");
            }
            Err(_) => tokio::time::sleep(EVERY).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_ends_with_the_condition() {
        let mut left = 3;
        let value = wait_until("three", Duration::from_secs(10), async || {
            left -= 1;
            if left == 0 { Ok("done") } else { Err(left) }
        });
        assert_eq!(value.await, "done");
    }

    #[tokio::test]
    #[should_panic(expected = "for the moon; last seen: \"clouds\"")]
    async fn it_says_what_was_seen_last() {
        wait_until("the moon", Duration::ZERO, async || Err::<(), _>("clouds")).await;
    }
}
