//! Gives a request its class, its priority, its session and its place in the cache, by the rules of
//! its platform.
//!
//! Compiled once a snapshot; on the path of every request, so nothing here allocates for an ordinary
//! one. It knows no HTTP library: cookies and headers come as bytes. Judging methods, statuses and
//! the response's freshness is the edge's.

use crate::matcher::{names::Names, pattern::Pattern};
use kernel::{Priority, RouteClass, RouteRule, TrafficRules};
use memchr::memmem::Finder;

mod cookies;
mod encoding;
mod names;
mod pattern;

/// How much of a request's body is looked at.
pub const BODY_BYTES: usize = 16 * 1024;

/// The compiled form of a platform's [`TrafficRules`].
#[derive(Debug)]
pub struct Matcher {
    routes: Vec<Route>,
    session_cookies: Vec<Box<[u8]>>,
    cart_cookies: Names,
    only_paths: Vec<Pattern>,
    never_paths: Vec<Pattern>,
    never_parameters: Names,
    bypass_cookies: Names,
    bypass_headers: Vec<Box<str>>,
    vary_cookies: Vec<Box<[u8]>>,
    vary_headers: Vec<Box<str>>,
    drop_parameters: Names,
}

#[derive(Debug)]
struct Route {
    class: RouteClass,
    methods: Vec<Box<str>>,
    path: Pattern,
    query: Option<Parameter>,
    body: Option<Finder<'static>>,
}

#[derive(Debug)]
struct Parameter {
    name: Box<[u8]>,
    value: Option<Box<[u8]>>,
}

impl Matcher {
    #[must_use]
    pub fn new(rules: &TrafficRules) -> Self {
        let bytes = |names: &[String]| names.iter().map(|name| name.as_bytes().into()).collect();
        let texts = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        let patterns = |paths: &[String]| paths.iter().map(|path| Pattern::new(path)).collect();
        let cache = &rules.cache;
        Self {
            routes: rules.routes.iter().map(Route::new).collect(),
            session_cookies: bytes(&rules.session_cookies),
            cart_cookies: Names::new(&rules.cart_cookies),
            only_paths: patterns(&cache.only_paths),
            never_paths: patterns(&cache.never_paths),
            never_parameters: Names::new(&cache.never_parameters),
            bypass_cookies: Names::new(&cache.bypass_cookies),
            bypass_headers: texts(&cache.bypass_headers),
            vary_cookies: bytes(&cache.vary_cookies),
            vary_headers: texts(&cache.vary_headers),
            drop_parameters: Names::new(&cache.drop_parameters),
        }
    }

    /// The class of a request: that of the first rule that matches, else [`RouteClass::Other`].
    ///
    /// `path` and `query` are as they stand in the request target. `body` is what was buffered of
    /// it; only its first [`BODY_BYTES`] count.
    #[must_use]
    pub fn class(
        &self,
        method: &str,
        path: &str,
        query: Option<&str>,
        body: Option<&[u8]>,
    ) -> RouteClass {
        let path = encoding::normal_path(path.as_bytes());
        let body = body.map(|body| &body[..body.len().min(BODY_BYTES)]);
        self.routes
            .iter()
            .find(|route| route.takes(method, &path) && route.agrees(query, body))
            .map_or(RouteClass::Other, |route| route.class)
    }

    /// Whether the class of such a request can hang on its body, so that the body must be buffered
    /// before [`Self::class`] can tell.
    #[must_use]
    pub fn needs_body(&self, method: &str, path: &str) -> bool {
        let path = encoding::normal_path(path.as_bytes());
        for route in self.routes.iter().filter(|route| route.takes(method, &path)) {
            if route.body.is_some() {
                return true;
            }
            if route.query.is_none() {
                return false;
            }
        }
        false
    }

    /// Who goes first when requests wait. The page after an order counts as checkout: whoever sees
    /// an error there orders again.
    #[must_use]
    pub fn priority<'a, V: AsRef<[u8]> + ?Sized + 'a>(
        &self,
        class: RouteClass,
        cookies: impl IntoIterator<Item = &'a V>,
    ) -> Priority {
        match class {
            RouteClass::Checkout | RouteClass::Payment | RouteClass::Confirmation => {
                Priority::Checkout
            }
            RouteClass::Cart => Priority::Cart,
            _ if self.has_cart(cookies) => Priority::Cart,
            _ => Priority::Other,
        }
    }

