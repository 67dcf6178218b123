//! Mistakes in `[edge]`, `[control]`, `[acme]`, and between tables.

use super::{
    Cases,
    Text::{AfterHead, Whole},
    check,
};

/// Within one table.
const EDGE: Cases = &[
    (
        AfterHead(
            r#"[edge]
listen = "127.0.0.1:8080"
"#,
        ),
        &[
            r#"7:10: `listen` is "127.0.0.1:8080", which does not say whether http or https; write "http://127.0.0.1:8080" or "https://127.0.0.1:8080""#,
        ],
    ),
    (
        AfterHead(
            r#"[edge]
listen = ["http://:80", "ftp://[::]:21", "http://shop.example:80", "http://127.0.0.1"]
"#,
        ),
        &[
            r#"7:11: `listen` is "http://:80", which has no IP address; write "http://[::]:80" for all of them"#,
            r#"7:25: `listen` is "ftp://[::]:21", and `ftp` is not served; write "http://[::]:21" or "https://[::]:21""#,
            r#"7:42: `listen` is "shop.example:80", a name, but an IP address is wanted; write the address that `getent hosts shop.example` prints: names can change or be away when the shop must be reached"#,
        ],
    ),
    (
        AfterHead(
            r#"[edge]
listen = ["http://[::]:80", "https://[::]:80"]
"#,
        ),
        &["7:29: `listen` has [::]:80 twice, first in line 7; keep one of the two"],
    ),
    (
        AfterHead(
            "[edge]
listen = []
",
        ),
        &[
            r#"7:10: `listen` is an empty list; write `listen = ["http://[::]:80", "https://[::]:443"]`"#,
        ],
    ),
    (
        AfterHead(
            "[edge]
listen = 80
",
        ),
        &[
            r#"7:10: `listen` is a number, but a list of texts is wanted; write `listen = ["http://[::]:80", "https://[::]:443"]`"#,
        ],
    ),
    (
        AfterHead(
            r#"[edge]
listen = ["http://[::]:80", 443]
"#,
        ),
        &[
            r#"7:29: `listen` holds a number, but texts are wanted; write `listen = ["http://[::]:80", "https://[::]:443"]`"#,
        ],
    ),
    (
        AfterHead(
            r#"[edge]
workers = 0
drain = 30
access_log = "access.log"
logs = true
"#,
        ),
        &[
            "7:11: `workers` is 0, but must be 1 to 1024; write a whole number from 1 to 1024, such as `workers = 1`",
            r#"8:9: `drain` is a number, but a duration such as "30s" is wanted; write `drain = "30s"`"#,
            r#"9:14: `access_log` is "access.log", which is relative; write the whole path, beginning with `/`: services start in other folders"#,
            "10:1: [edge] has no key `logs`; there are `listen`, `workers`, `access_log`, `drain` and `limits`",
        ],
    ),
    (
        AfterHead(
            r#"[edge.limits]
body = "64M"
head = 32
headers = "many"
idle_timeout = "1ms"
target = "64KiB"
"#,
        ),
        &[
            r#"7:8: `body` is "64M", but a size such as "64MiB" is wanted; write a number and its unit (B, KiB, MiB, GiB): `body = "64MiB"`"#,
            r#"8:8: `head` is a number, but a size such as "64MiB" is wanted; write a number and its unit (B, KiB, MiB, GiB): `head = "32KiB"`"#,
            "9:11: `headers` is text, but a whole number is wanted; write a whole number from 10 to 1000, such as `headers = 100`",
            r#"10:16: `idle_timeout` is 1ms, but must be 1s to 1h; the default is "75s""#,
            "11:10: `target` is larger than `head`, whose first line it stands in; make `head` the larger one",
        ],
    ),
    (
        AfterHead(
            r#"[edge]
limits = "none"
"#,
        ),
        &[
            "7:10: `limits` is text, but a table is wanted; write `[edge.limits]` on a line of its own",
        ],
    ),
    (
        AfterHead(
            r#"[control]
listen = "http://127.0.0.1:7780/"
"#,
        ),
        &[
            r#"7:10: `listen` is "http://127.0.0.1:7780/", but an address without `http://` is wanted; write "127.0.0.1:7780""#,
        ],
    ),
    (
        AfterHead(
            r#"[control]
listen = "[::]:80"
"#,
        ),
        &[
            "7:10: control would listen on [::]:80, as the edge does (http://[::]:80); give `control.listen` another port",
        ],
    ),
    (
        AfterHead(
            "[control]
port = 7780
",
        ),
        &[
            "7:1: [control] has no key `port`; there are `listen`, `second_factor`, `discover_services` and `pulse`",
        ],
    ),
    (
        AfterHead(
            r#"[acme]
directory = "letsencrypt"
contact = ["owner", "mailto:a@b.example"]
renew_days = 0
root = "ca.pem"
"#,
        ),
        &[
            r#"7:13: `directory` is "letsencrypt", which is no authority's directory; write an address that begins with `https://`, such as "https://acme-v02.api.letsencrypt.org/directory""#,
            r#"8:12: `contact` has "owner", which is no e-mail address; write one such as "owner@shop.example""#,
            "9:14: `renew_days` is 0, but must be 1 to 365; write a whole number from 1 to 365, such as `renew_days = 30`",
            r#"10:8: `root` is "ca.pem", which is relative; write the whole path, beginning with `/`: services start in other folders"#,
        ],
    ),
    (
        AfterHead(
            r#"[edge]
listen = ["http://127.0.0.1", "https://localhost/", "http://[::1]:x"]
"#,
        ),
        &[
            r#"7:53: `listen` is "[::1]:x", whose port is none; a port is a number up to 65535, such as "127.0.0.1:3000""#,
        ],
    ),
];

