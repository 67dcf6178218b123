//! A customer's way through a django-oscar: pages that the server renders, forms with a token
//! against forgery, a basket in a signed cookie, and a checkout as a guest.

use super::{Acknowledged, Client, Customer, Failure, Left, Trouble};

const SHELVES: [&str; 6] = ["teapots_1", "cups_2", "kettles_3", "trays_4", "tins_5", "bowls_6"];
const WORDS: [&str; 6] = ["celadon", "cobalt", "copper", "moss", "ivory", "nothing-like-that"];
const BASKET: &str = "/en-gb/basket/";
const GUEST: &str = "/en-gb/checkout/";
const ADDRESS: &str = "/en-gb/checkout/shipping-address/";
const PREVIEW: &str = "/en-gb/checkout/preview/";
const THANKS: &str = "/en-gb/checkout/thank-you/";
/// How often somebody sends a form again, or tries to pay, before they have had enough.
const MOST_TRIES: usize = 3;

/// Walks through the shop; fine when an order was acknowledged.
pub(super) async fn visit(customer: &mut Customer) -> Result<(), Left> {
    if customer.likely(0.5) {
        customer.page("/").await?;
        customer.think().await;
    }
    let liked = browse(customer).await?;
    if liked.is_empty() || !customer.goes_on(0.5) {
        return Err(Left::Undecided);
    }
    fill_basket(customer, &liked).await?;
    if !customer.goes_on(0.75) {
        return Err(Left::Undecided);
    }
    customer.think().await;
    check_out(customer).await
}

/// Looks at a shelf or at what was searched for, and at one to three products; the ids of those.
async fn browse(customer: &mut Customer) -> Result<Vec<u64>, Left> {
    let listed = match customer.pick(&WORDS) {
        Some(word) if customer.likely(0.25) => format!("/en-gb/search/?q={word}"),
        _ => {
            let shelf = customer.pick(&SHELVES).unwrap_or(SHELVES[0]);
            format!("/en-gb/catalogue/category/{shelf}/")
        }
    };
    let page = customer.page(&listed).await?;
    let products = products_in(page.text());
    let pictures: Vec<String> = pictures_in(page.text()).map(str::to_owned).collect();
    customer.think().await;
    if let Some(picture) = pictures.first()
        && customer.likely(0.6)
    {
        customer.page(picture).await?;
    }
    let mut liked = Vec::new();
    for _ in 0..customer.pick(&[1, 1, 2, 3]).unwrap_or(1) {
        let Some(place) = customer.pick(&(0..products.len()).collect::<Vec<_>>()) else { break };
        let (path, id) = &products[place];
        customer.page(path).await?;
        customer.think().await;
        liked.push(*id);
    }
    Ok(liked)
}

/// Puts products into the basket, and holds what the shop shows of it against what was put in:
/// nothing that was acknowledged may be missing, nothing may be there that nobody wanted.
async fn fill_basket(customer: &mut Customer, products: &[u64]) -> Result<(), Left> {
    // What is in it for certain, and with what was asked for and never answered.
    let (mut at_least, mut at_most) = (0, 0);
    for product in products {
        let quantity = if customer.likely(0.2) { 2 } else { 1 };
        at_most += quantity;
        let path = format!("{BASKET}add/{product}/");
        let form = format!("quantity={quantity}&next={BASKET}");
        let Some(page) = send(customer, &path, &form).await else {
            customer.think().await;
            continue;
        };
        at_least += quantity;
        is_intact(customer, &page, at_least, at_most)?;
        customer.think().await;
    }
    if at_least == 0 {
        return Err(Left::Annoyed);
    }
    let page = customer.page(BASKET).await?;
    is_intact(customer, page.text(), at_least, at_most)
}

fn is_intact(customer: &Customer, page: &str, at_least: u64, at_most: u64) -> Result<(), Left> {
    let items = items_in(page);
    if (at_least..=at_most).contains(&items) {
        return Ok(());
    }
    let told = format!("{items} items, not {at_least} to {at_most}");
    customer.ledger.failed(Failure::wrong(BASKET, "cart not intact", &told));
    Err(Left::Annoyed)
}

