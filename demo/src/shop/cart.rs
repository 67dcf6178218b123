//! The cart: what a visitor has put in it, and changing that.

use anyhow::{Context as _, Result};
use axum::{
    Form, Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse as _, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::{
    Shared,
    database::Lease,
    reply::{Failure, no_store_with, private_page, see_other, wants_json},
    view::{self, price},
    visitor::{Visitor, cart_cookies, new_token, session_cookie},
};

/// Most of one lamp that a cart holds.
const MOST: i64 = 20;

/// One line of a cart.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) product_id: i64,
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) price_minor: i64,
    pub(super) quantity: i64,
}

/// The lines of an open cart, by product; none when the cart is not open.
pub(super) async fn lines(lease: &mut Lease<'_>, cart: &str) -> Result<Vec<Line>> {
    let sql = "select p.id, p.slug, p.name, p.price_minor, l.quantity from cart_line l \
               join cart c on c.id = l.cart_id join product p on p.id = l.product_id \
               where l.cart_id = $1 and c.state = 'open' order by p.id";
    let rows = lease.query(sql, &[cart.into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Line {
                product_id: row.int(0)?,
                slug: row.text(1)?,
                name: row.text(2)?,
                price_minor: row.int(3)?,
                quantity: row.int(4)?,
            })
        })
        .collect()
}

pub(super) fn total(lines: &[Line]) -> i64 {
    lines.iter().map(|line| line.price_minor * line.quantity).sum()
}

/// How many things the visitor has in the cart.
pub(super) async fn items(lease: &mut Lease<'_>, visitor: &Visitor) -> Result<i64> {
    match &visitor.cart {
        Some(cart) => count(lease, cart).await,
        None => Ok(0),
    }
}

async fn count(lease: &mut Lease<'_>, cart: &str) -> Result<i64> {
    let sql = "select cast(coalesce(sum(l.quantity), 0) as bigint) from cart_line l \
               join cart c on c.id = l.cart_id where c.id = $1 and c.state = 'open'";
    let row = lease.query_one(sql, &[cart.into()]).await?;
    row.context("invariant: an aggregate has a row")?.int(0)
}

pub(super) async fn show(State(shop): Shared, headers: HeaderMap) -> Result<Response, Failure> {
    let visitor = Visitor::of(&headers);
    let lines = match &visitor.cart {
        Some(cart) => lines(&mut shop.lease().await?, cart).await?,
        None => Vec::new(),
    };
    let items = lines.iter().map(|line| line.quantity).sum();
    Ok(private_page(StatusCode::OK, view::page("Your cart", items, "", &cart_page(&lines))))
}

#[derive(Debug, Deserialize)]
pub(super) struct Change {
    product: String,
    #[serde(default = "one")]
    quantity: i64,
}

fn one() -> i64 {
    1
}

/// Adds to the cart, which is made when the visitor has none that is open.
pub(super) async fn add(
    State(shop): Shared,
    headers: HeaderMap,
    Form(change): Form<Change>,
) -> Result<Response, Failure> {
    let mut lease = shop.lease().await?;
    lease.begin().await?;
    let sql = "select id from product where slug = $1";
    let Some(product) = lease.query_one(sql, &[change.product.as_str().into()]).await? else {
        return Ok(refuse(&headers, "no_such_product", "There is no such lamp."));
    };
    let (session, cart) = open_cart(&mut lease, &Visitor::of(&headers)).await?;
    // The smaller of the two, without `least` or two-argument `min`: each database has only one.
    let sql = "insert into cart_line (cart_id, product_id, quantity) values ($1, $2, $3) \
               on conflict (cart_id, product_id) do update set quantity = \
               case when cart_line.quantity + excluded.quantity > 20 then 20 \
               else cart_line.quantity + excluded.quantity end";
    let quantity = change.quantity.clamp(1, MOST);
    let values = [cart.as_str().into(), product.int(0)?.into(), quantity.into()];
    lease.query(sql, &values).await?;
    let items = count(&mut lease, &cart).await?;
    lease.commit().await?;
    let mut cookies: Vec<HeaderValue> = vec![session_cookie(&session)];
    cookies.extend(cart_cookies(&cart, items));
    if wants_json(&headers) {
        let answer = Json(json!({ "cart": cart, "items": items }));
        return Ok(no_store_with(answer.into_response(), cookies));
    }
    Ok(see_other("/cart", cookies))
}

