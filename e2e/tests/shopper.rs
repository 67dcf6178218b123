//! A visitor with something in the cart who stays: the cart must outlive whatever happens.

use anyhow::{Context, Result, ensure};
use demo::{
    customers::{Client, Kind},
    stage::Stage,
};
use serde_json::{Value, json};

const VENDURE_API: &str = "/shop-api";

/// What a shop's carts are asked with: the kinds of shops differ in nothing else here.
#[derive(Debug, Clone, Copy)]
enum Cart {
    /// A form, answered with the cart as JSON.
    Sample,
    /// A GraphQL mutation, answered with the order that is the cart.
    Vendure,
    /// A form with a token, answered with the page of the basket.
    Oscar,
}

#[derive(Debug)]
pub(crate) struct Shopper {
    client: Client,
    cart: Cart,
    another: String,
    items: u64,
}

impl Shopper {
    /// Comes in and puts three of one thing into the cart.
    pub(crate) async fn enter(stage: &Stage, kind: Kind) -> Result<Self> {
        let mut client = Client::new(stage.entrance(), "127.0.0.1");
        client.always_send("accept", "application/json");
        let cart = match kind {
            Kind::Sample => Cart::Sample,
            Kind::Vendure => Cart::Vendure,
            Kind::Oscar => Cart::Oscar,
        };
        let (first, another) = cart.two_things(&mut client).await?;
        let mut shopper = Self { client, cart, another, items: 0 };
        shopper.add(&first, 3).await?;
        Ok(shopper)
    }

    /// Adds one more: the cart must have grown by exactly that.
    ///
    /// # Errors
    /// When it is not the cart it was, or the shop gave no answer.
    pub(crate) async fn is_intact(&mut self) -> Result<()> {
        let another = self.another.clone();
        self.add(&another, 1).await
    }

    async fn add(&mut self, thing: &str, more: u64) -> Result<()> {
        let items = self.cart.add(&mut self.client, thing, more).await?;
        ensure!(items == self.items + more, "a cart of {} and {more} has {items}", self.items);
        self.items = items;
        Ok(())
    }
}

impl Cart {
    /// Two different things that can be bought.
    async fn two_things(self, client: &mut Client) -> Result<(String, String)> {
        let things: Vec<String> = match self {
            Self::Sample => {
                let home = ask(client, "GET", "/", None).await?;
                let links = home.split("/product/").skip(1);
                links.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
            }
            Self::Vendure => {
                let query = "{ search(input: { groupByProduct: true, take: 10 }) \
                             { items { productVariantId } } }";
                let found = graphql(client, query, &Value::Null).await?;
                let items = found["search"]["items"].as_array().context("no search result")?;
                let ids = items.iter().filter_map(|item| item["productVariantId"].as_str());
                ids.map(str::to_owned).collect()
            }
            Self::Oscar => {
                let shelf = ask(client, "GET", "/en-gb/catalogue/", None).await?;
                let forms = shelf.split("action=\"/en-gb/basket/add/").skip(1);
                forms.filter_map(|rest| rest.split('/').next()).map(str::to_owned).collect()
            }
        };
        let first = things.first().context("the storefront shows nothing to buy")?;
        let another = things.iter().find(|thing| *thing != first).context("and only one thing")?;
        Ok((first.clone(), another.clone()))
    }

    /// Puts so many of a thing into the cart; how many are in it then.
    async fn add(self, client: &mut Client, thing: &str, quantity: u64) -> Result<u64> {
        match self {
            Self::Sample => {
                let form = format!("product={thing}&quantity={quantity}");
                let text = ask(client, "POST", "/cart/add", Some(&form)).await?;
                let cart: Value = serde_json::from_str(&text)?;
                cart["items"].as_u64().with_context(|| format!("no count of items: {text}"))
            }
            Self::Vendure => {
                let query = "mutation($v: ID!, $q: Int!) { addItemToOrder(productVariantId: $v, \
                             quantity: $q) { __typename ... on Order { totalQuantity } \
                             ... on ErrorResult { errorCode message } } }";
                let cart = graphql(client, query, &json!({ "v": thing, "q": quantity })).await?;
                let cart = &cart["addItemToOrder"];
                cart["totalQuantity"].as_u64().with_context(|| format!("no cart: {cart}"))
            }
            Self::Oscar => {
                let token = client.cookie("csrftoken").unwrap_or_default();
                let form =
                    format!("csrfmiddlewaretoken={token}&quantity={quantity}&next=/en-gb/basket/");
                let path = format!("/en-gb/basket/add/{thing}/");
                let basket = ask(client, "POST", &path, Some(&form)).await?;
                let lines = basket.split("-quantity\" value=\"").skip(1);
                let quantities =
                    lines.filter_map(|rest| rest.split('"').next()?.parse::<u64>().ok());
                Ok(quantities.sum())
            }
        }
    }
}

async fn graphql(client: &mut Client, query: &str, variables: &Value) -> Result<Value> {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let text = ask(client, "POST", VENDURE_API, Some(&body)).await?;
    let mut answer: Value = serde_json::from_str(&text)?;
    ensure!(answer["errors"].is_null(), "{query}: {text}");
    Ok(answer["data"].take())
}

async fn ask(client: &mut Client, method: &str, path: &str, body: Option<&str>) -> Result<String> {
    let answer = client.request(method, path, body).await;
    let answer = answer.map_err(|trouble| anyhow::anyhow!("{method} {path}: {trouble:?}"))?;
    ensure!(answer.status == 200, "{method} {path}: {} {}", answer.status, answer.text());
    Ok(answer.text().to_owned())
}
