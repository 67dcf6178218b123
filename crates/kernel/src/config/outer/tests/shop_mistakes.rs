//! Mistakes in `[shop.ID]`.

use super::{
    Cases,
    Text::{AfterHead, Whole},
    check,
};

/// Keys and their values.
const SHOP: Cases = &[
    (
        Whole(
            "version = 1
[shop.lamps]
",
        ),
        &[
            r#"2:1: [shop.lamps] has no `platform`; write `platform = "…"`; there are `generic`, `sample` and `vendure`"#,
            r#"2:1: [shop.lamps] has no `hosts`; write `hosts = ["shop.example", "www.shop.example"]`"#,
            r#"2:1: [shop.lamps] has no `app`; write `app = ["127.0.0.1:3001", "127.0.0.1:3002"]`"#,
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "vendur"
hosts = "lamps.example"
app = "127.0.0.1:3001"
"#,
        ),
        &[r#"3:12: there is no platform "vendur"; is "vendure" meant?"#],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "shopify"
hosts = "lamps.example"
app = "127.0.0.1:3001"
"#,
        ),
        &[
            r#"3:12: there is no platform "shopify"; there are `generic`, `sample` and `vendure`; `generic` serves every shop"#,
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = 3
hosts = "lamps.example"
app = "127.0.0.1:3001"
"#,
        ),
        &[r#"3:12: `platform` is a number, but text is wanted; write `platform = "3"`"#],
    ),
    (
        AfterHead(
            r#"host = "x"
"#,
        ),
        &["6:1: [shop.lamps] has no key `host`; is `hosts` meant?"],
    ),
    (
        AfterHead(
            "price = 3
",
        ),
        &[
            "6:1: [shop.lamps] has no key `price`; there are `platform`, `name`, `hosts`, `front`, `logs`, `log_format`, `app`, `deploy`, `certificate`, `force_https`, `eject`, `database`, `stream`, `backup`, `balance`, `check`, `hold`, `timeouts`, `slow_start`, `cache`, `replica`, `currency`, `time_zone`, `queue_waits_at_most`, `colour`, `contact`, `media` and `code`",
        ],
    ),
    (
        AfterHead(
            r#"name = ""
colour = "red"
currency = "eur"
time_zone = "Europe Berlin"
contact = 5
"#,
        ),
        &[
            "6:8: `name` is no name; write the name that customers know, in one line of up to 100 characters",
            r##"7:10: `colour` is "red", which is no colour; write six hexadecimal digits, such as "#1f6f78""##,
            r#"8:12: `currency` is "eur", which is no currency; write "EUR""#,
            r#"9:13: `time_zone` is "Europe Berlin", which is no time zone; write a name of the time zone database, such as "Europe/Berlin""#,
            r#"10:11: `contact` is a number, but text is wanted; write `contact = "5"`"#,
        ],
    ),
    (
        AfterHead(
            r#"colour = "1f6f78"
currency = "€"
"#,
        ),
        &[
            r##"6:10: `colour` is "1f6f78", which lacks its `#`; write "#1f6f78""##,
            r#"7:12: `currency` is "€", which is no currency; write its three letters, such as "EUR""#,
        ],
    ),
    (
        AfterHead(
            r#"balance = "sesion"
force_https = "yes"
"#,
        ),
        &[
            r#"6:11: `balance` is "sesion", which there is not; is "session" meant?"#,
            "7:15: `force_https` is text, but true or false is wanted; write `force_https = true` or `force_https = false`, without quotes",
        ],
    ),
    (
        AfterHead(
            r#"balance = "fast"
slow_start = "ten seconds"
"#,
        ),
        &[
            r#"6:11: `balance` is "fast", which there is not; there are `round-robin`, `least-requests` and `session`"#,
            r#"7:14: `slow_start` is "ten seconds", but a duration such as "30s" is wanted; write a number and its unit (ms, s, m, h, d): `slow_start = "10s"`"#,
        ],
    ),
    (
        AfterHead(
            r#"eject = { after_failures = 0, for = "1ms", forr = 1 }
"#,
        ),
        &[
            "6:28: `after_failures` is 0, but must be 1 to 1000; write a whole number from 1 to 1000, such as `after_failures = 3`",
            r#"6:37: `for` is 1ms, but must be 100ms to 1h; the default is "5s""#,
            "6:44: [shop.lamps.eject] has no key `forr`; is `for` meant?",
        ],
    ),
    (
        AfterHead(
            r#"[shop.lamps.check]
path = "health"
interval = 5
timeout = "0s"
rise = 1.5
fall = -1
status = "200-100"
host = "a b"
retries = 1
"#,
        ),
        &[
            r#"7:8: `path` is "health", which is no path; write one that begins with `/`, such as "/health""#,
            r#"8:12: `interval` is a number, but a duration such as "30s" is wanted; write `interval = "5s"`"#,
            r#"9:11: `timeout` is 0s, but must be 10ms to 1h; the default is "2s""#,
            "10:8: `rise` is a number with a point, but a whole number is wanted; write a whole number from 1 to 100, such as `rise = 2`",
            "11:8: `fall` is -1, but must be 1 to 100; write a whole number from 1 to 100, such as `fall = 3`",
            r#"12:10: `status` is neither a status nor a range of them; write `status = 200` or `status = "200-399"`, from 100 to 599"#,
            r#"13:8: `host` has "a b", which is no host name; write a host name of letters, digits and `-`, such as "shop.example""#,
            "14:1: [shop.lamps.check] has no key `retries`; there are `path`, `host`, `interval`, `timeout`, `rise`, `fall` and `status`",
        ],
    ),
    (
        AfterHead(
            r#"[shop.lamps.hold]
max_requests = "all"
max_wait = "2 days"
release_per_second = 0
queue_wiat = "1s"
"#,
        ),
        &[
            "7:16: `max_requests` is text, but a whole number is wanted; write a whole number from 0 to 1000000, such as `max_requests = 2000`",
            r#"8:12: `max_wait` is "2 days", but a duration such as "30s" is wanted; write a number and its unit (ms, s, m, h, d): `max_wait = "30s"`"#,
            "9:22: `release_per_second` is 0, but must be 1 to 1000000; write a whole number from 1 to 1000000, such as `release_per_second = 100`",
            "10:1: [shop.lamps.hold] has no key `queue_wiat`; is `queue_wait` meant?",
        ],
    ),
    (
        AfterHead(
            r#"[shop.lamps.timeouts]
connect = "5"
response = true
[shop.lamps.cache]
memory = "1MiB"
object = "2MiB"
enabled = 1
"#,
        ),
        &[
            r#"7:11: `connect` is "5", but a duration such as "30s" is wanted; write a number and its unit (ms, s, m, h, d): `connect = "2s"`"#,
            r#"8:12: `response` is true, but a duration such as "30s" is wanted; write a number and its unit (ms, s, m, h, d): `response = "1m"`"#,
            "11:10: `object` is larger than `memory`, in which it must find room; make `memory` the larger one",
            "12:11: `enabled` is a number, but true or false is wanted; write `enabled = true` or `enabled = false`, without quotes",
        ],
    ),
    (
        AfterHead(
            r#"timeouts = 5
check = "/health"
"#,
        ),
        &[
            "6:12: `timeouts` is a number, but a table is wanted; write `[shop.lamps.timeouts]` on a line of its own",
            "7:9: `check` is text, but a table is wanted; write `[shop.lamps.check]` on a line of its own",
        ],
    ),
    (
        AfterHead(
            "[shop.lamps.timeouts]
connect = 2500
response = -1
",
        ),
        &[
            r#"7:11: `connect` is a number, but a duration such as "30s" is wanted; write `connect = "2500ms"`"#,
            r#"8:12: `response` is a number, but a duration such as "30s" is wanted; write a number and its unit (ms, s, m, h, d): `response = "1m"`"#,
        ],
    ),
];

/// `hosts`.
const HOSTS: Cases = &[
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = ["https://lamps.example/", "LAMPS.example", "lamps.example:443", "lamps.example.", "münchen.example"]
app = "127.0.0.1:3001"
"#,
        ),
        &[
            r#"4:10: `hosts` has "https://lamps.example/", an address, but a host name is wanted; write "lamps.example""#,
            r#"4:36: `hosts` has "LAMPS.example", with capital letters; write "lamps.example""#,
            r#"4:53: `hosts` has "lamps.example:443", with a port; write "lamps.example": a shop answers on every port of `edge.listen`"#,
            r#"4:74: `hosts` has "lamps.example.", which ends in a dot; write "lamps.example""#,
            r#"4:92: `hosts` has "münchen.example", which is not ASCII; write it as browsers send it, in ASCII and beginning with `xn--` (RFC 3492); the address bar or `idn2 NAME` shows that form"#,
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = ["a.*.example", "a_b.example", "-a.example", "a..b", "", "::1", "*.lamps.example", "*", "127.0.0.1", "[::1]"]
app = "127.0.0.1:3001"
"#,
        ),
        &[
            r#"4:10: `hosts` has "a.*.example", with a `*` in the middle; a `*` stands alone or for the first label only, such as "*.example.com""#,
            r#"4:40: `hosts` has "-a.example", which is no host name; write a host name of letters, digits and `-`, such as "shop.example""#,
            r#"4:54: `hosts` has "a..b", which is no host name; write a host name of letters, digits and `-`, such as "shop.example""#,
            r#"4:62: `hosts` has "", which is no host name; write a host name of letters, digits and `-`, such as "shop.example""#,
            r#"4:66: `hosts` has "::1", an IPv6 address without brackets; write "[::1]""#,
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = []
app = "127.0.0.1:3001"
"#,
        ),
        &[r#"4:9: `hosts` is an empty list; write `hosts = ["shop.example", "www.shop.example"]`"#],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = ["a.example", 5, "a.example"]
app = "127.0.0.1:3001"
"#,
        ),
        &[
            r#"4:23: `hosts` holds a number, but texts are wanted; write `hosts = ["shop.example", "www.shop.example"]`"#,
            r#"4:26: `hosts` has "a.example" twice, first in line 4; keep one of the two"#,
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = true
app = "127.0.0.1:3001"
"#,
        ),
        &[
            r#"4:9: `hosts` is true, but a list of texts is wanted; write `hosts = ["shop.example", "www.shop.example"]`"#,
        ],
    ),
];

