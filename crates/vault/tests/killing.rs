//! Workers that are killed at any moment, again and again: this test program, in the role of whoever
//! does the work.

use crate::place::{NOW_MS, noise, origin, quiet};
use host::process::{Signal, signal};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};
use vault::{
    Id, Repository, Snapshot,
    check::{self, Data},
};

pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// What a life does before it is killed, in rounds: more than it ever gets to.
const ENDLESS: u32 = 1_000;
const CALM_ROUNDS: u32 = 5;
/// Every so many kills all data is read, not the structure alone.
const READ_EVERY: u32 = 20;
pub(crate) const SIGKILL: i32 = 9;
/// For one life; a worker on a busy machine takes a second.
const LIFE: Duration = Duration::from_secs(120);
/// How long each deed of a calm life was, in microseconds.
const TOOK: &str = "took";

/// The seed of this run: what `SEED` says, or another one each time.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random);
    println!("SEED={seed}");
    seed
}

/// How often, and what.
pub(crate) struct Killing<'a> {
    /// The test's own whole name.
    pub(crate) name: &'a str,
    pub(crate) folder: &'a Path,
    /// All of them in the midst of the deed: however long that takes.
    pub(crate) kills: u32,
}

impl Killing<'_> {
    /// Kills so often, and has `prove` look at what is left each time.
    pub(crate) async fn run(&self, prove: fn(&Path, Data)) {
        // Storages block their thread.
        let prove = async |data| {
            let folder = self.folder.to_owned();
            tokio::task::spawn_blocking(move || prove(&folder, data)).await.unwrap();
        };
        let mut dice = SmallRng::seed_from_u64(seed());
        self.live(&mut dice, CALM_ROUNDS).await;
        let took = self.usual_us();
        let begun = Instant::now();
        for kill in 1..=self.kills {
            // Half as long again as usual: what lives before have left may have to be done as well.
            let within_us = took + took / 2;
            let ended = self.life(dice.next_u64(), ENDLESS, Some(within_us)).await;
            assert_eq!(ended.signal(), Some(SIGKILL), "it ended by itself: {}", self.said());
            prove(if kill % READ_EVERY == 0 { Data::All } else { Data::None }).await;
        }
        println!("{} kills at deeds of some {took} µs in {:?}", self.kills, begun.elapsed());
        // And whoever comes last finds everything as if nobody had been killed.
        self.live(&mut dice, 1).await;
        prove(Data::All).await;
    }

    /// A life that ends by itself.
    async fn live(&self, dice: &mut SmallRng, rounds: u32) {
        let ended = self.life(dice.next_u64(), rounds, None).await;
        assert!(ended.success(), "{}", self.said());
    }

    async fn life(&self, seed: u64, rounds: u32, within_us: Option<u64>) -> ExitStatus {
        let within_us = within_us.map_or_else(String::new, |within_us| within_us.to_string());
        let mut worker = testkit::this_test(self.name, self.folder.to_str().unwrap())
            .env("WORK_SEED", seed.to_string())
            .env("WORK_ROUNDS", rounds.to_string())
            .env("WORK_WITHIN_US", within_us)
            .output_to(self.folder.join("work.log"))
            .tied_to_this_thread(Signal::Kill)
            .start()
            .unwrap();
        let ended = tokio::time::timeout(LIFE, worker.wait()).await;
        ended.unwrap_or_else(|_| panic!("it does not end: {}", self.said())).unwrap()
    }

    /// The median of the calm deeds.
    fn usual_us(&self) -> u64 {
        let text = fs::read_to_string(self.folder.join(TOOK)).unwrap();
        let mut took: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
        took.sort_unstable();
        took[took.len() / 2].max(1)
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.join("work.log")).unwrap_or_default()
    }
}

/// Kills this process then, unless the other end goes before.
pub(crate) fn die_in(wait: Duration, is_done: &Receiver<()>) {
    if is_done.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        signal(std::process::id(), Signal::Kill).unwrap();
    }
}

