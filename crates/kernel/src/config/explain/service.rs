//! `[[service]]` in words. Passwords are not shown.

use super::{Rows, Section};
use crate::config::ServiceSettings;

pub(super) fn section(service: &ServiceSettings) -> Section {
    let mut rows = Rows::default();
    rows.put("at", service.at.clone(), false, "is asked how it is, every ten seconds");
    if !service.user.is_empty() {
        rows.put("user", service.user.clone(), false, "");
    }
    if service.password.is_some() {
        rows.put("password", "•••".to_owned(), false, "is shown there");
    }
    if let Some(shop) = &service.shop {
        rows.put("shop", shop.to_string(), false, "whose it is");
    }
    let queues =
        service.queues.iter().map(|queue| (queue.clone(), "is a queue of BullMQ".to_owned()));
    rows.list("queues", false, queues);
    rows.section("[[service]]", service.kind.word())
}
