//! A customer's way through a Vendure: what a storefront asks of the GraphQL shop API for them, with
//! a session in a cookie.

use serde_json::{Value, json};

use super::{Acknowledged, Client, Customer, Failure, Left, Trouble};

const API: &str = "/shop-api";
const WORDS: [&str; 5] = ["camera", "laptop", "plant", "shoe", "chair"];
/// How often somebody asks again for what has failed.
const MOST_TRIES: usize = 3;
const ERRORS: &str = "... on ErrorResult { errorCode message }";

/// Walks through the shop; fine when an order was acknowledged.
pub(super) async fn visit(customer: &mut Customer) -> Result<(), Left> {
    let variants = browse(customer).await?;
    if variants.is_empty() || !customer.goes_on(0.5) {
        return Err(Left::Undecided);
    }
    fill_cart(customer, &variants).await?;
    if !customer.goes_on(0.75) {
        return Err(Left::Undecided);
    }
    customer.think().await;
    check_out(customer).await
}

/// Looks at products; the variants that were liked.
async fn browse(customer: &mut Customer) -> Result<Vec<u64>, Left> {
    repeatedly(customer, "{ collections { items { slug name } } }", Value::Null).await?;
    customer.think().await;
    let query = "query($i: SearchInput!) { search(input: $i) { items { productVariantId slug \
                 productAsset { preview } } } }";
    let term = if customer.likely(0.25) { customer.pick(&WORDS) } else { None };
    let input = json!({ "i": { "groupByProduct": false, "take": 60, "term": term } });
    let found = repeatedly(customer, query, input).await?;
    let items = found["items"].as_array().cloned().unwrap_or_default();
    customer.think().await;
    let Some(place) = customer.pick(&(0..items.len()).collect::<Vec<_>>()) else {
        return Ok(Vec::new());
    };
    let chosen = &items[place];
    let query = "query($s: String) { product(slug: $s) { id name description variants { id \
                 priceWithTax } } }";
    repeatedly(customer, query, json!({ "s": chosen["slug"] })).await?;
    let picture =
        chosen["productAsset"]["preview"].as_str().and_then(|url| url.split_once("/assets/"));
    if let Some((_, name)) = picture
        && customer.likely(0.6)
    {
        customer.page(&format!("/assets/{name}?preset=medium")).await?;
    }
    customer.think().await;
    let id = |item: &Value| item["productVariantId"].as_str()?.parse().ok();
    Ok(items.iter().filter_map(id).collect())
}

/// Puts one to three things into the cart, and holds what the shop says of it against what was
/// put in: nothing that was acknowledged may be missing, nothing may be there that nobody wanted.
async fn fill_cart(customer: &mut Customer, variants: &[u64]) -> Result<(), Left> {
    // What is in it for certain, and with what was asked for and never answered.
    let (mut at_least, mut at_most) = (0, 0);
    for _ in 0..customer.pick(&[1, 1, 2, 3]).unwrap_or(1) {
        let Some(variant) = customer.pick(variants) else { break };
        let quantity = if customer.likely(0.2) { 2 } else { 1 };
        at_most += quantity;
        let asked = json!({ "v": variant, "q": quantity });
        if let Some(cart) = once(customer, &add_to_cart(), asked).await {
            at_least += quantity;
            is_intact(customer, &cart, at_least, at_most)?;
        }
        customer.think().await;
    }
    if at_least == 0 {
        return Err(Left::Annoyed);
    }
    let query = "{ activeOrder { id code totalWithTax totalQuantity lines { quantity } } }";
    let cart = repeatedly(customer, query, Value::Null).await?;
    is_intact(customer, &cart, at_least, at_most)
}

fn is_intact(customer: &Customer, cart: &Value, at_least: i64, at_most: i64) -> Result<(), Left> {
    match cart["totalQuantity"].as_i64() {
        Some(items) if (at_least..=at_most).contains(&items) => Ok(()),
        items => {
            let told = format!("{items:?} items, not {at_least} to {at_most}");
            customer.ledger.failed(Failure::wrong(API, "cart not intact", &told));
            Err(Left::Annoyed)
        }
    }
}

fn add_to_cart() -> String {
    mutation("addItemToOrder", "productVariantId: $v, quantity: $q", "$v: ID!, $q: Int!")
}