/// Sets how many of one lamp are in the cart; none takes the line away.
pub(super) async fn update(
    State(shop): Shared,
    headers: HeaderMap,
    Form(change): Form<Change>,
) -> Result<Response, Failure> {
    let Some(cart) = Visitor::of(&headers).cart else {
        return Ok(see_other("/cart", []));
    };
    let mut lease = shop.lease().await?;
    lease.begin().await?;
    if !lock_open(&mut lease, &cart).await? {
        return Ok(see_other("/cart", cart_cookies(&cart, 0)));
    }
    let product = change.product.as_str().into();
    if change.quantity <= 0 {
        let sql = "delete from cart_line where cart_id = $1 \
                   and product_id = (select id from product where slug = $2)";
        lease.query(sql, &[cart.as_str().into(), product]).await?;
    } else {
        let sql = "update cart_line set quantity = $1 where cart_id = $2 \
                   and product_id = (select id from product where slug = $3)";
        let quantity = change.quantity.min(MOST).into();
        lease.query(sql, &[quantity, cart.as_str().into(), product]).await?;
    }
    let items = count(&mut lease, &cart).await?;
    lease.commit().await?;
    Ok(see_other("/cart", cart_cookies(&cart, items)))
}

/// The visitor's session and open cart, locked for this transaction; made where missing.
async fn open_cart(lease: &mut Lease<'_>, visitor: &Visitor) -> Result<(String, String)> {
    let session = visitor.session.clone().unwrap_or_else(new_token);
    let sql = "insert into session (id) values ($1) on conflict (id) do nothing";
    lease.query(sql, &[session.as_str().into()]).await?;
    if let Some(cart) = &visitor.cart
        && lock_open(lease, cart).await?
    {
        return Ok((session, cart.clone()));
    }
    let cart = new_token();
    let sql = "insert into cart (id, session_id) values ($1, $2)";
    lease.query(sql, &[cart.as_str().into(), session.as_str().into()]).await?;
    Ok((session, cart))
}

/// Locks the cart, so that an order can't be made of it meanwhile; false when it is not open.
async fn lock_open(lease: &mut Lease<'_>, cart: &str) -> Result<bool> {
    let sql = format!("select state from cart where id = $1{}", lease.database().for_update());
    let row = lease.query_one(&sql, &[cart.into()]).await?;
    Ok(row.map(|row| row.text(0)).transpose()?.as_deref() == Some("open"))
}

fn refuse(headers: &HeaderMap, code: &str, message: &str) -> Response {
    if wants_json(headers) {
        let answer = (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": code })));
        return no_store_with(answer.into_response(), []);
    }
    private_page(StatusCode::UNPROCESSABLE_ENTITY, view::message("That did not work", message))
}

fn cart_page(lines: &[Line]) -> Markup {
    if lines.is_empty() {
        return html! {
            header.lead {
                h1 { "Your cart is empty" }
                p { "It is a good evening to change that." }
                p { a.button href="/" { "To the lamps" } }
            }
        };
    }
    html! {
        header.lead { h1 { "Your cart" } }
        div.columns {
            ul.lines {
                @for line in lines {
                    li.line {
                        a href={ "/product/" (line.slug) } {
                            img src={ "/assets/lamp-" (line.slug) ".svg" } alt="" width="400" height="480";
                        }
                        div.line-text {
                            a.card-name href={ "/product/" (line.slug) } { (line.name) }
                            span.quiet { (price(line.price_minor)) " each" }
                            form.line-form method="post" action="/cart/update" {
                                input type="hidden" name="product" value=(line.slug);
                                label { span.unseen { "Quantity of " (line.name) }
                                    input type="number" name="quantity" min="1" max=(MOST) value=(line.quantity);
                                }
                                button.link type="submit" { "Update" }
                                button.link type="submit" name="quantity" value="0" formnovalidate { "Remove" }
                            }
                        }
                        span.line-sum { (price(line.price_minor * line.quantity)) }
                    }
                }
            }
            aside.sum {
                (view::sum(lines))
                a.button.wide href="/checkout" { "To the checkout" }
            }
        }
    }
}
