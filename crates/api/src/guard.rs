//! What every request passes before anything else: the name it came under, who sends it, and where
//! it was sent from. And the headers that every answer carries.

use crate::{
    ApiError, ApiState, access,
    caller::{self, Caller},
    cookies,
    error::NoSuchShop,
    names::told,
    permissions::{self, At, Need},
};
use axum::{
    extract::{FromRequestParts as _, MatchedPath, RawPathParams, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Uri,
        header::{
            AUTHORIZATION, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use kernel::{Place, ShopId};
use std::net::IpAddr;

/// Scripts, styles and data from here alone; no other page may frame us.
const CONTENT_POLICY: &str = "default-src 'self'; script-src 'self'; img-src 'self' data:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Where a connection came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

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
    let caller = who(&state, request.headers()).await?;
    let (mut parts, body) = request.into_parts();
    let is_browser = caller.session().is_some();
    if !reads(&parts.method) && is_browser && !same_origin(&parts.headers, &parts.uri) {
        return Err(ApiError::CrossOrigin);
    }
    let path = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    // What is not in the table is allowed to nobody.
    let need = permissions::need(&parts.method, path).ok_or(ApiError::Method)?;
    let shop = RawPathParams::from_request_parts(&mut parts, &()).await.ok();
    let shop = shop.as_ref().and_then(|all| all.iter().find(|(name, _)| *name == "shop"));
    let told = |error| told(&state, &caller, error);
    allow(need, &caller, shop.map(|(_, id)| id)).map_err(told)?;
    parts.extensions.insert(caller.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    Ok(match response.extensions().get::<NoSuchShop>() {
        Some(NoSuchShop(name)) => {
            told(ApiError::NotFound { what: "shop", name: name.clone() }).into_response()
        }
        None => response,
    })
}

/// Lets strangers through, but nothing that another site has a browser send: it could sign somebody
/// in as another.
pub(crate) async fn strangers(request: Request, next: Next) -> Result<Response, ApiError> {
    let headers = request.headers();
    let is_browser = headers.contains_key(FETCH_SITE) || headers.contains_key(ORIGIN);
    if !reads(request.method()) && is_browser && !same_origin(headers, request.uri()) {
        return Err(ApiError::CrossOrigin);
    }
    Ok(next.run(request).await)
}

fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn allow(need: Need, caller: &Caller, shop: Option<&str>) -> Result<(), ApiError> {
    let lacks_factor = caller.session().is_some_and(|session| session.lacks_second_factor);
    match need {
        Need::Nothing | Need::SignedIn => Ok(()),
        Need::Oneself => caller.oneself().map(|_| ()),
        Need::Permission(..) if lacks_factor => Err(ApiError::SecondFactorMissing),
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

async fn who(state: &ApiState, headers: &HeaderMap) -> Result<Caller, ApiError> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let secret = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
        let caller = match secret {
            Some(secret) => caller::of_bearer(state, secret.trim()).await?,
            None => None,
        };
        return caller.ok_or(ApiError::Unauthenticated);
    }
    for secret in cookies::secrets(headers) {
        if let Some(caller) = caller::of_session(state, access::hash(secret)).await? {
            return Ok(caller);
        }
    }
    Err(ApiError::Unauthenticated)
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
