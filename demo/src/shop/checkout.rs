//! The checkout: takes the payment, then makes the order in one transaction. A cart becomes one
//! order at most: whoever asks again gets the same order.

use anyhow::{Context as _, Result};
use axum::{
    Form, Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;

use super::{
    Shared, Shop,
    cart::{self, Line},
    database::Lease,
    jobs,
    payment::{self, Receipt, Unavailable},
    reply::{Failure, no_store_with, private_page, see_other, wants_json},
    view,
    visitor::{Visitor, cart_cookies, new_token},
};

/// What the customer fills in.
#[derive(Debug, Deserialize)]
pub(super) struct Details {
    /// The cart that the form was made for: a form sent again after the cookie has gone still means
    /// the same cart.
    #[serde(default)]
    cart: Option<String>,
    name: String,
    email: String,
    street: String,
    postal_code: String,
    city: String,
    #[serde(default)]
    country: String,
    #[serde(default)]
    method: String,
}

impl Details {
    /// The first thing that is wrong, as a sentence.
    fn problem(&self) -> Option<&'static str> {
        let filled = [&self.name, &self.street, &self.postal_code, &self.city];
        let email_is_plausible = self.email.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !self.email.contains(char::is_whitespace)
        });
        if filled.iter().any(|field| field.trim().is_empty()) {
            Some("Please fill in your name and the whole address.")
        } else if !email_is_plausible {
            Some("Please check the e-mail address.")
        } else {
            None
        }
    }
}

/// An order as the customer is told of it.
#[derive(Debug)]
struct Placed {
    number: String,
    access_key: String,
    total_minor: i64,
}

/// How an attempt to order ended.
#[derive(Debug)]
enum Outcome {
    Placed(Placed),
    EmptyCart,
    /// The cart is not what was paid for any more.
    CartChanged,
    PaymentUnavailable,
}

pub(super) async fn form(State(shop): Shared, headers: HeaderMap) -> Result<Response, Failure> {
    let Some(cart) = Visitor::of(&headers).cart else {
        return Ok(see_other("/cart", []));
    };
    let lines = cart::lines(&mut shop.lease().await?, &cart).await?;
    if lines.is_empty() {
        return Ok(see_other("/cart", []));
    }
    let items = lines.iter().map(|line| line.quantity).sum();
    let page = view::page("Checkout", items, "", &form_page(&cart, &lines));
    Ok(private_page(StatusCode::OK, page))
}

pub(super) async fn place(
    State(shop): Shared,
    headers: HeaderMap,
    Form(details): Form<Details>,
) -> Result<Response, Failure> {
    if let Some(problem) = details.problem() {
        return Ok(refuse(&headers, StatusCode::UNPROCESSABLE_ENTITY, "invalid", problem));
    }
    let named = details.cart.clone().filter(|cart| !cart.is_empty());
    let Some(cart) = named.or(Visitor::of(&headers).cart) else {
        return Ok(refuse(&headers, StatusCode::CONFLICT, "empty_cart", "Your cart is empty."));
    };
    Ok(match order(&shop, &cart, &details).await? {
        Outcome::Placed(placed) => {
            jobs::put(&shop, &placed.number).await?;
            confirm(&headers, &cart, &placed)
        }
        Outcome::EmptyCart => {
            refuse(&headers, StatusCode::CONFLICT, "empty_cart", "Your cart is empty.")
        }
        Outcome::CartChanged => refuse(
            &headers,
            StatusCode::CONFLICT,
            "cart_changed",
            "Your cart has changed meanwhile. Please look at it once more.",
        ),
        Outcome::PaymentUnavailable => refuse(
            &headers,
            StatusCode::BAD_GATEWAY,
            "payment_unavailable",
            "The payment provider does not answer. You have not been charged, and your cart is safe.",
        ),
    })
}

