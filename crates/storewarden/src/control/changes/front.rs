//! Storewarden takes a web server's place before a shop, and gives it back: the web server's files get
//! other texts, its ports change hands, and pages must be answered as before.
//!
//! Every state in between is told by looking: what the files hold, who listens where, and what the
//! supervisor was told ([`crate::ports`]).

mod doors;
mod giving_back;
mod nginx;
mod pages;
mod plan;

pub(in crate::control) use plan::plan;

use super::{super::supervised::nudge, configuration::files::replace};
use crate::ports::{self, Ports};
use giving_back::Return;
use host::sharing::listening_on;
use kernel::{
    Params, ShopId,
    plan::{
        Act, Area, Condition, Failed, Fence, FileChange, Holds, Intent, PageLook, Pending,
        Performer, Probe, Progress,
    },
};
use nginx::{Nginx, wait};
use pages::Answer;
use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// A new edge serves within this, or the old one stays.
const EDGE_WITHIN: Duration = Duration::from_secs(30);
/// nginx opens and closes its sockets while it reads its files.
const NGINX_WITHIN: Duration = Duration::from_secs(10);
/// An edge that serves a shop from now on may have to find its instance well first.
const PAGES_WITHIN: Duration = Duration::from_secs(30);

/// The web server of this machine, as far as it makes room.
#[derive(Debug, Clone)]
pub(in crate::control) struct WebServers {
    /// The state directory.
    pub(in crate::control) state: PathBuf,
    pub(in crate::control) now_ms: fn() -> i64,
}

/// Where files are between their texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Before,
    After,
    Between,
    Elsewhere,
}

/// `between` has more texts that files may hold on their way.
fn standing(files: &[FileChange], between: &[FileChange]) -> Standing {
    let (mut before, mut after) = (true, true);
    for file in files {
        let found = fs::read_to_string(&file.path).ok();
        let is = |text: &str| found.as_deref() == Some(text);
        let is_between = || between.iter().any(|one| one.path == file.path && is(&one.text));
        if !is(&file.text) && !is(&file.before) && !is_between() {
            return Standing::Elsewhere;
        }
        before &= is(&file.before);
        after &= is(&file.text);
    }
    match (before, after) {
        (_, true) => Standing::After,
        (true, false) => Standing::Before,
        (false, false) => Standing::Between,
    }
}

/// Gives files their texts, and puts back what was there when nginx does not take them.
fn put(nginx: &Nginx, files: &[FileChange], between: &[FileChange]) -> Result<(), Failed> {
    if standing(files, between) == Standing::Elsewhere {
        let paths = paths(files);
        let message = format!("{paths} was changed by somebody else meanwhile");
        return Err(Failed::new(message).because("file_changed", [("file", paths.into())]));
    }
    let found: Vec<Option<String>> =
        files.iter().map(|file| fs::read_to_string(&file.path).ok()).collect();
    let written = files.iter().try_for_each(|file| replace(Path::new(&file.path), &file.text));
    let Err(failed) = written.and_then(|()| nginx.test()) else { return Ok(()) };
    for (file, found) in files.iter().zip(found) {
        if let Some(found) = found {
            replace(Path::new(&file.path), &found)?;
        }
    }
    Err(failed)
}

fn paths(files: &[FileChange]) -> String {
    files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(", ")
}

/// The addresses of `http://0.0.0.0:80` or `0.0.0.0:80`.
fn addresses(listen: &[String]) -> Result<Vec<SocketAddr>, Failed> {
    let plain = |text: &String| text.rsplit('/').next().unwrap_or_default().parse();
    listen
        .iter()
        .map(|text| plain(text).map_err(|_| Failed::new(format!("`{text}` is no address"))))
        .collect()
}

fn told(error: &io::Error) -> Failed {
    Failed::for_now(error.to_string())
}

async fn blocking<T: Send + 'static>(
    deed: impl FnOnce() -> Result<T, Failed> + Send + 'static,
) -> Result<T, Failed> {
    let done = tokio::task::spawn_blocking(deed).await;
    done.expect("invariant: looking at files and sockets does not panic")
}

impl WebServers {
    fn record(&self, shop: &ShopId) -> PathBuf {
        self.state.join("front").join(format!("{shop}.json"))
    }

