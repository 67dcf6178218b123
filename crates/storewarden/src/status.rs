//! `storewarden status`: how the shops are, in a few lines that can be read at a glance.

use crate::words;
use kernel::{Currency, Level, Money, facts::Health};
use std::fmt::Write as _;
use watch::state::{Edge, Instance, Orders, ShopNow, Status};

/// Whether colours and weights may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    fn level(self, level: Level, text: &str) -> String {
        let colour = match level {
            Level::Good => "32",
            Level::Attention => "33",
            Level::Broken => "31;1",
            Level::Unknown => "35",
        };
        self.with(colour, text)
    }

    fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    fn quiet(self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The worst level of any shop.
pub(crate) fn worst(status: &Status) -> Level {
    status.shops.iter().map(|shop| shop.now.verdict.level).max().unwrap_or(Level::Unknown)
}

/// The whole text, ending in a line break.
pub(crate) fn text(status: &Status, paint: Paint) -> String {
    let mut text = String::new();
    for shop in &status.shops {
        describe(&mut text, &shop.now, paint);
    }
    let machine = machine_line(status);
    push(&mut text, &paint.quiet(&machine));
    text
}

fn describe(text: &mut String, shop: &ShopNow, paint: Paint) {
    let level = shop.verdict.level;
    let sign = match level {
        Level::Good => "●",
        Level::Attention => "▲",
        Level::Broken => "✖",
        Level::Unknown => "?",
    };
    let verdict = words::verdict(&shop.verdict, shop.at_ms);
    push(
        text,
        &format!(
            "{} {}  {}",
            paint.level(level, sign),
            paint.strong(&shop.name),
            paint.level(level, &verdict)
        ),
    );
    push(text, &format!("  {:<10} {}", "orders", orders(&shop.orders, &shop.currency)));
    for (index, instance) in shop.instances.iter().enumerate() {
        let label = if index == 0 { "instances" } else { "" };
        push(text, &format!("  {label:<10} {}", instance_line(instance)));
    }
    if shop.hold.held + shop.hold.queued > 0 {
        let waiting = format!("{} held, {} queued", shop.hold.held, shop.hold.queued);
        push(text, &format!("  {:<10} {waiting}", "waiting"));
    }
    push(text, &format!("  {:<10} {}", "at", shop.addresses.join("  ")));
    for finding in &shop.findings {
        let since = words::age(shop.at_ms - finding.since_ms);
        let said = words::finding(finding, shop.at_ms).replace('\n', "\n    ");
        let line = format!("! {said} ({since})");
        push(text, &format!("  {}", paint.level(finding.level, &line)));
    }
    text.push('\n');
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

fn instance_line(instance: &Instance) -> String {
    let health = match instance.health {
        Health::Up => "up",
        Health::Down => "down",
        Health::SlowStart => "warming up",
        Health::Draining => "draining",
        Health::Unknown => "unknown",
    };
    let (name, address) = (instance.name.as_str(), &instance.address);
    let place = format!("{name:<12} {address:<21} {health}");
    if instance.health == Health::Unknown {
        // Nobody reports of it, so that its figures say nothing either.
        return place;
    }
    let p95 = instance.p95_ms.map(|p95| format!(", p95 {p95:.0} ms")).unwrap_or_default();
    let (in_flight, per_second) = (instance.in_flight, instance.requests_per_second);
    format!("{place}, {in_flight} in flight, {per_second:.1} requests/s{p95}")
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
