//! The matcher by tables, against rules of the test's own and those of the platform files.

use super::*;
use crate::platform;
use kernel::CacheRules;

fn of(name: &str) -> Matcher {
    Matcher::new(&platform(name).unwrap().traffic)
}

fn rule(class: RouteClass, path: &str) -> RouteRule {
    RouteRule { class, methods: vec![], path: path.into(), query: None, body: None }
}

#[track_caller]
fn check_class(matcher: &Matcher, request: &str, expect: RouteClass) {
    let (method, target) = request.split_once(' ').unwrap();
    let (target, body) = target.split_once(' ').map_or((target, None), |(t, b)| (t, Some(b)));
    let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
    let found = matcher.class(method, path, query, body.map(str::as_bytes));
    assert_eq!(found, expect, "{request}");
}

#[test]
fn requests_of_the_sample_shop_have_their_class() {
    let sample = of("sample");
    for (request, expect) in [
        ("GET /", RouteClass::Home),
        ("GET /product/messing-7", RouteClass::Product),
        ("GET /category/tisch?page=2", RouteClass::Category),
        ("GET /search?q=lampe", RouteClass::Search),
        ("GET /cart", RouteClass::Cart),
        ("POST /cart/lines", RouteClass::Cart),
        ("POST /checkout", RouteClass::Checkout),
        ("GET /checkout/address", RouteClass::Checkout),
        ("GET /%63heckout", RouteClass::Checkout),
        ("GET /order/L-1001", RouteClass::Confirmation),
        ("GET /account/orders", RouteClass::Account),
        ("GET /assets/shop.css", RouteClass::Asset),
        ("GET /nothing", RouteClass::Other),
    ] {
        check_class(&sample, request, expect);
    }
    assert!(!sample.needs_body("POST", "/checkout"));
}

#[test]
fn requests_of_vendure_have_the_class_of_their_mutation() {
    let vendure = of("vendure");
    for (request, expect) in [
        (
            "POST /shop-api {\"query\":\"mutation{addPaymentToOrder(input:$i){id}}\"}",
            RouteClass::Checkout,
        ),
        (
            "POST /shop-api mutation($v:ID!){addItemToOrder(productVariantId:$v){id}}",
            RouteClass::Cart,
        ),
        ("POST /shop-api {search(input:{term:\"x\"}){items{sku}}}", RouteClass::Search),
        ("POST /shop-api {product(slug:\"x\"){name}}", RouteClass::Product),
        ("POST /shop-api {orderByCode(code:\"X\"){id}}", RouteClass::Confirmation),
        ("POST /shop-api?languageCode=de {activeOrder{id}}", RouteClass::Cart),
        ("POST /shop-api {availableCountries{code}}", RouteClass::Api),
        ("POST /shop-api", RouteClass::Api),
        ("POST /admin-api {orders{items{id}}}", RouteClass::Admin),
        ("POST /payments/stripe", RouteClass::Payment),
        ("GET /assets/preview/ab/lamp.jpg?preset=thumb", RouteClass::Asset),
    ] {
        check_class(&vendure, request, expect);
    }
    assert!(vendure.needs_body("POST", "/shop-api"));
    assert!(!vendure.needs_body("GET", "/shop-api"));
    assert!(!vendure.needs_body("POST", "/admin-api"));
}

#[test]
fn requests_of_oscar_have_their_class_with_a_language_and_without() {
    let oscar = of("oscar");
    for (request, expect) in [
        ("GET /", RouteClass::Home),
        ("GET /catalogue/", RouteClass::Category),
        ("GET /catalogue/category/cups/small_12/", RouteClass::Category),
        ("GET /catalogue/basket-of-oak_7/", RouteClass::Product),
        ("GET /catalogue/cup-moss_16/reviews/add/", RouteClass::Product),
        ("GET /offers/checkout-week/", RouteClass::Category),
        ("POST /basket/add/16/", RouteClass::Cart),
        ("POST /checkout/preview/", RouteClass::Checkout),
        ("GET /checkout/thank-you/", RouteClass::Confirmation),
        ("GET /accounts/order-status/100001/100001:x/", RouteClass::Account),
        ("GET /search/?q=cup", RouteClass::Search),
        ("GET /dashboard/orders/", RouteClass::Admin),
    ] {
        check_class(&oscar, request, expect);
        if request != "GET /" {
            check_class(&oscar, &request.replacen(" /", " /en-gb/", 1), expect);
        }
    }
    for (request, expect) in [
        ("GET /static/oscar/css/styles.css", RouteClass::Asset),
        ("GET /static/basket.js", RouteClass::Asset),
        ("GET /media/cache/4a/1f/4a1f.jpg", RouteClass::Asset),
        ("GET /about/", RouteClass::Other),
    ] {
        check_class(&oscar, request, expect);
    }
    assert!(!oscar.needs_body("POST", "/en-gb/checkout/preview/"));
}