/// What tables have to do with one another.
const TOGETHER: Cases = &[
    (
        AfterHead(
            r#"[shop.tables]
platform = "sample"
hosts = ["tables.example", "lamps.example"]
app = "127.0.0.1:3001"
"#,
        ),
        &[
            r#"8:28: host "lamps.example" belongs to shop `lamps` already, in line 4; leave it to one of the two shops"#,
            "9:7: 127.0.0.1:3001 is an instance of shop `lamps` already, in line 5; one application with several hosts is one shop: add them to its `hosts`",
        ],
    ),
    (
        AfterHead(
            r#"certificate = "acme"
"#,
        ),
        &[
            r#"6:15: `certificate` is "acme", but there is no `[acme]`; add `[acme]` with `contact = ["owner@shop.example"]`: with it you accept the authority's terms"#,
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = ["lamps.example", "*.lamps.example"]
app = "127.0.0.1:3001"
[acme]
"#,
        ),
        &[
            r#"4:27: no certificate can be ordered for "*.lamps.example" by ACME over http; write `certificate = "self-signed"` or { chain = …, key = … } for this shop"#,
        ],
    ),
    (
        AfterHead(
            r#"certificate = "acme"
[acme]
[edge]
listen = "https://[::]:443"
"#,
        ),
        &[
            r#"6:15: certificates by ACME are proved over http, but the edge listens on https only; add "http://[::]:80" to `edge.listen`"#,
        ],
    ),
    (
        AfterHead(
            r#"certificate = "selfsigned"
"#,
        ),
        &[
            r#"6:15: `certificate` is "selfsigned", which there is not; write "acme", "self-signed" or { chain = "/etc/ssl/shop.pem", key = "/etc/ssl/shop.key" }"#,
        ],
    ),
    (
        AfterHead(
            r#"certificate = { chain = "/a.pem" }
"#,
        ),
        &[
            r#"6:15: [shop.lamps.certificate] has no `key`; write `key = "/etc/ssl/shop.pem"`, a PEM file"#,
        ],
    ),
    (
        AfterHead(
            r#"certificate = { chain = "a.pem", key = "/k.pem", password = "x" }
"#,
        ),
        &[
            r#"6:25: `chain` is "a.pem", which is relative; write the whole path, beginning with `/`: services start in other folders"#,
            "6:50: [shop.lamps.certificate] has no key `password`; there are `chain` and `key`",
        ],
    ),
    (
        AfterHead(
            "certificate = true
",
        ),
        &[
            r#"6:15: `certificate` is true; write "acme", "self-signed" or { chain = "/etc/ssl/shop.pem", key = "/etc/ssl/shop.key" }"#,
        ],
    ),
    (
        AfterHead(
            r#"force_https = true
[edge]
listen = "http://[::]:80"
"#,
        ),
        &[
            r#"6:15: `force_https` is true, but the edge listens on no https address; add "https://[::]:443" to `edge.listen`, or write false"#,
        ],
    ),
];

#[test]
fn every_mistake_is_found_with_its_place_and_mend() {
    check(EDGE);
    check(TOGETHER);
}
