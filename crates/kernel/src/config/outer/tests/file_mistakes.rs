//! Mistakes of TOML itself, and in what the file as a whole is.

use super::{
    Cases,
    Text::{AfterHead, Whole},
    check,
};

/// What is no TOML, and what is found behind it all the same.
const SYNTAX: Cases = &[
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = sample
hosts = "lamps.example"
app = "127.0.0.1:3001"
"#,
        ),
        &[r#"3:12: a text stands without its quotes; write `platform = "sample"`"#],
    ),
    (
        AfterHead(
            r#"name = "Lamps
colour = 7
"#,
        ),
        &[
            r#"6:14: a text is not closed; a text begins and ends with `"`, both on one line"#,
            r#"7:10: `colour` is a number, but text is wanted; write `colour = "7"`"#,
        ],
    ),
    (
        AfterHead(
            "currency
",
        ),
        &["6:9: `currency` has no value; write `currency = …`"],
    ),
    (
        AfterHead(
            "name =
",
        ),
        &["6:7: `name` has no value; write `name = …`"],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps
platform = "sample"
[edge]
worker = 2
"#,
        ),
        &[
            "2:12: a table's name is not closed; write it as `[name]`",
            "5:1: [edge] has no key `worker`; is `workers` meant?",
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = ["a.example"
app = "127.0.0.1:3001"
[edge]
workers = 0
"#,
        ),
        &[
            "4:9: the list that begins here is not closed; add its `]`",
            "7:11: `workers` is 0, but must be 1 to 1024; write a whole number from 1 to 1024, such as `workers = 1`",
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.lamps]
platform = "sample"
hosts = ["a.example" "b.example"]
app = "127.0.0.1:3001"
"#,
        ),
        &[
            "4:22: a list cannot be read: missing comma between array elements, expected `,`; put a comma between its values and `]` behind the last",
        ],
    ),
    (
        AfterHead(
            r#"name = "A"
name = "B"
"#,
        ),
        &["7:1: `name` stands here a second time; keep one of the two"],
    ),
    (
        AfterHead(
            r#"[shop.lamps]
name = "B"
"#,
        ),
        &["6:7: `lamps` stands here a second time; keep one of the two"],
    ),
    (
        AfterHead(
            r#"check = { path = "/x"
"#,
        ),
        &["6:22: a table is not closed; add its `}`"],
    ),
    (
        AfterHead(
            r#"name = "C:\shop"
"#,
        ),
        &[
            r"6:12: a text has a `\` that means nothing; write `\\`, or put the text between single quotes",
        ],
    ),
    (
        Whole(
            r#"version = 1
= 3
[edge]
workers = "x"
"#,
        ),
        &[
            "2:1: this is not TOML: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`; each line is `key = value`; texts stand in quotes, lists in `[ ]`, tables in `{ }`",
            "4:11: `workers` is text, but a whole number is wanted; write a whole number from 1 to 1024, such as `workers = 1`",
        ],
    ),
    (
        AfterHead(
            r#"name = "Größe ünd" x
"#,
        ),
        &[
            "6:20: this is not TOML: unexpected key or value, expected newline, `#`; each line is `key = value`; texts stand in quotes, lists in `[ ]`, tables in `{ }`",
        ],
    ),
    (
        AfterHead(
            "database = postgres://a:secret@h/x
",
        ),
        &[r#"6:12: a text stands without its quotes; write `database = "…"`"#],
    ),
];

/// Versions, tables, ids.
const FILE: Cases = &[
    (
        Whole(""),
        &[
            "1:1: the file does not say which version of the format it is written in; begin the file with `version = 1`",
            r#"1:1: there is no shop; a shop is four lines: `[shop.lamps]`, `platform = "generic"`, `hosts = "lamps.example"`, `app = "127.0.0.1:3000"`"#,
        ],
    ),
    (
        Whole(
            "version = 1
",
        ),
        &[
            r#"1:1: there is no shop; a shop is four lines: `[shop.lamps]`, `platform = "generic"`, `hosts = "lamps.example"`, `app = "127.0.0.1:3000"`"#,
        ],
    ),
    (
        Whole(
            r#"version = 2
new_key = 1
[shop.lamps]
platform = "sample"
hosts = "lamps.example"
app = "127.0.0.1:3001"
"#,
        ),
        &["1:11: the file is of version 2; this program reads 1; take a newer Storewarden for it"],
    ),
    (
        Whole(
            r#"[shop.lamps]
platform = "sample"
hosts = "lamps.example"
app = "127.0.0.1:3001"
"#,
        ),
        &[
            "1:1: the file does not say which version of the format it is written in; begin the file with `version = 1`",
        ],
    ),
    (
        Whole(
            r#"version = "1"
[shop.lamps]
platform = "sample"
hosts = "lamps.example"
app = "127.0.0.1:3001"
"#,
        ),
        &["1:11: `version` is no version of the format; begin the file with `version = 1`"],
    ),
    (
        Whole(
            r#"version = 0
[shop.lamps]
platform = "sample"
hosts = "lamps.example"
app = "127.0.0.1:3001"
"#,
        ),
        &["1:11: `version` is no version of the format; begin the file with `version = 1`"],
    ),
    (
        Whole(
            r#"version = 1
shops = 1
[edg]
[shop.lamps]
platform = "sample"
hosts = "lamps.example"
app = "127.0.0.1:3001"
"#,
        ),
        &[
            "2:1: the file has no key `shops`; is `shop` meant?",
            "3:2: the file has no key `edg`; is `edge` meant?",
        ],
    ),
    (
        Whole(
            r#"version = 1
[[shop]]
platform = "sample"
"#,
        ),
        &[
            "2:1: `shop` is a list of tables, but a table for each shop is wanted; write `[shop.lamps]`, with the shop's id",
        ],
    ),
    (
        Whole(
            r#"version = 1
shop = "lamps"
"#,
        ),
        &[
            "2:8: `shop` is text, but a table for each shop is wanted; write `[shop.lamps]`, with the shop's id",
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop]
lamps = "127.0.0.1"
"#,
        ),
        &["3:9: `shop.lamps` is no table; write `[shop.ID]` before the lines of each shop"],
    ),
    (
        Whole(
            r#"version = 1
[shop."Lampen Laden"]
platform = "sample"
hosts = "lamps.example"
app = "127.0.0.1:3001"
"#,
        ),
        &[
            r#"2:1: the shop's id "Lampen Laden" has `L`, but only lower-case letters, digits, `-` and `_` are allowed; write `[shop.lampen-laden]`, and the name for people as `name`"#,
        ],
    ),
    (
        Whole(
            r#"version = 1
[shop.-x]
platform = "sample"
hosts = "lamps.example"
app = "127.0.0.1:3001"
"#,
        ),
        &[
            r#"2:1: the shop's id "-x" begins with `-`, but must begin with a letter or a digit; write `[shop.x]`, and the name for people as `name`"#,
        ],
    ),
];

#[test]
fn every_mistake_is_found_with_its_place_and_mend() {
    check(SYNTAX);
    check(FILE);
}
