//! Control: the process that knows. Wires configuration, store, link, watching and API together and
//! then does what it is asked: reload, drain, renew, end.
//!
//! The edge serves on without it, so a control that cannot go on says why and ends; the supervisor
//! starts another.

mod backups;
mod certificates;
mod changes;
mod databases;
mod fleet;
mod ledger;
mod link;
mod publisher;
mod remedies;
mod renewal;
mod start;
mod supervised;
mod upgrades;

use ::edge::link::ControlLink;
use ::watch::{
    Watch,
    access_log::LogReaders,
    checks::Checks,
    clock,
    desk::Desk,
    history::History,
    host_facts,
    live::{Live, Site},
    orders::{OrderReaders, usual},
    peers::Peers,
    services::Services,
    state::{MarkKind, Tick},
};
use anyhow::Context;
use api::{
    ApiState, Command, InForce, Previews, Refusal, Rejected, RestoreDatabase, Stream, Token, Wished,
};
use apps::Instances;
use backups::Backups;
use certificates::Certificates;
use changes::{Others, Situation, certificates::Certifier};
use databases::Databases;
use fleet::{Pools, Sightings};
use kernel::{
    Actor, Params, ShopId,
    config::{Configuration, LedgerSettings},
    plan::Plan,
};
use plan::Engine;
use publisher::Publisher;
use renewal::{Renewal, Wish};
pub(crate) use start::ACCEPTED_FILE;
use start::{Beginning, Start};
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};
use store::Store;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};

/// Commands that may wait; whoever brings one more waits with it.
const COMMANDS: usize = 16;
/// The metrics store, in the state directory.
const HISTORY_FOLDER: &str = "series";
/// The folder in the state directory where the servers of replicas have theirs.
const REPLICAS: &str = "replicas";
/// How long what is in progress may take when control ends.
const END_GRACE: Duration = Duration::from_secs(3);

/// Runs until the supervisor goes or says so.
///
/// # Errors
/// When control cannot begin: no configuration was ever valid, the store cannot be opened, another
/// control runs, or the API's address is taken.
pub(crate) fn run(config: &Path, state: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before anything else: a signal that nobody listens to would end us.
        let signals = Signals::listen()?;
        let (control, renewal) = Control::begin(config, state).await?;
        control.serve(renewal, signals).await
    })
}

