//! A change of the configuration: the file gets another text, and control takes it over. Whoever
//! signs it off sees the difference first, and the text before can be put back.

use super::{kind, refuse};
use crate::configuration::{Mistakes, understand};
use api::{Command, Refusal, Rejected};
use kernel::{
    Params,
    plan::{
        Act, Approval, Area, Condition, Failed, Fence, Holds, Intent, OnFailure, Pending,
        Performer, Plan, PlanFact, Probe, Progress, Purpose, Step, Undo,
    },
};
use sha2::{Digest as _, Sha256};
use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};
use tokio::sync::{mpsc, oneshot};

/// The name of what such a plan is made from: the digest of the file.
const FACT: &str = "configuration";
/// Reading, checking and publishing take far less; an edge need not be there for it.
const TIMEOUT_MS: u64 = 60_000;

/// What is to be in the file, and whether somebody must sign it off first.
#[derive(Debug)]
pub(in crate::control) struct Wanted {
    pub(in crate::control) text: String,
    /// The text before, which the way back leads to.
    pub(in crate::control) before: String,
    pub(in crate::control) approval: Approval,
}

/// The plan that makes `wanted.text` the configuration at `file`.
///
/// # Errors
/// When the text is no valid configuration, or is what is there already.
pub(in crate::control) fn plan(
    file: &Path,
    on_disk: &str,
    wanted: Wanted,
    now_ms: i64,
) -> Result<Plan, Refusal> {
    let Wanted { text, before, approval } = wanted;
    if text == before {
        let already = refuse("the configuration is like this already");
        return Err(already.because("configuration_unchanged", []));
    }
    understand(&text, file)
        .map_err(|Mistakes { message, details }| Refusal { details, ..refuse(message) })?;
    let (text_sha256, before_sha256) = (digest(&text), digest(&before));
    let undo = Act::ApplyConfiguration {
        text_sha256: before_sha256.clone(),
        text: before.clone(),
        before_sha256: text_sha256.clone(),
        before: text.clone(),
    };
    let params = Params::from([("file".to_owned(), file.display().to_string().into())]);
    let act = Act::ApplyConfiguration { text_sha256, text, before_sha256, before };
    Ok(Plan {
        kind: kind("apply_configuration"),
        shop: None,
        params,
        steps: vec![Step { act, undo: Undo::By(undo), timeout_ms: TIMEOUT_MS }],
        made_at_ms: now_ms,
        facts: vec![PlanFact { name: FACT.to_owned(), version: digest(on_disk) }],
        approval,
        purpose: Purpose::Change,
        on_failure: OnFailure::Undo,
        window: None,
    })
}

/// SHA-256 in lower-case hexadecimal.
pub(in crate::control) fn digest(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        hex.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or_default());
        hex.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or_default());
    }
    hex
}

/// Writes the file and has control take it over.
#[derive(Debug)]
pub(in crate::control) struct Configurator {
    pub(in crate::control) file: PathBuf,
    pub(in crate::control) commands: mpsc::Sender<Command>,
}

/// The two texts of an act, and their digests.
#[derive(Debug, Clone, Copy)]
struct Texts<'a> {
    text: &'a str,
    text_sha256: &'a str,
    before_sha256: &'a str,
}

impl<'a> Texts<'a> {
    fn of(act: &'a Act) -> Result<Self, Failed> {
        match act {
            Act::ApplyConfiguration { text_sha256, text, before_sha256, .. } => {
                Ok(Self { text, text_sha256, before_sha256 })
            }
            other => Err(Failed::new(format!("`{}` is none of the configuration's", other.code()))),
        }
    }
}

impl Configurator {
    fn on_disk(&self) -> io::Result<String> {
        fs::read_to_string(&self.file).map(|text| digest(&text))
    }

    /// The digest of the text that control works with.
    async fn in_force(&self) -> Option<String> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::InForce { answer }).await.ok()?;
        answered.await.ok().map(|in_force| digest(&in_force.text))
    }

    fn conditions_now(&self, texts: Texts<'_>) -> Vec<Condition> {
        let path = Params::from([("file".to_owned(), self.file.display().to_string().into())]);
        let condition = |code: &str, holds, params| Condition { code: code.into(), params, holds };
        let mut valid = path.clone();
        let is_valid = match understand(texts.text, &self.file) {
            Ok(_) => Holds::Yes,
            Err(mistakes) => {
                valid.insert("error".to_owned(), mistakes.details.join("\n").into());
                Holds::No
            }
        };
        let mut known = path.clone();
        let is_known = match self.on_disk() {
            Ok(found) if found == texts.before_sha256 || found == texts.text_sha256 => Holds::Yes,
            Ok(_) => Holds::No,
            Err(error) => {
                known.insert("error".to_owned(), error.to_string().into());
                Holds::Unknown
            }
        };
        vec![
            condition("configuration_valid", is_valid, valid),
            condition("file_as_before", is_known, known),
        ]
    }

    async fn apply(&self, texts: Texts<'_>, progress: &dyn Progress) -> Result<Params, Failed> {
        let failed =
            |error: io::Error| Failed::for_now(format!("write `{}`: {error}", self.file.display()));
        if self.on_disk().map_err(failed)? != texts.text_sha256 {
            replace(&self.file, texts.text).map_err(failed)?;
            progress.line(&format!("wrote {} bytes to the file", texts.text.len()));
        }
        let (answer, answered) = oneshot::channel();
        let gone = || Failed::for_now("control is ending");
        self.commands.send(Command::Reload { answer }).await.map_err(|_| gone())?;
        let version = answered.await.map_err(|_| gone())?;
        let version = version.map_err(|Rejected { message, details }| {
            Failed::new([message].into_iter().chain(details).collect::<Vec<_>>().join("\n"))
        })?;
        progress.line(&format!("configuration {version} is in force"));
        Ok(Params::from([("version".to_owned(), version.into())]))
    }

    async fn look(&self, texts: Texts<'_>) -> Probe {
        let on_disk = match self.on_disk() {
            Ok(found) => found,
            Err(error) => {
                let why = format!("read `{}`: {error}", self.file.display());
                return Probe::Unknown { why };
            }
        };
        let in_force = self.in_force().await;
        if on_disk == texts.text_sha256 {
            let is_in_force = in_force.is_some_and(|found| found == texts.text_sha256);
            return if is_in_force { Probe::Done } else { Probe::Partial };
        }
        if on_disk == texts.before_sha256 {
            return Probe::NotDone;
        }
        let why = format!("`{}` was changed by somebody else meanwhile", self.file.display());
        Probe::Unknown { why }
    }
}

