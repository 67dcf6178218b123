//! The catalog finds series by their labels, also after it was opened again.

use super::*;
use crate::files::Quarantine;
use std::fs;

fn labels(metric: &str, host: &str) -> Labels {
    Labels::new(metric, [("host", host)]).unwrap()
}

fn three() -> Catalog {
    let mut catalog = Catalog::default();
    for (id, (metric, host)) in [("up", "a"), ("up", "b"), ("load", "")].into_iter().enumerate() {
        catalog.insert(u32::try_from(id).unwrap() + 5, &labels(metric, host));
    }
    catalog
}

fn check(catalog: &Catalog, matchers: &[Matcher], expect: &[u32]) {
    let ids: Vec<u32> = catalog.select(matchers).iter().map(|series| series.id).collect();
    assert_eq!(ids, expect, "{matchers:?}");
}

#[test]
fn series_are_found_by_conditions_on_labels_that_may_be_missing() {
    let catalog = three();
    let with = |test| Matcher { label: "host".into(), test };
    check(&catalog, &[], &[5, 6, 7]);
    check(&catalog, &[Matcher::metric("up")], &[5, 6]);
    check(&catalog, &[Matcher::metric("down")], &[]);
    check(&catalog, &[Matcher::is("host", "b"), Matcher::metric("up")], &[6]);
    check(&catalog, &[Matcher::is("host", "")], &[7]);
    check(&catalog, &[Matcher::is("nobody_has_it", "")], &[5, 6, 7]);
    check(&catalog, &[Matcher::is("nobody_has_it", "x")], &[]);
    check(&catalog, &[Matcher::is_not("host", "a")], &[6, 7]);
    check(&catalog, &[Matcher::metric("up"), Matcher::is_not("host", "a")], &[6]);
    check(&catalog, &[with(Test::OneOf(vec!["a".into(), String::new()]))], &[5, 7]);
    check(&catalog, &[with(Test::Passes(Arc::new(|value| value > "a")))], &[6]);
    assert_eq!(catalog.names(), ["__name__", "host"]);
    assert_eq!(catalog.values("host"), ["a", "b"]);
    assert_eq!(catalog.values("none"), Vec::<String>::new());
}

#[test]
fn a_forgotten_series_is_found_by_nothing_and_its_id_never_comes_back() {
    let catalog = three();
    let before = catalog.by_id(7).unwrap();
    let gone = catalog.by_id(5).unwrap();
    let mut catalog = catalog.without(&[5].into());
    assert_eq!(catalog.by_id(7), Some(before), "the others stay where they are");
    assert!(!catalog.is_known(gone) && catalog.find(&labels("up", "a")).is_none());
    assert_eq!(catalog.values("host"), ["b"]);
    let again = catalog.insert(catalog.next_id(), &labels("up", "a"));
    assert_eq!((again.slot, again.id), (gone.slot, 8));
    assert!(catalog.labels(gone).is_none());
    check(&catalog, &[Matcher::metric("up")], &[6, 8]);
}

#[test]
fn definitions_outlive_a_torn_write_and_damage_takes_only_its_own() {
    let folder = testkit::folder();
    let aside = folder.path().join("quarantine");
    fs::create_dir(&aside).unwrap();
    let quarantine = Quarantine::new(aside);
    let open = || CatalogFile::open(folder.path(), &quarantine).unwrap();
    let (mut file, _) = open();
    let all = [("up", "a"), ("up", "b"), ("load", "c")].map(|(metric, host)| labels(metric, host));
    file.append((0..).zip(&all)).unwrap();
    let path = folder.path().join("catalog");
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (_, catalog) = open();
        let kept = all.iter().take_while(|labels| catalog.find(labels).is_some()).count();
        assert_eq!(catalog.len(), kept, "cut at {cut}: a prefix");
        assert_eq!(open().1.len(), kept, "and the same the next time");
    }
    for position in 8..whole.len() {
        let mut flipped = whole.clone();
        flipped[position] ^= 4;
        fs::write(&path, &flipped).unwrap();
        assert_eq!(open().1.len(), 2, "flipped at {position}");
    }
    assert!(quarantine.count().unwrap() > 10);
}