struct Signals {
    reload: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

/// All that control holds while it runs.
struct Control {
    start: Start,
    /// What is in force, and the text that said so.
    configuration: Configuration,
    text: String,
    publisher: Publisher,
    certificates: Certificates,
    watch: Watch,
    desk: Desk,
    readers: OrderReaders,
    logs: LogReaders,
    wishes: mpsc::Receiver<Wish>,
    commands: mpsc::Receiver<Command>,
    /// The version that an edge holds already.
    edge_versions: mpsc::Receiver<u64>,
    supervisor: supervised::Supervisor,
    /// Where the API was told to listen.
    address: SocketAddr,
    engine: Engine,
    backups: Arc<Backups>,
    databases: Arc<Databases>,
    instances: Arc<Instances<Pools>>,
    /// The configuration for those who look at it from aside.
    shared: watch::Sender<Arc<Configuration>>,
    ledger: watch::Sender<LedgerSettings>,
    store: Store,
    stop: watch::Sender<bool>,
    /// Ended when control ends.
    sources: JoinSet<()>,
    /// End by themselves when they are told to stop.
    servers: JoinSet<()>,
}

impl Control {
    async fn begin(config: &Path, state: &Path) -> anyhow::Result<(Self, Renewal)> {
        let (supervisor, listener) = supervised::adopt()?;
        let start = Start::new(config, state);
        let Beginning { text, configuration, mistakes } = start.configuration()?;
        let keys = start::seal_keys(state).context("open the key for secrets")?;
        let store = Store::open_with(state, keys).context("open the store")?;
        let link = ControlLink::bind(&state.join("control.sock"))?;
        let events = link.events();
        let drains = store.drains().await?;
        let watch = remembered(&store, Site::all(&configuration, &drains)).await;
        watch.with(|live| live.configuration_error(mistakes));
        let mut certificates = Certificates::new(store.clone());
        if let Err(mistakes) = certificates.load(&configuration).await {
            let text = mistakes.details.join("\n");
            watch.with(|live| live.configuration_error(Some(text)));
        }
        // With port 0 a person starts us: nobody passes anything on to us then.
        let given = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let address = given.unwrap_or(configuration.control.listen);
        let mut publisher = Publisher::new(link, store.clone(), watch.clone(), drains, address);
        publisher.publish(&configuration, certificates.all()).await?;
        watch.with(|live| live.certificates(certificates.evidence()));

        let mut sources = JoinSet::new();
        let (applied, versions) = watch::channel(link::Versions::new());
        let (held, edge_versions) = mpsc::channel(COMMANDS);
        sources.spawn(link::follow(events, watch.clone(), applied, held));
        sources.spawn(host_facts::follow(watch.clone(), start.disks()));
        sources.spawn(usual::follow(watch.clone(), store.clone()));
        let mut readers = OrderReaders::new(watch.clone(), store.clone());
        readers.configure(&configuration);
        let mut logs = LogReaders::new(watch.clone(), store.clone());
        logs.configure(&configuration);
        let listener = listen(listener, configuration.control.listen)?;
        let address = configuration.control.listen;
        start.tell_address(listener.local_addr()?);
        let (asked, commands) = mpsc::channel(COMMANDS);
        let (shared, known) = watch::channel(Arc::new(configuration.clone()));
        let peers = Peers::default();
        let checks = Checks::default();
        checks.remember(&store).await.context("read what jobs reported")?;
        let services = Services::default();
        let pools = Pools::new(known.clone(), watch.clone(), store.clone(), asked.clone());
        let sightings = pools.sightings();
        let means = changes::means(state)?;
        let keeping = databases::replicas::Keeping::new(state.join(REPLICAS), means.keeper.clone());
        let instances = Arc::new(Instances::new(means, pools, now_ms));
        let (wish, wishes) = mpsc::channel(COMMANDS);
        let certifier = Certifier {
            store: store.clone(),
            wishes: wish.clone(),
            versions,
            configuration: known.clone(),
        };
        let places = (state.to_owned(), start.file().to_owned(), std::env::current_exe()?);
        let backups = Backups::new(store.clone(), places, known.clone(), watch.clone());
        let backups = Arc::new(backups);
        backups.end_leftovers();
        let history = History::new(state.join(HISTORY_FOLDER), configuration.shops.len());
        let databases = Databases::new(known.clone(), watch.clone(), history.clone(), keeping);
        let databases = Arc::new(databases);
        let others = Others {
            instances: Arc::clone(&instances),
            certifier: Arc::new(certifier),
            backups: Arc::clone(&backups),
            databases: Arc::clone(&databases),
        };
        let engine = changes::engine(store.clone(), &start, state, asked.clone(), others).await?;
        let renewal = Renewal::new(store.clone(), engine.clone(), asked.clone(), wish);
        engine.set_calendar(crate::configuration::calendar(&configuration.plan)?);
        let opened = Desk::open(watch.clone(), store.clone(), &configuration).await;
        let (desk, wished) = opened.context("go on with incidents")?;
        let hands = remedies::Hands {
            desk: desk.clone(),
            engine: engine.clone(),
            commands: asked.clone(),
            configuration: known.clone(),
        };
        sources.spawn(remedies::carry_out(wished, hands));
        sources.spawn(upgrades::follow(state.to_owned(), watch.clone(), desk.clone()));
        sources.spawn(Arc::clone(&backups).keep(engine.clone()));
        sources.spawn(Arc::clone(&databases).keep());
        sources.spawn(Arc::clone(&backups).keep_orders(desk.clone()));
        sources.spawn(Arc::clone(&backups).keep_confirmed());
        let api = ApiState {
            watch: watch.clone(),
            store: store.clone(),
            history,
            desk: desk.clone(),
            stream: Arc::new(Stream::default()),
            peers: peers.clone(),
            checks: checks.clone(),
            services,
            backups: backups.board.clone(),
            databases: databases.board.clone(),
            engine: engine.clone(),
            previews: Previews::default(),
            commands: asked,
            token: Token::open(&state.join(crate::client::TOKEN_FILE))?,
            names: Arc::from(Vec::new()),
            entrance: Arc::new(api::Entrance::new(configuration.control.demands_second_factor())),
        };
        let (stop, mut servers) = serve_until_stopped(listener, api, sightings, known.clone());
        servers.spawn(checks.run(watch.clone(), known.clone(), stop.subscribe()));
        servers.spawn(peers.run(watch.clone(), known, stop.subscribe()));
        let kept = (&mut servers, stop.subscribe());
        let ledger =
            ledger::keep(store.clone(), watch.clone(), &configuration.ledger, state, kept)?;
        let control = Self {
            start,
            configuration,
            text,
            publisher,
            certificates,
            watch,
            desk,
            readers,
            logs,
            wishes,
            commands,
            edge_versions,
            supervisor,
            address,
            engine,
            backups,
            databases,
            instances,
            shared,
            ledger,
            store,
            stop,
            sources,
            servers,
        };
        Ok((control, renewal))
    }

