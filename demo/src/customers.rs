//! Generated customers: people made of chance who browse, fill carts, pay and sometimes give up,
//! over HTTP/1.1 as a browser would send it. They come at a rate that does not care how the shop
//! is doing (an open loop), and write down exactly what happened to them.
//!
//! Knows a shop only from outside: its pages and its cookies.

mod client;
mod ledger;
mod oscar;
mod sample;
mod vendure;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

pub use client::{Answer, Client, Trouble, TroubleKind};
pub use ledger::{Acknowledged, Failure, Figures, Ledger};

/// Which shop the customers know their way around in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Lampenladen.
    Sample,
    /// A Vendure with its sample products.
    Vendure,
    /// A django-oscar that sells to guests.
    Oscar,
}

/// How customers come.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where they connect to: the edge, or an instance.
    pub target: SocketAddr,
    /// What they say in the `Host` header.
    pub host: String,
    pub kind: Kind,
    /// Customers who arrive a minute on average; 0 is a quiet shop.
    pub per_minute: u64,
    /// Most customers inside at once. Who comes when it is full goes away, and is counted.
    pub most_inside: usize,
    /// Whether some only look, or think better of it; without, everybody buys.
    pub wavers: bool,
    /// How long they think between pages: 1 is a person in a hurry (about 1.5 s), 0 is a machine.
    pub pace: f64,
    /// The same seed brings the same people.
    pub seed: u64,
}

impl Options {
    /// Customers of the sample shop as a demonstration has them.
    #[must_use]
    pub fn to(target: SocketAddr) -> Self {
        Self {
            target,
            host: target.to_string(),
            kind: Kind::Sample,
            per_minute: 30,
            most_inside: 2000,
            wavers: true,
            pace: 1.0,
            seed: rand::random(),
        }
    }
}

/// The customers of one shop, until [`Customers::stop`].
#[derive(Debug)]
pub struct Customers {
    ledger: Arc<Ledger>,
    rate: watch::Sender<u64>,
    doors: Mutex<Option<JoinHandle<()>>>,
    closing: watch::Sender<Option<Duration>>,
}

impl Customers {
    /// Opens the doors.
    #[must_use]
    pub fn start(options: Options) -> Self {
        let ledger = Arc::new(Ledger::default());
        let (rate, rates) = watch::channel(options.per_minute);
        let (closing, is_closing) = watch::channel(None);
        let doors = tokio::spawn(let_in(options, Arc::clone(&ledger), rates, is_closing));
        Self { ledger, rate, doors: Mutex::new(Some(doors)), closing }
    }

    /// Turns the arrivals up or down, from now on.
    pub fn set_rate(&self, per_minute: u64) {
        self.rate.send_replace(per_minute);
    }

    #[must_use]
    pub fn rate(&self) -> u64 {
        *self.rate.borrow()
    }

    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Lets nobody in any more, and waits until those inside have finished. Who stays longer than
    /// `grace` is put out, in the middle of whatever they do. Asked again, it does nothing.
    pub async fn stop(&self, grace: Duration) -> &Arc<Ledger> {
        self.closing.send_replace(Some(grace));
        let doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(doors) = doors
            && let Err(error) = doors.await
        {
            // A doorkeeper that panicked has nobody left inside.
            eprintln!("error: the customers' doors broke: {error}");
        }
        &self.ledger
    }
}

/// Lets customers in at random moments, on average as many a minute as asked for.
async fn let_in(
    options: Options,
    ledger: Arc<Ledger>,
    mut rates: watch::Receiver<u64>,
    mut is_closing: watch::Receiver<Option<Duration>>,
) {
    let mut chance = StdRng::seed_from_u64(options.seed);
    let room = Arc::new(Semaphore::new(options.most_inside));
    let mut inside = JoinSet::new();
    loop {
        let per_minute = *rates.borrow_and_update();
        let next = async {
            if per_minute == 0 {
                std::future::pending::<()>().await;
            }
            // The time between independent arrivals is exponentially distributed.
            let share = -(1.0 - chance.random::<f64>()).ln();
            sleep(Duration::from_secs_f64(share * 60.0 / per_minute as f64)).await;
        };
        tokio::select! {
            () = next => {}
            changed = rates.changed() => match changed {
                Ok(()) => continue,
                Err(_) => break,
            },
            _ = is_closing.changed() => break,
        }
        while inside.try_join_next().is_some() {}
        match Arc::clone(&room).try_acquire_owned() {
            Ok(place) => {
                let customer = Customer::new(&options, &ledger, chance.random());
                inside.spawn(visit(customer, options.kind, place));
            }
            Err(_) => ledger.turned_away(),
        }
    }
    let all_gone = async { while inside.join_next().await.is_some() {} };
    let grace = is_closing.borrow().unwrap_or_default();
    if timeout(grace, all_gone).await.is_err() {
        inside.shutdown().await;
    }
}

