//! Files on disk, and the one text that stands for them afterwards.

use super::*;
use std::fs;

const SHOP: &str =
    "[shop.NAME]\nplatform = \"generic\"\nhosts = \"NAME.example\"\napp = \"127.0.0.1:PORT\"\n";

fn shop(name: &str, port: u16) -> String {
    SHOP.replace("NAME", name).replace("PORT", &port.to_string())
}

fn ids(meaning: &Result<Configuration, Mistakes>) -> Vec<String> {
    let meaning = meaning.as_ref().unwrap_or_else(|mistakes| panic!("{:#?}", mistakes.details));
    meaning.shops.iter().map(|shop| shop.id.to_string()).collect()
}

#[test]
fn a_text_with_all_that_it_includes_means_the_same_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("storewarden.toml");
    fs::create_dir(folder.path().join("shops")).unwrap();
    fs::write(&path, "version = 1\ninclude = [\"shops/*.toml\", \"none/*.toml\"]").unwrap();
    fs::write(folder.path().join("shops/b.toml"), shop("b", 3002)).unwrap();
    fs::write(folder.path().join("shops/a.toml"), shop("a", 3001)).unwrap();
    fs::write(folder.path().join("shops/a.toml.old"), "no TOML").unwrap();
    let loaded = load(&path).unwrap();
    assert_eq!(ids(&loaded.meaning), ["a", "b"]);
    let elsewhere = Path::new("/nowhere/accepted.toml");
    assert_eq!(ids(&understand(&loaded.text, elsewhere)), ["a", "b"]);
    // Put back into the file, it is whole by itself and stays as it is.
    fs::write(&path, &loaded.text).unwrap();
    fs::write(folder.path().join("shops/a.toml"), "broken").unwrap();
    let again = load(&path).unwrap();
    assert_eq!(
        (ids(&again.meaning), again.text),
        (vec!["a".to_owned(), "b".to_owned()], loaded.text)
    );
}

#[test]
fn mistakes_name_the_file_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("storewarden.toml");
    fs::write(&path, "version = 1\ninclude = \"a.toml\"\n").unwrap();
    fs::write(folder.path().join("a.toml"), shop("a", 3001).replace("hosts", "hots")).unwrap();
    let mistakes = load(&path).unwrap().meaning.unwrap_err();
    let file = folder.path().join("a.toml");
    let expect = format!("{}:3:1: [shop.a] has no key `hots`; is `hosts` meant?", file.display());
    assert!(mistakes.details.contains(&expect), "{:#?}", mistakes.details);
}

#[test]
fn secrets_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    fs::write(&path, "p@ss word\n").unwrap();
    assert_eq!(reference(&format!("file:{}", path.display())).as_deref(), Some("p@ss word"));
    assert_eq!(reference("file:/nowhere/at/all"), None);
    assert_eq!(reference("NO_SUCH_VARIABLE_OF_STOREWARDEN"), None);
    assert_eq!(reference("PATH"), std::env::var("PATH").ok());
}

#[test]
fn a_time_zone_that_nobody_knows_is_a_mistake() {
    let plan = "[[plan.window]]\nname = \"n\"\nwhen = \"03:00-05:00 Europe/Wien\"\n";
    let text = format!("version = 1\n{}{plan}", shop("a", 3001));
    let path = Path::new("/etc/storewarden.toml");
    let details = understand(&text, path).unwrap_err().details;
    assert!(details[0].starts_with("/etc/storewarden.toml:8:21: "), "{details:?}");
    assert!(details[0].contains("\"Europe/Wien\", which is no time zone"), "{details:?}");
    assert!(understand(&text.replace("Wien", "Vienna"), path).is_ok());
}

#[test]
fn the_text_of_one_file_is_changed_among_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("storewarden.toml");
    fs::write(&path, "version = 1\ninclude = [\"b.toml\", \"a*.toml\"]").unwrap();
    for (name, port) in [("a", 3001), ("b", 3002), ("c", 3003)] {
        fs::write(folder.path().join(format!("{name}.toml")), shop(name, port)).unwrap();
    }
    let check = |texts: &[(Option<&str>, &str)], expect: Result<&[&str], &str>| {
        let texts = texts.iter().map(|(name, text)| (name.map(PathBuf::from), (*text).to_owned()));
        let changed = changed(&path, texts.collect());
        match (changed, expect) {
            (Ok(loaded), Ok(expect)) => assert_eq!(ids(&loaded.meaning), expect),
            (Err(error), Err(expect)) => assert!(error.to_string().contains(expect), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    };
    check(&[], Ok(&["b", "a"]));
    check(&[(Some("a.toml"), &shop("x", 1))], Ok(&["b", "x"]));
    // A file that is included from now on is read where it lies, one no longer is left out.
    check(&[(None, "version = 1\ninclude = \"c.toml\"\n")], Ok(&["c"]));
    // A new one is part of it where a pattern names it, and nowhere else.
    check(&[(Some("ab.toml"), &shop("new", 1))], Ok(&["b", "a", "new"]));
    let own = (None, "version = 1\ninclude = \"new.toml\"\n");
    check(&[own, (Some("new.toml"), &shop("new", 1))], Ok(&["new"]));
    for elsewhere in ["c.toml", "folder/a.toml", "../a.toml", "./ab.toml", ".a.toml", "/a.toml", ""]
    {
        let expect = format!("does not include `{elsewhere}`; it includes `b.toml`, `a*.toml`");
        check(&[(Some(elsewhere), "")], Err(&expect));
    }
    check(&[(None, "#:included c.toml\n")], Err("begins with `#:included`"));
}