    async fn do_act(&self, act: &Act, progress: &dyn Progress) -> Result<Params, Failed> {
        match act {
            Act::ConfigureWebServer { main, files, listen, .. } => {
                let (main, files, at) = (main.clone(), files.clone(), addresses(listen)?);
                progress.line(&format!("writes {}", paths(&files)));
                blocking(move || {
                    let nginx = Nginx::find(Path::new(&main))?;
                    put(&nginx, &files, &[])?;
                    nginx.reload()?;
                    nginx.await_listening(&at, true, NGINX_WITHIN)
                })
                .await?;
            }
            Act::RecordPages { shop, pages } => {
                let (path, pages) = (self.record(shop), pages.clone());
                let answers = blocking(move || record(&path, &pages)).await?;
                for Answer { path, status, sha256, .. } in answers {
                    let text = if sha256.is_some() { "" } else { ", another text each time" };
                    progress.line(&format!("{path} is answered with {status}{text}"));
                }
            }
            Act::ComparePages { shop, pages } => {
                let (path, pages) = (self.record(shop), pages.clone());
                blocking(move || compare(&path, &pages)).await?;
                progress.line("every page is answered as before");
            }
            Act::YieldPorts { listen, .. } => {
                let ports = Ports { number: self.number(), listen: listen.clone(), holder: None };
                self.want(&ports).await?;
            }
            Act::UnyieldPorts { .. } => {
                let state = self.state.clone();
                blocking(move || ports::forget(&state).map_err(|error| told(&error))).await?;
            }
            Act::TakePorts { listen, main, files, .. } => {
                self.take(listen, main, files, progress).await?;
            }
            Act::ReturnPorts { listen, main, files, shared, .. } => {
                let (main, files, shared) = (main.clone(), files.clone(), shared.clone());
                let at = addresses(listen)?;
                let back = Return { main: main.into(), at, files, shared };
                self.give_back(&back, self.yielded(listen), progress).await?;
            }
            other => {
                let message = format!("`{}` is none of the web server's", other.code());
                return Err(Failed::new(message));
            }
        }
        Ok(Params::new())
    }

    fn number(&self) -> u64 {
        u64::try_from((self.now_ms)()).unwrap_or_default()
    }

    /// Writes down what is to be with ports, and waits until an edge serves by it. Answers those that
    /// are waited for.
    async fn want(&self, ports: &Ports) -> Result<Vec<String>, Failed> {
        let (state, ports) = (self.state.clone(), ports.clone());
        blocking(move || {
            ports::want(&state, &ports).map_err(|error| told(&error))?;
            if !nudge(&state).map_err(|error| told(&error))? {
                return Err(Failed::for_now("no supervisor holds the edge's sockets")
                    .because("no_supervisor", []));
            }
            let mut said = None;
            wait(EDGE_WITHIN, || {
                said = ports::said(&state).ok().flatten().filter(|s| s.number == ports.number);
                said.is_some()
            })
            .ok();
            said.map(|said| said.waits).ok_or_else(|| {
                Failed::new("the edge does not serve by the addresses that are wanted")
                    .because("edge_not_replaced", [])
            })
        })
        .await
    }

    async fn take(
        &self,
        listen: &[String],
        main: &str,
        files: &[FileChange],
        progress: &dyn Progress,
    ) -> Result<(), Failed> {
        let (main, files, at) = (PathBuf::from(main), files.to_vec(), addresses(listen)?);
        let nginx = blocking(move || Nginx::find(&main)).await?;
        let number = self.number();
        let holder = Some(nginx.identity.pid);
        let waits = self.want(&Ports { number, listen: listen.to_vec(), holder }).await?;
        if waits.is_empty() {
            progress.line("the edge listens beside the web server, by the same sockets");
        } else {
            progress.line(&format!("the edge waits until {} is free", waits.join(", ")));
        }
        let (server, texts) = (nginx.clone(), files.clone());
        if let Err(failed) = blocking(move || put(&server, &texts, &[])).await {
            // nginx serves as before, and needs nobody beside it.
            self.want(&self.yielded(listen)).await?;
            return Err(failed);
        }
        let doors = at.clone();
        blocking(move || {
            nginx.reload()?;
            nginx.await_listening(&doors, false, NGINX_WITHIN)
        })
        .await?;
        progress.line("the web server has let go");
        let state = self.state.clone();
        blocking(move || {
            let is_ours = || {
                let said = ports::said(&state).ok().flatten();
                said.is_some_and(|said| said.number == number && said.waits.is_empty())
                    && at.iter().all(|at| matches!(listening_on(*at), Ok(Some(_))))
            };
            wait(EDGE_WITHIN, is_ours).map_err(|()| {
                Failed::new("nobody listens where the web server did")
                    .because("edge_not_replaced", [])
            })?;
            ports::forget(&state).map_err(|error| told(&error))
        })
        .await
    }

