//! Permits, the queue and the pace, on pools of made-up instances.

use super::*;
use kernel::facts::Health;
use kernel::snapshot::{Check, Hold, Timeouts};

fn settings(balance: Balance, hold: Hold) -> snapshot::Pool {
    snapshot::Pool {
        instances: Vec::new(),
        balance,
        check: Check::default(),
        hold,
        timeouts: Timeouts::default(),
        slow_start_ms: 0,
        eject_after_failures: 3,
        eject_for_ms: 1000,
    }
}

fn slot(name: &str, connections: u32, weight: u32) -> Slot {
    let instance = Instance::new(name.parse().unwrap(), ([127, 0, 0, 1], 1).into(), 0);
    instance.set_health(Health::Up, 0);
    Slot { instance: Arc::new(instance), weight, connections, drain: false }
}

fn pool(slots: Vec<Slot>, balance: Balance, hold: Hold) -> Arc<Pool> {
    let (reports, _) = mpsc::channel(8);
    Arc::new(Pool::new(View::new(slots, settings(balance, hold)), reports))
}

const ANYONE: Claim = Claim { priority: Priority::Other, session: None };

async fn admit(pool: &Arc<Pool>, claim: Claim) -> Result<Permit, NoPlace> {
    pool.admit(claim, Duration::ZERO).await
}

#[tokio::test]
async fn turns_follow_the_weights() {
    let pool = pool(vec![slot("a", 99, 2), slot("b", 99, 1)], Balance::RoundRobin, Hold::default());
    let mut taken = String::new();
    let mut permits = Vec::new();
    for _ in 0..6 {
        let permit = admit(&pool, ANYONE).await.unwrap();
        taken.push_str(permit.instance.name.as_str());
        permits.push(permit);
    }
    assert_eq!(taken, "abaaba");
}

#[tokio::test]
async fn the_less_busy_of_two_is_taken() {
    let slots = vec![slot("a", 1000, 1), slot("b", 1000, 1)];
    let pool = pool(slots, Balance::LeastRequests, Hold::default());
    let mut permits = Vec::new();
    for _ in 0..200 {
        permits.push(admit(&pool, ANYONE).await.unwrap());
    }
    let a = permits.iter().filter(|permit| permit.instance.name.as_str() == "a").count();
    assert!((80..=120).contains(&a), "{a} of 200 went to a");
}

#[tokio::test]
async fn a_session_stays_until_its_instance_is_away() {
    let slots: Vec<_> = ["a", "b", "c"].into_iter().map(|name| slot(name, 1000, 1)).collect();
    let instances: Vec<_> = slots.iter().map(|slot| slot.instance.clone()).collect();
    let pool = pool(slots, Balance::Session, Hold::default());
    let claim = |session| Claim { priority: Priority::Other, session: Some(session) };
    let mut homes = Vec::new();
    for session in 0..60 {
        homes.push(admit(&pool, claim(session)).await.unwrap().instance.name.clone());
    }
    instances[0].set_health(Health::Down, 1);
    for (session, home) in homes.iter().enumerate() {
        let now = admit(&pool, claim(session as u64)).await.unwrap().instance.name.clone();
        assert!(now == *home || home.as_str() == "a", "session {session} moved from {home}");
        assert_ne!(now.as_str(), "a");
    }
    assert!(homes.iter().any(|home| home.as_str() == "a"), "nobody ever lived on a");
}

#[tokio::test]
async fn the_limit_of_an_instance_holds_and_those_in_checkout_go_first() {
    let pool = pool(vec![slot("a", 1, 1)], Balance::RoundRobin, Hold::default());
    let first = admit(&pool, ANYONE).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for (number, priority) in
        [Priority::Other, Priority::Cart, Priority::Checkout].into_iter().enumerate()
    {
        let (line, order) = (pool.clone(), order.clone());
        tasks.push(tokio::spawn(async move {
            let permit = admit(&line, Claim { priority, session: None }).await.unwrap();
            order.lock().unwrap().push(priority);
            drop(permit);
        }));
        while pool.facts().waiting.iter().sum::<u64>() != number as u64 + 1 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(pool.facts().queued, 3);
    drop(first);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [Priority::Checkout, Priority::Cart, Priority::Other]);
    assert_eq!((pool.facts().released, pool.facts().queued), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn the_held_wait_for_an_instance_and_are_let_go_at_a_pace() {
    let slot = slot("a", 1000, 1);
    let instance = slot.instance.clone();
    instance.set_health(Health::Down, 0);
    let hold = Hold { release_per_second: 10, ..Hold::default() };
    let pool = pool(vec![slot], Balance::RoundRobin, hold);
    let tasks: Vec<_> = (0..25)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { admit(&pool, ANYONE).await.unwrap() })
        })
        .collect();
    while pool.facts().held < 25 {
        tokio::task::yield_now().await;
    }
    instance.set_health(Health::Up, 0);
    pool.instance_up();
    assert_eq!(pool.facts().released, 1, "one goes at once, the others at the pace");
    assert!(pool.keep_pace());
    while pool.keep_pace() {
        // The pace is by the real clock, which a paused runtime does not stop.
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(pool.facts().released, 25);
}