#[test]
fn requests_of_any_shop_have_a_plain_guess() {
    let generic = of("generic");
    for (request, expect) in [
        ("GET /?s=lamp", RouteClass::Search),
        ("GET /", RouteClass::Home),
        ("GET /wp-content/a.css", RouteClass::Asset),
        ("GET /de/checkout/pay", RouteClass::Checkout),
        ("GET /checkout/success", RouteClass::Confirmation),
        ("GET /impressum", RouteClass::Other),
    ] {
        check_class(&generic, request, expect);
    }
}

#[test]
fn the_first_rule_that_matches_wins_and_a_body_is_asked_for_only_then() {
    let mut with_body = rule(RouteClass::Checkout, "/api");
    with_body.body = Some("pay".into());
    let mut with_query = rule(RouteClass::Search, "/api");
    with_query.query = Some("route=search/x".into());
    let routes = |routes: &[&RouteRule]| {
        let routes = routes.iter().map(|rule| (*rule).clone()).collect();
        Matcher::new(&TrafficRules { routes, ..TrafficRules::default() })
    };
    let plain = rule(RouteClass::Api, "/api");
    let matcher = routes(&[&with_query, &with_body, &plain]);
    check_class(&matcher, "GET /api?a=1&route=search%2Fx pay", RouteClass::Search);
    check_class(&matcher, "GET /api?route=other pay", RouteClass::Checkout);
    check_class(&matcher, "GET /api?route=other", RouteClass::Api);
    assert!(matcher.needs_body("GET", "/api"));
    assert!(!routes(&[&plain, &with_body]).needs_body("GET", "/api"));

    let late = [&vec![b' '; BODY_BYTES][..], b"pay"].concat();
    assert_eq!(matcher.class("GET", "/api", None, Some(&late)), RouteClass::Api);
}

#[test]
fn sessions_carts_and_priorities_come_from_cookies() {
    let rules = TrafficRules {
        session_cookies: vec!["first".into(), "second".into()],
        cart_cookies: vec!["cart_*".into()],
        ..TrafficRules::default()
    };
    let matcher = Matcher::new(&rules);
    let check = |cookies: &[&str], session: Option<&str>, cart: bool| {
        let cookies = || cookies.iter().copied();
        assert_eq!(matcher.session(cookies()), session.map(str::as_bytes));
        assert_eq!(matcher.has_cart(cookies()), cart);
        let expect = if cart { Priority::Cart } else { Priority::Other };
        assert_eq!(matcher.priority(RouteClass::Product, cookies()), expect);
        assert_eq!(matcher.priority(RouteClass::Checkout, cookies()), Priority::Checkout);
    };
    check(&[], None, false);
    check(&["second=2; first=1"], Some("1"), false);
    check(&["second=2", "first="], Some("2"), false);
    check(&["cart_x=9"], None, true);
    check(&["cart_x="], None, false);
    // A value that is no UTF-8 hides nothing.
    let raw: [&[u8]; 1] = [b"odd=\xff; cart_x=1"];
    assert!(matcher.has_cart(raw));
}

fn cache_matcher() -> Matcher {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Matcher::new(&TrafficRules {
        cache: CacheRules {
            only_paths: vec![],
            never_paths: list(&["/cart**"]),
            never_parameters: list(&["add-to-cart"]),
            bypass_cookies: list(&["cart", "login_*"]),
            bypass_headers: list(&["authorization"]),
            vary_cookies: list(&["currency"]),
            vary_headers: list(&["x-store"]),
            drop_parameters: list(&["utm_*", "gclid"]),
        },
        ..TrafficRules::default()
    })
}

type Header = (&'static str, &'static str);

fn values(headers: &[Header], name: &str) -> Vec<&'static str> {
    headers.iter().filter(|(known, _)| *known == name).map(|(_, value)| *value).collect()
}

