//! How many lines of an access log are read a second on one core: of the combined format and of one
//! with timings, in a shop whose rules tell its pages apart.
//!
//! `cargo run --release -p watch --example access_log`

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use kernel::{
    config::{Known, KnownPlatform, ShopSettings, parse},
    snapshot::Check,
};
use std::{error::Error, fmt::Write as _, fs, path::Path};

const LINES: usize = 1_000_000;
/// 22 November 2026, 04:05:06 UTC.
const NOW_MS: i64 = 1_795_320_306_000;
const TARGETS: [&str; 8] = [
    "/",
    "/category/lamps?page=2",
    "/product/moon-lamp",
    "/assets/app-3f2c.css",
    "/cart",
    "/search?q=brass",
    "/checkout",
    "/static/pictures/moon-lamp-800.webp",
];
const TIMED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status \
                     $body_bytes_sent \"$http_referer\" \"$http_user_agent\" $request_time \
                     $upstream_header_time $upstream_addr";
const FORMATS: [(&str, &str, &str); 2] =
    [("combined", "combined", ""), ("with timings", TIMED, " 0.042 0.031 127.0.0.1:3001")];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("access.log");
    for (name, format, more) in FORMATS {
        fs::write(&path, log(more))?;
        let shop = shop(&path, format)?;
        let before = cpu_seconds()?;
        let counted = watch::access_log::count(&shop, &path, NOW_MS)?;
        let seconds = cpu_seconds()? - before;
        assert_eq!((counted.lines, counted.broken), (LINES as u64, 0));
        println!("{name:<14}{:>12.0} lines a CPU second", LINES as f64 / seconds);
    }
    Ok(())
}

fn log(more: &str) -> String {
    let mut text = String::new();
    for number in 0..LINES {
        let (visitor, target) = (number % 5_000, TARGETS[number % TARGETS.len()]);
        let (low, high) = (visitor % 250, visitor / 250);
        let second = 10 + number / 20_000;
        writeln!(
            text,
            "10.0.{high}.{low} - - [22/Nov/2026:04:04:{second:02} +0000] \"GET {target} HTTP/2.0\" \
             200 5123 \"https://lamps.example/\" \"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) \
             Gecko/20100101 Firefox/140.0\"{more}"
        )
        .expect("a string takes all text");
    }
    text
}

fn shop(log: &Path, format: &str) -> Result<ShopSettings, Box<dyn Error>> {
    let platforms = [KnownPlatform { name: "sample".into(), check: Check::default() }];
    let known = Known { platforms: &platforms, environment: &|_| None, time_zone: &|_| Ok(()) };
    let text = format!(
        "version = 1\n[shop.lamps]\nplatform = \"sample\"\nhosts = \"lamps.example\"\n\
         front = false\nlogs = \"{}\"\nlog_format = '{format}'\napp = \"127.0.0.1:3001\"\n",
        log.display()
    );
    Ok(parse(&text, known)?.shops.remove(0))
}

/// What this process has used of processors (proc_pid_stat(5): `utime` and `stime`, in hundredths of
/// a second).
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("a name in brackets")?;
    let times = fields.split_ascii_whitespace().skip(11).take(2);
    let ticks: Vec<f64> = times.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}