/// `unit`, `command` and `deploy`.
const LAUNCH: Cases = &[
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = "lamps.example"
[[shop.lamps.app]]
address = "127.0.0.1:3001"
unit = "shop@3001"
command = ["node", "server.js"]
[[shop.lamps.app]]
address = "127.0.0.1:3002"
unit = "shop.timer"
stop_grace = "5s"
user = "shop"
[[shop.lamps.app]]
address = "127.0.0.1:3003"
command = "node server.js --port 3003"
[[shop.lamps.app]]
address = "127.0.0.1:3004"
command = ["bin/serve"]
directory = "srv"
user = "shop owner"
[[shop.lamps.app]]
address = "127.0.0.1:3005"
environment_file = "/etc/shop"
[[shop.lamps.app]]
address = "127.0.0.1:3006"
command = []
"#,
        ),
        &[
            "8:11: instance 1 of [shop.lamps] has both `unit` and `command`; keep `unit` if systemd starts it, `command` if Storewarden shall",
            r#"11:8: `unit` "shop.timer" is a timer, but a service is wanted; write the name of a service, such as "shop@3001.service""#,
            "12:14: `stop_grace` says how a `command` is run, and there is none; write `TimeoutStopSec=` into the unit instead",
            "13:8: `user` says how a `command` is run, and there is none; write it into the unit instead (systemd.exec(5))",
            r#"16:11: `command` is one text with spaces, but no shell takes it apart; write it word by word: `command = ["node", "server.js", "--port", "3003"]`"#,
            r#"19:12: `command` begins with "bin/serve", which is no program; write the program's whole path, or its bare name if the `PATH` finds it"#,
            r#"20:13: `directory` is "srv", which is relative; write the whole path, beginning with `/`: services start in other folders"#,
            r#"21:8: `user` is "shop owner", which is no user's name; write the name of a user of this machine, such as "shop""#,
            r#"24:20: `environment_file` says how a `command` is run, and there is none; add the program that serves: `command = ["node", "server.js"]`"#,
            r#"27:11: `command` is an empty list; write `command = ["node", "server.js"]`"#,
        ],
    ),
    (
        AfterHead("deploy = { releases = \"/srv/shop\" }\n"),
        &[r#"6:10: [shop.lamps.deploy] has no `current`; write `current = "/srv/shop/current"`"#],
    ),
    (
        AfterHead("deploy = { releases = \"/srv/shop\", current = \"/srv/shop/current\" }\n"),
        &[
            r#"6:46: `current` lies within `releases`, where it would count as one; put the link beside the folder, such as "/srv/shop/current""#,
        ],
    ),
];

