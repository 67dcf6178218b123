//! What every request passes before anything else: the name it came under, who sends it, and where
//! it was sent from. And the headers that every answer carries.

use crate::{
    ApiError, ApiState, access,
    caller::Caller,
    permissions::{self, At, Need},
};
use axum::{
    extract::{FromRequestParts as _, MatchedPath, RawPathParams, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Uri,
        header::{
            AUTHORIZATION, CONTENT_SECURITY_POLICY, COOKIE, HOST, ORIGIN, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use kernel::{Actor, Grant, Place, Rights, Role, ShopId};
use std::net::IpAddr;

/// The cookie that holds a session's secret.
pub(crate) const SESSION_COOKIE: &str = "storewarden_session";

/// Scripts, styles and data from here alone; no other page may frame us.
const CONTENT_POLICY: &str = "default-src 'self'; img-src 'self' data:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Refuses names that are not ours, so that a page elsewhere cannot make its own name point here
/// (DNS rebinding) and read what it is told. Adds the headers of every answer.
pub(crate) async fn names(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let host = host_of(request.headers(), request.uri());
    let mut response = match host {
        Some(host) if is_ours(&host, &state.names) => next.run(request).await,
        host => ApiError::Host(host.unwrap_or_default()).into_response(),
    };
    let headers = response.headers_mut();
    let always = [
        (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (OPENER_POLICY, "same-origin"),
        (RESOURCE_POLICY, "same-origin"),
    ];
    for (name, value) in always {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Lets through who may do what the route does, and of browsers only what our own pages send.
pub(crate) async fn callers(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let caller = caller(&state, request.headers()).await?;
    let (mut parts, body) = request.into_parts();
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    if !reads && caller.session.is_some() && !same_origin(&parts.headers, &parts.uri) {
        return Err(ApiError::CrossOrigin);
    }
    let path = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    // What is not in the table is allowed to nobody.
    let need = permissions::need(&parts.method, path).ok_or(ApiError::Method)?;
    let shop = RawPathParams::from_request_parts(&mut parts, &()).await.ok();
    let shop = shop.as_ref().and_then(|all| all.iter().find(|(name, _)| *name == "shop"));
    allow(need, &caller, shop.map(|(_, id)| id))?;
    parts.extensions.insert(caller);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

fn allow(need: Need, caller: &Caller, shop: Option<&str>) -> Result<(), ApiError> {
    match need {
        Need::Nothing | Need::SignedIn => Ok(()),
        Need::Permission(permission, At::Machine) => caller.may_everywhere(permission),
        Need::Permission(permission, At::Somewhere) => {
            let allowed = caller.rights.may(permission, Place::Somewhere);
            if allowed { Ok(()) } else { Err(ApiError::Forbidden(permission)) }
        }
        Need::Permission(permission, At::Shop) => {
            let shop = shop.unwrap_or_default();
            let missing = || ApiError::NotFound { what: "shop", name: shop.to_owned() };
            caller.may(permission, &shop.parse::<ShopId>().map_err(|_| missing())?)
        }
    }
}

async fn caller(state: &ApiState, headers: &HeaderMap) -> Result<Caller, ApiError> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let secret = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
        let known = secret.is_some_and(|secret| state.token.is(secret.trim()));
        if !known {
            return Err(ApiError::Unauthenticated);
        }
        return Ok(Caller { actor: Actor::CommandLine, rights: Rights::Everything, session: None });
    }
    for secret in session_secrets(headers) {
        let hash = access::hash(secret);
        if state.store.session_valid(hash, now_ms()).await? {
            let everything = Grant { role: Role::Owner, shop: None };
            return Ok(Caller {
                actor: Actor::Person("owner".to_owned()),
                rights: Rights::Granted(vec![everything]),
                session: Some(hash),
            });
        }
    }
    Err(ApiError::Unauthenticated)
}

/// The values of every session cookie: another program on this machine may have set one of the same
/// name, for cookies do not know ports.
fn session_secrets(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == SESSION_COOKIE).then_some(value)
    })
}

/// Whether a page of ours sent it: the browser says so, or its origin is the host it called.
fn same_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    if let Some(site) = headers.get(FETCH_SITE) {
        return site == "same-origin";
    }
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let authority = origin.and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
    authority.is_some() && authority == host_of(headers, uri).as_deref()
}

/// The host with its port that the caller named; `None` when there is none or several.
pub(crate) fn host_of(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next(), uri.authority()) {
        (Some(host), None, None) => host.to_str().ok().map(str::to_ascii_lowercase),
        (_, None, Some(authority)) => Some(authority.as_str().to_ascii_lowercase()),
        _ => None,
    }
}

/// An address cannot be made to point elsewhere, and `localhost` never leaves the machine.
fn is_ours(host: &str, names: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(name, _)| name),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.');
    name.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        || names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_localhost_and_own_names_are_ours() {
        let names = ["warden.example".to_owned()];
        for ours in [
            "127.0.0.1:8470",
            "192.0.2.7",
            "[::1]:8470",
            "[::1]",
            "localhost:1",
            "ui.localhost",
            "warden.example:443",
            "warden.example.",
        ] {
            assert!(is_ours(ours, &names), "{ours}");
        }
        for foreign in ["evil.example", "127.0.0.1.evil.example:8470", "", "localhost.evil.example"]
        {
            assert!(!is_ours(foreign, &names), "{foreign}");
        }
    }

    #[test]
    fn a_browser_proves_that_a_page_of_ours_sent_it() {
        let check = |pairs: &[(&'static str, &'static str)], expect| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("localhost:8470"));
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(same_origin(&headers, &Uri::from_static("/x")), expect, "{pairs:?}");
        };
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "same-site")], false);
        check(&[("sec-fetch-site", "cross-site"), ("origin", "http://localhost:8470")], false);
        check(&[("origin", "http://localhost:8470")], true);
        check(&[("origin", "http://localhost:9999")], false);
        check(&[("origin", "null")], false);
        check(&[], false);
    }
}