async fn check_out(customer: &mut Customer) -> Result<(), Left> {
    let email = customer.email();
    let buyer = customer.key.clone();
    customer.page(GUEST).await?;
    let guest = format!("username={}&password=&options=anonymous", email.replace('@', "%40"));
    leads_to(customer, GUEST, &guest, ADDRESS).await?;
    customer.think().await;
    let address = format!(
        "first_name=Buyer&last_name={buyer}&line1=Lichtgasse+1&line4=Wien&postcode=1010&country=AT\
         &phone_number="
    );
    leads_to(customer, ADDRESS, &address, PREVIEW).await?;
    customer.page(PREVIEW).await?;
    customer.think().await;
    place(customer).await
}

/// Sends a form until its answer is the page that knows the way to `next`.
async fn leads_to(customer: &mut Customer, path: &str, form: &str, next: &str) -> Result<(), Left> {
    for _ in 0..MOST_TRIES {
        if let Some(page) = send(customer, path, form).await {
            if page.contains(next) {
                return Ok(());
            }
            let told = text_of(&page);
            customer.ledger.failed(Failure::wrong(path, "form refused", &told));
            return Err(Left::Annoyed);
        }
        customer.think().await;
    }
    Err(Left::Annoyed)
}

/// Places the order. Whoever gets no clear answer looks whether it is there, and tries again when
/// not: the shop promises that the same basket becomes one order only.
async fn place(customer: &mut Customer) -> Result<(), Left> {
    for _ in 0..MOST_TRIES {
        let mut page = send(customer, PREVIEW, "action=place_order").await;
        if page.is_none() {
            customer.think().await;
            let seen = customer.ask("GET", THANKS, None).await;
            page = seen.map(|answer| answer.text().to_owned());
        }
        if let Some(placed) = page.as_deref().and_then(placed) {
            let page = Some(placed.page.to_owned());
            customer.acknowledge(placed.number, placed.basket(), placed.total_minor, page);
            return Ok(());
        }
        customer.think().await;
    }
    Err(Left::Annoyed)
}

/// Whether the shop has an order as it was acknowledged: it shows it to whoever knows the page and the
/// buyer's address.
pub(super) async fn shows(
    client: &mut Client,
    order: &Acknowledged,
    page: &str,
) -> Result<bool, Trouble> {
    // It leads to a form that asks for the address.
    client.request("GET", page, None).await?;
    let token = client.cookie("csrftoken").unwrap_or_default();
    let email = order.email.replace('@', "%40");
    let form = format!("csrfmiddlewaretoken={token}&email={email}");
    let path = page.replace("/order-status/", "/order-status-form/");
    let answer = client.request("POST", &path, Some(&form)).await?;
    let total = format!("€{}.{:02}", order.total_minor / 100, order.total_minor % 100);
    let told = answer.text().replace(',', "");
    Ok(answer.status == 200 && told.contains(&order.number) && told.contains(&total))
}

/// Sends a form as the page has it, with the token of the visitor's cookie; the page that came of it.
async fn send(customer: &mut Customer, path: &str, form: &str) -> Option<String> {
    let token = customer.client.cookie("csrftoken").unwrap_or_default();
    let form = format!("csrfmiddlewaretoken={token}&{form}");
    let answer = customer.ask("POST", path, Some(&form)).await?;
    Some(answer.text().to_owned())
}

/// The products that a page links to, each once: path and id.
fn products_in(page: &str) -> Vec<(String, u64)> {
    let mut products = Vec::new();
    for rest in page.split("href=\"/en-gb/catalogue/").skip(1) {
        let Some((slug, _)) = rest.split_once("/\"") else { continue };
        // Those of categories have a folder before the slug.
        if slug.contains('/') {
            continue;
        }
        let Some(id) = slug.rsplit_once('_').and_then(|(_, id)| id.parse().ok()) else { continue };
        let product = (format!("/en-gb/catalogue/{slug}/"), id);
        if !products.contains(&product) {
            products.push(product);
        }
    }
    products
}

fn pictures_in(page: &str) -> impl Iterator<Item = &str> {
    let starts = page.split("src=\"").skip(1);
    let sources = starts.filter_map(|rest| rest.split_once('"').map(|(source, _)| source));
    sources.filter(|source| source.starts_with("/media/"))
}

/// How many things lie in the basket that a page shows: the sum of its lines' quantities.
fn items_in(page: &str) -> u64 {
    let fields = page.split("-quantity\" value=\"").skip(1);
    let quantities = fields.filter_map(|rest| rest.split_once('"')?.0.parse::<u64>().ok());
    quantities.sum()
}

