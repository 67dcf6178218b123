//! `storewarden status`: how the shops are, in a few lines that can be read at a glance.

use crate::{
    cli::{Exit, State},
    client::ask,
    incidents::{self, Incident},
    moment::Here,
    remote::{good, print, print_bytes},
    runs::{Run, Runs},
    terminal::{self, Foot, Paint, cut, printable, width},
    words,
};
use anyhow::bail;
use kernel::{Currency, Level, Money, config::nearest, facts::Health};
use serde_json::{Value, json};
use std::{fmt::Write as _, time::Duration};
use watch::{
    backups::BackupsStanding,
    state::{Beside, Drained, Edge, Instance, Orders, ShopNow, Status},
    streams::{LogStanding, StreamStanding, StreamState},
};

/// How often it is told again with `--watch`.
const EVERY: Duration = Duration::from_secs(2);
/// Columns of the names at the left.
const NAMES: usize = 10;

/// All that is told, of one shop or of all.
struct Standing {
    status: Status,
    /// Not resolved; `None`: they cannot be read now.
    incidents: Option<Vec<Incident>>,
    /// Not over; `None`: they cannot be read now.
    runs: Option<Vec<Run>>,
    /// How far the changes of databases are followed, with how it stands with backups; `None`: control
    /// does not say so now.
    backups: Option<BackupsStanding>,
    /// The same as they came.
    json: Value,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) shop: Option<&'a str>,
    pub(crate) watch: bool,
    pub(crate) json: bool,
}

/// Prints how the shops are. Something broken is an exit of its own, for scripts.
pub(crate) fn run(state: &State, wish: Wish<'_>) -> anyhow::Result<Exit> {
    if wish.watch {
        return watch(state, wish.shop);
    }
    let standing = ask_all(state, wish.shop)?;
    if wish.json {
        print_bytes(serde_json::to_string(&standing.json)?.as_bytes())?;
    } else {
        print(text(&standing, &Here::now(), Paint::of_output()).as_bytes())?;
    }
    let broken = worst(&standing.status) == Level::Broken;
    Ok(if broken { Exit::Wrong } else { Exit::Fine })
}

/// Tells it again and again, until Ctrl-C.
fn watch(state: &State, shop: Option<&str>) -> anyhow::Result<Exit> {
    if !terminal::is_live() {
        bail!("--watch needs a terminal; for programs there is --json, once");
    }
    let mut foot = Foot::default();
    loop {
        // A control that restarts is back in a moment.
        let said = match ask_all(state, shop) {
            Ok(standing) => text(&standing, &Here::now(), Paint::of_output()),
            Err(error) => format!("{error:#}\n"),
        };
        let (columns, lines) = terminal::size();
        let fits =
            |line: &str| if Paint::of_output().0 { line.to_owned() } else { cut(line, columns) };
        let shown: Vec<String> = said.lines().take(lines - 1).map(fits).collect();
        print(foot.draw("", &shown).as_bytes())?;
        std::thread::sleep(EVERY);
    }
}

fn ask_all(state: &State, shop: Option<&str>) -> anyhow::Result<Standing> {
    let directory = &state.directory;
    let mut json: Value = good(ask(directory, "GET", "/api/v1/status")?)?.json()?;
    if let (Some(shop), Some(shops)) = (shop, json["shops"].as_array_mut()) {
        let ids: Vec<String> =
            shops.iter().filter_map(|shop| shop["id"].as_str().map(str::to_owned)).collect();
        if !ids.iter().any(|id| id == shop) {
            bail!("{}", no_shop(shop, &ids));
        }
        shops.retain(|one| one["id"] == shop);
    }
    // Shops are shown also while our own records cannot be read.
    let incidents = incidents::unresolved(state, shop).ok();
    let of_shop = shop.map(|shop| format!("&shop={}", crate::remote::escape(shop)));
    let path = format!("/api/v1/runs?state=open&limit=200{}", of_shop.unwrap_or_default());
    let runs: Option<Value> =
        good(ask(directory, "GET", &path)?).ok().map(|answer| answer.json()).transpose()?;
    let backups: Option<BackupsStanding> = good(ask(directory, "GET", "/api/v1/backups")?)
        .ok()
        .map(|answer| answer.json())
        .transpose()?;
    json["incidents"] = json!(incidents);
    json["runs"] = runs.as_ref().map_or(Value::Null, |runs| runs["runs"].clone());
    json["streams"] = backups.as_ref().map_or(Value::Null, |backups| streams(backups, shop));
    let incidents = incidents.map(|all| all.into_iter().map(serde_json::from_value).collect());
    Ok(Standing {
        status: serde_json::from_value(json.clone())?,
        incidents: incidents.transpose()?,
        runs: runs.map(serde_json::from_value::<Runs>).transpose()?.map(|runs| runs.runs),
        backups,
        json,
    })
}

