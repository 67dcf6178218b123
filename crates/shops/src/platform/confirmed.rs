//! Which answers of a shop say that there is an order, and where they name it.

use serde::Deserialize;

/// Stands in a path for the order's number.
const ORDER: &str = "{order}";

/// Pages that a shop shows of an order that there is, and of no other.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmed {
    /// `/order/{order}`, `/*/orders/{order}/`: a `*` is any one part, `{order}` the number.
    paths: Vec<String>,
}

impl Confirmed {
    /// The number that a path names, as it was asked for; a query behind it is not looked at. Numbers
    /// with signs that a path cannot hold are not read.
    #[must_use]
    pub fn order<'a>(&self, path: &'a str) -> Option<&'a str> {
        let path = path.split(['?', '#']).next().unwrap_or(path);
        self.paths.iter().find_map(|known| number(known, path))
    }

    pub(super) fn fault(&self) -> Option<String> {
        let is_good = |path: &&String| {
            path.starts_with('/') && path.split('/').filter(|part| *part == ORDER).count() == 1
        };
        let odd = self.paths.iter().find(|path| !is_good(path));
        odd.map(|path| format!("`{path}` names no order: it holds one `{ORDER}` as a part"))
    }
}

fn number<'a>(known: &str, path: &'a str) -> Option<&'a str> {
    let (mut known, mut parts) = (known.split('/'), path.split('/'));
    let mut found = None;
    loop {
        match (known.next(), parts.next()) {
            (None, None) => return found,
            (Some(ORDER), Some(part)) if !part.is_empty() && !part.contains('%') => {
                found = Some(part);
            }
            (Some("*"), Some(part)) if !part.is_empty() => {}
            (Some(word), Some(part)) if word == part => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_the_order_or_none() {
        let check = |path: &str, expect: Option<&str>| {
            let paths = ["/order/{order}", "/*/orders/{order}/"].map(str::to_owned).to_vec();
            assert_eq!(Confirmed { paths }.order(path), expect, "{path}");
        };
        check("/order/L-7", Some("L-7"));
        check("/order/L-7?key=abc", Some("L-7"));
        check("/order/", None);
        check("/order/L-7/more", None);
        check("/order/L%2F7", None);
        check("/en/orders/7/", Some("7"));
        check("/orders/7/", None);
    }

    #[test]
    fn what_names_no_order_is_a_fault() {
        let check = |path: &str, expect: bool| {
            let confirmed = Confirmed { paths: vec![path.to_owned()] };
            assert_eq!(confirmed.fault().is_none(), expect, "{path}");
        };
        check("/order/{order}", true);
        check("/order/*", false);
        check("order/{order}", false);
        check("/{order}/{order}", false);
    }
}
