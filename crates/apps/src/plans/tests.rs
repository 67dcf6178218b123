//! Plans by tables: who goes first, who is led around, and what is refused.

use super::*;
use crate::InstanceState;
use kernel::{
    config::{CommandSettings, DeploySettings, Known, KnownPlatform, parse},
    facts::Health,
    snapshot::Check,
};

const FILE: &str = "version = 1
[shop.lamps]
platform = \"sample\"
hosts = \"lamps.example\"
deploy = { releases = \"/srv/releases\", current = \"/srv/current\" }
[[shop.lamps.app]]
name = \"a\"
address = \"127.0.0.1:3001\"
unit = \"shop@a\"
[[shop.lamps.app]]
name = \"b\"
address = \"127.0.0.1:3002\"
command = \"serve\"
[[shop.lamps.app]]
name = \"c\"
address = \"127.0.0.1:3003\"
unit = \"shop@c\"
";

fn configuration() -> Configuration {
    let platforms = [KnownPlatform { name: "sample".to_owned(), check: Check::default() }];
    parse(FILE, Known { platforms: &platforms, environment: &|_| None, time_zone: &|_| Ok(()) })
        .unwrap()
}

fn lamps() -> ShopId {
    "lamps".parse().unwrap()
}

/// By a letter each: `u`p, `d`own, drained and well (`x`), `?` unknown.
fn view(healths: &str) -> PoolView {
    let instance = |(name, health)| InstanceView {
        name,
        health: match health {
            'u' => Some(Health::Up),
            'd' => Some(Health::Down),
            'x' => Some(Health::Draining),
            _ => None,
        },
        drained: health == 'x',
        state: Some(InstanceState::Starting),
    };
    let names = ["a", "b", "c"].map(|name| name.parse::<InstanceName>().unwrap());
    PoolView {
        instances: names.into_iter().zip(healths.chars()).map(instance).collect(),
        requests_per_second: Some(0.2),
        usual_start_ms: None,
        releases: vec!["1".to_owned(), "2".to_owned()],
        current_release: Some("1".to_owned()),
    }
}

const FORCED: Wish = Wish { forced: true, purpose: Purpose::Change };

/// `drain a, restart a (undrain b …)`: steps, each with what undoes it.
fn told(plan: Result<Plan, Refused>) -> String {
    let plan = match plan {
        Ok(plan) => plan,
        Err(refused) => return format!("refused: {refused}"),
    };
    plan.check().unwrap();
    let name = |act: &Act| {
        let (_, instance) = act.instance().unwrap();
        let release = match act {
            Act::Deploy { release, .. } => format!(" {release}"),
            _ => String::new(),
        };
        format!("{} {instance}{release}", act.code())
    };
    let step = |step: &Step| match step.undo.act() {
        Some(undo) => format!("{} ({})", name(&step.act), name(undo)),
        None => name(&step.act),
    };
    plan.steps.iter().map(step).collect::<Vec<_>>().join(", ")
}

#[test]
fn one_instance_is_led_around_while_others_serve() {
    let check = |healths: &str, wish: Wish, expect: &str| {
        let a = "a".parse().unwrap();
        let plan = restart_instance(&configuration(), &view(healths), &lamps(), &a, wish, 5);
        assert_eq!(told(plan), expect, "{healths}");
    };
    let around = "drain a (undrain a), restart a, await_healthy a, undrain a (drain a)";
    let plain = "restart a, await_healthy a";
    let last = "refused: `a` is the last instance that is well: about 2 visitors' requests would \
                be held for about 10 s";
    check("uuu", Wish::default(), around);
    check("udd", Wish::default(), last);
    check("ud?", Wish::default(), last);
    check("uxx", Wish::default(), last);
    check("udd", FORCED, plain);
    // Who is not well has no visitors to be led around it.
    check("duu", Wish::default(), plain);
    check("ddd", Wish::default(), plain);
    // Who was drained by somebody stays so.
    check("xuu", Wish::default(), plain);
}

#[test]
fn a_pool_goes_one_after_the_other_and_the_unwell_first() {
    let check = |healths: &str, expect: &str| {
        let plan = rolling_restart(&configuration(), &view(healths), &lamps(), Wish::default(), 5);
        assert_eq!(told(plan), expect, "{healths}");
    };
    let around = |name: &str| {
        format!(
            "drain {name} (undrain {name}), restart {name}, await_healthy {name}, \
             undrain {name} (drain {name})"
        )
    };
    check("uuu", &[around("a"), around("b"), around("c")].join(", "));
    // Once b is back, it carries the shop for a.
    let b_and_c = "restart b, await_healthy b, restart c, await_healthy c";
    check("udd", &format!("{b_and_c}, {}", around("a")));
}

#[test]
fn a_release_goes_back_as_it_came() {
    let check = |release: &str, change: fn(&mut PoolView), expect: &str| {
        let mut view = view("uud");
        change(&mut view);
        let plan = rolling_redeploy(&configuration(), &view, &lamps(), release, Wish::default(), 5);
        assert_eq!(told(plan), expect, "{release}");
    };
    let around = |name: &str| {
        format!(
            "drain {name} (undrain {name}), deploy {name} 2 (deploy {name} 1), \
             await_healthy {name}, undrain {name} (drain {name})"
        )
    };
    let c = "deploy c 2 (deploy c 1), await_healthy c";
    check("2", |_| {}, &[c.to_owned(), around("a"), around("b")].join(", "));
    check("1", |_| {}, "refused: shop `lamps` runs release `1` already");
    check("300", |_| {}, "refused: shop `lamps` has no release `300`: there are `2` and `1`");
    check(
        "..",
        |view| view.releases.push("..".into()),
        "refused: shop `lamps` has no release `..`: there are `..`, `2` and `1`",
    );
    check(
        "2",
        |view| view.current_release = None,
        "refused: no release of shop `lamps` runs that one could go back to: point its link at one",
    );
}

#[test]
fn who_asks_for_a_release_that_is_not_there_hears_of_those_that_are() {
    let check = |all: &[&str], release: &str, known: &str, others: u64| {
        let all: Vec<_> = all.iter().map(|&name| name.to_owned()).collect();
        let params = Refused::no_release(lamps(), release, &all).params();
        let found = (&params["known"], &params["others"]);
        assert_eq!(found, (&known.into(), &others.into()), "{release}");
    };
    check(&[], "1.0", "", 0);
    check(&["1.0.0", "1.1.0", "1.2.0"], "nothing", "1.2.0, 1.1.0, 1.0.0", 0);
    check(&["1.0.0", "1.1.0", "1.2.0"], "1.0.O", "1.0.0, 1.2.0, 1.1.0", 0);
    let ten = ["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9"];
    check(&ten, "nothing", "a9, a8, a7, a6, a5, a4, a3, a2", 2);
}

#[test]
fn what_cannot_be_done_is_refused_with_a_code() {
    let mut without = configuration();
    without.shops[0].deploy = None;
    without.shops[0].instances[1].launch = None;
    let view = view("uuu");
    let wish = Wish::default();
    let (elsewhere, z) = ("other".parse().unwrap(), "z".parse().unwrap());
    let check = |plan: Result<Plan, Refused>, code: &str, params: usize| {
        let refused = plan.unwrap_err();
        let found = (refused.code(), refused.params().len(), refused.can_be_forced());
        assert_eq!(found, (code, params, code == "last_instance"));
    };
    check(rolling_restart(&without, &view, &elsewhere, wish, 5), "no_shop", 1);
    check(restart_instance(&without, &view, &lamps(), &z, wish, 5), "no_instance", 2);
    check(rolling_restart(&without, &view, &lamps(), wish, 5), "no_launch", 2);
    check(rolling_redeploy(&without, &view, &lamps(), "2", wish, 5), "no_deploy", 1);
    let alone = self::view("dud");
    let b = "b".parse().unwrap();
    check(restart_instance(&configuration(), &alone, &lamps(), &b, wish, 5), "last_instance", 4);
}

#[test]
fn the_facts_of_a_plan_differ_with_what_starts_its_instances() {
    let shop = configuration().shops.remove(0);
    let version = instances_version(&shop);
    assert_eq!((version.len(), instances_version(&shop)), (32, version.clone()));
    let mut other = shop.clone();
    let Some(Launch::Command(CommandSettings { command, .. })) = &mut other.instances[1].launch
    else {
        panic!("b has a command");
    };
    command.push("--secret".to_owned());
    assert_ne!(instances_version(&other), version);
    let mut other = shop;
    other.deploy = Some(DeploySettings { releases: "/a".into(), current: "/b".into() });
    assert_ne!(instances_version(&other), version);
}
