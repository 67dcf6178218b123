//! How often somebody may try to sign in. The first tries are free; each further one that fails
//! doubles the wait, per account and per address. Nobody is ever locked out for good, and the
//! command line of the machine is not asked at all.
//!
//! Every try counts as failed until it is known to have succeeded, so that many at once gain
//! nothing.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};
use store::TokenHash;

/// Failures after which one has to wait. Many people may share one address.
const FREE_OF_ACCOUNT: u32 = 5;
const FREE_OF_ADDRESS: u32 = 20;
const FIRST_WAIT_MS: i64 = 1_000;
const LONGEST_WAIT_MS: i64 = 15 * 60 * 1_000;
/// Silence after which failures are forgotten.
const MEMORY_MS: i64 = 60 * 60 * 1_000;
/// Accounts and addresses that are remembered; beyond, the one that was quiet longest is forgotten.
const REMEMBERED: usize = 10_000;

/// Whose tries are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// By the hash of the name, which may be anything somebody typed.
    Account(TokenHash),
    /// An IPv4 address, or an IPv6 network of 64 bits, since one person has that many.
    Address([u8; 8]),
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    failures: u32,
    last_ms: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Throttle {
    tries: Mutex<HashMap<Counted, Tries>>,
}

impl Counted {
    /// `None` for this machine itself: through a tunnel or a proxy it may be anybody.
    pub(crate) fn address(address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
        let network = match address {
            _ if address.is_loopback() => return None,
            IpAddr::V4(address) => u64::from(u32::from(address)),
            IpAddr::V6(address) => u64::try_from(u128::from(address) >> 64).unwrap_or_default(),
        };
        Some(Self::Address(network.to_be_bytes()))
    }

    fn free(self) -> u32 {
        match self {
            Self::Account(_) => FREE_OF_ACCOUNT,
            Self::Address(_) => FREE_OF_ADDRESS,
        }
    }
}

impl Throttle {
    /// Counts a try, if one is allowed now.
    ///
    /// # Errors
    /// How long to wait, in milliseconds; the try does not count then.
    pub(crate) fn attempt(&self, who: &[Counted], now_ms: i64) -> Result<(), i64> {
        let mut tries = self.lock();
        let wait = who.iter().filter_map(|counted| {
            tries.get(counted).map(|before| before.wait_ms(counted.free(), now_ms))
        });
        let wait = wait.max().unwrap_or(0);
        if wait > 0 {
            return Err(wait);
        }
        for counted in who {
            make_room(&mut tries, *counted, now_ms);
            let entry = tries.entry(*counted).or_insert(Tries { failures: 0, last_ms: now_ms });
            if now_ms - entry.last_ms > MEMORY_MS {
                entry.failures = 0;
            }
            *entry = Tries { failures: entry.failures.saturating_add(1), last_ms: now_ms };
        }
        Ok(())
    }

    /// The try was no failure, though no success either: it is as if it had not been.
    pub(crate) fn take_back(&self, who: &[Counted]) {
        let mut tries = self.lock();
        for counted in who {
            if let Some(entry) = tries.get_mut(counted) {
                entry.failures = entry.failures.saturating_sub(1);
            }
        }
    }

    /// The try was a success: its account starts anew. Its address does not, or whoever has one
    /// account could try all others.
    pub(crate) fn succeed(&self, who: &[Counted]) {
        self.take_back(who);
        let mut tries = self.lock();
        for counted in who.iter().filter(|counted| matches!(counted, Counted::Account(_))) {
            tries.remove(counted);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Counted, Tries>> {
        // Counting leaves nothing half done.
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tries {
    fn wait_ms(self, free: u32, now_ms: i64) -> i64 {
        let since = now_ms - self.last_ms;
        if self.failures < free || since > MEMORY_MS {
            return 0;
        }
        let doublings = (self.failures - free).min(20);
        let wait = (FIRST_WAIT_MS << doublings).min(LONGEST_WAIT_MS);
        // A clock that was set back makes nobody wait longer than that.
        (wait - since).clamp(0, LONGEST_WAIT_MS)
    }
}

fn make_room(tries: &mut HashMap<Counted, Tries>, newcomer: Counted, now_ms: i64) {
    if tries.len() < REMEMBERED || tries.contains_key(&newcomer) {
        return;
    }
    tries.retain(|_, before| now_ms - before.last_ms <= MEMORY_MS);
    if tries.len() >= REMEMBERED
        && let Some(quietest) =
            tries.iter().min_by_key(|(_, before)| before.last_ms).map(|(counted, _)| *counted)
    {
        tries.remove(&quietest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(n: u32) -> Counted {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&n.to_be_bytes());
        Counted::Account(hash)
    }

    #[test]
    fn each_failure_beyond_the_free_ones_doubles_the_wait() {
        let throttle = Throttle::default();
        let anna = [account(1)];
        for now in 0..5 {
            assert_eq!(throttle.attempt(&anna, now), Ok(()));
        }
        let mut now = 4;
        let mut waits = Vec::new();
        for _ in 0..12 {
            let wait = throttle.attempt(&anna, now).unwrap_err();
            assert_eq!(throttle.attempt(&anna, now + wait - 1), Err(1));
            now += wait;
            assert_eq!(throttle.attempt(&anna, now), Ok(()));
            waits.push(wait / 1000);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(throttle.attempt(&[account(2)], now), Ok(()), "others need not wait");
        assert_eq!(throttle.attempt(&anna, now + MEMORY_MS + 1), Ok(()));
        assert_eq!(throttle.attempt(&anna, now + MEMORY_MS + 1), Ok(()), "all is forgotten");
    }

    #[test]
    fn a_success_frees_the_account_and_not_the_address() {
        let throttle = Throttle::default();
        let address = Counted::address("192.0.2.1".parse().unwrap()).unwrap();
        for n in 0..20 {
            assert_eq!(throttle.attempt(&[account(n), address], 0), Ok(()));
            if n == 7 {
                throttle.succeed(&[account(n), address]);
            }
        }
        assert_eq!(throttle.attempt(&[account(50), address], 0), Ok(()));
        assert_eq!(throttle.attempt(&[account(51), address], 0), Err(1_000));
        assert_eq!(throttle.attempt(&[account(51)], 0), Ok(()));
        throttle.take_back(&[account(50), address]);
        assert_eq!(throttle.attempt(&[account(50), address], 0), Ok(()));
    }

    #[test]
    fn an_address_is_as_wide_as_one_persons() {
        let address = |text: &str| Counted::address(text.parse().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_eq!((address("127.0.0.1"), address("::1")), (None, None));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let throttle = Throttle::default();
        for n in 0..u32::try_from(REMEMBERED).unwrap() + 3 {
            throttle.attempt(&[account(n)], i64::from(n)).unwrap();
        }
        let tries = throttle.lock();
        assert_eq!(tries.len(), REMEMBERED);
        assert!(!tries.contains_key(&account(2)) && tries.contains_key(&account(3)));
    }
}