    async fn serve(mut self, renewal: Renewal, mut signals: Signals) -> anyhow::Result<()> {
        let wanted = renewal.wanted();
        wanted.send_replace(Some(self.configuration.clone()));
        let renewing = renewal.run();
        tokio::pin!(renewing);
        self.supervisor.say_ready().await?;
        self.resume_instances();
        let unfinished = self.engine.resume_all().await;
        if unfinished > 0 {
            tracing::info!(unfinished, "runs go on that were not over");
        }
        tracing::info!("control is ready");
        loop {
            tokio::select! {
                Some(command) = self.commands.recv() => self.obey(command, &wanted).await,
                Some(wish) = self.wishes.recv() => self.grant(wish).await,
                Some(version) = self.edge_versions.recv() => self.outrun(version).await,
                _ = signals.reload.recv() => self.reload_as_told(&wanted).await,
                _ = signals.terminate.recv() => break,
                _ = signals.interrupt.recv() => break,
                () = self.supervisor.gone() => break,
                () = &mut renewing => {}
            }
            if self.must_move() {
                break;
            }
        }
        self.end().await;
        Ok(())
    }

    /// Whether the API is to listen elsewhere. A supervisor binds the new address and starts us
    /// again; a service manager only does the latter.
    fn must_move(&self) -> bool {
        let moves =
            !self.supervisor.is_there() && self.configuration.control.listen != self.address;
        if moves {
            tracing::info!("the API is to listen elsewhere; control ends to be started again");
        }
        moves
    }

    async fn obey(&mut self, command: Command, wanted: &watch::Sender<Option<Configuration>>) {
        match command {
            Command::Reload { answer } => {
                let before = self.configuration.clone();
                let outcome = self.reload(wanted).await;
                if start::concerns_supervisor(&before, &self.configuration) {
                    self.supervisor.pass_on_reload(self.start.state());
                }
                // Whoever asked may have left.
                answer.send(outcome).ok();
            }
            Command::Drain { shop, drain: Some(_), answer, .. } if self.is_beside(&shop) => {
                let why = "another web server stands before the shop: which instance it sends \
                           visitors to is its own affair";
                answer.send(Err(why.to_owned())).ok();
            }
            Command::Drain { shop, instance, drain, answer } => {
                let kind = if drain.is_some() { MarkKind::Drain } else { MarkKind::Undrain };
                let outcome = self.publisher.drain(shop.clone(), instance.clone(), drain).await;
                if outcome.is_ok() {
                    self.apply().await;
                    let name = instance.as_str().into();
                    let params = Params::from([("instance".to_owned(), name)]);
                    self.watch.with(|live| live.add_mark(Some(&shop), now_ms(), kind, params));
                }
                answer.send(outcome.map_err(|error| format!("{error:#}"))).ok();
            }
            Command::InForce { answer } => {
                let (file, text) = (self.start.file().to_owned(), self.text.clone());
                answer.send(InForce { file, text, version: self.publisher.version() }).ok();
            }
            Command::Snapshots { shop, answer } => {
                let backups = Arc::clone(&self.backups);
                self.aside(async move {
                    answer.send(backups.snapshots_and_moments(&shop).await).ok();
                });
            }
            Command::KeptAside { shop, answer } => {
                let backups = Arc::clone(&self.backups);
                self.aside(async move {
                    answer.send(backups.kept_aside(&shop).await).ok();
                });
            }
            Command::RecoverySheet { shop, answer } => {
                let backups = Arc::clone(&self.backups);
                self.aside(async move {
                    answer.send(backups.sheet(&shop).await).ok();
                });
            }
            Command::Browse { shop, snapshot, path, skip, answer } => {
                let backups = Arc::clone(&self.backups);
                self.aside(async move {
                    answer.send(backups.folder(&shop, snapshot, (path, skip)).await).ok();
                });
            }
            Command::Orders { shop, ask } => {
                let backups = Arc::clone(&self.backups);
                self.aside(async move { backups.answer(&shop, ask).await });
            }
            Command::LookAtDatabase { shop, answer } => {
                let databases = Arc::clone(&self.databases);
                self.aside(async move {
                    answer.send(databases.look_now(&shop).await).ok();
                });
            }
            Command::Plan { wish, answer } => {
                self.make_plan(wish, answer);
            }
        }
    }