#[test]
fn only_requests_that_are_the_same_for_everybody_meet_the_cache() {
    let matcher = cache_matcher();
    let check = |target: &str, cookie: &'static str, headers: &[Header], expect: bool| {
        let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
        let found = matcher.cacheable_request(path, query, [cookie], |name| values(headers, name));
        assert_eq!(found, expect, "{target} {cookie} {headers:?}");
    };
    check("/", "", &[], true);
    check("/?utm_source=x", "theme=dark", &[], true);
    check("/cart", "", &[], false);
    check("/Cart/mini", "", &[], false);
    check("/%63art", "", &[], false);
    check("/a/../cart", "", &[], false);
    check("//cart", "", &[], false);
    check("/?add-to-cart=7", "", &[], false);
    check("/?a=1&add%2Dto-cart=7", "", &[], false);
    check("/", "a=1; cart=7", &[], false);
    check("/", "login_77=", &[], false);
    check("/", "", &[("authorization", "Bearer x")], false);
    let sample = of("sample");
    let keeps = |path| sample.cacheable_request(path, None, [""; 0], |_| [""; 0]);
    assert!(keeps("/product/x") && !keeps("/order/x") && !keeps("/__faults"));
    let oscar = of("oscar");
    let keeps = |path| oscar.cacheable_request(path, None, [""; 0], |_| [""; 0]);
    assert!(keeps("/static/a.css") && keeps("/en-gb/catalogue/cup_1/"));
    assert!(!keeps("/en-gb/basket/") && !keeps("/checkout/") && !keeps("/DE/Accounts/login/"));
    let vendure = of("vendure");
    let keeps = |path| vendure.cacheable_request(path, None, [""; 0], |_| [""; 0]);
    assert!(keeps("/assets/x.jpg") && !keeps("/shop-api") && !keeps("/"));
}

#[test]
fn keys_are_equal_exactly_where_responses_may_be_shared() {
    let matcher = cache_matcher();
    let key = |target: &str, cookie: &'static str, headers: &[Header]| {
        let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
        let mut key = Vec::new();
        let headers = |name: &str| values(headers, name);
        matcher.write_cache_key(&mut key, "Shop.Example", path, query, [cookie], headers);
        key
    };
    let same = |a: &str, b: &str| assert_eq!(key(a, "", &[]), key(b, "", &[]), "{a} {b}");
    let differ = |a: &str, b: &str| assert_ne!(key(a, "", &[]), key(b, "", &[]), "{a} {b}");
    same("/p?utm_source=a&x=1&gclid=2", "/p?x=1");
    same("/p?", "/p");
    same("/p?utm_source=a", "/p");
    differ("/p?x=1&y=2", "/p?y=2&x=1");
    differ("/p?x=1", "/p?x=2");
    differ("/p", "/q");
    differ("/P", "/p");
    let store = |value| key("/", "", &[("x-store", value)]);
    assert_ne!(store("de"), store("at"));
    assert_ne!(key("/", "", &[]), store(""));
    assert_ne!(key("/", "currency=EUR", &[]), key("/", "currency=USD", &[]));
    assert_eq!(key("/", "currency=EUR; a=1", &[]), key("/", "b=2; currency=EUR", &[]));
    assert_ne!(key("/", "currency=de", &[]), store("de"));
    let twice = key("/", "", &[("x-store", "a"), ("x-store", "b")]);
    assert_ne!(twice, store("a"));
    assert_ne!(twice, store("ab"));
}

#[test]
fn no_request_makes_it_panic() {
    let matchers = crate::names().iter().map(|name| of(name)).collect::<Vec<_>>();
    bolero::check!().with_type::<(String, String, Vec<u8>, Vec<u8>)>().for_each(
        |(path, query, cookie, body)| {
            for matcher in &matchers {
                let class = matcher.class("POST", path, Some(query), Some(body));
                let _priority = matcher.priority(class, [cookie]);
                let _session = matcher.session([cookie]);
                let _kept = matcher.cacheable_request(path, Some(query), [cookie], |_| [body]);
                let mut key = Vec::new();
                matcher.write_cache_key(&mut key, query, path, Some(query), [cookie], |_| [body]);
                assert!(key.len() >= path.len());
            }
        },
    );
}
