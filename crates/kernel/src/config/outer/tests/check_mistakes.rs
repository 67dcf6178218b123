//! Mistakes in `[[check]]`, and what a good one means.

use super::{Cases, Text::AfterHead, check, read};
use crate::config::CheckTarget;

const CASES: Cases = &[
    (
        AfterHead("[[check]]\nevery = \"1ms\"\n"),
        &[
            "6:1: [[check]] has no `name`; write `name = \"front page\"`",
            "6:1: [[check]] has no `http`; write what is tried: `http = \"https://shop.example/\"`; there are `http`, `tcp`, `ping`, `dns`, `domain`, `spf`, `dkim`, `dmarc`, `unlisted`, `journey` and `heartbeat`",
            "7:9: `every` is 1ms, but must be 5s to 1h; the default is \"1m\"",
        ],
    ),
    (
        AfterHead(
            "[[check]]\nname = \"a\"\nhttp = \"shop.example\"\nstatus = [\"2xx\"]\ncontains = []\nbanner = \"220\"\n[[check]]\nname = \"b\"\nhttp = \"http://b\"\ntcp = \"b:1\"\n[[check]]\nname = \"b\"\ntcp = \"b\"\nlacks = \"x\"\n",
        ),
        &[
            "8:8: `http` is \"shop.example\", which cannot be tried; write `http = \"https://shop.example/\"`",
            "9:11: `status` has \"2xx\", which is no status; write `status = [\"200\", \"300-399\"]`",
            "10:12: `contains` is an empty list; write `contains = [\"Add to cart\"]`",
            "11:10: `banner` says nothing of a check by `http`; take it away",
            "15:7: one check has `http` and `tcp`; write a `[[check]]` for each",
            "18:7: `tcp` is \"b\", which cannot be tried; write `tcp = \"mail.example:25\"`",
            "19:9: `lacks` says nothing of a check by `tcp`; take it away",
        ],
    ),
    (
        AfterHead(
            "[[check]]\nname = \"a\"\nhttp = \"http://a\"\nshop = \"shoes\"\nevery = \"5s\"\nwithin = \"8s\"\n[[check]]\nname = \"a\"\ntcp = \"a:1\"\nfailures = 0\nnonsense = 1\n",
        ),
        &[
            "9:8: `shop` is \"shoes\", and there is no `[shop.shoes]`; write one of \"lamps\"",
            "11:10: `within` is 8s, longer than the 5s until the next try; write \"5s\" or less",
            "12:1: there are two `[[check]]` of the name \"a\"; give each a name of its own",
            "15:12: `failures` is 0, but must be 1 to 100; write a whole number from 1 to 100, such as `failures = 2`",
            "16:1: [[check]] has no key `nonsense`; there are `name`, `every`, `within`, `http`, `tcp`, `ping`, `dns`, `domain`, `spf`, `dkim`, `dmarc`, `unlisted`, `journey`, `heartbeat`, `status`, `contains`, `lacks`, `redirects`, `banner`, `record`, `expects`, `server`, `days_left`, `selector`, `list`, `script`, `with`, `place`, `place_with`, `grace`, `shop`, `failures` and `root`",
        ],
    ),
    (
        AfterHead(
            "[[check]]\nname = \"a\"\ndkim = \"a.example\"\n[[check]]\nname = \"b\"\ndns = \"localhost\"\nrecord = \"SRV\"\nserver = \"dns\"\n[[check]]\nname = \"c\"\nunlisted = \"mail.example\"\n[[check]]\nname = \"d\"\njourney = \"https://d.example\"\nwith = [\"product\"]\nplace = true\nplace_with = [\"card=${NO_SUCH}\"]\n",
        ),
        &[
            "6:1: [[check]] has no `selector`; write `selector = \"mail\"`: it stands in the signature of a mail, as `s=`",
            "11:7: `dns` is \"localhost\", which cannot be tried; write `dns = \"shop.example\"`",
            "12:10: `record` is \"SRV\", which there is not; there are `A`, `AAAA`, `CAA`, `CNAME`, `MX`, `NS` and `TXT`",
            "13:10: `server` is \"dns\", which is no address; write `server = \"9.9.9.9:53\"`",
            "16:12: `unlisted` is \"mail.example\", which cannot be tried; write `unlisted = \"203.0.113.9\"`",
            "20:9: `with` has \"product\", which is no NAME=VALUE; write `with = [\"product=/product/lamp\"]`",
            "22:14: `place_with` has `card`, which needs the variable `NO_SUCH` of the environment, which is not set; start Storewarden with it, such as by `Environment=NO_SUCH=…` or `EnvironmentFile=` in its systemd unit",
        ],
    ),
];

#[test]
fn every_mistake_about_checks_is_pointed_at() {
    check(CASES);
}

#[test]
fn checks_are_read() {
    let text = include_str!("../../../../../../docs/configuration.example.toml");
    let checks = read(text).unwrap_or_else(|errors| panic!("{:#?}", errors.0)).checks;
    let [page, mail, .., journey, _] = checks.as_slice() else { panic!("{checks:?}") };
    let CheckTarget::Http(http) = &page.target else { panic!("{page:?}") };
    assert_eq!(http.url, "https://lampen.example/");
    assert_eq!(http.status, [200..=200, 300..=399]);
    assert_eq!((http.contains[0].as_str(), http.lacks[0].as_str()), ("Lampen", "Fatal error"));
    assert_eq!((page.every_ms, page.within_ms, page.failures), (30_000, 8_000, 3));
    assert_eq!(page.shop.as_ref().map(crate::ShopId::as_str), Some("lampenladen"));
    let CheckTarget::Tcp(tcp) = &mail.target else { panic!("{mail:?}") };
    assert_eq!((tcp.host.as_str(), tcp.port), ("mail.example", 25));
    assert_eq!(tcp.banner.as_deref(), Some("220 "));
    assert_eq!((mail.every_ms, mail.failures, &mail.shop), (60_000, 2, &None));
    let kinds: Vec<&str> = checks.iter().map(|check| check.target.kind()).collect();
    assert_eq!(
        kinds,
        [
            "http",
            "tcp",
            "ping",
            "dns",
            "domain",
            "spf",
            "dkim",
            "dmarc",
            "unlisted",
            "journey",
            "heartbeat"
        ]
    );
    let CheckTarget::Journey(walk) = &journey.target else { panic!("{journey:?}") };
    assert_eq!(
        (walk.base.as_str(), walk.script.as_deref()),
        ("https://lampen.example", Some("vendure"))
    );
    assert_eq!(walk.with, [("product".to_owned(), "laptop".to_owned())]);
    let told: Vec<&str> =
        walk.place_with.iter().flatten().map(|(_, value)| value.reveal()).collect();
    assert_eq!(told, ["test", "p@ss word"]);
    assert!(!format!("{journey:?}").contains("p@ss"));
}
