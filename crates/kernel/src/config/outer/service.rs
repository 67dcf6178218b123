//! `[[service]]`: what is asked besides what is found by itself.

use super::{
    database,
    reader::Wrong,
    section::{Section, Text},
    shop_named,
    values::listed,
};
use crate::config::{Secret, ServiceKind, ServiceSettings, ShopSettings};

const QUEUES: &str = "[\"bull:mails\"]";

pub(super) fn services(root: &Section<'_>, shops: &[ShopSettings]) -> Vec<ServiceSettings> {
    let mut services: Vec<ServiceSettings> = Vec::new();
    for section in root.tables("service") {
        let at = section.at.clone();
        let Some(service) = service(section, shops) else { continue };
        let same = |other: &ServiceSettings| (other.kind, &other.at) == (service.kind, &service.at);
        if services.iter().any(same) {
            let message = format!("there are two `[[service]]` at {}", service.at);
            root.wrong(at, message, "take one of them away");
        }
        services.push(service);
    }
    services
}

fn service(section: Section<'_>, shops: &[ShopSettings]) -> Option<ServiceSettings> {
    let kind = kind(&section);
    let at = at(&section, kind);
    let user = section.text("user").map(|text| text.value.to_owned()).unwrap_or_default();
    let password = section.text("password").and_then(|text| password(&section, &text));
    let shop = section.text("shop").and_then(|text| shop_named(&section, &text, shops));
    let queues = queues(&section, kind);
    section.finish();
    Some(ServiceSettings { kind: kind?, at: at?, user, password, shop, queues })
}

fn kind(section: &Section<'_>) -> Option<ServiceKind> {
    let words = ServiceKind::ALL.map(ServiceKind::word);
    let Some(text) = section.text("kind") else {
        if section.item("kind").is_none() {
            section
                .missing("kind", format!("write `kind = \"redis\"`; there are {}", listed(&words)));
        }
        return None;
    };
    let found = ServiceKind::ALL.into_iter().find(|kind| kind.word() == text.value);
    if found.is_none() {
        let message = format!("`kind` is \"{}\", which we cannot ask", text.value);
        section.wrong(text.at, message, format!("there are {}", listed(&words)));
    }
    found
}

/// Where one of this kind is, for an example.
fn example(kind: ServiceKind) -> &'static str {
    match kind {
        ServiceKind::Redis => "127.0.0.1:6379",
        ServiceKind::Nginx => "http://127.0.0.1/nginx_status",
        ServiceKind::PhpFpm => "http://127.0.0.1/fpm-status",
        ServiceKind::RabbitMq => "http://127.0.0.1:15672",
        ServiceKind::Elasticsearch => "http://127.0.0.1:9200",
    }
}

fn at(section: &Section<'_>, kind: Option<ServiceKind>) -> Option<String> {
    let example = example(kind.unwrap_or(ServiceKind::Redis));
    let Some(text) = section.text("at") else {
        if section.item("at").is_none() {
            section.missing("at", format!("write where it is: `at = \"{example}\"`"));
        }
        return None;
    };
    let is_fit = match kind? {
        ServiceKind::Redis => is_socket(text.value) || is_host_and_port(text.value),
        _ => is_url(text.value),
    };
    if !is_fit {
        let message = format!("`at` is \"{}\", where none of its kind can be asked", text.value);
        section.wrong(text.at, message, format!("write `at = \"{example}\"`"));
        return None;
    }
    Some(text.value.trim_end_matches('/').to_owned())
}

fn is_socket(text: &str) -> bool {
    text.starts_with('/') && !text.contains(char::is_whitespace)
}

fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    !host.is_empty() && host.chars().all(is_plain) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        let place = rest.split('/').next().unwrap_or_default();
        !place.is_empty() && !text.contains(char::is_whitespace) && !text.contains(['@', '#'])
    })
}

fn password(section: &Section<'_>, text: &Text<'_>) -> Option<Secret> {
    section.checked("password", text, |text| {
        let value = database::variable(text, section.reader.known.environment)?;
        let mend = "write `password = \"${file:/etc/storewarden/redis-password}\"`";
        let value = value.ok_or_else(|| Wrong::new("stands here in clear", mend))?;
        Ok(Secret::new(value.trim().to_owned()))
    })
}

fn queues(section: &Section<'_>, kind: Option<ServiceKind>) -> Vec<String> {
    section.refuse_empty_list("queues", QUEUES);
    let texts = section.texts("queues", QUEUES).unwrap_or_default();
    if !texts.is_empty() && kind.is_some_and(|kind| kind != ServiceKind::Redis) {
        let message = "`queues` are those of BullMQ, which are in a Redis";
        section.wrong(section.place_of("queues"), message, "take them away");
        return Vec::new();
    }
    texts.iter().map(|text| text.value.to_owned()).collect()
}