    /// The value of the visitor's session cookie: of the platform's session cookies, the first one
    /// that is present and not empty. `cookies` are the values of the `Cookie` headers.
    #[must_use]
    pub fn session<'a, V: AsRef<[u8]> + ?Sized + 'a>(
        &self,
        cookies: impl IntoIterator<Item = &'a V>,
    ) -> Option<&'a [u8]> {
        all_cookies(cookies)
            .filter(|(_, value)| !value.is_empty())
            .filter_map(|(name, value)| {
                let rank = self.session_cookies.iter().position(|known| known.as_ref() == name)?;
                Some((rank, value))
            })
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, value)| value)
    }

    /// Whether a cookie says that the visitor has something in the cart.
    #[must_use]
    pub fn has_cart<'a, V: AsRef<[u8]> + ?Sized + 'a>(
        &self,
        cookies: impl IntoIterator<Item = &'a V>,
    ) -> bool {
        !self.cart_cookies.is_empty()
            && all_cookies(cookies)
                .any(|(name, value)| !value.is_empty() && self.cart_cookies.has(name))
    }

    /// Whether a GET or HEAD request like this may be answered from a cache and its response kept.
    ///
    /// `headers` gives all values of a header by its lower-case name. When in doubt the answer is
    /// no: paths that are never kept are compared without regard to case, and decoded.
    #[must_use]
    pub fn cacheable_request<'a, V, H, C>(
        &self,
        path: &str,
        query: Option<&str>,
        cookies: C,
        headers: impl Fn(&str) -> H,
    ) -> bool
    where
        V: AsRef<[u8]> + ?Sized + 'a,
        C: IntoIterator<Item = &'a V>,
        H: IntoIterator<Item = &'a V>,
    {
        let path = encoding::normal_path(path.as_bytes());
        let allowed =
            self.only_paths.is_empty() || self.only_paths.iter().any(|p| p.matches(&path));
        if !allowed || self.never_paths.iter().any(|pattern| pattern.matches_any_case(&path)) {
            return false;
        }
        if self.bypass_headers.iter().any(|name| headers(name).into_iter().next().is_some()) {
            return false;
        }
        let forbidden = &self.never_parameters;
        if !forbidden.is_empty() && parameters(query).any(|(name, _)| forbidden.has_encoded(name)) {
            return false;
        }
        let personal = &self.bypass_cookies;
        personal.is_empty() || !all_cookies(cookies).any(|(name, _)| personal.has(name))
    }

    /// Appends what tells this request's cached response from others of its shop: host, path, query
    /// without dropped parameters, and the cookies and headers that it varies by. Two requests with
    /// equal keys get the same response. Method and scheme are the caller's to add where they count.
    pub fn write_cache_key<'a, V, H, C>(
        &self,
        key: &mut Vec<u8>,
        host: &str,
        path: &str,
        query: Option<&str>,
        cookies: C,
        headers: impl Fn(&str) -> H,
    ) where
        V: AsRef<[u8]> + ?Sized + 'a,
        C: IntoIterator<Item = &'a V, IntoIter: Clone>,
        H: IntoIterator<Item = &'a V>,
    {
        key.extend(host.bytes().map(|byte| byte.to_ascii_lowercase()));
        key.push(b'\0');
        key.extend_from_slice(path.as_bytes());
        let mut separator = b'?';
        for part in query.unwrap_or_default().as_bytes().split(|byte| *byte == b'&') {
            let (name, _) = parameter(part);
            if part.is_empty() || self.drop_parameters.has_encoded(name) {
                continue;
            }
            key.push(separator);
            key.extend_from_slice(part);
            separator = b'&';
        }
        // No field value holds a control character (RFC 9110 §5.5), so these keep values apart.
        let cookies = cookies.into_iter();
        for wanted in &self.vary_cookies {
            key.push(b'\0');
            for (name, value) in all_cookies(cookies.clone()) {
                if name == wanted.as_ref() {
                    key.push(b'\x01');
                    key.extend_from_slice(value);
                }
            }
        }
        for wanted in &self.vary_headers {
            key.push(b'\0');
            for value in headers(wanted) {
                key.push(b'\x01');
                key.extend_from_slice(value.as_ref());
            }
        }
    }
}

impl Route {
    fn new(rule: &RouteRule) -> Self {
        let query = rule.query.as_deref().map(|query| {
            let (name, value) = match query.split_once('=') {
                Some((name, value)) => (name, Some(value.as_bytes().into())),
                None => (query, None),
            };
            Parameter { name: name.as_bytes().into(), value }
        });
        Self {
            class: rule.class,
            methods: rule.methods.iter().map(|method| method.as_str().into()).collect(),
            path: Pattern::new(&rule.path),
            query,
            body: rule.body.as_deref().map(|text| Finder::new(text).into_owned()),
        }
    }

    fn takes(&self, method: &str, path: &[u8]) -> bool {
        (self.methods.is_empty() || self.methods.iter().any(|known| known.as_ref() == method))
            && self.path.matches(path)
    }

    fn agrees(&self, query: Option<&str>, body: Option<&[u8]>) -> bool {
        let query_agrees = match &self.query {
            Some(wanted) => parameters(query).any(|found| wanted.is(found)),
            None => true,
        };
        query_agrees
            && match (&self.body, body) {
                (Some(wanted), Some(body)) => wanted.find(body).is_some(),
                (Some(_), None) => false,
                (None, _) => true,
            }
    }
}

impl Parameter {
    fn is(&self, (name, value): (&[u8], &[u8])) -> bool {
        let same = |known: &[u8], found: &[u8]| encoding::decoded(found).eq(known.iter().copied());
        same(&self.name, name) && self.value.as_ref().is_none_or(|wanted| same(wanted, value))
    }
}

/// The parameters of a query as (name, value), still encoded.
fn parameters(query: Option<&str>) -> impl Iterator<Item = (&[u8], &[u8])> {
    let query = query.unwrap_or_default().as_bytes();
    query.split(|byte| *byte == b'&').filter(|part| !part.is_empty()).map(parameter)
}

fn parameter(part: &[u8]) -> (&[u8], &[u8]) {
    match part.iter().position(|byte| *byte == b'=') {
        Some(at) => (&part[..at], &part[at + 1..]),
        None => (part, b""),
    }
}

fn all_cookies<'a, V: AsRef<[u8]> + ?Sized + 'a>(
    headers: impl IntoIterator<Item = &'a V>,
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    headers.into_iter().flat_map(|header| cookies::pairs(header.as_ref()))
}

#[cfg(test)]
mod tests;