/// `app`.
const APP: Cases = &[
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = "lamps.example"
app = ["127.0.0.1", "127.0.0.1:70000", "app1:3001", "http://127.0.0.1:3001", "::1:3001", ":3001", "300.1.1.1:80", "3001", "0.0.0.0:3001", "127.0.0.1:0", "::1", "localhost"]
"#,
        ),
        &[
            r#"5:8: `app` is "127.0.0.1", which lacks a port; write it with one, such as "127.0.0.1:3000""#,
            r#"5:21: `app` is "127.0.0.1:70000", whose port is none; a port is a number up to 65535, such as "127.0.0.1:3000""#,
            r#"5:40: `app` is "app1:3001", a name, but an IP address is wanted; write the address that `getent hosts app1` prints: names can change or be away when the shop must be reached"#,
            r#"5:53: `app` is "http://127.0.0.1:3001", but an address without `http://` is wanted; write "127.0.0.1:3001""#,
            r#"5:78: `app` is "::1:3001", an IPv6 address without brackets; write "[::1]:3001""#,
            r#"5:90: `app` is ":3001", which has no IP address; write "127.0.0.1:3001""#,
            r#"5:99: `app` is "300.1.1.1:80", whose IP address is none; an IP address is four numbers up to 255: "127.0.0.1:80""#,
            r#"5:115: `app` is "3001", which is no address; write an IP address and a port, such as "127.0.0.1:3000""#,
            r#"5:123: `app` is "0.0.0.0:3001", which is no place to connect to; write "127.0.0.1:3001" if it runs on this machine"#,
            r#"5:139: `app` is "127.0.0.1:0", and nothing listens on port 0; write the port that the application listens on"#,
            r#"5:154: `app` is "::1", which lacks a port; write it as "[::1]:3000""#,
            r#"5:161: `app` is "localhost", which lacks a port; write it with one, such as "localhost:3000""#,
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = "lamps.example"
app = ["127.0.0.1:3001", "localhost:3001"]
"#,
        ),
        &[
            "5:26: `app` has 127.0.0.1:3001 twice, first in line 5; keep one of the two; `weight` gives it more",
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = "lamps.example"
app = [{ address = "127.0.0.1:3001", name = "a" }, { address = "127.0.0.1:3002", name = "a" }]
"#,
        ),
        &[
            r#"5:52: `app` has the name "a" twice, first in line 5; give one of the two another `name`"#,
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = "lamps.example"
app = { name = "A", weight = 0, connections = 0, adress = "127.0.0.1:3001" }
"#,
        ),
        &[
            r#"5:7: instance 1 of [shop.lamps] has no `address`; write `address = "127.0.0.1:3001"`"#,
            r#"5:16: `name` "A" has `A`, but only lower-case letters, digits, `-` and `_` are allowed; write one such as "app-1""#,
            "5:30: `weight` is 0, but must be 1 to 100; write a whole number from 1 to 100, such as `weight = 1`",
            "5:47: `connections` is 0, but must be 1 to 100000; write a whole number from 1 to 100000, such as `connections = 64`",
            "5:50: instance 1 of [shop.lamps] has no key `adress`; is `address` meant?",
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = "lamps.example"
app = [3001]
"#,
        ),
        &[
            r#"5:8: `app` has a number, but addresses are wanted; write `app = ["127.0.0.1:3001", "127.0.0.1:3002"]` or `{ address = "127.0.0.1:3001" }`"#,
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = "lamps.example"
app = []
"#,
        ),
        &[r#"5:7: `app` is an empty list; write `app = ["127.0.0.1:3001", "127.0.0.1:3002"]`"#],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = "lamps.example"
app = 3001
"#,
        ),
        &[
            r#"5:7: `app` has a number, but addresses are wanted; write `app = ["127.0.0.1:3001", "127.0.0.1:3002"]` or `{ address = "127.0.0.1:3001" }`"#,
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = "lamps.example"
app = "127.0.0.1:80"
"#,
        ),
        &[
            "5:7: `app` has 127.0.0.1:80, where the edge listens (http://[::]:80): requests would go in circles; write the address of the shop's application",
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = "lamps.example"
app = "127.0.0.1:7780"
"#,
        ),
        &[
            "5:7: `app` has 127.0.0.1:7780, where control listens: requests would go in circles; write the address of the shop's application",
        ],
    ),
];

