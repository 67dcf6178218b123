//! Passwords: what is asked of them, and their hashes.
//!
//! Argon2id with 19 MiB, two passes and one lane (OWASP Password Storage Cheat Sheet, 2024), written
//! as PHC strings, so that other parameters may follow. Hashing is dear on purpose; few are hashed
//! at once, so that strangers cannot make us do nothing else.

use crate::ApiError;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use std::{sync::LazyLock, time::Duration};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
/// Hashes made at once.
const AT_ONCE: usize = 2;
/// How long one waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// Characters of a password: long ones are better than odd ones (NIST SP 800-63B, 5.1.1.2).
const SHORTEST: usize = 12;
const LONGEST: usize = 256;

/// The hash of a password that nobody has: whoever does not exist is refused as slowly as others.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let parameters = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}");
    format!("{parameters}${}${}", "A".repeat(22), "A".repeat(43))
});

/// Makes and checks hashes, a few at once.
#[derive(Debug)]
pub(crate) struct Passwords {
    turns: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE) }
    }
}

impl Passwords {
    /// The hash of a new password, as a PHC string.
    ///
    /// # Errors
    /// When the password is too short or too long, or too many are waiting.
    pub(crate) async fn hash(&self, password: String) -> Result<String, ApiError> {
        judge(&password)?;
        self.in_turn(move || {
            let salt = rand::random::<[u8; SALT_BYTES]>();
            let hash = hasher().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string())
                .map_err(|error| ApiError::Failed(format!("a password was not hashed: {error}")))
        })
        .await?
    }

    /// Whether a password is the one of this hash. Takes the same time where there is no hash.
    ///
    /// # Errors
    /// When too many are waiting.
    pub(crate) async fn verify(
        &self,
        hash: Option<String>,
        password: String,
    ) -> Result<bool, ApiError> {
        self.in_turn(move || {
            let is_known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.clone());
            let Ok(hash) = PasswordHash::new(&hash) else { return false };
            // The parameters are the hash's own.
            hasher().verify_password(password.as_bytes(), &hash).is_ok() && is_known
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = timeout(TURN, self.turns.acquire()).await;
        let _turn = turn.ok().and_then(Result::ok).ok_or(ApiError::Unavailable)?;
        spawn_blocking(work).await.map_err(|_| ApiError::Unavailable)
    }
}

fn judge(password: &str) -> Result<(), ApiError> {
    let length = password.chars().count();
    if (SHORTEST..=LONGEST).contains(&length) {
        return Ok(());
    }
    Err(ApiError::Refused {
        code: "weak_password",
        message: format!("a password has {SHORTEST} to {LONGEST} characters"),
    })
}

fn hasher() -> Argon2<'static> {
    let parameters = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .expect("invariant: the parameters are within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse battery".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let fits = async |hash: Option<&str>, password: &str| {
            passwords.verify(hash.map(ToOwned::to_owned), password.to_owned()).await.unwrap()
        };
        assert!(fits(Some(&hash), "correct horse battery").await);
        assert!(!fits(Some(&hash), "correct horse batterx").await);
        assert!(!fits(None, "correct horse battery").await);
        assert!(!fits(Some("none"), "").await);
        assert!(PasswordHash::new(&NOBODY).is_ok(), "nobody's hash is a real one");
    }

    #[test]
    fn a_password_is_long_enough() {
        let check = |password: &str, expect| assert_eq!(judge(password).is_ok(), expect);
        check("elevenchars", false);
        check("twelve chars", true);
        check("zwölf zeiche", true);
        check(&"x".repeat(256), true);
        check(&"x".repeat(257), false);
    }
}