async fn check_out(customer: &mut Customer) -> Result<(), Left> {
    let email = customer.email();
    let name = customer.key.clone();
    let query = mutation("setCustomerForOrder", "input: $i", "$i: CreateCustomerInput!");
    let who = json!({ "i": { "firstName": "Buyer", "lastName": name, "emailAddress": email } });
    repeatedly(customer, &query, who).await?;
    let query = mutation("setOrderShippingAddress", "input: $i", "$i: CreateAddressInput!");
    let place = json!({ "i": {
        "fullName": format!("Buyer {name}"), "streetLine1": "Lichtgasse 1", "city": "Wien",
        "postalCode": "1010", "countryCode": "AT",
    } });
    repeatedly(customer, &query, place).await?;
    customer.think().await;
    let methods = repeatedly(customer, "{ eligibleShippingMethods { id } }", Value::Null).await?;
    let query = mutation("setOrderShippingMethod", "shippingMethodId: $m", "$m: [ID!]!");
    repeatedly(customer, &query, json!({ "m": [methods[0]["id"]] })).await?;
    let query = "mutation { transitionOrderToState(state: \"ArrangingPayment\") { __typename \
                 ... on Order { id code state } ... on OrderStateTransitionError { errorCode \
                 message transitionError } } }";
    let order = once(customer, query, Value::Null).await;
    // An answer that was lost may have had its effect; asking the order tells.
    let order = match order {
        Some(order) => order,
        None => repeatedly(customer, "{ activeOrder { id code state } }", Value::Null).await?,
    };
    let methods = repeatedly(customer, "{ eligiblePaymentMethods { code } }", Value::Null).await?;
    let Some(code) = order["code"].as_str() else { return Err(Left::Annoyed) };
    pay(customer, code, &methods[0]["code"]).await
}

/// Pays. Whoever gets no clear answer looks whether the order is paid, and tries again when not.
async fn pay(customer: &mut Customer, code: &str, method: &Value) -> Result<(), Left> {
    let query = mutation("addPaymentToOrder", "input: $i", "$i: PaymentInput!");
    for _ in 0..MOST_TRIES {
        let input = json!({ "i": { "method": method, "metadata": {} } });
        let mut order = once(customer, &query, input).await;
        if order.is_none() {
            customer.think().await;
            let query =
                "query($c: String!) { orderByCode(code: $c) { id code state totalWithTax } }";
            order = once(customer, query, json!({ "c": code })).await;
        }
        if let Some(order) = order
            && matches!(order["state"].as_str(), Some("PaymentAuthorized" | "PaymentSettled"))
        {
            let (id, total) = (order["id"].as_str(), order["totalWithTax"].as_i64());
            let (cart, total_minor) = (id.unwrap_or_default(), total.unwrap_or_default());
            customer.acknowledge(code, cart, total_minor, None);
            return Ok(());
        }
        customer.think().await;
    }
    Err(Left::Annoyed)
}

/// Whether the shop has an order as it was acknowledged: it answers to whoever knows its code, for two
/// hours (`DefaultOrderByCodeAccessStrategy`).
pub(super) async fn shows(client: &mut Client, order: &Acknowledged) -> Result<bool, Trouble> {
    let query = "query($c: String!) { orderByCode(code: $c) { totalWithTax } }";
    let body = json!({ "query": query, "variables": { "c": order.number } }).to_string();
    let answer = client.request("POST", API, Some(&body)).await?;
    let whole: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    Ok(whole["data"]["orderByCode"]["totalWithTax"].as_i64() == Some(order.total_minor))
}

fn mutation(name: &str, arguments: &str, variables: &str) -> String {
    format!(
        "mutation({variables}) {{ {name}({arguments}) {{ __typename ... on Order {{ id code state \
         totalWithTax totalQuantity }} {ERRORS} }} }}"
    )
}

/// Asks until there is an answer, for what may be asked twice.
async fn repeatedly(customer: &mut Customer, query: &str, variables: Value) -> Result<Value, Left> {
    for _ in 0..MOST_TRIES {
        if let Some(value) = once(customer, query, variables.clone()).await {
            return Ok(value);
        }
        customer.think().await;
    }
    Err(Left::Annoyed)
}

/// The one field that a query asks for; none when it failed, which is then in the ledger.
async fn once(customer: &mut Customer, query: &str, variables: Value) -> Option<Value> {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let answer = customer.ask("POST", API, Some(&body)).await?;
    let whole: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let field = whole["data"].as_object().and_then(|data| data.values().next()).cloned();
    let refused = field.as_ref().is_some_and(|field| field["errorCode"].is_string());
    match field {
        Some(field) if !whole["errors"].is_array() && !refused => Some(field),
        _ => {
            let query: String = query.chars().take(90).collect();
            let detail = format!("{query}: {}", answer.text());
            customer.ledger.failed(Failure::wrong(API, "GraphQL error", &detail));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customers::{Ledger, Options};
    use std::sync::Arc;

    #[test]
    fn a_cart_that_lost_or_gained_something_is_noticed() {
        let check = |items: Value, intact: bool| {
            let ledger = Arc::new(Ledger::default());
            let customer = Customer::new(&Options::to(([127, 0, 0, 1], 1).into()), &ledger, 1);
            let outcome = is_intact(&customer, &json!({ "totalQuantity": items }), 2, 3);
            assert_eq!(outcome.is_ok(), intact, "{items}");
            let noticed = ledger.failures().iter().any(|failure| failure.kind == "cart not intact");
            assert_eq!(noticed, !intact, "{items}");
        };
        check(json!(2), true);
        check(json!(3), true);
        check(json!(1), false);
        check(json!(4), false);
        check(Value::Null, false);
    }
}
