use super::*;

const HEAD: &str = "format = 1\nname = \"a\"\ntitle = \"A\"\n";

fn error(rest: &str) -> String {
    match Script::parse(&format!("{HEAD}{rest}")) {
        Ok(_) => "none".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_scripts_that_come_along_are_right() {
    for (name, text) in platforms::ALL {
        let script = Script::parse(text).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(script.name(), name);
        assert!(script.before_placing().len() >= 4, "{name} ends too early");
        let (ahead, cancelling) = script.with_placing();
        assert_eq!(script.can_place(), ahead.len() > script.before_placing().len(), "{name}");
        assert_eq!(script.can_place(), !cancelling.is_empty(), "{name}");
    }
    assert!(Script::of_platform("nothing").is_none());
}

#[test]
fn a_script_that_could_not_be_walked_is_refused_and_says_where() {
    let check = |rest: &str, expect: &str| assert_eq!(error(rest), expect, "{rest}");
    let step = |rest: &str| format!("[[step]]\nname = \"home\"\npath = \"/\"\n{rest}");
    check(&step(""), "none");
    check("step = []", "read journey script: it has 0 steps, 1 to 64 may be");
    check(
        &step("headers = { a = \"{token}\" }"),
        "step `home`: `token` is neither among the variables nor captured before",
    );
    // What a step captures, it does not have yet.
    check(
        &step("form = { a = \"{token}\" }\ncapture.token = { field = \"token\" }"),
        "step `home`: `token` is neither among the variables nor captured before",
    );
    check(
        &step("expect.json = [{ pointer = \"/a\", equals = [\"{token}\"] }]"),
        "step `home`: `token` is neither among the variables nor captured before",
    );
    check(&step(&step("")), "step `home`: another one has the same name, or it has none");
    check(
        &step("form = {}\njson = 1"),
        "step `home`: a request has one body, of `form`, `json` or `graphql`",
    );
    check(&step("method = \"GET IT\""), "step `home`: `GET IT` is no method");
    check(&step("headers = { \"a b\" = \"\" }"), "step `home`: `a b` is no name of a header");
    check(&step("json = [\"{\"]"), "step `home`: `{` is no text with {variables}");
    check(&step("capture.a = { regex = \"b\" }"), "step `home`: `b` is no pattern with one group");
    check(&step("capture.a = { regex = \"(\" }"), "step `home`: `(` is no pattern with one group");
    check(&step("capture.A = { field = \"a\" }"), "step `home`: `A` is no name of a variable");
    check(
        &step("expect.json = [{ pointer = \"/a\" }]"),
        "step `home`: at `/a`, either `equals` or `exists` is expected",
    );
    check(&step("capture.a = { xpath = \"b\" }"), "read journey script");
    check(&step("unknown = 1"), "read journey script");
}

#[test]
fn what_is_placed_has_to_be_cancelled() {
    let check = |rest: &str, expect: &str| assert_eq!(error(rest), expect, "{rest}");
    let step =
        |name: &str, rest: &str| format!("[[step]]\nname = \"{name}\"\npath = \"/\"\n{rest}\n");
    let place = step("place", "places = true\ncapture.order = { field = \"order\" }");
    let unnamed = step("place", "places = true");
    let cancel = step("cancel", "cancels = true");
    check(&[place.clone(), cancel.clone()].concat(), "none");
    check(&place, "step `place`: no step that cancels follows");
    check(
        &[unnamed, cancel.clone()].concat(),
        "step `place`: no step that places captures `order`",
    );
    let early = "step `cancel`: what cancels comes last, after what places, and does not place";
    check(&[cancel.clone(), place.clone()].concat(), early);
    check(&cancel, early);
    check(
        &[place, cancel, step("after", "")].concat(),
        "step `after`: what cancels comes last, after what places, and does not place",
    );
}

#[test]
fn other_formats_and_endless_files_are_refused() {
    let format = Script::parse("format = 2\nname = \"a\"\ntitle = \"A\"\nstep = []");
    assert!(matches!(format, Err(ScriptError::OtherFormat { format: 2 })), "{format:?}");
    let long = Script::parse(&"#".repeat(LONGEST_BYTES + 1));
    assert!(matches!(long, Err(ScriptError::TooLong { .. })), "{long:?}");
}

#[test]
fn what_only_placing_needs_is_told_apart() {
    let script = Script::of_platform("vendure").unwrap();
    let of = |name: &str| script.inputs().iter().find(|input| input.name == name).unwrap();
    assert!(!of("product").is_for_placing && of("product").default.is_none());
    assert!(of("staff_password").is_for_placing && of("payment_method").is_for_placing);
}