/// By the shops whose changes are to be followed.
fn streams(backups: &BackupsStanding, shop: Option<&str>) -> Value {
    let asked = backups.shops.iter().filter(|of| shop.is_none_or(|shop| shop == of.shop.as_str()));
    let of = asked.filter_map(|of| Some((of.shop.to_string(), json!(of.stream.as_ref()?))));
    Value::Object(of.collect())
}

fn no_shop(shop: &str, ids: &[String]) -> String {
    match nearest(shop, ids.iter().map(String::as_str)) {
        Some(near) => format!("there is no shop `{shop}`; did you mean `{near}`?"),
        None => format!("there is no shop `{shop}`; there are {}", ids.join(", ")),
    }
}

/// The worst level of any shop.
fn worst(status: &Status) -> Level {
    status.shops.iter().map(|shop| shop.now.verdict.level).max().unwrap_or(Level::Unknown)
}

/// The whole text, ending in a line break.
fn text(standing: &Standing, here: &Here, paint: Paint) -> String {
    let mut text = String::new();
    for shop in &standing.status.shops {
        describe(&mut text, &shop.now, standing, here, paint);
    }
    let machine = happening(standing, None, here, paint);
    if !machine.is_empty() {
        push(&mut text, &paint.strong("This machine"));
        text.push_str(&machine);
        text.push('\n');
    }
    for (what, known) in
        [("incidents", standing.incidents.is_some()), ("runs", standing.runs.is_some())]
    {
        if !known {
            let said =
                format!("? Whether there are {what} is unknown: our records cannot be read.");
            push(&mut text, &paint.level(Level::Unknown, &said));
        }
    }
    if standing.backups.is_none() {
        let said = "? Whether changes of databases are followed is unknown: control does not say.";
        push(&mut text, &paint.level(Level::Unknown, said));
    }
    push(&mut text, &paint.quiet(&machine_line(&standing.status)));
    text
}

fn describe(text: &mut String, shop: &ShopNow, standing: &Standing, here: &Here, paint: Paint) {
    let level = shop.verdict.level;
    let sign = match level {
        Level::Good => "●",
        Level::Attention => "▲",
        Level::Broken => "✖",
        Level::Unknown => "?",
    };
    let verdict = words::verdict(&shop.verdict, shop.at_ms);
    let (sign, name) = (paint.level(level, sign), paint.strong(&printable(&shop.name)));
    push(text, &format!("{sign} {name}  {}", paint.level(level, &verdict)));
    named(text, "orders", &orders(&shop.orders, &shop.currency));
    let columns = |of: fn(&Instance) -> &str| {
        shop.instances.iter().map(|instance| width(of(instance))).max().unwrap_or(0)
    };
    let columns =
        [columns(|instance| instance.name.as_str()), columns(|instance| &instance.address)];
    for (index, instance) in shop.instances.iter().enumerate() {
        let label = if index == 0 { "instances" } else { "" };
        named(text, label, &instance_line(instance, columns, shop.at_ms, paint));
    }
    if let Some(hold) = shop.hold.as_ref().filter(|hold| hold.held + hold.queued > 0) {
        named(text, "waiting", &format!("{} held, {} queued", hold.held, hold.queued));
    }
    if let Some(beside) = &shop.beside {
        named(text, "beside", &logs(beside));
    }
    let known = standing.backups.iter().flat_map(|backups| &backups.shops);
    for stream in known.filter(|of| of.shop == shop.id).filter_map(|of| of.stream.as_ref()) {
        let (said, level) = followed(stream, shop.at_ms);
        named(text, "stream", &paint.level(level, &printable(&said)));
        if let Some(log) = &stream.log {
            let (said, level) = reach(log, here);
            named(text, "log", &paint.level(level, &printable(&said)));
        }
    }
    text.push_str(&happening(standing, Some(shop.id.as_str()), here, paint));
    // Beside another web server, it is that one that listens.
    if !shop.addresses.is_empty() {
        named(text, "at", &shop.addresses.join("  "));
    }
    for finding in &shop.findings {
        let since = words::age(shop.at_ms - finding.since_ms);
        let said = words::finding(finding, shop.at_ms).replace('\n', "\n    ");
        let line = format!("! {said} ({since})");
        push(text, &format!("  {}", paint.level(finding.level, &line)));
    }
    text.push('\n');
}

