//! `[edge]`, `[edge.limits]`, `[control]` and `[acme]` in words.

use super::{Rows, Section, bytes, ms, number};
use crate::{
    config::{
        AcmeSettings, Configuration, ControlSettings, EdgeSettings, SecondFactorDemand, outer,
    },
    snapshot::Limits,
};

pub(super) fn sections(configuration: &Configuration) -> Vec<Section> {
    let mut sections =
        vec![edge(&configuration.edge), limits(&configuration.edge.limits), control(configuration)];
    sections.extend(configuration.acme.as_ref().map(acme));
    sections
}

fn edge(edge: &EdgeSettings) -> Section {
    let default = outer::default_edge();
    let mut rows = Rows::default();
    let lines = edge.listen.iter().map(|listen| {
        let meaning =
            if listen.tls { "visitors come in encrypted" } else { "visitors come in plain" };
        (listen.to_string(), meaning.to_owned())
    });
    rows.list("listen", edge.listen == default.listen, lines);
    let workers = |workers: &Option<u32>| {
        workers.map_or_else(|| "one a core".to_owned(), |workers| workers.to_string())
    };
    rows.add("workers", &edge.workers, &default.workers, workers, "threads that serve");
    let log = edge.access_log.as_ref().map(|path| path.display().to_string());
    let shown = log.clone().unwrap_or_else(|| "none".to_owned());
    rows.put("access_log", shown, log.is_none(), "a line for each request");
    let meaning = "running requests may end within this";
    rows.add("drain", &edge.drain_ms, &default.drain_ms, ms, meaning);
    rows.section("[edge]", "")
}

fn limits(limits: &Limits) -> Section {
    let base = Limits::default();
    let small = |size: &u32| bytes(&u64::from(*size));
    let mut rows = Rows::default();
    rows.add("head", &limits.head_bytes, &base.head_bytes, small, "longest request head, else 431");
    let meaning = "longest path and query, else 414";
    rows.add("target", &limits.target_bytes, &base.target_bytes, small, meaning);
    rows.add("headers", &limits.headers, &base.headers, number, "most header fields, else 431");
    rows.add("body", &limits.body_bytes, &base.body_bytes, bytes, "largest request body, else 413");
    let meaning = "larger bodies wait in a file";
    rows.add("body_memory", &limits.body_memory_bytes, &base.body_memory_bytes, bytes, meaning);
    let meaning = "most connections of visitors at once";
    rows.add("connections", &limits.connections, &base.connections, number, meaning);
    let meaning = "a head is whole by then, else 408";
    rows.add("head_timeout", &limits.head_timeout_ms, &base.head_timeout_ms, ms, meaning);
    let meaning = "a body goes on by then, else 408";
    rows.add("body_timeout", &limits.body_timeout_ms, &base.body_timeout_ms, ms, meaning);
    let meaning = "a visitor takes some of it by then";
    rows.add("write_timeout", &limits.write_timeout_ms, &base.write_timeout_ms, ms, meaning);
    let meaning = "an idle connection is closed after this";
    rows.add("idle_timeout", &limits.idle_timeout_ms, &base.idle_timeout_ms, ms, meaning);
    let meaning = "most of one HTTP/2 connection at once";
    rows.add("streams", &limits.streams, &base.streams, number, meaning);
    rows.section("[edge.limits]", "")
}

fn control(configuration: &Configuration) -> Section {
    let ControlSettings { listen, second_factor, discover_services, pulse_ms } =
        &configuration.control;
    let mut rows = Rows::default();
    let meaning = "user interface and API";
    rows.add("listen", listen, &outer::CONTROL, ToString::to_string, meaning);
    let word = |demand: &SecondFactorDemand| {
        let named = outer::SECOND_FACTORS.iter().find(|(_, known)| known == demand);
        named.map_or_else(String::new, |(word, _)| (*word).to_owned())
    };
    let meaning = "owners and operators must have one";
    rows.add("second_factor", second_factor, &outer::SECOND_FACTOR, word, meaning);
    let meaning = "databases, caches and queues of this machine are found and asked how they are";
    rows.add("discover_services", discover_services, &true, ToString::to_string, meaning);
    let meaning = "processors, memory, disks and network of this machine are read";
    rows.add("pulse", pulse_ms, &outer::PULSE_MS, ms, meaning);
    rows.section("[control]", "")
}

fn acme(acme: &AcmeSettings) -> Section {
    let mut rows = Rows::default();
    let default = acme.directory == outer::LETS_ENCRYPT;
    rows.put("directory", acme.directory.clone(), default, "");
    let contact = if acme.contact.is_empty() { "none".to_owned() } else { acme.contact.join(", ") };
    rows.put("contact", contact, acme.contact.is_empty(), "who is told of trouble");
    let root = acme.root.as_ref().map(|path| path.display().to_string());
    let shown = root.clone().unwrap_or_else(|| "the system's".to_owned());
    rows.put("root", shown, root.is_none(), "trusted for the directory");
    let meaning = "before its end, a certificate is renewed";
    rows.add("renew_days", &acme.renew_days, &outer::RENEW_DAYS, number, meaning);
    rows.section("[acme]", "")
}
