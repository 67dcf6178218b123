//! The pages that everybody sees alike: home, category, product; and search, which nobody stores.

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Shared, Shop, cart,
    database::Lease,
    reply::{Failure, private_page, shared_page},
    shelves::{self, Category, Product},
    view::{self, price},
    visitor::Visitor,
};

pub(super) async fn home(State(shop): Shared, headers: HeaderMap) -> Result<Response, Failure> {
    let mut lease = shop.lease().await?;
    let categories = shelves::categories(&mut lease).await?;
    let products = shelves::all_products(&mut lease).await?;
    answer(&mut lease, &headers, "Lamps for long evenings", home_page(&categories, &products)).await
}

pub(super) async fn category(
    State(shop): Shared,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let mut lease = shop.lease().await?;
    let Some(category) = shelves::category(&mut lease, &slug).await? else {
        return Ok(not_found());
    };
    let products = shelves::products_of(&mut lease, &slug).await?;
    let body = html! {
        header.lead {
            h1 { (category.name) }
            p { (category.tagline) }
        }
        (grid(&products))
    };
    answer(&mut lease, &headers, &category.name, body).await
}

pub(super) async fn product(
    State(shop): Shared,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let mut lease = shop.lease().await?;
    let Some(product) = shelves::product(&mut lease, &slug).await? else {
        return Ok(not_found());
    };
    let mut others = shelves::products_of(&mut lease, &product.category_slug).await?;
    others.retain(|other| other.slug != product.slug);
    answer(&mut lease, &headers, &product.name, product_page(&product, &others)).await
}

#[derive(Debug, Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    q: String,
}

pub(super) async fn search(
    State(shop): State<std::sync::Arc<Shop>>,
    Query(Search { q }): Query<Search>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let words: String = q.trim().chars().take(80).collect();
    let mut lease = shop.lease().await?;
    let found =
        if words.is_empty() { Vec::new() } else { shelves::search(&mut lease, &words).await? };
    let items = cart::items(&mut lease, &Visitor::of(&headers)).await?;
    let body = html! {
        header.lead {
            @if words.is_empty() {
                h1 { "What are you looking for?" }
                p { "Try “brass”, “glass” or “oak”." }
            } @else if found.is_empty() {
                h1 { "Nothing for “" (words) "”" }
                p { "Try a material such as “brass” or “glass”." }
            } @else {
                h1 { "“" (words) "”" }
                p { (found.len()) @if found.len() == 1 { " lamp" } @else { " lamps" } }
            }
        }
        (grid(&found))
    };
    Ok(private_page(StatusCode::OK, view::page("Search", items, &words, &body)))
}

pub(super) async fn missing() -> Response {
    not_found()
}

fn not_found() -> Response {
    let page = view::message(
        "There is no light here",
        "The page has moved, or it never was. The shelves are above.",
    );
    private_page(StatusCode::NOT_FOUND, page)
}

/// The page as everybody gets it, or with the visitor's cart when there is one.
async fn answer(
    lease: &mut Lease<'_>,
    headers: &HeaderMap,
    title: &str,
    body: Markup,
) -> Result<Response, Failure> {
    let visitor = Visitor::of(headers);
    if visitor.cart.is_none() {
        return Ok(shared_page(headers, view::page(title, 0, "", &body)));
    }
    let items = cart::items(lease, &visitor).await?;
    Ok(private_page(StatusCode::OK, view::page(title, items, "", &body)))
}

fn home_page(categories: &[Category], products: &[Product]) -> Markup {
    // The first of each shelf stands for it; the second and third are what we would show a friend.
    let of_shelf = |category: &Category, place: usize| {
        products.iter().filter(|product| product.category_slug == category.slug).nth(place)
    };
    let chosen = categories
        .iter()
        .flat_map(|category| [of_shelf(category, 1), of_shelf(category, 2)])
        .flatten()
        .take(8);
    html! {
        section.hero {
            div.hero-text {
                h1 { "Light for the long evenings" }
                p { "Twenty-four lamps, made by people we know, in workshops we have been to. \
                     Delivered within three days; taken back within a hundred." }
                a.button href="/category/table-lamps" { "See the table lamps" }
            }
            a.hero-picture href="/product/mondkuppel" {
                img src="/assets/lamp-mondkuppel.svg" alt="Mondkuppel, a pendant of black and gold" width="400" height="480";
            }
            a.hero-picture.second href="/product/pilz" {
                img src="/assets/lamp-pilz.svg" alt="Pilz, a table lamp of opal glass" width="400" height="480";
            }
        }
        section aria-labelledby="shelves" {
            h2 #shelves { "The shelves" }
            div.tiles {
                @for category in categories {
                    a.tile href={ "/category/" (category.slug) } {
                        @if let Some(first) = of_shelf(category, 0) {
                            img src={ "/assets/lamp-" (first.slug) ".svg" } alt="" width="400" height="480" loading="lazy";
                        }
                        span.tile-name { (category.name) }
                        span.quiet { (category.tagline) }
                    }
                }
            }
        }
        section aria-labelledby="chosen" {
            h2 #chosen { "What we would show a friend" }
            (grid(chosen))
        }
    }
}

fn product_page(product: &Product, others: &[Product]) -> Markup {
    html! {
        nav.crumbs aria-label="You are here" {
            a href="/" { "Lampenladen" } " / "
            a href={ "/category/" (product.category_slug) } { (product.category_name) }
        }
        article.product {
            img.product-picture src={ "/assets/lamp-" (product.slug) ".svg" } alt={ (product.name) ", " (product.material) } width="400" height="480";
            div.product-text {
                h1 { (product.name) }
                p.price { (price(product.price_minor)) }
                p.description { (product.description) }
                dl.facts {
                    dt { "Made of" } dd { (product.material) }
                    dt { "Delivery" } dd { "2–3 days, free" }
                    dt { "Stock" }
                    dd { @if product.stock > 20 { "On the shelf" } @else { "Few left" } }
                }
                form.buy method="post" action="/cart/add" {
                    input type="hidden" name="product" value=(product.slug);
                    label { "Quantity"
                        select name="quantity" { @for n in 1..=5 { option value=(n) { (n) } } }
                    }
                    button.button type="submit" { "Add to cart" }
                }
            }
        }
        section aria-labelledby="others" {
            h2 #others { "From the same shelf" }
            (grid(others))
        }
    }
}

fn grid<'a>(products: impl IntoIterator<Item = &'a Product>) -> Markup {
    html! {
        div.grid {
            @for product in products {
                a.card href={ "/product/" (product.slug) } {
                    img src={ "/assets/lamp-" (product.slug) ".svg" } alt="" width="400" height="480" loading="lazy";
                    span.card-line { span.card-name { (product.name) } span.card-price { (price(product.price_minor)) } }
                    span.quiet { (product.material) }
                }
            }
        }
    }
}
