//! A change of the configuration: its files get other texts, and control takes them over. Whoever
//! signs it off sees the difference first, and the texts before can be put back.

use super::{kind, refuse};
use crate::configuration::{Loaded, Mistakes, load, understand};
use api::{Command, Refusal, Rejected};
use files::{Files, Standing};
use kernel::{
    Params,
    config::Bundle,
    plan::{
        Act, Approval, Area, Condition, Failed, Fence, Holds, Intent, OnFailure, Pending,
        Performer, Plan, PlanFact, Probe, Progress, Purpose, Step, Undo,
    },
};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use tokio::sync::{mpsc, oneshot};

pub(super) mod files;

/// The name of what such a plan is made from: the digest of the files.
const FACT: &str = "configuration";
/// Reading, checking and publishing take far less; an edge need not be there for it.
const TIMEOUT_MS: u64 = 60_000;

/// What is to be in the files, and whether somebody must sign it off first.
#[derive(Debug)]
pub(in crate::control) struct Wanted {
    pub(in crate::control) wanted: Loaded,
    /// The text before, which the way back leads to.
    pub(in crate::control) before: String,
    pub(in crate::control) approval: Approval,
}

/// The plan that makes what is wanted the configuration at `file`.
///
/// # Errors
/// When it is no valid configuration, or is what is there already.
pub(in crate::control) fn plan(
    file: &Path,
    on_disk: &str,
    wanted: Wanted,
    now_ms: i64,
) -> Result<Plan, Refusal> {
    let Wanted { wanted: Loaded { text, meaning, .. }, before, approval } = wanted;
    if text == before {
        let already = refuse("the configuration is like this already");
        return Err(already.because("configuration_unchanged", []));
    }
    meaning.map_err(|Mistakes { message, details }| Refusal { details, ..refuse(message) })?;
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

/// Writes the files and has control take them over.
#[derive(Debug)]
pub(in crate::control) struct Configurator {
    pub(in crate::control) file: PathBuf,
    pub(in crate::control) commands: mpsc::Sender<Command>,
    /// The file that says that a change of several files is under way.
    pub(in crate::control) cut_off: PathBuf,
}

/// The two texts of an act, and their digests.
#[derive(Debug, Clone, Copy)]
struct Texts<'a> {
    text: &'a str,
    text_sha256: &'a str,
    before: &'a str,
    before_sha256: &'a str,
}

impl<'a> Texts<'a> {
    fn of(act: &'a Act) -> Result<Self, Failed> {
        match act {
            Act::ApplyConfiguration { text_sha256, text, before_sha256, before } => {
                Ok(Self { text, text_sha256, before, before_sha256 })
            }
            other => Err(Failed::new(format!("`{}` is none of the configuration's", other.code()))),
        }
    }
}

impl Configurator {
    /// All that is on disk, as one text.
    fn on_disk(&self) -> Result<String, Failed> {
        load(&self.file).map(|loaded| loaded.text).map_err(|error| {
            let (file, error) = (self.file.display().to_string(), format!("{error:#}"));
            let said = [("file", file.into()), ("error", error.as_str().into())];
            Failed::for_now(error.clone()).because("file_unreadable", said)
        })
    }

    /// Where the files are between the two texts of an act.
    fn standing(&self, texts: Texts<'_>) -> Result<Standing, Failed> {
        let found = digest(&self.on_disk()?);
        if found == texts.text_sha256 {
            return Ok(Standing::After);
        }
        if found == texts.before_sha256 {
            return Ok(Standing::Before);
        }
        let (before, after) = (Bundle::split(texts.before), Bundle::split(texts.text));
        Ok(Files::of(&self.file).between(&before, &after))
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
        let is_known = match self.standing(texts) {
            Ok(Standing::Elsewhere) => Holds::No,
            Ok(_) => Holds::Yes,
            Err(failed) => {
                known.insert("error".to_owned(), failed.message.into());
                Holds::Unknown
            }
        };
        vec![
            condition("configuration_valid", is_valid, valid),
            condition("file_as_before", is_known, known),
        ]
    }

    async fn apply(&self, texts: Texts<'_>, progress: &dyn Progress) -> Result<Params, Failed> {
        if digest(&self.on_disk()?) != texts.text_sha256 {
            self.write(texts, progress)?;
        }
        let (answer, answered) = oneshot::channel();
        let gone = || Failed::for_now("control is ending").because("control_is_ending", []);
        self.commands.send(Command::Reload { answer }).await.map_err(|_| gone())?;
        let version = answered.await.map_err(|_| gone())?;
        let version = version.map_err(|Rejected { message, details }| {
            let lines = [message].into_iter().chain(details).collect::<Vec<_>>().join("\n");
            let said = [("error", lines.as_str().into())];
            Failed::new(lines.clone()).because("configuration_rejected", said)
        })?;
        progress.line(&format!("configuration {version} is in force"));
        Ok(Params::from([("version".to_owned(), version.into())]))
    }

    /// Brings the files to the text of the act.
    fn write(&self, texts: Texts<'_>, progress: &dyn Progress) -> Result<(), Failed> {
        let (files, wanted) = (Files::of(&self.file), Bundle::split(texts.text));
        files.put(&wanted, &self.cut_off, progress)?;
        // What was included before, and by its place would be still.
        let left = Bundle::split(&self.on_disk()?);
        let surplus = left.included.keys().filter(|path| !wanted.included.contains_key(*path));
        let before = Bundle::split(texts.before);
        for path in surplus.filter(|path| before.included.contains_key(*path)) {
            files.remove(path, progress)?;
        }
        Ok(())
    }

    async fn look(&self, texts: Texts<'_>) -> Probe {
        match self.standing(texts) {
            Ok(Standing::After) => {
                let in_force = self.in_force().await;
                let is_in_force = in_force.is_some_and(|found| found == texts.text_sha256);
                if is_in_force { Probe::Done } else { Probe::Partial }
            }
            Ok(Standing::Before) => Probe::NotDone,
            Ok(Standing::Between) => Probe::Partial,
            Ok(Standing::Elsewhere) => {
                let file = self.file.display().to_string();
                Failed::new(format!("`{file}` was changed by somebody else meanwhile"))
                    .because("file_changed", [("file", file.into())])
                    .into()
            }
            Err(failed) => failed.into(),
        }
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
                Probe::Unknown { why, reason } => Err(Failed { reason, ..Failed::new(why) }),
                Probe::NotDone | Probe::Partial => {
                    Err(Failed::new("the text is not in force").because("not_in_force", []))
                }
            }
        })
    }

    fn probe<'a>(&'a self, act: &'a Act, _intent: &'a Intent) -> Pending<'a, Probe> {
        Box::pin(async move {
            match Texts::of(act) {
                Ok(texts) => self.look(texts).await,
                Err(failed) => failed.into(),
            }
        })
    }

    fn fact<'a>(&'a self, name: &'a str) -> Pending<'a, Option<String>> {
        let on_disk = || self.on_disk().ok().map(|text| digest(&text));
        let version = (name == FACT).then(on_disk).flatten();
        Box::pin(std::future::ready(version))
    }
}

#[cfg(test)]
mod tests;
