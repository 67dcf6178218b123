//! Mistakes in `[[service]]`, and what a good one means.

use super::{Cases, Text::AfterHead, check, read};
use crate::config::ServiceKind;

const CASES: Cases = &[
    (
        AfterHead("[[service]]\nuser = \"a\"\n"),
        &[
            "6:1: [[service]] has no `kind`; write `kind = \"redis\"`; there are `redis`, `nginx`, `php-fpm`, `rabbitmq` and `elasticsearch`",
            "6:1: [[service]] has no `at`; write where it is: `at = \"127.0.0.1:6379\"`",
        ],
    ),
    (
        AfterHead(
            "[[service]]\nkind = \"memcached\"\nat = \"a:1\"\n[[service]]\nkind = \"nginx\"\nat = \"127.0.0.1:80\"\nqueues = [\"bull:a\"]\n[[service]]\nkind = \"redis\"\nat = \"127.0.0.1\"\npassword = \"abc\"\nshop = \"shoes\"\nqueues = []\n",
        ),
        &[
            "7:8: `kind` is \"memcached\", which we cannot ask; there are `redis`, `nginx`, `php-fpm`, `rabbitmq` and `elasticsearch`",
            "11:6: `at` is \"127.0.0.1:80\", where none of its kind can be asked; write `at = \"http://127.0.0.1/nginx_status\"`",
            "12:10: `queues` are those of BullMQ, which are in a Redis; take them away",
            "15:6: `at` is \"127.0.0.1\", where none of its kind can be asked; write `at = \"127.0.0.1:6379\"`",
            "16:12: `password` stands here in clear; write `password = \"${file:/etc/storewarden/redis-password}\"`",
            "17:8: `shop` is \"shoes\", and there is no `[shop.shoes]`; write one of \"lamps\"",
            "18:10: `queues` is an empty list; write `queues = [\"bull:mails\"]`",
        ],
    ),
    (
        AfterHead(
            "[[service]]\nkind = \"redis\"\nat = \"/run/redis.sock\"\n[[service]]\nkind = \"redis\"\nat = \"/run/redis.sock\"\n",
        ),
        &["9:1: there are two `[[service]]` at /run/redis.sock; take one of them away"],
    ),
];

#[test]
fn every_mistake_about_services_is_pointed_at() {
    check(CASES);
}

#[test]
fn services_are_read_and_their_passwords_never_shown() {
    let text = include_str!("../../../../../../docs/configuration.example.toml");
    let configuration = read(text).unwrap_or_else(|errors| panic!("{:#?}", errors.0));
    let [redis] = configuration.services.as_slice() else { panic!("{:?}", configuration.services) };
    assert_eq!((redis.kind, redis.at.as_str()), (ServiceKind::Redis, "127.0.0.1:6379"));
    assert_eq!(redis.queues, ["bull:mails"]);
    assert!(redis.password.is_some() && !format!("{redis:?}").contains("p@ss"));
    assert!(configuration.control.discover_services);
    assert_eq!(configuration.shops[0].queue_waits_at_most_ms, 30 * 60_000);
}