#[tokio::test]
async fn who_comes_after_the_pause_does_not_wait_for_the_pace() {
    let slot = slot("a", 1000, 1);
    let instance = slot.instance.clone();
    instance.set_health(Health::Down, 0);
    let hold = Hold { release_per_second: 1, ..Hold::default() };
    let pool = pool(vec![slot], Balance::RoundRobin, hold);
    let held: Vec<_> = (0..3)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { admit(&pool, ANYONE).await })
        })
        .collect();
    while pool.facts().held < 3 {
        tokio::task::yield_now().await;
    }
    instance.set_health(Health::Up, 0);
    pool.instance_up();
    // Far more a second than the pace lets go: else a busy shop would never be itself again.
    for _ in 0..100 {
        drop(tokio::time::timeout(Duration::from_millis(100), admit(&pool, ANYONE)).await.unwrap());
    }
    assert_eq!(pool.facts().held, 2);
    held.iter().for_each(tokio::task::JoinHandle::abort);
    for task in held {
        drop(task.await);
    }
    assert!(!pool.keep_pace(), "nobody is held any more");
}

#[tokio::test(start_paused = true)]
async fn the_held_keep_their_time_when_the_instance_comes_and_goes() {
    let slot = slot("a", 1000, 1);
    let instance = slot.instance.clone();
    instance.set_health(Health::Down, 0);
    let hold =
        Hold { release_per_second: 1, max_wait_ms: 1000, queue_wait_ms: 0, ..Hold::default() };
    let pool = pool(vec![slot], Balance::RoundRobin, hold);
    let wait = || {
        let pool = pool.clone();
        tokio::spawn(async move { admit(&pool, ANYONE).await })
    };
    let first = [wait(), wait()];
    while pool.facts().held < 2 {
        tokio::task::yield_now().await;
    }
    instance.set_health(Health::Up, 0);
    pool.instance_up();
    instance.set_health(Health::Down, 0);
    let later = wait();
    while pool.facts().held < 2 {
        tokio::task::yield_now().await;
    }
    instance.set_health(Health::Up, 0);
    pool.instance_up();
    // The runtime's clock, which is paused; the wait that is allowed goes by the real one.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!later.is_finished(), "it was held like the others");
    first.iter().chain([&later]).for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_allowed_and_no_more_than_allowed_wait() {
    let slot = slot("a", 1, 1);
    slot.instance.set_health(Health::Down, 0);
    let hold = Hold { max_requests: 1, max_wait_ms: 30, ..Hold::default() };
    let pool = pool(vec![slot], Balance::RoundRobin, hold);
    let (first, second) = tokio::join!(admit(&pool, ANYONE), admit(&pool, ANYONE));
    assert_eq!(first.unwrap_err(), NoPlace::HoldExpired);
    assert_eq!(second.unwrap_err(), NoPlace::QueueFull);
    let facts = pool.facts();
    assert_eq!((facts.expired, facts.refused, facts.held), (1, 1, 0));
}

#[tokio::test]
async fn who_leaves_gives_the_place_in_line_back() {
    let pool = pool(vec![slot("a", 1, 1)], Balance::RoundRobin, Hold::default());
    let first = admit(&pool, ANYONE).await.unwrap();
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { admit(&pool, ANYONE).await }
    });
    while pool.facts().queued == 0 {
        tokio::task::yield_now().await;
    }
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!((pool.facts().left, pool.facts().queued), (1, 0));
    drop(first);
    assert_eq!(admit(&pool, ANYONE).await.unwrap().instance.in_flight(), 1);
}