impl Performer for Configurator {
    fn areas(&self) -> &[Area] {
        &[Area::Configuration]
    }

    fn conditions<'a>(&'a self, act: &'a Act, _after: &'a [Act]) -> Pending<'a, Vec<Condition>> {
        let conditions = Texts::of(act).map(|texts| self.conditions_now(texts));
        Box::pin(std::future::ready(conditions.unwrap_or_default()))
    }

    fn perform<'a>(
        &'a self,
        act: &'a Act,
        _fence: Fence,
        progress: &'a dyn Progress,
    ) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(async move { self.apply(Texts::of(act)?, progress).await })
    }

    fn verify<'a>(&'a self, act: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(async move {
            match self.look(Texts::of(act)?).await {
                Probe::Done => Ok(Params::new()),
                Probe::Unknown { why } => Err(Failed::new(why)),
                Probe::NotDone | Probe::Partial => Err(Failed::new("the text is not in force")),
            }
        })
    }

    fn probe<'a>(&'a self, act: &'a Act, _intent: &'a Intent) -> Pending<'a, Probe> {
        Box::pin(async move {
            match Texts::of(act) {
                Ok(texts) => self.look(texts).await,
                Err(failed) => Probe::Unknown { why: failed.message },
            }
        })
    }

    fn fact<'a>(&'a self, name: &'a str) -> Pending<'a, Option<String>> {
        let version = (name == FACT).then(|| self.on_disk().ok()).flatten();
        Box::pin(std::future::ready(version))
    }
}

/// Beside the file and then in its place, with its mode and owner: nobody reads half of it, and a
/// full disk leaves the one before.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut new = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    new.write_all(text.as_bytes())?;
    let before = fs::metadata(file)?;
    new.as_file().set_permissions(fs::Permissions::from_mode(before.mode() & 0o7777))?;
    std::os::unix::fs::fchown(new.as_file(), Some(before.uid()), Some(before.gid()))?;
    new.as_file().sync_all()?;
    new.persist(file).map_err(|error| error.error)?;
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::InForce;
    use kernel::plan::RunId;

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
        tokio::spawn(async move {
            let mut in_force = fs::read_to_string(&file).unwrap();
            let mut version = 1;
            while let Some(command) = asked.recv().await {
                match command {
                    Command::Reload { answer } => {
                        in_force = fs::read_to_string(&file).unwrap();
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

    fn wanted(text: String) -> Wanted {
        Wanted { text, before: BEFORE.to_owned(), approval: Approval::Needed }
    }

    #[test]
    fn a_plan_is_refused_for_what_is_there_already_or_not_valid() {
        let file = Path::new("shop.toml");
        let refused = plan(file, BEFORE, wanted(BEFORE.to_owned()), 0).unwrap_err();
        assert_eq!(refused.message, "the configuration is like this already");
        let refused = plan(file, BEFORE, wanted(BEFORE.replace("hosts", "hots")), 0).unwrap_err();
        let told = "shop.toml:5:1: [shop.lamps] has no key `hots`";
        assert!(refused.details.iter().any(|line| line.starts_with(told)), "{refused:?}");
    }

    #[tokio::test]
    async fn the_text_is_written_taken_over_and_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shop.toml");
        fs::write(&file, BEFORE).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let (commands, asked) = mpsc::channel(4);
        control(file.clone(), asked);
        let configurator = Configurator { file: file.clone(), commands };
        let text = BEFORE.replace("3001", "3002");
        let plan = plan(&file, BEFORE, wanted(text.clone()), 0).unwrap();
        let (act, undo) = (&plan.steps[0].act, plan.steps[0].undo.act().unwrap());
        let fence = Fence { run: RunId(1), epoch: 1 };
        let intent = Intent { at_ms: 0, before: Params::new() };

        assert_eq!(configurator.fact(FACT).await, Some(plan.facts[0].version.clone()));
        assert!(configurator.conditions(act, &[]).await.iter().all(|c| c.holds == Holds::Yes));
        assert_eq!(configurator.probe(act, &intent).await, Probe::NotDone);
        // Written, but nobody took it over: what a kill in the middle leaves.
        replace(&file, &text).unwrap();
        assert_eq!(configurator.probe(act, &intent).await, Probe::Partial);
        configurator.perform(act, fence, &Quiet).await.unwrap();
        configurator.verify(act).await.unwrap();
        assert_eq!(configurator.probe(act, &intent).await, Probe::Done);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);

        configurator.perform(undo, fence, &Quiet).await.unwrap();
        configurator.verify(undo).await.unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), BEFORE);

        fs::write(&file, "somebody else's").unwrap();
        assert!(matches!(configurator.probe(act, &intent).await, Probe::Unknown { .. }));
        let conditions = configurator.conditions(act, &[]).await;
        assert_eq!(conditions[1].holds, Holds::No, "{conditions:?}");
    }
}
