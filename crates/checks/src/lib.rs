//! Trying from outside whether something answers as it should, as a visitor or a customer would.
//!
//! A check is a value, running it takes a moment and a deadline, and what comes out is another value: what was seen, in which phases, and
//! why it is not as it should be. When it runs, and what is made of it, is for others to say.
//!
//! Nothing is tried twice, no proxy is read from the environment, and whatever the other side sends is bounded, in time and in length.
//! Addresses, headers and bodies may hold secrets, so that no outcome and no `Debug` tells more of an address than scheme and host.

mod address;
mod connection;
mod dns;
mod domain;
mod heartbeat;
mod http;
pub mod journey;
mod mail;
mod mail_setup;
mod outcome;
mod ping;
mod readings;
mod tcp;
mod tls;
mod trace;

pub use connection::AddressFamily;
pub use dns::{DnsCheck, DnsServer, ExpectedRecords, RecordType};
pub use domain::{BOOTSTRAP, DomainCheck};
pub use heartbeat::{Beat, Beats, Heartbeat, Signal};
pub use http::{Expectation, HttpCheck, Protocol};
pub use mail::{MailAccount, MailCheck, MailSecurity, MailServer};
pub use mail_setup::{MailQuestion, MailSetupCheck};
pub use outcome::{
    CertificateSeen, Conclusion, DnsSeen, HttpSeen, Outcome, Phase, PingSeen, Reason, Seen, TlsSeen,
};
pub use ping::PingCheck;
pub use readings::readings;
pub use tcp::TcpCheck;
pub use tls::Trust;

use std::time::Duration;
use trace::Trace;

/// What is tried.
#[derive(Debug, Clone)]
pub enum Check {
    Http(HttpCheck),
    Tcp(TcpCheck),
    Dns(DnsCheck),
    MailSetup(MailSetupCheck),
    Domain(DomainCheck),
    Ping(PingCheck),
    Mail(MailCheck),
}

/// Tries it once. It takes no longer than the deadline, whatever the other side does; what was seen until then is told.
///
/// `at_ms` is the moment by which certificates are judged, unix milliseconds, and that of the outcome.
/// Wants a runtime with its network and its clock switched on.
pub async fn run(check: &Check, at_ms: i64, deadline: Duration) -> Outcome {
    let mut trace = Trace::begin();
    let tried = async {
        match check {
            Check::Http(check) => check.attempt(at_ms, &mut trace).await,
            Check::Tcp(check) => check.attempt(&mut trace).await,
            Check::Dns(check) => check.attempt(&mut trace).await,
            Check::MailSetup(check) => check.attempt(&mut trace).await,
            Check::Domain(check) => check.attempt(at_ms, &mut trace).await,
            Check::Ping(check) => check.attempt(&mut trace).await,
            Check::Mail(check) => check.attempt(at_ms, &mut trace).await,
        }
    };
    let conclusion = match tokio::time::timeout(deadline, tried).await {
        Ok(Ok(())) => Conclusion::Passed,
        Ok(Err(why)) => why,
        Err(_) => trace.timed_out(deadline),
    };
    trace.finish(at_ms, conclusion)
}
