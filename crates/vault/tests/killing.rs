//! Workers that are killed at any moment, again and again: this test program, in the role of whoever
//! does the work.

use crate::place::{NOW_MS, noise, origin, quiet};
use host::process::{Process, Signal};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
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
const CALM_ROUNDS: u32 = 3;
/// Every so many kills all data is read, not the structure alone.
const READ_EVERY: u32 = 20;
/// Whether it is in the midst of what it is to be killed at.
const WITHIN: &str = "within";
/// How long that was, the last time, in microseconds.
const TOOK: &str = "took";

/// The seed of this run: what `SEED` says, or another one each time.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random);
    println!("SEED={seed}");
    seed
}

/// How often, and for how long.
pub(crate) struct Killing<'a> {
    /// The test's own whole name.
    pub(crate) name: &'a str,
    pub(crate) folder: &'a Path,
    /// Kills in the midst of the deed; others are not counted.
    pub(crate) kills: u32,
    /// So many even where it takes longer than `limit`.
    pub(crate) at_least: u32,
    pub(crate) limit: Duration,
}

impl Killing<'_> {
    /// Kills until it is enough, and has `prove` look at what is left each time.
    pub(crate) async fn run(&self, prove: fn(&Path, Data)) {
        // Storages block their thread.
        let prove = async |data| {
            let folder = self.folder.to_owned();
            tokio::task::spawn_blocking(move || prove(&folder, data)).await.unwrap();
        };
        let mut dice = SmallRng::seed_from_u64(seed());
        self.live(&mut dice, CALM_ROUNDS).await;
        let took: u64 = fs::read_to_string(self.folder.join(TOOK)).unwrap().parse().unwrap();
        let begun = Instant::now();
        let (mut kills, mut lives) = (0, 0);
        while kills < self.kills && (begun.elapsed() < self.limit || kills < self.at_least) {
            let mut worker = self.start(dice.next_u64(), ENDLESS);
            self.await_the_deed();
            let wait = Duration::from_micros(dice.random_range(0..took));
            let ended = tokio::time::timeout(wait, worker.wait()).await;
            assert!(ended.is_err(), "it ended by itself: {}", self.said());
            worker.signal(Signal::Kill).unwrap();
            worker.wait().await.unwrap();
            lives += 1;
            kills += u32::from(self.is_within());
            assert!(lives < 20 * self.at_least, "{kills} of {lives} lives ended within the deed");
            prove(if lives % READ_EVERY == 0 { Data::All } else { Data::None }).await;
        }
        println!("{kills} kills in {lives} lives in {:?}", begun.elapsed());
        // And whoever comes last finds everything as if nobody had been killed.
        self.live(&mut dice, 1).await;
        prove(Data::All).await;
    }

    /// A life that ends by itself.
    async fn live(&self, dice: &mut SmallRng, rounds: u32) {
        let mut calm = self.start(dice.next_u64(), rounds);
        assert!(calm.wait().await.unwrap().success(), "{}", self.said());
    }

    fn start(&self, seed: u64, rounds: u32) -> Process {
        fs::write(self.folder.join(WITHIN), "0").unwrap();
        testkit::this_test(self.name, self.folder.to_str().unwrap())
            .env("WORK_SEED", seed.to_string())
            .env("WORK_ROUNDS", rounds.to_string())
            .output_to(self.folder.join("work.log"))
            .tied_to_this_thread(Signal::Kill)
            .start()
            .unwrap()
    }

    fn is_within(&self) -> bool {
        fs::read(self.folder.join(WITHIN)).unwrap() == b"1"
    }

    /// Blocks: nothing else goes on here, and no timer of the runtime is as fine.
    fn await_the_deed(&self) {
        let begun = Instant::now();
        while !self.is_within() {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "it does not begin: {}",
                self.said()
            );
            thread::yield_now();
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.join("work.log")).unwrap_or_default()
    }
}

/// What a worker has.
pub(crate) struct Work {
    pub(crate) folder: PathBuf,
    pub(crate) dice: SmallRng,
    /// A day later with each round; each life some ten days away from others, so that graces end.
    pub(crate) now_ms: i64,
    within: fs::File,
}

impl Work {
    /// Does these rounds until it is killed.
    pub(crate) fn run(folder: &str, mut round: impl FnMut(&mut Self)) {
        let told = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
        let (seed, rounds) = (told("WORK_SEED"), told("WORK_ROUNDS"));
        let folder = PathBuf::from(folder);
        let within = fs::File::options().write(true).open(folder.join(WITHIN));
        let mut work = Self {
            dice: SmallRng::seed_from_u64(seed),
            now_ms: NOW_MS + i64::try_from(seed % 1000).unwrap() * 10 * DAY_MS,
            within: within.unwrap(),
            folder,
        };
        for _ in 0..rounds {
            work.now_ms += DAY_MS;
            round(&mut work);
        }
    }

    /// What it is to be killed at.
    pub(crate) fn within<T>(&self, deed: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        self.mark(b"1");
        let done = deed();
        self.mark(b"0");
        fs::write(self.folder.join(TOOK), begun.elapsed().as_micros().to_string()).unwrap();
        done
    }

    fn mark(&self, is_within: &[u8]) {
        self.within.write_all_at(is_within, 0).unwrap();
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
    let mut file = fs::File::options().create(true).append(true).open(folder.join(name)).unwrap();
    writeln!(file, "{id}").unwrap();
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
