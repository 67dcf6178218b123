//! Texts that are written, taken over and put back, in one file and in several.

use super::*;
use crate::configuration::changed;
use api::InForce;
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

const BEFORE: &str = "version = 1\n\n[shop.lamps]\nplatform = \"sample\"\nhosts = [\"*\"]\napp = [\"127.0.0.1:3001\"]\n";

struct Quiet;

impl Progress for Quiet {
    fn line(&self, _: &str) {}
    fn measure(&self, _: kernel::plan::Measure) {}
    fn is_cancelled(&self) -> bool {
        false
    }
    fn cancelled(&self) -> Pending<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// A control that takes over whatever the file says.
fn control(file: PathBuf, mut asked: mpsc::Receiver<Command>) {
    let text = |file: &Path| load(file).unwrap().text;
    let mut in_force = text(&file);
    tokio::spawn(async move {
        let mut version = 1;
        while let Some(command) = asked.recv().await {
            match command {
                Command::Reload { answer } => {
                    in_force = text(&file);
                    version += 1;
                    answer.send(Ok(version)).unwrap();
                }
                Command::InForce { answer } => {
                    let (file, text) = (file.clone(), in_force.clone());
                    answer.send(InForce { file, text, version }).unwrap();
                }
                _ => {}
            }
        }
    });
}

/// What somebody wants of files, some with another text; and what is there.
fn wanted(file: &Path, texts: &[(Option<&str>, &str)]) -> (String, Wanted) {
    let texts = texts.iter().map(|(name, text)| (name.map(PathBuf::from), (*text).to_owned()));
    let (before, wanted) = (load(file).unwrap().text, changed(file, texts.collect()).unwrap());
    (before.clone(), Wanted { wanted, before, approval: Approval::Needed })
}

fn plan_of(file: &Path, texts: &[(Option<&str>, &str)]) -> Result<Plan, Refusal> {
    let (before, wanted) = wanted(file, texts);
    plan(file, &before, wanted, 0)
}

const FENCE: Fence = Fence { run: kernel::plan::RunId(1), epoch: 1 };

#[test]
fn a_plan_is_refused_for_what_is_there_already_or_not_valid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.toml");
    fs::write(&file, BEFORE).unwrap();
    let refused = plan_of(&file, &[(None, BEFORE)]).unwrap_err();
    assert_eq!(refused.reason.unwrap().code, "configuration_unchanged");
    let refused = plan_of(&file, &[(None, &BEFORE.replace("hosts", "hots"))]).unwrap_err();
    let told = format!("{}:5:1: [shop.lamps] has no key `hots`", file.display());
    assert!(refused.details.iter().any(|line| line.starts_with(&told)), "{refused:?}");
}

#[tokio::test]
async fn the_text_is_written_taken_over_and_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.toml");
    fs::write(&file, BEFORE).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let (commands, asked) = mpsc::channel(4);
    control(file.clone(), asked);
    let cut_off = folder.path().join("cut-off");
    let configurator = Configurator { file: file.clone(), commands, cut_off: cut_off.clone() };
    let text = BEFORE.replace("3001", "3002");
    let plan = plan_of(&file, &[(None, &text)]).unwrap();
    let (act, undo) = (&plan.steps[0].act, plan.steps[0].undo.act().unwrap());
    let intent = Intent { at_ms: 0, before: Params::new() };

    assert_eq!(configurator.fact(FACT).await, Some(plan.facts[0].version.clone()));
    assert!(configurator.conditions(act, &[]).await.iter().all(|c| c.holds == Holds::Yes));
    assert_eq!(configurator.probe(act, &intent).await, Probe::NotDone);
    // Written, but nobody took it over: what a kill in the middle leaves.
    fs::write(&file, &text).unwrap();
    assert_eq!(configurator.probe(act, &intent).await, Probe::Partial);
    configurator.perform(act, FENCE, &Quiet).await.unwrap();
    configurator.verify(act).await.unwrap();
    assert_eq!(configurator.probe(act, &intent).await, Probe::Done);
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);

    configurator.perform(undo, FENCE, &Quiet).await.unwrap();
    configurator.verify(undo).await.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), BEFORE);
    assert!(!cut_off.exists(), "one file is never between");

    fs::write(&file, "somebody else's").unwrap();
    assert!(matches!(configurator.probe(act, &intent).await, Probe::Unknown { .. }));
    let conditions = configurator.conditions(act, &[]).await;
    assert_eq!(conditions[1].holds, Holds::No, "{conditions:?}");
}