async fn order(shop: &Shop, cart: &str, details: &Details) -> Result<Outcome> {
    let lines = {
        let mut lease = shop.lease().await?;
        if let Some(placed) = placed_from(&mut lease, cart).await? {
            return Ok(Outcome::Placed(placed));
        }
        cart::lines(&mut lease, cart).await?
    };
    if lines.is_empty() {
        return Ok(Outcome::EmptyCart);
    }
    // No connection is held while the provider takes its time.
    let is_down = shop.faults.payment_is_down();
    let paid_minor = cart::total(&lines);
    sleep(shop.faults.slow_checkout()).await;
    match payment::charge(&details.method, cart, paid_minor, is_down).await {
        Ok(receipt) => record(shop, cart, details, &receipt, paid_minor).await,
        Err(Unavailable) => Ok(Outcome::PaymentUnavailable),
    }
}

/// The order that was already made of this cart.
async fn placed_from(lease: &mut Lease<'_>, cart: &str) -> Result<Option<Placed>> {
    let sql = "select number, access_key, total_minor from shop_order where cart_id = $1";
    let row = lease.query_one(sql, &[cart.into()]).await?;
    row.map(|row| {
        Ok(Placed { number: row.text(0)?, access_key: row.text(1)?, total_minor: row.int(2)? })
    })
    .transpose()
}

/// Makes the order, all of it or nothing.
async fn record(
    shop: &Shop,
    cart: &str,
    details: &Details,
    receipt: &Receipt,
    paid_minor: i64,
) -> Result<Outcome> {
    let mut lease = shop.lease().await?;
    lease.begin().await?;
    // Everybody who wants to order this cart meets here, and the second finds the first one's order.
    let sql = format!("select state from cart where id = $1{}", shop.database.for_update());
    let state =
        lease.query_one(&sql, &[cart.into()]).await?.context("the cart is gone")?.text(0)?;
    if state != "open" {
        let placed = placed_from(&mut lease, cart).await?;
        return placed.map(Outcome::Placed).context("an ordered cart without its order");
    }
    let lines = cart::lines(&mut lease, cart).await?;
    if cart::total(&lines) != paid_minor {
        return Ok(Outcome::CartChanged);
    }
    take_from_stock(&mut lease, &lines).await?;
    let (customer, address) = insert_customer(&mut lease, details).await?;
    let access_key = new_token();
    // The number comes of the id, which the database gives; until then the cart's id is as unique.
    let sql = "insert into shop_order (number, cart_id, customer_id, address_id, access_key, \
               total_minor) values ($1, $2, $3, $4, $5, $6) returning id";
    let values = [
        format!("new-{cart}").as_str().into(),
        cart.into(),
        customer.into(),
        address.into(),
        access_key.as_str().into(),
        paid_minor.into(),
    ];
    let id = returned_id(lease.query_one(sql, &values).await?)?;
    let number = format!("L-{}", 100_000 + id);
    let sql = "update shop_order set number = $1 where id = $2";
    lease.query(sql, &[number.as_str().into(), id.into()]).await?;
    for line in &lines {
        let sql = "insert into order_line (order_id, product_id, name, quantity, price_minor) \
                   values ($1, $2, $3, $4, $5)";
        let name = line.name.as_str().into();
        let values = [
            id.into(),
            line.product_id.into(),
            name,
            line.quantity.into(),
            line.price_minor.into(),
        ];
        lease.query(sql, &values).await?;
    }
    let sql = "insert into payment (order_id, provider, reference, amount_minor, state) \
               values ($1, $2, $3, $4, 'captured')";
    let reference = receipt.reference.as_str().into();
    lease.query(sql, &[id.into(), receipt.provider.into(), reference, paid_minor.into()]).await?;
    lease.query("update cart set state = 'ordered' where id = $1", &[cart.into()]).await?;
    lease.commit().await?;
    Ok(Outcome::Placed(Placed { number, access_key, total_minor: paid_minor }))
}