#[derive(Debug, PartialEq, Eq)]
struct Placed<'a> {
    number: &'a str,
    total_minor: i64,
    /// What shows it to whoever has no account.
    page: &'a str,
}

impl Placed<'_> {
    /// The basket's id: an order's number is 100000 more (oscar/apps/order/utils.py,
    /// `OrderNumberGenerator`).
    fn basket(&self) -> &str {
        let digits = self.number.strip_prefix('1').unwrap_or(self.number);
        digits.trim_start_matches('0')
    }
}

/// The order that the page after checkout thanks for.
fn placed(page: &str) -> Option<Placed<'_>> {
    let (_, rest) = page.split_once("your order number is")?;
    let (number, rest) = rest.split_once("<strong>")?.1.split_once("</strong>")?;
    let (_, rest) = rest.split_once("Order total")?.1.split_once('€')?;
    let total = rest.split('<').next()?.trim().replace(',', "");
    let (euros, cents) = total.split_once('.')?;
    let total_minor = euros.parse::<i64>().ok()? * 100 + cents.parse::<i64>().ok()?;
    let starts = rest.split("href=\"").skip(1);
    let mut links = starts.filter_map(|rest| rest.split_once('"').map(|(link, _)| link));
    let page = links.find(|link| link.contains("/order-status/"))?;
    Some(Placed { number: number.trim(), total_minor, page })
}

/// What a page says where it refuses a form.
fn text_of(page: &str) -> String {
    let errors = page.split("error").skip(1).filter_map(|rest| rest.split_once('>'));
    let texts = errors.filter_map(|(_, text)| text.split('<').next());
    texts.map(str::trim).filter(|text| !text.is_empty()).take(5).collect::<Vec<_>>().join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customers::{Ledger, Options};
    use std::sync::Arc;

    const SHELF: &str = r#"<a href="/en-gb/catalogue/category/cups_2/">Cups</a>
        <a href="/en-gb/catalogue/"><a href="/en-gb/catalogue/cup-moss_16/"><img src="/static/a.png">
        <img src="/media/cache/4a.jpg"></a><a href="/en-gb/catalogue/cup-moss_16/" title="Cup">"#;
    const BASKET_PAGE: &str = r#"<input type="hidden" name="form-TOTAL_FORMS" value="2">
        <input type="number" name="form-0-quantity" value="2" min="0" id="id_form-0-quantity">
        <input type="number" name="form-1-quantity" value="1" min="0" id="id_form-1-quantity">"#;
    const THANK_YOU: &str = "your order number is\n <strong>100041</strong>.\n<h3>Order total</h3>\
        </td><td><h3 class=\"price_color\">€1,052.90</h3>\
        <a href=\"/\"><a class=\"btn\" href=\"/en-gb/accounts/order-status/100041/100041:aB_c/\">";

    #[test]
    fn a_shelf_has_each_product_once_and_its_pictures() {
        assert_eq!(products_in(SHELF), [("/en-gb/catalogue/cup-moss_16/".to_owned(), 16)]);
        assert_eq!(pictures_in(SHELF).collect::<Vec<_>>(), ["/media/cache/4a.jpg"]);
        assert!(products_in("nothing here").is_empty());
    }

    #[test]
    fn an_order_is_read_from_the_page_that_thanks_for_it() {
        let order = placed(THANK_YOU).expect("an order");
        let page = "/en-gb/accounts/order-status/100041/100041:aB_c/";
        assert_eq!(order, Placed { number: "100041", total_minor: 105_290, page });
        assert_eq!(order.basket(), "41");
        assert_eq!(placed("Your basket is empty"), None);
    }

    #[test]
    fn a_basket_that_lost_or_gained_something_is_noticed() {
        let check = |at_least: u64, at_most: u64, intact: bool| {
            let ledger = Arc::new(Ledger::default());
            let customer = Customer::new(&Options::to(([127, 0, 0, 1], 1).into()), &ledger, 1);
            let outcome = is_intact(&customer, BASKET_PAGE, at_least, at_most);
            assert_eq!(outcome.is_ok(), intact, "{at_least} to {at_most}");
            assert_eq!(ledger.failures().is_empty(), intact, "{at_least} to {at_most}");
        };
        check(3, 3, true);
        check(2, 4, true);
        check(4, 5, false);
        check(1, 2, false);
    }
}