    fn yielded(&self, listen: &[String]) -> Ports {
        Ports { number: self.number(), listen: listen.to_vec(), holder: None }
    }

    /// What became of an act.
    fn look(&self, act: &Act) -> Result<Probe, Failed> {
        let wanted = || ports::wanted(&self.state).map_err(|error| told(&error));
        let elsewhere = |files: &[FileChange]| {
            let paths = paths(files);
            Failed::new(format!("{paths} was changed by somebody else meanwhile"))
                .because("file_changed", [("file", paths.into())])
                .into()
        };
        Ok(match act {
            Act::ConfigureWebServer { main, files, listen, .. } => match standing(files, &[]) {
                Standing::Before => Probe::NotDone,
                Standing::Between => Probe::Partial,
                Standing::Elsewhere => elsewhere(files),
                Standing::After => {
                    let nginx = Nginx::find(Path::new(main))?;
                    let listens = addresses(listen)?.iter().all(|at| nginx.listens_on(*at));
                    if listens { Probe::Done } else { Probe::Partial }
                }
            },
            // To look once more is to look.
            Act::RecordPages { .. } | Act::ComparePages { .. } => Probe::NotDone,
            Act::YieldPorts { listen, .. } => match wanted()? {
                Some(ports) if ports.listen == *listen && ports.holder.is_none() => Probe::Done,
                Some(_) => Probe::Partial,
                None => Probe::NotDone,
            },
            Act::UnyieldPorts { .. } => match wanted()? {
                Some(_) => Probe::NotDone,
                None => Probe::Done,
            },
            Act::TakePorts { listen, main, files, .. } => {
                let is_begun = wanted()?.is_none_or(|ports| ports.holder.is_some());
                match standing(files, &[]) {
                    Standing::Elsewhere => elsewhere(files),
                    Standing::Before if !is_begun => Probe::NotDone,
                    Standing::After if wanted()?.is_none() => {
                        let nginx = Nginx::find(Path::new(main))?;
                        let theirs = addresses(listen)?.iter().any(|at| nginx.listens_on(*at));
                        if theirs { Probe::Partial } else { Probe::Done }
                    }
                    _ => Probe::Partial,
                }
            }
            Act::ReturnPorts { listen, main, files, shared, .. } => {
                let yields = wanted()?.is_some_and(|ports| ports.holder.is_none());
                match standing(files, shared) {
                    Standing::Elsewhere => elsewhere(files),
                    Standing::Before if !yields => Probe::NotDone,
                    Standing::After if yields => {
                        let nginx = Nginx::find(Path::new(main))?;
                        let theirs = addresses(listen)?.iter().all(|at| nginx.listens_on(*at));
                        if theirs { Probe::Done } else { Probe::Partial }
                    }
                    _ => Probe::Partial,
                }
            }
            other => Failed::new(format!("`{}` is none of ours", other.code()))
                .because("nobody_performs", [])
                .into(),
        })
    }