    /// Makes the plan that somebody wishes for, from what is in force now. Looking at instances may
    /// take a while, which is not to be anybody else's.
    fn make_plan(&mut self, wish: Wished, answer: oneshot::Sender<Result<Plan, Refusal>>) {
        let (file, text) = (self.start.file().to_owned(), self.text.clone());
        let (configuration, instances) = (self.configuration.clone(), Arc::clone(&self.instances));
        let (backups, databases) = (Arc::clone(&self.backups), Arc::clone(&self.databases));
        let serial =
            changes::shop_of(&wish).and_then(|shop| self.certificates.ordered_serial(shop));
        self.aside(async move {
            let pool = match changes::shop_of(&wish) {
                Some(shop) => instances.view(shop).await,
                None => None,
            };
            if let Wished::RestoreBackup { shop, .. } = &wish {
                // So that it is known what there is; who cannot be asked is told by the plan.
                backups.snapshots(shop).await.ok();
            }
            let front = match &wish {
                Wished::Front { shop } => Some(front(&file, &configuration, shop).await),
                _ => None,
            };
            let order = match &wish {
                Wished::RestoreOrder { shop, question, set_back } => {
                    let question = question.clone();
                    Some(backups.restore_order(shop, question, *set_back, now_ms()).await)
                }
                _ => None,
            };
            let moment = match &wish {
                Wished::RestoreDatabase { shop, wanted } => {
                    backups.moment(shop, wanted, now_ms()).await
                }
                Wished::RestoreBackup { shop, wanted } if wanted.whole => {
                    let (snapshot, from) = (wanted.snapshot.clone(), wanted.from.clone());
                    let wanted = RestoreDatabase { snapshot, from, ..RestoreDatabase::default() };
                    backups.moment(shop, &wanted, now_ms()).await
                }
                _ => None,
            };
            let erased_ms = match &wish {
                Wished::RestoreDatabase { shop, .. } | Wished::RestoreBackup { shop, .. } => {
                    backups.erased_ms(shop).await
                }
                _ => Ok(Vec::new()),
            };
            let aside = match &wish {
                Wished::RemoveAside { shop, name } => {
                    Some(backups.remove_aside(shop, name, now_ms()).await)
                }
                _ => None,
            };
            let objects = match &wish {
                Wished::RestoreBackup { shop, wanted } if backups::objects::is_wanted(wanted) => {
                    Some(backups.restore_objects(shop, wanted, now_ms()).await)
                }
                _ => None,
            };
            let mend = match &wish {
                Wished::MendDatabase { shop, finding } => {
                    Some(databases.mend(shop, finding, now_ms()).await)
                }
                _ => None,
            };
            let situation = Situation {
                file: &file,
                text: &text,
                configuration: &configuration,
                pool: pool.as_ref(),
                serial,
                front,
                order,
                moment,
                erased_ms,
                mend,
                aside,
                objects,
                backups: Some(&backups),
                now_ms: now_ms(),
            };
            // Whoever asked may have left.
            answer.send(changes::plan(wish, situation)).ok();
        });
    }

    fn is_beside(&self, shop: &ShopId) -> bool {
        self.configuration.shops.iter().any(|one| one.id == *shop && one.beside.is_some())
    }

    /// Has something done beside everything else. What has ended is forgotten, so that the set does
    /// not grow.
    fn aside(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        while self.sources.try_join_next().is_some() {}
        self.sources.spawn(task);
    }

