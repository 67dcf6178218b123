//! Who is asking: the two cookies of the shop. A session for everybody who does something that must
//! be remembered; a cart only while there is something in it.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::token;

pub(super) const SESSION: &str = "lampenladen_session";
pub(super) const CART: &str = "lampenladen_cart";
/// The number of items, readable by the page's script: a page from a cache can't know it.
const ITEMS: &str = "lampenladen_items";

/// The cookies of one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Visitor {
    pub(super) session: Option<String>,
    pub(super) cart: Option<String>,
}

impl Visitor {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self { session: cookie(headers, SESSION), cart: cookie(headers, CART) }
    }
}

/// A token that can't be guessed, 128 bits.
pub(super) fn new_token() -> String {
    token()
}

pub(super) fn session_cookie(session: &str) -> HeaderValue {
    set(&format!("{SESSION}={session}; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000"))
}

/// The cookies of a visitor who has `items` things in `cart`; both go when there is nothing in it.
pub(super) fn cart_cookies(cart: &str, items: i64) -> [HeaderValue; 2] {
    if items == 0 {
        return [
            set(&format!("{CART}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")),
            set(&format!("{ITEMS}=; Path=/; SameSite=Lax; Max-Age=0")),
        ];
    }
    [
        set(&format!("{CART}={cart}; Path=/; HttpOnly; SameSite=Lax; Max-Age=1209600")),
        set(&format!("{ITEMS}={items}; Path=/; SameSite=Lax; Max-Age=1209600")),
    ]
}

fn set(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("invariant: tokens are hexadecimal")
}

/// The value of the cookie `name`, when it looks like one of our tokens.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, value)| *key == name && is_token(value))
        .map(|(_, value)| value.to_owned())
}

fn is_token(value: &str) -> bool {
    value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tokens_are_cookies() {
        let token = new_token();
        let check = |text: String, expect: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, text.parse().unwrap());
            assert_eq!(Visitor::of(&headers).cart.as_deref(), expect, "{text}");
        };
        check(format!("a=b; lampenladen_cart={token}"), Some(&token));
        check(format!("lampenladen_cart={token};x"), Some(&token));
        check("lampenladen_cart=' or 1=1".into(), None);
        check(format!("xlampenladen_cart={token}"), None);
    }
}