/// What a worker has.
pub(crate) struct Work {
    pub(crate) folder: PathBuf,
    pub(crate) dice: SmallRng,
    /// A day later with each round; each life some ten days away from others, so that graces end.
    pub(crate) now_ms: i64,
    /// It is killed before this since the deed's beginning, or never.
    within_us: Option<u64>,
}

impl Work {
    /// Does these rounds until it is killed.
    pub(crate) fn run(folder: &str, mut round: impl FnMut(&mut Self)) {
        let told = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
        let (seed, rounds) = (told("WORK_SEED"), told("WORK_ROUNDS"));
        let folder = PathBuf::from(folder);
        let within_us = std::env::var("WORK_WITHIN_US").unwrap();
        let mut work = Self {
            dice: SmallRng::seed_from_u64(seed),
            now_ms: NOW_MS + i64::try_from(seed % 1000).unwrap() * 10 * DAY_MS,
            within_us: within_us.parse().ok(),
            folder,
        };
        for _ in 0..rounds {
            work.now_ms += DAY_MS;
            round(&mut work);
        }
    }

    /// What it is to be killed at: by itself, since nobody else hits a few thousandths of a second. A deed
    /// that is done before its moment comes is followed by the next round.
    pub(crate) fn within<T>(&mut self, deed: impl FnOnce(&Self) -> T) -> T {
        let Some(within_us) = self.within_us else { return self.timed(deed) };
        let wait = Duration::from_micros(self.dice.random_range(0..within_us));
        let (done, is_done) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || die_in(wait, &is_done));
            let returned = deed(self);
            drop(done);
            returned
        })
    }

    fn timed<T>(&self, deed: impl FnOnce(&Self) -> T) -> T {
        let begun = Instant::now();
        let returned = deed(self);
        append(&self.folder.join(TOOK), &begun.elapsed().as_micros().to_string());
        returned
    }

    /// Another content for one of so many files of the shop, at once.
    pub(crate) fn change(&mut self, files: u32, bytes: usize) {
        let content = noise(self.dice.next_u64(), bytes);
        note(&self.folder, "contents", Id::of(&content));
        let next = self.folder.join("next");
        fs::write(&next, content).unwrap();
        let file = format!("shop/{}/a", self.dice.random_range(0..files));
        fs::rename(next, self.folder.join(file)).unwrap();
    }

    pub(crate) fn note(&self, name: &str, id: Id) {
        note(&self.folder, name, id);
    }

    /// Forgets one of the older ones when there are more than a few.
    pub(crate) fn forget(&mut self, repository: &Repository, noted: &str) {
        let snapshots = repository.snapshots().unwrap();
        if snapshots.len() > 4 {
            let gone = snapshots[self.dice.random_range(0..snapshots.len() - 1)].id;
            self.note(noted, gone);
            repository.remove_snapshots(&[gone]).unwrap();
        }
    }
}

/// Writes down that something is so, before or after it is: for whoever is not killed.
pub(crate) fn note(folder: &Path, name: &str, id: Id) {
    append(&folder.join(name), &id.to_string());
}

fn append(file: &Path, line: &str) {
    let mut file = fs::File::options().create(true).append(true).open(file).unwrap();
    writeln!(file, "{line}").unwrap();
}

/// What was noted; a line that was cut off by a kill is none.
pub(crate) fn noted(folder: &Path, name: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
    text.lines().filter(|line| line.len() == 64).map(str::to_owned).collect()
}

/// The repository is whole, and everything that was acknowledged and not forgotten is there.
pub(crate) fn assert_kept(
    repository: &Repository,
    folder: &Path,
    (acknowledged, forgotten): (&str, &str),
    data: Data,
) -> Vec<Snapshot> {
    let report = check::run(repository, data, &origin(), &quiet).unwrap();
    assert!(report.is_clean(), "{:#?}", report.damage);
    let snapshots = repository.snapshots().unwrap();
    let there: BTreeSet<String> =
        snapshots.iter().map(|snapshot| snapshot.id.to_string()).collect();
    let forgotten = noted(folder, forgotten);
    for id in noted(folder, acknowledged).difference(&forgotten) {
        assert!(there.contains(id), "snapshot {id} was {acknowledged} and is gone");
    }
    snapshots
}
