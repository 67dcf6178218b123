//! `storewarden renew`: a new certificate for a shop, by a run of a running control.

use crate::{
    cli::{ChangeOptions, Exit},
    client::ask,
    remote::good,
    runs,
};
use serde::Deserialize;
use serde_json::json;

#[derive(Debug, Deserialize)]
struct Status {
    shops: Vec<Shop>,
}

#[derive(Debug, Deserialize)]
struct Shop {
    id: String,
    hosts: Vec<String>,
}

/// Renews the certificate of the shop of this id, or of this host name.
pub(crate) fn run(name: &str, options: &ChangeOptions) -> anyhow::Result<Exit> {
    let state = &options.state.directory;
    let status: Status = good(ask(state, "GET", "/api/v1/status")?)?.json()?;
    // A name that is neither goes on as it is: control knows the nearest.
    let shop = shop_of(&status.shops, name).unwrap_or(name);
    runs::change(state, &json!({ "kind": "renew_certificate", "shop": shop }), options)
}

/// An id is meant before a host name.
fn shop_of<'a>(shops: &'a [Shop], name: &str) -> Option<&'a str> {
    let by_id = shops.iter().find(|shop| shop.id == name);
    let has = |shop: &&Shop| shop.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
    by_id.or_else(|| shops.iter().find(has)).map(|shop| shop.id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_is_found_by_its_id_and_by_its_hosts() {
        let shop = |id: &str, hosts: &[&str]| Shop {
            id: id.to_owned(),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        };
        let shops = [shop("lamps", &["lamps.example"]), shop("socks", &["socks.example", "lamps"])];
        let check = |name: &str, expect| assert_eq!(shop_of(&shops, name), expect, "{name}");
        check("lamps", Some("lamps"));
        check("Lamps.example", Some("lamps"));
        check("socks.example", Some("socks"));
        check("hats.example", None);
    }
}
