//! Mistakes in `[[scrape]]`, and what a good one means.

use super::{Cases, Text::AfterHead, check, read};

const CASES: Cases = &[
    (
        AfterHead("[[scrape]]\nevery = \"1ms\"\n"),
        &[
            "6:1: [[scrape]] has no `name`; write `name = \"node\"`: it is the label `job` of what is fetched",
            "6:1: [[scrape]] has no `targets`; write where they are: `targets = [\"127.0.0.1:9100\"]`",
            "7:9: `every` is 1ms, but must be 1s to 1h; the default is \"10s\"",
        ],
    ),
    (
        AfterHead(
            "[[scrape]]\nname = \"a\"\ntargets = [\"127.0.0.1:1\", \"a b\", \"http://127.0.0.1:1/metrics\"]\nshop = \"shoes\"\ntoken = \"abc\"\n[[scrape]]\nname = \"a\"\ntargets = \"b:1\"\n",
        ),
        &[
            "8:27: `targets` has \"a b\", which is no address; write `targets = [\"127.0.0.1:9100\"]`",
            "8:34: `targets` has \"http://127.0.0.1:1/metrics\" twice; take one of them away",
            "9:8: `shop` is \"shoes\", and there is no `[shop.shoes]`; write one of \"lamps\"",
            "10:9: `token` stands here in clear; write `token = \"${file:/etc/storewarden/exporter-token}\"`",
            "11:1: there are two `[[scrape]]` of the name \"a\"; put their targets into one, or give each a name of its own",
        ],
    ),
];

#[test]
fn every_mistake_about_scrapes_is_pointed_at() {
    check(CASES);
}

#[test]
fn scrapes_are_read_and_their_tokens_never_shown() {
    let text = include_str!("../../../../../../docs/configuration.example.toml");
    let scrapes = read(text).unwrap_or_else(|errors| panic!("{:#?}", errors.0)).scrapes;
    let [node] = scrapes.as_slice() else { panic!("{scrapes:?}") };
    assert_eq!(node.targets, ["http://127.0.0.1:9100/metrics", "https://db.example:9104/metrics"]);
    assert_eq!((node.name.as_str(), node.every_ms), ("node", 10_000));
    assert_eq!(node.shop.as_ref().map(crate::ShopId::as_str), Some("lampenladen"));
    assert!(!format!("{scrapes:?}").contains("p@ss"));
}