/// How far the changes of a shop's database are followed, and how bad that is.
fn followed(stream: &StreamStanding, now_ms: i64) -> (String, Level) {
    let behind = stream.current_ms.map(|current| (now_ms - current).max(0));
    let lag = match behind {
        Some(behind) => format!("{} behind", words::age(behind)),
        None => "how far behind is unknown".to_owned(),
    };
    let (state, level) = match stream.state {
        StreamState::Following => {
            let most = i64::try_from(stream.behind_at_most_ms).unwrap_or(i64::MAX);
            let level = match behind {
                Some(behind) if behind <= most => Level::Good,
                Some(_) => Level::Attention,
                None => Level::Unknown,
            };
            return (format!("changes are followed, {lag}"), level);
        }
        StreamState::Starting => ("begins", Level::Attention),
        StreamState::Away => ("the database does not answer", Level::Attention),
        StreamState::Refused => ("refused", Level::Attention),
        StreamState::Stopped => ("stopped", Level::Attention),
        // What was last said of it holds no more.
        StreamState::Unknown => ("unknown", Level::Unknown),
    };
    let why = stream.trouble.as_ref().map(|trouble| format!(": {}", trouble.message));
    let lag = if level == Level::Unknown { String::new() } else { format!("; {lag}") };
    (format!("{state}{}{lag}", why.unwrap_or_default()), level)
}

/// Which moments are reached by a server's own log, and how bad that is.
fn reach(log: &LogStanding, here: &Here) -> (String, Level) {
    let why = log.trouble.as_ref().map(|trouble| format!(": {}", trouble.message));
    let level = match (log.state, log.reaches_from_ms) {
        (StreamState::Unknown, _) => Level::Unknown,
        (StreamState::Following, Some(_)) => Level::Good,
        _ => Level::Attention,
    };
    let said = match (log.reaches_from_ms, log.current_ms) {
        (Some(from_ms), Some(until_ms)) => {
            format!("any second from {} to {} by WAL", here.moment(from_ms), here.moment(until_ms))
        }
        _ => "no moment is reached by WAL yet: there is no base backup".to_owned(),
    };
    (format!("{said}{}", why.unwrap_or_default()), level)
}

/// What a shop is known by that another web server stands before.
fn logs(beside: &Beside) -> String {
    let logs: Vec<&str> = beside.logs.iter().map(|log| log.path.as_str()).collect();
    let (lines, broken) = (beside.lines, beside.broken);
    let timing = match &beside.timing {
        Some(_) => "",
        None => "; its lines do not say how long anything took",
    };
    format!("{}: {lines} lines read, {broken} not understood{timing}", logs.join(", "))
}

/// The incidents and runs of a shop, or of none.
fn happening(standing: &Standing, shop: Option<&str>, here: &Here, paint: Paint) -> String {
    let mut text = String::new();
    let incidents = standing.incidents.iter().flatten().filter(|one| one.shop.as_deref() == shop);
    for (index, incident) in incidents.enumerate() {
        let label = if index == 0 { "incidents" } else { "" };
        let line = paint.level(incident.level, &printable(&incidents::line(incident, here)));
        named(&mut text, label, &line);
    }
    let runs = standing.runs.iter().flatten().filter(|run| run.shop.as_deref() == shop);
    for (index, run) in runs.enumerate() {
        let label = if index == 0 { "runs" } else { "" };
        let (id, what, state) = (&run.id, printable(&run.what()), crate::runs::words(&run.state));
        let (done, all, ago) = (run.done_steps, run.all_steps, here.ago(run.created_ms));
        named(
            &mut text,
            label,
            &format!("{id} {what}: {state}, {done} of {all} steps done, {ago}"),
        );
    }
    text
}

fn named(text: &mut String, name: &str, said: &str) {
    push(text, &format!("  {name:<NAMES$} {said}"));
}

fn orders(orders: &Orders, currency: &str) -> String {
    let part = |count: Option<u64>, revenue: Option<i64>, span: &str| {
        let count = count.map_or_else(|| "unknown".to_owned(), |count| count.to_string());
        let money = revenue.zip(currency.parse::<Currency>().ok());
        let money = money.map(|(minor, currency)| format!(" ({})", Money { minor, currency }));
        format!("{count}{} {span}", money.unwrap_or_default())
    };
    let hour = part(orders.last_hour, orders.revenue_last_hour_minor, "in the last hour");
    let day = part(orders.today, orders.revenue_today_minor, "today");
    format!("{hour}, {day}")
}