/// In the order of the products' ids (as the lines come), so that two orders never wait for each
/// other. A shelf that is nearly empty is filled again: a demonstration must not sell out.
async fn take_from_stock(lease: &mut Lease<'_>, lines: &[Line]) -> Result<()> {
    for line in lines {
        let sql = "update product set stock = case when stock - $1 < 5 then stock - $1 + 60 \
                   else stock - $1 end where id = $2";
        lease.query(sql, &[line.quantity.into(), line.product_id.into()]).await?;
    }
    Ok(())
}

/// The customer of this e-mail address, and a new address of theirs: their ids.
async fn insert_customer(lease: &mut Lease<'_>, details: &Details) -> Result<(i64, i64)> {
    let name: super::database::Value = details.name.trim().into();
    let sql = "insert into customer (email, name) values ($1, $2) \
               on conflict (email) do update set name = excluded.name returning id";
    let email = details.email.trim().to_lowercase();
    let row = lease.query_one(sql, &[email.as_str().into(), name.clone()]).await?;
    let customer = returned_id(row)?;
    let sql = "insert into address (customer_id, name, street, postal_code, city, country) \
               values ($1, $2, $3, $4, $5, $6) returning id";
    let country = if details.country.is_empty() { "DE" } else { &details.country };
    let values = [
        customer.into(),
        name,
        details.street.trim().into(),
        details.postal_code.trim().into(),
        details.city.trim().into(),
        country.into(),
    ];
    let address = returned_id(lease.query_one(sql, &values).await?)?;
    Ok((customer, address))
}

fn returned_id(row: Option<super::database::Row>) -> Result<i64> {
    row.context("invariant: an insert returning its id gives a row")?.int(0)
}

fn confirm(headers: &HeaderMap, cart: &str, placed: &Placed) -> Response {
    let cookies = cart_cookies(cart, 0);
    let Placed { number, access_key, total_minor } = placed;
    if wants_json(headers) {
        let answer = json!({ "order": number, "total_minor": total_minor, "key": access_key });
        return no_store_with(Json(answer).into_response(), cookies);
    }
    see_other(&format!("/order/{number}?key={access_key}"), cookies)
}

fn refuse(headers: &HeaderMap, status: StatusCode, code: &str, message: &str) -> Response {
    if wants_json(headers) {
        return no_store_with((status, Json(json!({ "error": code }))).into_response(), []);
    }
    private_page(status, view::message("Your order has not been placed", message))
}

fn form_page(cart: &str, lines: &[Line]) -> Markup {
    let field = |name: &str, label: &str, kind: &str, complete: &str| {
        html! {
            label { (label) input type=(kind) name=(name) autocomplete=(complete) required maxlength="120"; }
        }
    };
    html! {
        header.lead { h1 { "Checkout" } p { "One page, then it is yours." } }
        form.columns method="post" action="/checkout" {
            input type="hidden" name="cart" value=(cart);
            div.fields {
                fieldset {
                    legend { "Where it goes" }
                    (field("name", "Name", "text", "name"))
                    (field("email", "E-mail", "email", "email"))
                    (field("street", "Street and number", "text", "street-address"))
                    div.pair {
                        (field("postal_code", "Postal code", "text", "postal-code"))
                        (field("city", "City", "text", "address-level2"))
                    }
                    label { "Country"
                        select name="country" autocomplete="country" {
                            option value="DE" { "Germany" } option value="AT" { "Austria" } option value="CH" { "Switzerland" }
                        }
                    }
                }
                fieldset {
                    legend { "How you pay" }
                    label.choice { input type="radio" name="method" value="card" checked; span { "Card" span.quiet { "A pretend card: no money moves." } } }
                    label.choice { input type="radio" name="method" value="invoice"; span { "Invoice" span.quiet { "A pretend invoice: none will come." } } }
                }
            }
            aside.sum {
                (view::sum(lines))
                button.button.wide type="submit" { "Place the order" }
                p.quiet { "Free delivery in 2–3 days. A hundred days to change your mind." }
            }
        }
    }
}
