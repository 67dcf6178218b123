//! Merges what lies in a store as time would, for `cargo xtask bench watch`, and prints the seconds of processor time that it took.
#![expect(clippy::print_stdout, reason = "the figure is what it is for")]

use series::{Limits, Series};
use std::{
    env,
    error::Error,
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

fn main() -> Result<(), Box<dyn Error>> {
    let Some(folder) = env::args().nth(1) else { return Err("usage: condense FOLDER".into()) };
    let now_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let limits = Limits { series: 1_000_000, head_bytes: 1 << 30, ..Limits::default() };
    Series::open(Path::new(&folder), limits, now_ms)?.condense(now_ms)?;
    println!("{}", cpu_seconds()?);
    Ok(())
}

/// Of this process so far (proc(5), `schedstat`).
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = stat.split_whitespace().next().ok_or("a number")?.parse()?;
    Ok(nanoseconds / 1e9)
}
