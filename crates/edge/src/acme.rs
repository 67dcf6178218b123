//! One certificate ordered from an ACME authority by HTTP-01 (RFC 8555 §8.3).
//!
//! Asks, proves and fetches; knows neither where certificates are kept nor how an edge comes to
//! answer a challenge: the caller publishes and says when that is done.

use crate::certificates::{self, CertificateError};
use instant_acme::{
    Account, AccountBuilder, AccountCredentials, AuthorizationStatus, ChallengeType, Error,
    Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use kernel::snapshot::Challenge;
use std::{path::PathBuf, time::Duration};

/// What is ordered, and from whom.
#[derive(Debug, Clone)]
pub struct AcmeOrder {
    /// The address of the authority's directory, https.
    pub directory: String,
    /// E-mail addresses without `mailto:`.
    pub contact: Vec<String>,
    /// A root certificate (PEM file) to trust instead of the system's.
    pub root: Option<PathBuf>,
    /// The account as a former order gave it back; `None` makes one.
    pub account: Option<String>,
    /// DNS names without wildcards; at least one.
    pub hosts: Vec<String>,
}

/// A certificate as the authority gave it.
pub struct Ordered {
    pub chain_pem: String,
    pub key_pem: String,
    /// To be kept for the next order; holds the account's private key.
    pub account_json: String,
    /// Unix milliseconds.
    pub not_after_ms: i64,
}

impl std::fmt::Debug for Ordered {
    /// Never prints the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ordered").field("not_after_ms", &self.not_after_ms).finish_non_exhaustive()
    }
}