    /// Brings about what was wanted last of the instances that we start.
    fn resume_instances(&mut self) {
        let (instances, databases) = (Arc::clone(&self.instances), Arc::clone(&self.databases));
        self.aside(async move {
            databases.resume_replicas().await;
            for (shop, instance, error) in instances.resume().await {
                let error = error.chain();
                tracing::error!(%shop, %instance, %error, "an instance was not started");
            }
        });
    }

    /// Does what the command `reload` does: a run takes over what is new in the file. One that says
    /// nothing new, or is not valid, is read all the same, for the files that it names and to say
    /// what is wrong with it.
    async fn reload_as_told(&mut self, wanted: &watch::Sender<Option<Configuration>>) {
        let situation = Situation {
            file: self.start.file(),
            text: &self.text,
            configuration: &self.configuration,
            pool: None,
            serial: None,
            front: None,
            order: None,
            moment: None,
            erased_ms: Ok(Vec::new()),
            mend: None,
            aside: None,
            objects: None,
            backups: None,
            now_ms: now_ms(),
        };
        let Ok(plan) = changes::plan(Wished::TakeOverFile, situation) else {
            // What is wrong with the file is told by a finding and in the log.
            self.reload(wanted).await.ok();
            return;
        };
        let engine = self.engine.clone();
        self.aside(async move {
            // Whoever sends signals here is on this machine.
            match engine.start(plan, Actor::CommandLine).await {
                Ok(run) => tracing::info!(%run, "a run takes the configuration over"),
                Err(error) => tracing::error!(%error, "the configuration is not taken over"),
            }
        });
    }

    /// Reads the file again. A file that is not valid changes nothing but a finding.
    async fn reload(
        &mut self,
        wanted: &watch::Sender<Option<Configuration>>,
    ) -> Result<u64, Rejected> {
        let before = self.configuration.clone();
        let outcome = self.take_over().await;
        match &outcome {
            Ok(version) => {
                tracing::info!(version, "configuration read again");
                self.watch.with(|live| {
                    live.configuration_error(None);
                    if before != self.configuration {
                        let version = i64::try_from(*version).unwrap_or(i64::MAX);
                        let params = Params::from([("version".to_owned(), version.into())]);
                        live.add_mark(None, now_ms(), MarkKind::Reload, params);
                    }
                });
                wanted.send_replace(Some(self.configuration.clone()));
            }
            Err(rejected) => {
                let lines = match rejected.details.as_slice() {
                    [] => rejected.message.clone(),
                    details => details.join("\n"),
                };
                tracing::warn!(%lines, "configuration rejected; the one before stays in force");
                self.watch.with(|live| live.configuration_error(Some(lines)));
            }
        }
        outcome
    }

    async fn take_over(&mut self) -> Result<u64, Rejected> {
        let (text, configuration) = self.start.read()?;
        self.certificates.load(&configuration).await.map_err(rejected)?;
        self.configuration = configuration;
        let failed = |error| Rejected { message: format!("{error:#}"), details: Vec::new() };
        let version = self.try_apply().await.map_err(failed)?;
        self.readers.configure(&self.configuration);
        self.logs.configure(&self.configuration);
        self.desk.configure(&self.configuration).await;
        self.shared.send_replace(Arc::new(self.configuration.clone()));
        let calendar = crate::configuration::calendar(&self.configuration.plan);
        self.engine.set_calendar(calendar.map_err(|error| failed(error.into()))?);
        self.ledger.send_replace(self.configuration.ledger.clone());
        self.resume_instances();
        self.start.keep(&text);
        self.text = text;
        Ok(version)
    }

    async fn apply(&mut self) {
        if let Err(error) = self.try_apply().await {
            tracing::error!(error = format!("{error:#}"), "a snapshot was not published");
        }
    }

    /// Publishes what is in force now, and has it watched.
    async fn try_apply(&mut self) -> anyhow::Result<u64> {
        let version = self.publisher.publish(&self.configuration, self.certificates.all()).await?;
        let evidence = self.certificates.evidence();
        self.watch.with(|live| live.certificates(evidence));
        Ok(version)
    }

    /// An edge that holds a newer version than ours gets one that is newer still.
    async fn outrun(&mut self, version: u64) {
        if self.publisher.outrun(version) {
            self.apply().await;
        }
    }

