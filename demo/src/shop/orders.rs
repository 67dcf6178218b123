//! The page of one order, for whoever has its key or placed it in this session.

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use maud::html;
use serde::Deserialize;

use super::{
    Shared,
    reply::{Failure, private_page},
    storefront,
    view::{self, price},
    visitor::Visitor,
};

#[derive(Debug, Deserialize)]
pub(super) struct Key {
    #[serde(default)]
    key: String,
}

pub(super) async fn show(
    State(shop): Shared,
    Path(number): Path<String>,
    Query(Key { key }): Query<Key>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let visitor = Visitor::of(&headers);
    let mut lease = shop.lease().await?;
    let sql = format!(
        "select o.id, o.total_minor, {}, a.name, a.street, a.postal_code, a.city, c.email \
         from shop_order o join address a on a.id = o.address_id \
         join customer c on c.id = o.customer_id join cart b on b.id = o.cart_id \
         where o.number = $1 and (o.access_key = $2 or b.session_id = $3)",
        shop.database.time_as_text("o.placed_at")
    );
    let session = visitor.session.clone().unwrap_or_default();
    let values = [number.as_str().into(), key.as_str().into(), session.as_str().into()];
    let Some(order) = lease.query_one(&sql, &values).await? else {
        return Ok(storefront::missing().await);
    };
    let sql = "select l.name, l.quantity, l.price_minor, p.slug from order_line l \
               join product p on p.id = l.product_id where l.order_id = $1 order by p.id";
    let mut lines = Vec::new();
    for row in lease.query(sql, &[order.int(0)?.into()]).await? {
        lines.push((row.text(0)?, row.int(1)?, row.int(2)?, row.text(3)?));
    }
    let items = super::cart::items(&mut lease, &visitor).await?;
    let placed_at = order.text(2)?;
    let body = html! {
        header.lead {
            p.mark-good aria-hidden="true" { "✓" }
            h1 { "Thank you. It is yours." }
            p { "Order " strong { (number) } " was placed on " (view::moment(&placed_at)) ". We have written to " (order.text(7)?) "." }
        }
        div.columns {
            ul.lines {
                @for (name, quantity, price_minor, slug) in &lines {
                    li.line {
                        img src={ "/assets/lamp-" (slug) ".svg" } alt="" width="400" height="480";
                        div.line-text { span.card-name { (name) } span.quiet { (quantity) " × " (price(*price_minor)) } }
                        span.line-sum { (price(price_minor * quantity)) }
                    }
                }
            }
            aside.sum {
                h2 { "Delivered to" }
                address { (order.text(3)?) br; (order.text(4)?) br; (order.text(5)?) " " (order.text(6)?) }
                p.total { span { "Paid" } strong { (price(order.int(1)?)) } }
                a.button.wide href="/" { "Back to the lamps" }
            }
        }
    };
    Ok(private_page(StatusCode::OK, view::page(&format!("Order {number}"), items, "", &body)))
}
