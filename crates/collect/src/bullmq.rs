//! Queues of BullMQ, by their keys in Redis or Valkey. Told as other queues of shops are.
//!
//! The keys are those of bullmq's `classes/queue-keys.ts`: lists `wait`, `paused` and `active`, whose oldest is the last; sorted sets
//! `prioritized` by priority, `failed` by the millisecond. A job is a hash below its queue.

use crate::{
    CollectError, Login, Place,
    queues::{NUMBERS, READABLE},
    resp::{Connection, Reply},
};
use kernel::readings::Readings;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Whoever failed before does not count any more.
const FAILED_WITHIN: Duration = Duration::from_secs(3600);

pub(crate) async fn ask(
    place: &Place,
    login: Option<&Login>,
    platform: &str,
    queues: &[String],
    readings: &mut Readings,
) -> Result<(), CollectError> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut connection = Connection::open(place, login).await?;
    for key in queues {
        let name = key.rsplit_once(':').map_or(key.as_str(), |(_, name)| name);
        let labels = [("platform", platform), ("queue", name)];
        let mut queue = Queue { connection: &mut connection, key, place };
        // It is written by whoever opens the queue, and stays.
        let known = queue.count("EXISTS", "meta", &[]).await? > 0.0;
        readings.put(READABLE.name, &labels, if known { 1.0 } else { 0.0 });
        if known {
            let numbers = queue.numbers(since).await?;
            for (family, number) in NUMBERS.iter().zip(numbers) {
                readings.put(family.name, &labels, number);
            }
        }
    }
    Ok(())
}

struct Queue<'a> {
    connection: &'a mut Connection,
    key: &'a str,
    place: &'a Place,
}

impl Queue<'_> {
    /// In the order of [`NUMBERS`].
    async fn numbers(&mut self, now: Duration) -> Result<[f64; 5], CollectError> {
        let waiting = self.count("LLEN", "wait", &[]).await?
            + self.count("LLEN", "paused", &[]).await?
            + self.count("ZCARD", "prioritized", &[]).await?;
        let running = self.count("LLEN", "active", &[]).await?;
        let from = now.saturating_sub(FAILED_WITHIN).as_millis().to_string();
        let failed = self.count("ZCOUNT", "failed", &[&from, "+inf"]).await?;
        let mut waits: f64 = 0.0;
        for (command, list, place) in [
            ("LINDEX", "wait", &["-1"][..]),
            ("LINDEX", "paused", &["-1"]),
            ("ZRANGE", "prioritized", &["0", "0"]),
        ] {
            waits = waits.max(self.age(command, list, place, "timestamp", now).await?);
        }
        let runs = self.age("LINDEX", "active", &["-1"], "processedOn", now).await?;
        Ok([waiting, running, failed, waits, runs])
    }

    async fn count(
        &mut self,
        command: &str,
        list: &str,
        more: &[&str],
    ) -> Result<f64, CollectError> {
        match self.say(command, list, more).await? {
            #[expect(
                clippy::cast_precision_loss,
                reason = "fewer jobs than a double counts exactly"
            )]
            Reply::Number(number) => Ok(number as f64),
            _ => Err(CollectError::odd(self.place, format!("{command} of {list} is no number"))),
        }
    }

    /// Seconds since a moment of the job at the end of a list; 0 without one.
    async fn age(
        &mut self,
        command: &str,
        list: &str,
        place: &[&str],
        moment: &str,
        now: Duration,
    ) -> Result<f64, CollectError> {
        let Reply::Text(job) = self.say(command, list, place).await? else { return Ok(0.0) };
        let job = String::from_utf8_lossy(&job).into_owned();
        // Gone meanwhile, or not begun to be run: then of no age.
        let Reply::Text(at) = self.say("HGET", &job, &[moment]).await? else { return Ok(0.0) };
        let at = std::str::from_utf8(&at).ok().and_then(|text| text.parse::<u64>().ok());
        let at = at.ok_or_else(|| {
            CollectError::odd(self.place, format!("{moment} of a job is no number"))
        })?;
        Ok(now.saturating_sub(Duration::from_millis(at)).as_secs_f64())
    }

    async fn say(
        &mut self,
        command: &str,
        part: &str,
        more: &[&str],
    ) -> Result<Reply, CollectError> {
        let key = format!("{}:{part}", self.key);
        let mut words = vec![command, &key];
        words.extend(more);
        self.connection.say(&words).await
    }
}
