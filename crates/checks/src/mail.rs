//! Whether a mail that is sent arrives, and how long it takes: out by SMTP, back by IMAP.
//!
//! The mailbox is opened first, so that none is sent that nobody could find. What is found is deleted again, and nothing else.

use crate::{
    outcome::{Conclusion, Phase, Reason},
    tls::Trust,
    trace::Trace,
};
use imap::Mailbox;
use kernel::config::Secret;
use std::time::{Duration, Instant};

mod imap;
mod smtp;
mod wire;

/// Between two looks into the mailbox: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What is told of what a server says.
const TOLD_CHARS: usize = 200;

#[derive(Debug, Clone)]
pub struct MailCheck {
    /// Plain addresses: `check@shop.example`.
    pub from: String,
    pub to: String,
    /// Without an account, nobody signs in.
    pub smtp: MailServer,
    /// It needs an account.
    pub imap: MailServer,
    /// `INBOX` as a rule; best one that nobody else reads.
    pub mailbox: String,
    /// From its being taken to its being there. The deadline of the run should leave some more.
    pub within: Duration,
    pub trust: Trust,
}

#[derive(Debug, Clone)]
pub struct MailServer {
    /// A name or an address, the latter without brackets.
    pub host: String,
    pub port: u16,
    pub security: MailSecurity,
    pub account: Option<MailAccount>,
}

#[derive(Debug, Clone)]
pub struct MailAccount {
    pub user: String,
    pub password: Secret,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// From the first byte: ports 465 and 993.
    Tls,
    /// After asking for it, and never without: ports 587 and 143.
    StartTls,
    /// Readable by whoever listens, passwords as well.
    None,
}

/// What is sent.
struct Letter<'a> {
    from: &'a str,
    to: &'a str,
    /// By which it is found again.
    token: String,
    at_ms: i64,
}

impl MailCheck {
    pub(crate) async fn attempt(&self, at_ms: i64, trace: &mut Trace) -> Result<(), Conclusion> {
        for address in [&self.from, &self.to] {
            if !is_address(address) {
                let reason = Reason::new("mail_address_invalid");
                return Err(Conclusion::Unknown(reason.with("address", short(address))));
            }
        }
        let mut mailbox = Mailbox::open(self, at_ms, trace).await?;
        let token = format!("storewarden-{:032x}", rand::random::<u128>());
        let letter = Letter { from: &self.from, to: &self.to, token, at_ms };
        smtp::send(&self.smtp, &letter, &self.trust, trace).await?;
        trace.enter(Phase::Transfer);
        let sent = Instant::now();
        let found = self.wait(&mut mailbox, &letter.token, sent).await?;
        trace.seen.mail_arrived_after_seconds = Some(sent.elapsed().as_secs_f64());
        mailbox.delete(&found).await?;
        mailbox.close().await;
        Ok(())
    }

    /// The numbers it has there, at least one.
    async fn wait(
        &self,
        mailbox: &mut Mailbox,
        token: &str,
        sent: Instant,
    ) -> Result<Vec<u32>, Conclusion> {
        let mut pause = FIRST_PAUSE;
        loop {
            let found = mailbox.find(token).await?;
            if !found.is_empty() {
                return Ok(found);
            }
            let left = self.within.saturating_sub(sent.elapsed());
            if left.is_zero() {
                let within_ms = u64::try_from(self.within.as_millis()).unwrap_or(u64::MAX);
                let reason = Reason::new("mail_not_arrived").with("within_ms", within_ms);
                return Err(Conclusion::Failed(reason));
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Letter<'_> {
    /// RFC 5322; nobody's holiday should answer it (RFC 3834, 5).
    fn text(&self) -> Result<String, Conclusion> {
        let Self { from, to, token, at_ms } = self;
        let bad =
            |_| Conclusion::Unknown(Reason::new("request_impossible").with("said", "its date"));
        let at = jiff::Timestamp::from_millisecond(*at_ms).map_err(bad)?;
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&at);
        let date = date.map_err(bad)?;
        let domain = from.rsplit('@').next().unwrap_or_default();
        let lines = [
            format!("Date: {date}"),
            format!("From: <{from}>"),
            format!("To: <{to}>"),
            // The one header that every server can look for.
            format!("Subject: {token}"),
            format!("Message-ID: <{token}@{domain}>"),
            "Auto-Submitted: auto-generated".to_owned(),
            "MIME-Version: 1.0".to_owned(),
            "Content-Type: text/plain; charset=us-ascii".to_owned(),
            String::new(),
            "This mail tries whether mail arrives. It is deleted by itself.".to_owned(),
        ];
        Ok(lines.map(|line| line + "\r\n").concat())
    }
}

/// As far as it must not become anything else on the way: one line, one command.
fn is_address(text: &str) -> bool {
    let is_fit =
        text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\\\"(),:;".contains(&byte));
    let parts = text.split_once('@');
    let is_whole = parts.is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@')
    });
    is_fit && is_whole && text.len() <= 254
}

fn short(text: &str) -> String {
    text.trim().chars().take(TOLD_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_are_written_to() {
        let check = |text: &str, is: bool| assert_eq!(is_address(text), is, "{text}");
        check("check+1@shop.example", true);
        check("check@shop.example\r\nRCPT TO:<all@shop.example>", false);
        check("check@shop.example>", false);
        check("check", false);
        check("@shop.example", false);
        check("check@", false);
        check("a@b@c", false);
        check("chéck@shop.example", false);
    }

    #[test]
    fn a_letter_has_its_token_and_ends_its_lines() {
        let letter = Letter {
            from: "check@shop.example",
            to: "box@shop.example",
            token: "storewarden-1".to_owned(),
            at_ms: 1_767_225_600_000,
        };
        let text = letter.text().unwrap();
        assert!(text.starts_with("Date: Thu, 1 Jan 2026 00:00:00 "), "{text}");
        assert!(text.contains("\r\nSubject: storewarden-1\r\n"));
        assert!(text.contains("\r\nMessage-ID: <storewarden-1@shop.example>\r\n"));
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        // None of its lines must be taken for the end.
        assert!(!text.contains("\r\n."));
    }
}
