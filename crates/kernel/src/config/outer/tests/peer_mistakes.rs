//! Mistakes in `[[peer]]`, and what a good one means.

use super::{Cases, Text::AfterHead, check, read};

const CASES: Cases = &[
    (
        AfterHead("[[peer]]\nurl = \"https://shop.example\"\n"),
        &[
            "6:1: [[peer]] has no `name`; write `name = \"second\"`: incidents call it so",
            "6:1: [[peer]] has no `token`; have the peer make one, `storewarden token create NAME --may peer`, and write `token = \"${file:/etc/storewarden/peer-token}\"`",
        ],
    ),
    (
        AfterHead(
            "[[peer]]\nname = \"b\"\nurl = \"http://shop.example\"\ntoken = \"abc\"\nevery = \"30s\"\nlook_at = \"shop.example\"\n",
        ),
        &[
            "6:1: `silent_after` is 45s, within which the peer is not asked three times; write \"90s\" or more",
            "8:7: `url` begins with `http://`, and the token would travel unencrypted; write `https://`: any host of a shop of the peer will do",
            "9:9: `token` stands here in clear; write `token = \"${file:/etc/storewarden/peer-token}\"`",
            "11:11: `look_at` has \"shop.example\", which is no page's address; write `look_at = [\"https://shop.example/\"]`",
        ],
    ),
    (
        AfterHead("[[peer]]\nname = \"b\"\n[[peer]]\nname = \"b\"\ntoken = \"${PEER_TOKEN}\"\n"),
        &[
            "8:1: [[peer]] has no `url`; write where the peer is: `url = \"https://shop.example\"`",
            "8:1: there are two `[[peer]]` of the name \"b\"; give each a name of its own",
        ],
    ),
];

#[test]
fn every_mistake_about_peers_is_pointed_at() {
    check(CASES);
}

#[test]
fn peers_are_read_and_their_tokens_never_shown() {
    let text = include_str!("../../../../../../docs/configuration.example.toml");
    let peers = read(text).unwrap_or_else(|errors| panic!("{:#?}", errors.0)).peers;
    let ask = peers[0].ask.as_ref().unwrap();
    assert_eq!((ask.url.as_str(), ask.token.reveal()), ("https://socks.example", "p@ss word"));
    assert_eq!((peers[0].every_ms, peers[0].silent_after_ms), (15_000, 45_000));
    assert_eq!(peers[0].look_at, ["https://socks.example/"]);
    assert!(!format!("{peers:?}").contains("p@ss"));
}