/// `database`; a password is never repeated.
const DATABASE: Cases = &[
    (
        AfterHead(
            r#"database = "postgres://shop:secret@127.0.0.1/shop"
"#,
        ),
        &[
            "6:12: `database` has a password in clear: postgres://shop:***@127.0.0.1/shop; write `postgres://shop:${SHOP_DATABASE_PASSWORD}@127.0.0.1/shop` and set SHOP_DATABASE_PASSWORD in Storewarden's environment",
        ],
    ),
    (
        AfterHead(
            r#"database = "${SHOP_DATABASE_URL}"
"#,
        ),
        &[
            "6:12: `database` needs the variable `SHOP_DATABASE_URL` of the environment, which is not set; start Storewarden with it, such as by `Environment=SHOP_DATABASE_URL=…` or `EnvironmentFile=` in its systemd unit",
        ],
    ),
    (
        AfterHead(
            r#"database = "oracle://x"
"#,
        ),
        &[
            r#"6:12: `database` is no database's address: the address begins with `oracle:`; write "postgres://shop@127.0.0.1/shop", "mysql://shop@127.0.0.1/shop" or "sqlite:/var/lib/shop/shop.db""#,
        ],
    ),
    (
        AfterHead(
            "database = 5432
",
        ),
        &[r#"6:12: `database` is a number, but text is wanted; write `database = "5432"`"#],
    ),
    (
        AfterHead(
            r#"database = "sqlite:shop.db"
"#,
        ),
        &[
            r#"6:12: `database` is relative: the address does not say from where; write the whole path, such as "sqlite:/var/lib/shop/shop.db""#,
        ],
    ),
];

#[test]
fn every_mistake_is_found_with_its_place_and_mend() {
    check(SHOP);
    check(HOSTS);
    check(APP);
    check(LAUNCH);
    check(DATABASE);
}

/// `front`, `logs` and `log_format`.
const BESIDE: Cases = &[
    (
        AfterHead("front = false\n"),
        &[
            "2:1: [shop.lamps] has no `logs`; write `logs = \"/var/log/nginx/access.log\"`: without it \
             nobody knows of visitors",
        ],
    ),
    (
        AfterHead(
            "front = false\nlogs = [\"access.log\", \"/a\", \"/a\"]\nlog_format = \"combind\"\n",
        ),
        &[
            "7:9: `logs` is \"access.log\", which is relative; write the whole path, beginning with `/`: \
             services start in other folders",
            "7:29: `logs` has \"/a\" twice; keep one of the two",
            "8:14: `log_format` names no format and has no field such as `$status` or `%s`; is \
             \"combined\" meant?",
        ],
    ),
    (
        AfterHead("log_format = \"$time_local $request\"\n"),
        &[
            "6:14: `log_format` does not say with which status (`$status` or `%>s`); write the text behind \
             `log_format NAME` (nginx) or `LogFormat` (Apache), or one of `combined`, `common` and \
             `vhost_combined`",
        ],
    ),
];

#[test]
fn mistakes_of_a_shop_beside_another_web_server_are_told() {
    check(BESIDE);
}
