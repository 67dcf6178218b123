//! What every page of the shop has around it, and how it writes money and time.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    cart::{self, Line},
    catalogue::CATEGORIES,
};

/// Shows the number of items on a page that came from a cache and could not know it.
const BADGE: &str = "(function(){var m=document.cookie.match(/lampenladen_items=(\\d+)/),\
                     b=document.getElementById('items');if(m&&b){b.textContent=m[1];b.hidden=false}})()";

/// A whole page. `items` are in the visitor's cart; `words` stand in the search field.
pub(super) fn page(title: &str, items: i64, words: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – Lampenladen" }
                link rel="icon" href="/assets/mark.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/shop.css";
            }
            body {
                a.skip href="#main" { "To the content" }
                header.top {
                    div.top-row {
                        a.wordmark href="/" { img src="/assets/mark.svg" alt="" width="30" height="30"; "Lampenladen" }
                        form.search role="search" action="/search" {
                            label.unseen for="q" { "Search the lamps" }
                            input #q type="search" name="q" value=(words) placeholder="Brass, glass, oak …" autocomplete="off";
                        }
                        a.top-link href="/account" { "Orders" }
                        a.top-link href="/cart" {
                            "Cart "
                            span #items.badge hidden[items == 0] { (items) }
                        }
                    }
                    nav.shelves aria-label="Shelves" {
                        @for category in &CATEGORIES {
                            a href={ "/category/" (category.slug) } { (category.name) }
                        }
                    }
                }
                main #main { (body) }
                footer.bottom {
                    p { "Lampenladen is a demonstration. The lamps are drawn, the customers are generated, and no money moves." }
                }
                @if items == 0 { script { (PreEscaped(BADGE)) } }
            }
        }
    }
}

/// A page that says one thing.
pub(super) fn message(title: &str, text: &str) -> Markup {
    let body = html! {
        header.lead {
            h1 { (title) }
            p { (text) }
            p { a.button href="/" { "To the lamps" } }
        }
    };
    page(title, 0, "", &body)
}

/// The sum of a cart.
pub(super) fn sum(lines: &[Line]) -> Markup {
    html! {
        h2 { "In the bag" }
        @for line in lines {
            p.sum-line { span { (line.quantity) " × " (line.name) } span { (price(line.price_minor * line.quantity)) } }
        }
        p.sum-line { span { "Delivery" } span { "free" } }
        p.total { span { "Total" } strong { (price(cart::total(lines))) } }
    }
}

/// Euros and cents.
pub(super) fn price(minor: i64) -> String {
    format!("€{}.{:02}", minor / 100, minor % 100)
}

/// A time of the database (RFC 3339, UTC) for people.
pub(super) fn moment(text: &str) -> String {
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => at.strftime("%-d %B %Y, %H:%M UTC").to_string(),
        Err(_) => text.to_owned(),
    }
}
