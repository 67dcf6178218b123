//! The orders of this session. Not of an e-mail address: whoever types one has not proved that it
//! is theirs.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use maud::html;

use super::{
    Shared,
    reply::{Failure, private_page},
    view::{self, price},
    visitor::Visitor,
};

pub(super) async fn show(State(shop): Shared, headers: HeaderMap) -> Result<Response, Failure> {
    let visitor = Visitor::of(&headers);
    let mut lease = shop.lease().await?;
    let sql = format!(
        "select o.number, {}, o.total_minor from shop_order o join cart c on c.id = o.cart_id \
         where c.session_id = $1 order by o.id desc limit 50",
        shop.database.time_as_text("o.placed_at")
    );
    let mut orders = Vec::new();
    if let Some(session) = &visitor.session {
        for row in lease.query(&sql, &[session.as_str().into()]).await? {
            orders.push((row.text(0)?, row.text(1)?, row.int(2)?));
        }
    }
    let items = super::cart::items(&mut lease, &visitor).await?;
    let body = html! {
        header.lead {
            h1 { "Your orders" }
            @if orders.is_empty() { p { "None yet from this browser." } }
        }
        ul.orders {
            @for (number, placed_at, total_minor) in &orders {
                li {
                    a href={ "/order/" (number) } { (number) }
                    span.quiet { (view::moment(placed_at)) }
                    strong { (price(*total_minor)) }
                }
            }
        }
    };
    Ok(private_page(StatusCode::OK, view::page("Your orders", items, "", &body)))
}
