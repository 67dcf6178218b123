//! nginx: the page of its module `stub_status`. Metrics are named as by nginx-prometheus-exporter.
//!
//! <https://nginx.org/en/docs/http/ngx_http_stub_status_module.html>

use crate::{
    CollectError,
    error::said,
    field::{counter, gauge, number},
};
use bytes::Bytes;
use kernel::readings::{Family, Readings};
use outbound::http::{Client, HeaderMap, Method, Request, StatusCode, place};
use std::time::Duration;

const ACTIVE: Family = gauge("nginx_connections_active", "Connections, waiting ones too.");
const ACCEPTED: Family = counter("nginx_connections_accepted", "Connections accepted.");
const HANDLED: Family = counter(
    "nginx_connections_handled",
    "Connections handled; fewer than accepted when a limit was reached.",
);
const REQUESTS: Family = counter("nginx_http_requests_total", "Requests.");
const READING: Family =
    gauge("nginx_connections_reading", "Connections whose request's head is being read.");
const WRITING: Family = gauge("nginx_connections_writing", "Connections that are being answered.");
const WAITING: Family =
    gauge("nginx_connections_waiting", "Idle connections that wait for a request.");

pub(crate) fn families() -> Vec<Family> {
    vec![ACTIVE, ACCEPTED, HANDLED, REQUESTS, READING, WRITING, WAITING]
}

pub(crate) async fn ask(
    client: &Client,
    url: &str,
    deadline: Duration,
    readings: &mut Readings,
) -> Result<(), CollectError> {
    let body = page(client, url, HeaderMap::new(), deadline).await?;
    let text = String::from_utf8_lossy(&body);
    let numbers = read(&text).ok_or_else(|| {
        CollectError::odd(
            &place(url).unwrap_or_default(),
            format!("`{}` is no stub_status", said(&body)),
        )
    })?;
    for (family, value) in families().iter().zip(numbers) {
        readings.put(family.name, &[], value);
    }
    Ok(())
}

/// A page that answers with 200, whole.
///
/// # Errors
/// [`CollectError::Refused`] by any other status.
pub(crate) async fn page(
    client: &Client,
    url: &str,
    headers: HeaderMap,
    deadline: Duration,
) -> Result<Bytes, CollectError> {
    let request =
        Request { method: Method::GET, url: url.to_owned(), headers, body: Bytes::new(), deadline };
    let response = client.send(request).await.map_err(CollectError::Http)?;
    if response.status == StatusCode::OK {
        return Ok(response.body);
    }
    let said = format!("{} {}", response.status.as_u16(), said(&response.body));
    Err(CollectError::Refused { place: place(url).unwrap_or_default(), said })
}

/// Active; accepted, handled, requests; reading, writing, waiting.
fn read(text: &str) -> Option<[f64; 7]> {
    let mut lines = text.lines().map(str::trim);
    let active = number(lines.next()?.strip_prefix("Active connections:")?)?;
    lines.next().filter(|line| *line == "server accepts handled requests")?;
    let mut totals = lines.next()?.split_whitespace().map(number);
    let (accepted, handled, requests) = (totals.next()??, totals.next()??, totals.next()??);
    let words: Vec<_> = lines.next()?.split_whitespace().collect();
    let ["Reading:", reading, "Writing:", writing, "Waiting:", waiting] = words[..] else {
        return None;
    };
    Some([
        active,
        accepted,
        handled,
        requests,
        number(reading)?,
        number(writing)?,
        number(waiting)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_whole_or_not_at_all() {
        let whole = "Active connections: 2 \nserver accepts handled requests\n 7 6 9 \nReading: 0 Writing: 1 Waiting: 1 \n";
        assert_eq!(read(whole), Some([2.0, 7.0, 6.0, 9.0, 0.0, 1.0, 1.0]));
        for cut in 0..whole.len() - 2 {
            assert_eq!(read(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(read("<html>"), None);
    }
}
