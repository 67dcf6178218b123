//! The memory of control: with one shop, with one and a history of ten thousand series, with a hundred shops, and with so
//! many that they have ten thousand series. Every shop has visitors.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::super::goal::Row;
use super::control::{Storewarden, host};
use crate::process;
use crate::workspace::Workspace;

/// What it needs then is what it keeps needing: ten minutes of seconds are shown of every shop.
const TIME: Duration = Duration::from_secs(11 * 60);
/// Every shop is visited so often.
const VISITS: Duration = Duration::from_secs(8);
const MOST_BYTES: u64 = 45_000_000;
const SERIES: usize = 10_000;
/// Of what was measured before the start.
const HOURS: &str = "2";

/// How many shops there are, and how many series of others lie in the history already.
struct Case {
    name: &'static str,
    shops: usize,
    past_series: usize,
    is_goal: bool,
}

const CASES: [Case; 4] = [
    Case { name: "one shop", shops: 1, past_series: 0, is_goal: false },
    Case { name: "one shop, the history of many", shops: 1, past_series: SERIES, is_goal: true },
    Case { name: "a hundred shops", shops: 100, past_series: 0, is_goal: false },
    Case { name: "1,120 shops", shops: 1_120, past_series: 0, is_goal: false },
];

pub(super) fn measure(workspace: &Workspace, scratch: &Path) -> anyhow::Result<Vec<Row>> {
    let origin = serve()?;
    let mut rows = Vec::new();
    for case in CASES {
        let folder = scratch.join(case.name.replace([' ', ','], "-"));
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        if case.past_series > 0 {
            let mut fill = process::command(workspace.program("release", "examples/history"), &[]);
            fill.arg(folder.join("state/series")).arg(case.past_series.to_string()).arg(HOURS);
            process::run(&mut fill)?;
        }
        let storewarden = Storewarden::start(workspace, &folder, case.shops, origin)?;
        visit(storewarden.edge, case.shops)?;
        let (bytes, series) = (storewarden.memory_of_control()?, storewarden.series()?);
        ensure!(!case.is_goal || series >= SERIES, "there are only {series} series");
        storewarden.stop()?;
        #[expect(clippy::cast_precision_loss, reason = "bytes of memory are far below 2⁵²")]
        let measured = format!("{:.1} MB", bytes as f64 / 1e6);
        let goal = || format!("{} MB", MOST_BYTES / 1_000_000);
        rows.push(Row {
            name: format!("memory of control (PSS): {}, {series} series", case.name),
            measured,
            goal: if case.is_goal { goal() } else { String::new() },
            is_kept: case.is_goal.then_some(bytes <= MOST_BYTES),
        });
    }
    Ok(rows)
}

/// Answers everything on this port, on every address of the loopback, as long as this program runs.
fn serve() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).context("listen as the shops")?;
    let port = listener.local_addr().context("read our port")?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection that ends badly is the edge's to open again.
            std::thread::spawn(move || answer(&stream).ok());
        }
    });
    Ok(port)
}

fn answer(stream: &TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut stream = stream;
    while let Some(line) = lines.next().transpose()? {
        if line.is_empty() {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")?;
        }
    }
    Ok(())
}

/// Visits all shops in turn, on one connection.
fn visit(edge: SocketAddr, shops: usize) -> anyhow::Result<()> {
    let stream = TcpStream::connect(edge).context("connect to the edge")?;
    stream.set_nodelay(true).context("send at once")?;
    let mut answers = BufReader::new(stream.try_clone().context("read from the edge")?);
    let mut stream = stream;
    let between = VISITS / u32::try_from(shops).context("count shops")?;
    let begun = Instant::now();
    for number in 0_u32.. {
        if begun.elapsed() > TIME {
            break;
        }
        let shop = usize::try_from(number).context("count visits")? % shops;
        let request = format!("GET /page HTTP/1.1\r\nhost: {}\r\n\r\n", host(shop));
        stream.write_all(request.as_bytes()).context("visit")?;
        read_answer(&mut answers)?;
        let due = between * (number + 1);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    Ok(())
}

fn read_answer(answers: &mut BufReader<TcpStream>) -> anyhow::Result<()> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        answers.read_line(&mut line).context("read an answer")?;
        ensure!(!line.is_empty(), "the edge closed the connection");
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().context("read the length of an answer")?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    std::io::Read::read_exact(answers, &mut body).context("read an answer")
}
