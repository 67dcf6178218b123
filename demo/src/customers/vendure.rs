//! A customer's way through a Vendure: what a storefront asks of the GraphQL shop API for them, with
//! a session in a cookie.

use serde_json::{Value, json};

use super::{Customer, Failure, Left};

const API: &str = "/shop-api";
const WORDS: [&str; 5] = ["camera", "laptop", "plant", "shoe", "chair"];
/// How often somebody asks again for what has failed.
const MOST_TRIES: usize = 3;
const ERRORS: &str = "... on ErrorResult { errorCode message }";

/// Walks through the shop; fine when an order was acknowledged.
pub(super) async fn visit(customer: &mut Customer) -> Result<(), Left> {
    let variants = browse(customer).await?;
    if variants.is_empty() || !customer.likely(0.5) {
        return Err(Left::Undecided);
    }
    let mut in_cart = false;
    for _ in 0..customer.pick(&[1, 1, 2, 3]).unwrap_or(1) {
        let Some(variant) = customer.pick(&variants) else { break };
        let quantity = if customer.likely(0.2) { 2 } else { 1 };
        let query =
            mutation("addItemToOrder", "productVariantId: $v, quantity: $q", "$v: ID!, $q: Int!");
        in_cart |= once(customer, &query, json!({ "v": variant, "q": quantity })).await.is_some();
        customer.think().await;
    }
    if !in_cart {
        return Err(Left::Annoyed);
    }
    repeatedly(
        customer,
        "{ activeOrder { id code totalWithTax lines { quantity } } }",
        Value::Null,
    )
    .await?;
    if !customer.likely(0.75) {
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
            let email = customer.email();
            let (cart, total_minor) = (id.unwrap_or_default(), total.unwrap_or_default());
            customer.ledger.acknowledge(code, &email, cart, total_minor);
            return Ok(());
        }
        customer.think().await;
    }
    Err(Left::Annoyed)
}

fn mutation(name: &str, arguments: &str, variables: &str) -> String {
    format!(
        "mutation({variables}) {{ {name}({arguments}) {{ __typename ... on Order {{ id code state \
         totalWithTax }} {ERRORS} }} }}"
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