/// Whether a shop of this kind shows an order to whoever bought it.
///
/// # Errors
/// When no whole answer came.
pub async fn shows(kind: Kind, client: &mut Client, order: &Acknowledged) -> Result<bool, Trouble> {
    match (kind, &order.page) {
        (Kind::Vendure, _) => vendure::shows(client, order).await,
        (Kind::Oscar, Some(page)) => oscar::shows(client, order, page).await,
        (Kind::Sample, Some(page)) => {
            let answer = client.request("GET", page, None).await?;
            Ok(answer.status == 200 && answer.text().contains(&order.number))
        }
        (_, None) => Ok(false),
    }
}

async fn visit(mut customer: Customer, kind: Kind, _place: OwnedSemaphorePermit) {
    customer.ledger.came_in();
    let bought = match kind {
        Kind::Sample => sample::visit(&mut customer).await,
        Kind::Vendure => vendure::visit(&mut customer).await,
        Kind::Oscar => oscar::visit(&mut customer).await,
    };
    customer.ledger.left(bought);
}

/// Why somebody left without what they came for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Just looked, or thought better of it.
    Undecided,
    /// Because the shop failed.
    Annoyed,
}

/// One person on their way through a shop.
#[derive(Debug)]
struct Customer {
    client: Client,
    chance: StdRng,
    ledger: Arc<Ledger>,
    wavers: bool,
    pace: f64,
    /// What makes their e-mail address theirs.
    key: String,
}

impl Customer {
    fn new(options: &Options, ledger: &Arc<Ledger>, seed: u64) -> Self {
        Self {
            client: Client::new(options.target, &options.host),
            chance: StdRng::seed_from_u64(seed),
            ledger: Arc::clone(ledger),
            wavers: options.wavers,
            pace: options.pace,
            key: crate::token()[..12].to_owned(),
        }
    }

    fn email(&self) -> String {
        format!("buyer-{}@example.test", self.key)
    }

    /// Notes an order that the shop says it has.
    fn acknowledge(&self, number: &str, cart: &str, total_minor: i64, page: Option<String>) {
        self.ledger.acknowledge(Acknowledged {
            number: number.to_owned(),
            email: self.email(),
            cart: cart.to_owned(),
            total_minor,
            page,
            at_ms: ledger::now_ms(),
        });
    }

    fn likely(&mut self, share: f64) -> bool {
        self.chance.random_bool(share)
    }

    /// Goes on to buy with this likelihood, or certainly.
    fn goes_on(&mut self, share: f64) -> bool {
        self.likely(share) || !self.wavers
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> Option<T> {
        if among.is_empty() {
            return None;
        }
        Some(among[self.chance.random_range(0..among.len())])
    }

    /// Looks at the page for a while.
    async fn think(&mut self) {
        let seconds = self.chance.random_range(0.5..2.5) * self.pace;
        sleep(Duration::from_secs_f64(seconds)).await;
    }

    /// Asks for a page as people do: when it fails, they reload once, then they leave. Every
    /// failure is written down, also one that the reload mended.
    async fn page(&mut self, path: &str) -> Result<Answer, Left> {
        for _ in 0..2 {
            if let Some(answer) = self.ask("GET", path, None).await {
                return Ok(answer);
            }
            self.think().await;
        }
        Err(Left::Annoyed)
    }

    /// One request; none when it failed, which is then in the ledger.
    async fn ask(&mut self, method: &str, path: &str, form: Option<&str>) -> Option<Answer> {
        match self.client.request(method, path, form).await {
            Ok(answer) if answer.status < 400 => {
                self.ledger.page();
                Some(answer)
            }
            Ok(answer) => {
                self.ledger.failed(Failure::status(method, path, &answer));
                None
            }
            Err(trouble) => {
                self.ledger.failed(Failure::trouble(method, path, &trouble));
                None
            }
        }
    }
}