/// `columns` are those of the widest name and address.
fn instance_line(instance: &Instance, columns: [usize; 2], now_ms: i64, paint: Paint) -> String {
    let (health, level) = match instance.health {
        Health::Up => ("up", Level::Good),
        Health::Down => ("down", Level::Broken),
        Health::SlowStart => ("warming up", Level::Good),
        Health::Draining => ("draining", Level::Attention),
        Health::Unknown => ("unknown", Level::Unknown),
    };
    let wide = |text: &str, columns: usize| {
        format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
    };
    let name = wide(instance.name.as_str(), columns[0]);
    let address = wide(&instance.address, columns[1]);
    let place = format!("{name}  {address}  {}", paint.level(level, health));
    if instance.health == Health::Unknown {
        // Nobody reports of it, so that its figures say nothing either.
        return place;
    }
    let since = match (&instance.drained, instance.health) {
        (Some(drained), _) => taken_out(drained, now_ms),
        (None, Health::Down) => format!(" for {}", words::age(now_ms - instance.since_ms)),
        (None, _) => String::new(),
    };
    let p95 = instance.p95_ms.map(|p95| format!(", p95 {p95:.0} ms")).unwrap_or_default();
    // From beside, nobody counts what runs there.
    let in_flight = instance.in_flight.map(|count| format!(", {count} in flight"));
    let per_second = instance.requests_per_second.map(|rate| format!(", {rate:.1} requests/s"));
    format!(
        "{place}{since}{}{}{p95}",
        in_flight.unwrap_or_default(),
        per_second.unwrap_or_default()
    )
}

/// Since when and by whom an instance gets no new requests.
fn taken_out(drained: &Drained, now_ms: i64) -> String {
    let since = drained.since_ms.map(|since_ms| format!(" for {}", words::age(now_ms - since_ms)));
    let by = match (&drained.run, &drained.by) {
        (Some(run), _) => format!(" by run {run}"),
        (None, Some(by)) => format!(" by {by}"),
        (None, None) => String::new(),
    };
    since.unwrap_or_default() + &by
}

fn machine_line(status: &Status) -> String {
    let host = &status.host;
    let processor = share(host.cpu_share);
    let memory = host.memory_used_bytes.zip(host.memory_total_bytes);
    let memory = share(memory.map(|(used, total)| used as f64 / total.max(1) as f64));
    format!(
        "Storewarden {}, edge {}, processor {processor}, memory {memory}",
        status.version,
        edge(&status.edge)
    )
}

fn edge(edge: &Edge) -> String {
    match (edge.connected, edge.connections, edge.snapshot_version) {
        (true, Some(connections), Some(version)) if version == edge.wanted_version => {
            format!("serving ({connections} connections, configuration {version})")
        }
        (true, Some(connections), version) => {
            let version = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            let wanted = edge.wanted_version;
            format!("serving ({connections} connections, configuration {version}, {wanted} wanted)")
        }
        _ => "not reporting".to_owned(),
    }
}

fn share(share: Option<f64>) -> String {
    share.map_or_else(|| "unknown".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

fn push(text: &mut String, line: &str) {
    writeln!(text, "{}", line.trim_end()).expect("invariant: writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use watch::backups::Trouble;

    #[test]
    fn how_far_changes_are_followed_is_said_with_its_lag_or_as_unknown() {
        let check = |state, current_ms, why: Option<&str>, expect: (&str, Level)| {
            let trouble = why.map(|why| Trouble {
                code: "stream_silent".to_owned(),
                params: kernel::Params::new(),
                message: why.to_owned(),
            });
            let stream = StreamStanding {
                state,
                begun_ms: None,
                current_ms,
                behind_at_most_ms: 5_000,
                last_ms: None,
                behind_bytes: None,
                journal_bytes: 0,
                raw_bytes: None,
                obstacles: Vec::new(),
                trouble,
                gap: None,
                copies: Vec::new(),
                log: None,
            };
            let (said, level) = followed(&stream, 100_000);
            assert_eq!((said.as_str(), level), expect);
        };
        let following = StreamState::Following;
        check(following, Some(98_000), None, ("changes are followed, 2 s behind", Level::Good));
        check(
            following,
            Some(40_000),
            None,
            ("changes are followed, 1 min behind", Level::Attention),
        );
        let expect = ("changes are followed, how far behind is unknown", Level::Unknown);
        check(following, None, None, expect);
        let why = Some("its process does not run");
        check(
            StreamState::Unknown,
            Some(9),
            why,
            ("unknown: its process does not run", Level::Unknown),
        );
        let expect = ("stopped: odd; 1 min behind", Level::Attention);
        check(StreamState::Stopped, Some(40_000), Some("odd"), expect);
    }
}
