//! A customer's way through Lampenladen.

use serde::Deserialize;

use super::{Customer, Failure, Left};

const SHELVES: [&str; 6] =
    ["table-lamps", "floor-lamps", "pendants", "wall-lights", "desk-lamps", "lanterns"];
const WORDS: [&str; 8] =
    ["brass", "glass", "oak", "linen", "steel", "night", "paper", "nothing-like-that"];
/// How often somebody tries to pay before they have had enough.
const MOST_CHECKOUTS: usize = 3;

/// Walks through the shop; fine when an order was acknowledged and its page seen.
pub(super) async fn visit(customer: &mut Customer) -> Result<(), Left> {
    if customer.likely(0.8) {
        customer.page("/").await?;
        customer.think().await;
    }
    let mut wanted = browse(customer).await?;
    if wanted.is_empty() || !customer.goes_on(0.5) {
        return Err(Left::Undecided);
    }
    wanted.truncate(3);
    let cart = fill_cart(customer, &wanted).await?;
    customer.page("/cart").await?;
    customer.think().await;
    if !customer.goes_on(0.75) {
        return Err(Left::Undecided);
    }
    customer.page("/checkout").await?;
    customer.think().await;
    check_out(customer, &cart).await
}

/// Looks at shelves and lamps; the lamps that were liked.
async fn browse(customer: &mut Customer) -> Result<Vec<String>, Left> {
    let mut liked = Vec::new();
    if customer.likely(0.25)
        && let Some(words) = customer.pick(&WORDS)
    {
        let found = customer.page(&format!("/search?q={words}")).await?;
        customer.think().await;
        look(customer, &links(found.text()), &mut liked).await?;
    }
    for _ in 0..3 {
        if let Some(shelf) = customer.pick(&SHELVES) {
            let page = customer.page(&format!("/category/{shelf}")).await?;
            customer.think().await;
            look(customer, &links(page.text()), &mut liked).await?;
        }
        if customer.likely(0.5) {
            break;
        }
    }
    Ok(liked)
}

/// Opens one of the lamps on a page, with its picture when the browser has not got it yet.
async fn look(
    customer: &mut Customer,
    lamps: &[&str],
    liked: &mut Vec<String>,
) -> Result<(), Left> {
    let Some(lamp) = customer.pick(lamps) else { return Ok(()) };
    customer.page(&format!("/product/{lamp}")).await?;
    if customer.likely(0.6) {
        customer.page(&format!("/assets/lamp-{lamp}.svg")).await?;
    }
    customer.think().await;
    if customer.likely(0.7) {
        liked.push(lamp.to_owned());
    }
    Ok(())
}

/// The lamps that a page links to.
fn links(page: &str) -> Vec<&str> {
    page.split("href=\"/product/")
        .skip(1)
        .filter_map(|rest| rest.split_once('"').map(|(slug, _)| slug))
        .collect()
}

#[derive(Debug, Deserialize)]
struct Added {
    cart: String,
    items: i64,
}

/// Puts the lamps in the cart, and counts along: a shop that loses something from a cart is caught.
/// Returns the cart's token.
async fn fill_cart(customer: &mut Customer, lamps: &[String]) -> Result<String, Left> {
    let mut cart = None;
    let (mut at_least, mut at_most) = (0, 0);
    for lamp in lamps {
        let quantity = if customer.likely(0.2) { 2 } else { 1 };
        let form = format!("product={lamp}&quantity={quantity}");
        at_most += quantity;
        let Some(answer) = customer.ask("POST", "/cart/add", Some(&form)).await else {
            // Whether it is in the cart now nobody knows; people look at the cart and go on.
            customer.think().await;
            continue;
        };
        let Ok(added) = serde_json::from_slice::<Added>(&answer.body) else {
            let text = answer.text();
            customer.ledger.failed(Failure::wrong("/cart/add", "unreadable answer", text));
            return Err(Left::Annoyed);
        };
        at_least += quantity;
        if added.items < at_least || added.items > at_most {
            let told = format!("{} items, not {at_least} to {at_most}", added.items);
            customer.ledger.failed(Failure::wrong("/cart/add", "cart not intact", &told));
            return Err(Left::Annoyed);
        }
        cart = Some(added.cart);
        customer.think().await;
    }
    cart.ok_or(Left::Annoyed)
}

#[derive(Debug, Deserialize)]
struct Ordered {
    order: String,
    total_minor: i64,
    key: String,
}

/// Pays. Whoever gets no clear answer presses the button again, as people do: the shop promises
/// that the same cart becomes one order only.
async fn check_out(customer: &mut Customer, cart: &str) -> Result<(), Left> {
    let email = customer.email();
    let form = format!(
        "cart={cart}&name=Buyer+{key}&email={email}&street=Lichtgasse+1&postal_code=10115\
         &city=Berlin&country=DE&method=card",
        key = customer.key,
        email = email.replace('@', "%40"),
    );
    for _ in 0..MOST_CHECKOUTS {
        if let Some(answer) = customer.ask("POST", "/checkout", Some(&form)).await {
            let Ok(ordered) = serde_json::from_slice::<Ordered>(&answer.body) else {
                let text = answer.text();
                customer.ledger.failed(Failure::wrong("/checkout", "unreadable answer", text));
                return Err(Left::Annoyed);
            };
            let page = format!("/order/{}?key={}", ordered.order, ordered.key);
            customer.acknowledge(&ordered.order, cart, ordered.total_minor, Some(page.clone()));
            // The order stands, whatever becomes of its page; a failure is in the ledger.
            return customer.page(&page).await.map(|_| ()).or(Ok(()));
        }
        customer.think().await;
    }
    Err(Left::Annoyed)
}

#[cfg(test)]
mod tests {
    use super::links;

    #[test]
    fn links_of_a_page() {
        let page = r#"<a href="/product/pilz">x</a><a href="/cart">y</a><a class="c" href="/product/glut">"#;
        assert_eq!(links(page), ["pilz", "glut"]);
        assert!(links("nothing here").is_empty());
    }
}