/// Why there is no certificate. All but [`AcmeError::Wildcard`] and [`AcmeError::Account`] may go
/// away by themselves: try again later, and not often, since authorities count failures.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    #[error("`{0}` cannot be proved by HTTP-01: wildcards need another challenge")]
    Wildcard(String),
    #[error("read the kept ACME account")]
    Account(#[source] serde_json::Error),
    #[error("reach the authority at {directory}")]
    Reach { directory: String, source: Error },
    #[error("open an account at {directory}")]
    Register { directory: String, source: Error },
    #[error("{step} for {hosts}")]
    Order { step: &'static str, hosts: String, source: Error },
    #[error("the authority offers no HTTP-01 challenge for {0}")]
    NoHttp01(String),
    #[error("the authority could not confirm {host}: {reason}")]
    Unconfirmed { host: String, reason: String },
    #[error("the order for {hosts} took longer than {} s", WHOLE_TIMEOUT.as_secs())]
    TooLong { hosts: String },
    #[error("look into the new certificate")]
    Certificate(#[from] CertificateError),
}

/// An order that takes longer is given up.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(180);
/// How long the authority may take to check the challenges, and again to sign.
const POLLING: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(250))
    .backoff(1.5)
    .timeout(Duration::from_secs(75));

/// Orders a certificate for `order.hosts`.
///
/// `publish` is called with all challenges to be answered, and once more with none when they are
/// over, also after a failure; it returns when every edge answers accordingly.
///
/// # Errors
/// Says which step failed for which host; nothing is left published.
pub async fn order(
    order: AcmeOrder,
    publish: impl AsyncFn(Vec<Challenge>),
) -> Result<Ordered, AcmeError> {
    if let Some(host) = order.hosts.iter().find(|host| host.contains('*')) {
        return Err(AcmeError::Wildcard(host.clone()));
    }
    let hosts = order.hosts.join(", ");
    let ordered = tokio::time::timeout(WHOLE_TIMEOUT, order_within(&order, &publish)).await;
    publish(Vec::new()).await;
    ordered.unwrap_or(Err(AcmeError::TooLong { hosts }))
}

async fn order_within(
    wanted: &AcmeOrder,
    publish: &impl AsyncFn(Vec<Challenge>),
) -> Result<Ordered, AcmeError> {
    let hosts = wanted.hosts.join(", ");
    let failed = |step| {
        let hosts = hosts.clone();
        move |source| AcmeError::Order { step, hosts, source }
    };
    let identifiers: Vec<_> = wanted.hosts.iter().cloned().map(Identifier::Dns).collect();
    let new_order = NewOrder::new(&identifiers);
    let (mut account, mut account_json) = match &wanted.account {
        Some(json) => (restore(wanted, json).await?, json.clone()),
        None => register(wanted).await?,
    };
    let mut order = match account.new_order(&new_order).await {
        // The authority forgot the account, as a test authority does at every start.
        Err(Error::Api(problem)) if is_unknown_account(&problem) => {
            (account, account_json) = register(wanted).await?;
            account.new_order(&new_order).await
        }
        other => other,
    }
    .map_err(failed("begin an order"))?;

    let challenges = challenges(&mut order).await?;
    if !challenges.is_empty() {
        publish(challenges).await;
        set_ready(&mut order).await.map_err(failed("offer the challenges"))?;
    }
    match order.poll_ready(&POLLING).await {
        Ok(OrderStatus::Invalid) => return Err(unconfirmed(&mut order, &hosts).await),
        Ok(_) => {}
        Err(Error::Api(_)) => return Err(unconfirmed(&mut order, &hosts).await),
        Err(error) => return Err(failed("wait for the challenges")(error)),
    }
    let key_pem = order.finalize().await.map_err(failed("hand in the key"))?;
    let chain_pem =
        order.poll_certificate(&POLLING).await.map_err(failed("fetch the certificate"))?;
    let not_after_ms = certificates::inspect(&chain_pem)?.not_after_ms;
    Ok(Ordered { chain_pem, key_pem, account_json, not_after_ms })
}

fn builder(wanted: &AcmeOrder) -> Result<AccountBuilder, AcmeError> {
    let builder = match &wanted.root {
        Some(root) => Account::builder_with_root(root),
        None => Account::builder(),
    };
    builder.map_err(|source| AcmeError::Reach { directory: wanted.directory.clone(), source })
}

async fn restore(wanted: &AcmeOrder, json: &str) -> Result<Account, AcmeError> {
    let credentials: AccountCredentials = serde_json::from_str(json).map_err(AcmeError::Account)?;
    let restored = builder(wanted)?.from_credentials(credentials).await;
    restored.map_err(|source| AcmeError::Reach { directory: wanted.directory.clone(), source })
}

async fn register(wanted: &AcmeOrder) -> Result<(Account, String), AcmeError> {
    let contact: Vec<_> = wanted.contact.iter().map(|mail| format!("mailto:{mail}")).collect();
    let contact: Vec<_> = contact.iter().map(String::as_str).collect();
    let new = NewAccount {
        contact: &contact,
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let directory = || wanted.directory.clone();
    let (account, credentials) = builder(wanted)?
        .create(&new, directory(), None)
        .await
        .map_err(|source| AcmeError::Register { directory: directory(), source })?;
    let json = serde_json::to_string(&credentials).map_err(AcmeError::Account)?;
    Ok((account, json))
}

fn is_unknown_account(problem: &instant_acme::Problem) -> bool {
    problem.r#type.as_deref() == Some("urn:ietf:params:acme:error:accountDoesNotExist")
}

/// The challenges that are still open; none when the authority remembers its last look.
async fn challenges(order: &mut Order) -> Result<Vec<Challenge>, AcmeError> {
    let mut challenges = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(|source| {
            let (step, hosts) = ("read the authorizations", "the order".to_owned());
            AcmeError::Order { step, hosts, source }
        })?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let host = authorization.identifier().to_string();
        let challenge = authorization.challenge(ChallengeType::Http01);
        let challenge = challenge.ok_or(AcmeError::NoHttp01(host))?;
        challenges.push(Challenge {
            token: challenge.token.clone(),
            key_authorization: challenge.key_authorization().as_str().to_owned(),
        });
    }
    Ok(challenges)
}

async fn set_ready(order: &mut Order) -> Result<(), Error> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        if let Some(mut challenge) = authorization.challenge(ChallengeType::Http01) {
            challenge.set_ready().await?;
        }
    }
    Ok(())
}

/// Which host the authority could not confirm, in its own words.
async fn unconfirmed(order: &mut Order, hosts: &str) -> AcmeError {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        let problem = state.challenges.iter().find_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = problem {
            let host = state.identifier().to_string();
            return AcmeError::Unconfirmed { host, reason: problem.to_string() };
        }
    }
    let reason = "no reason was given".to_owned();
    AcmeError::Unconfirmed { host: hosts.to_owned(), reason }
}