    async fn grant(&mut self, wish: Wish) {
        match wish {
            Wish::Challenges { shop, challenges, answer } => {
                self.publisher.answer(shop, challenges);
                self.apply().await;
                answer.send(self.publisher.version()).ok();
            }
            Wish::Serve { shop, answer } => {
                // Whoever asked may have left.
                answer.send(self.serve_certificate(&shop).await).ok();
            }
            Wish::Failed { shop, error } => {
                self.certificates.failed(&shop, error);
                let evidence = self.certificates.evidence();
                self.watch.with(|live| live.certificates(evidence));
            }
        }
    }

    /// Publishes the certificates as the store has them by now, for one shop has another.
    async fn serve_certificate(&mut self, shop: &ShopId) -> Result<u64, String> {
        let loaded = self.certificates.load(&self.configuration).await;
        loaded.map_err(|mistakes| mistakes.details.join("; "))?;
        self.certificates.renewed(shop);
        let version = self.try_apply().await.map_err(|error| format!("{error:#}"))?;
        let found = self.configuration.shops.iter().find(|known| known.id == *shop);
        let host = found.and_then(|shop| shop.hosts.first()).cloned().unwrap_or_default();
        let params = Params::from([("host".to_owned(), host.into())]);
        self.watch.with(|live| {
            live.add_mark(Some(shop), now_ms(), MarkKind::Certificate, params);
        });
        Ok(version)
    }

    /// Lets what is in progress end: answers, and what is not written down yet.
    async fn end(mut self) {
        self.engine.close(END_GRACE).await;
        self.stop.send_replace(true);
        self.sources.shutdown().await;
        let ended = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout(END_GRACE, ended).await.is_err() {
            tracing::warn!("what was in progress was cut off");
        }
        if let Err(error) = self.store.settle().await {
            let error = anyhow::Error::from(error);
            tracing::warn!(error = format!("{error:#}"), "the log stayed beside the store's file");
        }
        tracing::info!("control has ended");
    }
}

/// The plan to stand before a shop. Looking at the machine takes a moment.
async fn front(file: &Path, configuration: &Configuration, shop: &ShopId) -> Result<Plan, Refusal> {
    let (file, configuration, shop) = (file.to_owned(), configuration.clone(), shop.clone());
    let look = move || changes::front::plan(&file, &configuration, &shop, now_ms());
    tokio::task::spawn_blocking(look).await.expect("invariant: looking does not panic")
}

/// The living picture with what the store remembers of these shops.
async fn remembered(store: &Store, sites: Vec<Site>) -> Watch {
    let now_ms = now_ms();
    let mut live = Live::new(now_ms);
    live.configure(sites, 0);
    if let Err(error) = clock::restore(&mut live, store, now_ms).await {
        tracing::warn!(%error, "the history before this start is not shown");
    }
    live.add_mark(None, now_ms, MarkKind::ControlStarted, Params::new());
    Watch::new(live)
}

/// Starts the clock and the API. Both end when the sender says so.
fn serve_until_stopped(
    listener: TcpListener,
    api: ApiState,
    sightings: Sightings,
    configuration: watch::Receiver<Arc<Configuration>>,
) -> (watch::Sender<bool>, JoinSet<()>) {
    let (stop, stopped) = watch::channel(false);
    let mut servers = JoinSet::new();
    let stream = Arc::clone(&api.stream);
    let publish = move |ticks: Vec<Tick>| stream.publish(&ticks);
    servers.spawn(sightings.follow(api.watch.clone(), stopped.clone()));
    servers.spawn(api.desk.clone().run(stopped.clone()));
    let history = api.history.clone();
    let looks = (api.checks.clone(), api.services.clone());
    servers.spawn(history.run(api.watch.clone(), looks, configuration, stopped.clone()));
    servers.spawn(clock::run(api.watch.clone(), api.store.clone(), publish, stopped.clone()));
    servers.spawn(api::serve(listener, api::router(api), stopped));
    (stop, servers)
}

fn rejected(mistakes: crate::configuration::Mistakes) -> Rejected {
    Rejected { message: mistakes.message, details: mistakes.details }
}

fn listen(
    given: Option<std::net::TcpListener>,
    address: SocketAddr,
) -> anyhow::Result<TcpListener> {
    let listener = match given {
        Some(listener) => listener,
        None => host::listen::bind(address)?,
    };
    listener.set_nonblocking(true)?;
    Ok(TcpListener::from_std(listener)?)
}

pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}