/// Two files, and a third that the first may include.
fn several(folder: &Path) -> PathBuf {
    let file = folder.join("shop.toml");
    let shop = |name: &str, port: &str| {
        let shop = BEFORE.replace("lamps", name).replace("version = 1\n\n", "");
        shop.replace('*', name).replace("3001", port)
    };
    // Neither ends its last line, which must come back all the same.
    fs::write(&file, "version = 1\ninclude = [\"shops/*.toml\"]").unwrap();
    fs::create_dir(folder.join("shops")).unwrap();
    fs::write(folder.join("shops/a.toml"), shop("a", "3001").trim_end()).unwrap();
    fs::write(folder.join("shops/b.toml"), shop("b", "3002")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file
}

#[tokio::test]
async fn a_new_file_is_made_and_taken_away_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = several(folder.path());
    let before = texts(folder.path());
    let (commands, asked) = mpsc::channel(4);
    control(file.clone(), asked);
    let cut_off = folder.path().join("cut-off");
    let configurator = Configurator { file: file.clone(), commands, cut_off };
    let new = before[1].1.replace("[shop.a]", "[shop.c]").replace("\"a\"", "\"c\"");
    let plan = plan_of(&file, &[(Some("shops/c.toml"), &new.replace("3001", "3003"))]).unwrap();
    let (act, undo) = (&plan.steps[0].act, plan.steps[0].undo.act().unwrap());
    let intent = Intent { at_ms: 0, before: Params::new() };
    assert_eq!(configurator.probe(act, &intent).await, Probe::NotDone);
    configurator.perform(act, FENCE, &Quiet).await.unwrap();
    configurator.verify(act).await.unwrap();
    assert_eq!(texts(folder.path()).len(), 4);
    let mode = fs::metadata(folder.path().join("shops/c.toml")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600, "as the first file's");
    configurator.perform(undo, FENCE, &Quiet).await.unwrap();
    configurator.verify(undo).await.unwrap();
    assert_eq!(texts(folder.path()), before);
}

fn texts(folder: &Path) -> Vec<(String, String)> {
    let names = ["shop.toml", "shops/a.toml", "shops/b.toml", "shops/c.toml"];
    let read = |name: &str| Some((name.to_owned(), fs::read_to_string(folder.join(name)).ok()?));
    names.into_iter().filter_map(read).collect()
}

#[tokio::test]
async fn several_files_are_changed_together_wherever_it_was_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let file = several(folder.path());
    let before = texts(folder.path());
    let (commands, asked) = mpsc::channel(4);
    control(file.clone(), asked);
    let cut_off = folder.path().join("cut-off");
    let configurator = Configurator { file: file.clone(), commands, cut_off: cut_off.clone() };
    let own = before[0].1.replace("version = 1", "version = 1\n# changed");
    let (a, b) = (before[1].1.replace("3001", "3003"), before[2].1.replace("3002", "3004"));
    let changes = [(None, own.as_str()), (Some("shops/a.toml"), &a), (Some("shops/b.toml"), &b)];
    let plan = plan_of(&file, &changes).unwrap();
    let (act, undo) = (&plan.steps[0].act, plan.steps[0].undo.act().unwrap());
    let intent = Intent { at_ms: 0, before: Params::new() };
    let holds = async |act: &Act| {
        let conditions = configurator.conditions(act, &[]).await;
        conditions.iter().all(|condition| condition.holds == Holds::Yes)
    };

    assert_eq!(configurator.probe(act, &intent).await, Probe::NotDone);
    // One of three is there: what a kill in the middle leaves, on both ways.
    for (act, name, text) in [(act, "shops/a.toml", &a), (undo, "shops/a.toml", &before[1].1)] {
        fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(configurator.probe(act, &intent).await, Probe::Partial);
        assert!(holds(act).await);
        configurator.perform(act, FENCE, &Quiet).await.unwrap();
        configurator.verify(act).await.unwrap();
        assert_eq!(configurator.probe(act, &intent).await, Probe::Done);
        assert!(cut_off.exists(), "two were written, and nobody kept what is in force");
        fs::remove_file(&cut_off).unwrap();
    }
    assert_eq!(texts(folder.path()), before);

    fs::write(folder.path().join("shops/b.toml"), "somebody else's").unwrap();
    assert!(matches!(configurator.probe(act, &intent).await, Probe::Unknown { .. }));
    assert!(!holds(act).await);
}

#[tokio::test]
async fn a_file_that_came_is_taken_away_again_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = several(folder.path());
    let (in_force, before) = (load(&file).unwrap().text, texts(folder.path()));
    let (commands, asked) = mpsc::channel(4);
    control(file.clone(), asked);
    let cut_off = folder.path().join("cut-off");
    let configurator = Configurator { file: file.clone(), commands, cut_off };
    let new =
        before[2].1.replace("shop.b", "shop.c").replace("\"b\"", "\"c\"").replace("3002", "3005");
    fs::write(folder.path().join("shops/c.toml"), &new).unwrap();
    let wanted = load(&file).unwrap();
    let after = texts(folder.path());
    let on_disk = wanted.text.clone();
    let wanted = Wanted { wanted, before: in_force, approval: Approval::NotNeeded };
    let plan = plan(&file, &on_disk, wanted, 0).unwrap();
    let (act, undo) = (&plan.steps[0].act, plan.steps[0].undo.act().unwrap());
    for (act, expect) in [(act, &after), (undo, &before), (act, &after)] {
        configurator.perform(act, FENCE, &Quiet).await.unwrap();
        configurator.verify(act).await.unwrap();
        assert_eq!(&texts(folder.path()), expect);
    }
    let mode = fs::metadata(folder.path().join("shops/c.toml")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600, "as the first file is");
}