    fn conditions_now(&self, act: &Act, after: &[Act]) -> Vec<Condition> {
        let (Act::ConfigureWebServer { main, files, .. }
        | Act::TakePorts { main, files, .. }
        | Act::ReturnPorts { main, files, .. }) = act
        else {
            return Vec::new();
        };
        let named = Params::from([
            ("file".to_owned(), main.as_str().into()),
            ("files".to_owned(), paths(files).into()),
        ]);
        let condition = |code: &str, holds, params| Condition { code: code.into(), params, holds };
        let yes = |holds| if holds { Holds::Yes } else { Holds::No };
        let nginx = Nginx::find(Path::new(main));
        let runs = condition("web_server_runs", yes(nginx.is_ok()), named.clone());
        // What an earlier step of the same plan writes is not there yet.
        let is_written = |file: &FileChange| {
            after.iter().any(|act| match act {
                Act::ConfigureWebServer { files, .. } => {
                    files.iter().any(|other| other.path == file.path && other.text == file.before)
                }
                _ => false,
            })
        };
        let between: &[FileChange] = match act {
            Act::ReturnPorts { shared, .. } => shared,
            _ => &[],
        };
        let as_before =
            files.iter().all(is_written) || standing(files, between) != Standing::Elsewhere;
        let known = condition("web_server_files_as_before", yes(as_before), named.clone());
        let writable = files.iter().all(|file| is_writable(Path::new(&file.path)));
        let writable = condition("web_server_files_writable", yes(writable), named.clone());
        let mut valid = named;
        let is_valid = match nginx.map(|nginx| nginx.test()) {
            Ok(Ok(())) => Holds::Yes,
            Ok(Err(failed)) => {
                valid.insert("error".to_owned(), failed.message.into());
                Holds::No
            }
            Err(_) => Holds::Unknown,
        };
        vec![runs, known, writable, condition("web_server_configuration_valid", is_valid, valid)]
    }
}

/// Whether a file beside it could be put in its place.
fn is_writable(path: &Path) -> bool {
    let folder = path.parent().unwrap_or(Path::new("/"));
    tempfile::NamedTempFile::new_in(folder).is_ok()
}

fn record(path: &Path, look: &PageLook) -> Result<Vec<Answer>, Failed> {
    let answers = pages::look(look).map_err(|error| {
        Failed::for_now(format!("{} does not answer: {error}", look.host))
            .because("pages_not_answered", [("error", error.to_string().into())])
    })?;
    let text = serde_json::to_vec(&answers).expect("invariant: answers are JSON");
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| told(&error))?;
    Ok(answers)
}

fn compare(path: &Path, look: &PageLook) -> Result<(), Failed> {
    let noted = fs::read(path).map_err(|error| told(&error))?;
    let before: Vec<Answer> =
        serde_json::from_slice(&noted).map_err(io::Error::from).map_err(|error| {
            Failed::new(format!("what was noted of its pages cannot be read: {error}"))
        })?;
    let mut last = String::new();
    let is_same = || match pages::difference(look, &before) {
        Ok(None) => true,
        Ok(Some(difference)) => {
            last = difference;
            false
        }
        Err(error) => {
            last = error.to_string();
            false
        }
    };
    wait(PAGES_WITHIN, is_same).map_err(|()| {
        Failed::new(format!("pages are not answered as before: {last}"))
            .because("pages_differ", [("error", last.into())])
    })
}

impl Performer for WebServers {
    fn areas(&self) -> &[Area] {
        &[Area::WebServer]
    }

    fn conditions<'a>(&'a self, act: &'a Act, after: &'a [Act]) -> Pending<'a, Vec<Condition>> {
        let (servers, act, after) = (self.clone(), act.clone(), after.to_vec());
        Box::pin(async move {
            let look = blocking(move || Ok(servers.conditions_now(&act, &after)));
            look.await.unwrap_or_default()
        })
    }

    fn perform<'a>(
        &'a self,
        act: &'a Act,
        _fence: Fence,
        progress: &'a dyn Progress,
    ) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(self.do_act(act, progress))
    }

    fn verify<'a>(&'a self, act: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        let (servers, act) = (self.clone(), act.clone());
        Box::pin(blocking(move || {
            // They have verified themselves.
            if matches!(act, Act::RecordPages { .. } | Act::ComparePages { .. }) {
                return Ok(Params::new());
            }
            match servers.look(&act)? {
                Probe::Done => Ok(Params::new()),
                Probe::Unknown { why, reason } => Err(Failed { reason, ..Failed::new(why) }),
                _ => Err(Failed::new("its effect is not seen")
                    .because("effect_not_seen", [("act", act.code().into())])),
            }
        }))
    }

    fn probe<'a>(&'a self, act: &'a Act, _intent: &'a Intent) -> Pending<'a, Probe> {
        let (servers, act) = (self.clone(), act.clone());
        Box::pin(async move {
            let looked = blocking(move || servers.look(&act)).await;
            looked.unwrap_or_else(Probe::from)
        })
    }

    fn fact<'a>(&'a self, _name: &'a str) -> Pending<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }
}

#[cfg(test)]
mod tests;
