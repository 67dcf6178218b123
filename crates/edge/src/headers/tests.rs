//! Tables of heads, before and after.

use super::*;
use std::net::{Ipv4Addr, Ipv6Addr};

type Lines = &'static [(&'static str, &'static str)];

fn map(lines: Lines) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    map
}

fn id() -> RequestId {
    RequestId::new(1_469_918_176_385, 0xabcd)
}

fn visitor() -> Visitor<'static> {
    let address = Ipv4Addr::new(203, 0, 113, 9).into();
    Visitor { address, tls: true, host: "shop.example:8443" }
}

fn prepared(lines: Lines, upgrade: bool) -> Vec<(String, String)> {
    let mut lines: Vec<_> = for_shop(&map(lines), &visitor(), &id(), upgrade)
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
        .collect();
    lines.sort();
    lines
}

const PUT_ON: [&str; 7] = [
    "host",
    "traceparent",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
];

/// What is left beside the fields that are always put on.
fn left(lines: Lines, upgrade: bool) -> Vec<(String, String)> {
    let ours = |name: &str| PUT_ON.contains(&name);
    prepared(lines, upgrade).into_iter().filter(|(name, _)| !ours(name)).collect()
}

#[test]
fn the_shop_is_told_of_the_visitor_by_us_alone() {
    let forged: Lines = &[
        ("host", "shop.example:8443"),
        ("host", "evil.example"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-port", "1"),
        ("x-forwarded-prefix", "/admin"),
        ("x-real-ip", "127.0.0.1"),
        ("x_real_ip", "127.0.0.1"),
        ("x_forwarded_for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("true-client-ip", "127.0.0.1"),
        ("x-original-url", "/admin"),
        ("x-rewrite-url", "/admin"),
        ("proxy", "evil.example:80"),
        ("x-request-id", "mine"),
    ];
    let honest = prepared(&[], false);
    assert_eq!(prepared(forged, false), honest);
    let names: Vec<_> = honest.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, PUT_ON);
    let values: Vec<_> = honest.iter().map(|(_, value)| value.as_str()).collect();
    let (host, address, id) = ("shop.example:8443", "203.0.113.9", id());
    let expect = [host, values[1], address, host, "https", address, id.as_str()];
    assert_eq!(values, expect);
}

#[test]
fn fields_of_one_connection_end_at_the_edge() {
    let check = |lines: Lines, expect: Lines| {
        let expect: Vec<_> =
            expect.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(left(lines, false), expect, "{lines:?}");
    };
    check(&[("connection", "keep-alive")], &[]);
    check(&[("connection", "close, X-Hop"), ("x-hop", "1"), ("x-end", "2")], &[("x-end", "2")]);
    check(&[("connection", "x-a"), ("connection", "x-b"), ("x-a", "1"), ("x-b", "2")], &[]);
    // Whoever names these would change what the message means.
    check(
        &[
            ("connection", "cookie, content-length, host"),
            ("cookie", "a=1"),
            ("content-length", "3"),
        ],
        &[("content-length", "3"), ("cookie", "a=1")],
    );
    check(
        &[
            ("te", "trailers"),
            ("trailer", "x"),
            ("transfer-encoding", "chunked"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic x"),
            ("http2-settings", "AAMAAABk"),
            ("upgrade", "h2c"),
            ("expect", "100-continue"),
        ],
        &[],
    );
}

#[test]
fn crumbs_of_a_cookie_become_one_line() {
    let check = |lines: Lines, expect: &str| {
        assert_eq!(left(lines, false), [("cookie".to_owned(), expect.to_owned())]);
    };
    check(&[("cookie", "a=1; b=2")], "a=1; b=2");
    check(&[("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")], "a=1; b=2; c=3");
}

#[test]
fn only_a_websocket_is_an_upgrade() {
    let check = |method: &str, version: http::Version, lines: Lines, expect: bool| {
        let mut request = http::Request::new(());
        *request.method_mut() = http::Method::from_bytes(method.as_bytes()).expect("a method");
        *request.version_mut() = version;
        *request.headers_mut() = map(lines);
        assert_eq!(wants_upgrade(&request.into_parts().0), expect, "{method} {lines:?}");
    };
    let websocket: Lines = &[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")];
    check("GET", http::Version::HTTP_11, websocket, true);
    check("POST", http::Version::HTTP_11, websocket, false);
    check("GET", http::Version::HTTP_10, websocket, false);
    check("GET", http::Version::HTTP_2, websocket, false);
    check("GET", http::Version::HTTP_11, &[("upgrade", "websocket")], false);
    check("GET", http::Version::HTTP_11, &[("connection", "upgrade")], false);
    let h2c: Lines = &[("connection", "upgrade, http2-settings"), ("upgrade", "h2c")];
    check("GET", http::Version::HTTP_11, h2c, false);

    let sent = left(
        &[("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "k")],
        true,
    );
    let names: Vec<_> = sent.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["connection", "sec-websocket-key", "upgrade"]);
}

#[test]
fn a_response_keeps_what_is_for_the_visitor() {
    let mut headers = map(&[
        ("connection", "close, x-hop"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("x-hop", "1"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("content-type", "text/html"),
    ]);
    prepare_response(&mut headers, false);
    assert_eq!(
        headers,
        map(&[("set-cookie", "a=1"), ("set-cookie", "b=2"), ("content-type", "text/html"),])
    );
}

#[test]
fn addresses_are_written_as_people_know_them() {
    let check = |address: IpAddr, expect: &str| assert_eq!(address_value(address), expect);
    check(Ipv4Addr::new(0, 10, 100, 255).into(), "0.10.100.255");
    check(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().into(), "192.0.2.1");
    check(Ipv6Addr::LOCALHOST.into(), "::1");
    let longest = Ipv6Addr::from([0xffff; 8]);
    check(longest.into(), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

#[test]
fn a_valid_trace_goes_on_and_any_other_begins_anew() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let sent = |lines: Lines| {
        let mut headers = HeaderMap::new();
        trace::carry_on(&map(lines), &mut headers, &id());
        let parent = headers["traceparent"].to_str().expect("text").to_owned();
        (parent, headers.contains_key("tracestate"))
    };
    let number = id().number();
    let new = format!("00-{number:032x}-{:016x}-01", number & u128::from(u64::MAX));
    let goes_on =
        |flags: &str| format!("00-{TRACE}-{:016x}-{flags}", number & u128::from(u64::MAX));
    let check = |value: &'static str, expect: &str| {
        let lines: Lines = Box::leak(Box::new([("traceparent", value), ("tracestate", "a=1")]));
        let continued = expect != new;
        assert_eq!(sent(lines), (expect.to_owned(), continued), "{value}");
    };
    check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &goes_on("01"));
    check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", &goes_on("00"));
    check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fe", &goes_on("00"));
    check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", &goes_on("01"));
    check("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what", &goes_on("01"));
    check("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what", &new);
    check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what", &new);
    check("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &new);
    check("00-00000000000000000000000000000000-b7ad6b7169203331-01", &new);
    check("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", &new);
    check("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", &new);
    check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", &new);
    check("", &new);
    assert_eq!(sent(&[]), (new.clone(), false));
    let twice: Lines = &[
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203332-01"),
    ];
    assert_eq!(sent(twice).0, new);
}
