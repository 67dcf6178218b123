//! Handing a mail in: RFC 5321, with TLS by RFC 3207 and signing in by RFC 4954.

use super::{Letter, MailAccount, MailSecurity, MailServer, short, wire::Wire};
use crate::{
    outcome::{Conclusion, Phase, Reason},
    tls::Trust,
    trace::Trace,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::net::IpAddr;

struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    /// What stands behind a word of the extensions, if it is there.
    fn extension(&self, word: &str) -> Option<&str> {
        self.lines.iter().skip(1).find_map(|line| {
            let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
            first.eq_ignore_ascii_case(word).then_some(rest)
        })
    }
}

/// Ends when the server has taken it.
pub(super) async fn send(
    server: &MailServer,
    letter: &Letter<'_>,
    trust: &Trust,
    trace: &mut Trace,
) -> Result<(), Conclusion> {
    let text = letter.text()?;
    let wire = Wire::open(server, "smtp_malformed", letter.at_ms, trust, trace).await?;
    trace.enter(Phase::Processing);
    let mut session = Session { wire };
    session.expect("greeting", 220).await?;
    let mut hello = session.hello().await?;
    if server.security == MailSecurity::StartTls {
        if hello.extension("STARTTLS").is_none() {
            let reason = Reason::new("starttls_missing").with("server", server.host.as_str());
            return Err(Conclusion::Failed(reason));
        }
        session.ask("STARTTLS\r\n", "starttls", 220).await?;
        let wire = session.wire.secure(server, letter.at_ms, trust, trace).await?;
        trace.enter(Phase::Processing);
        session = Session { wire };
        // What was offered before may have been put in by anybody.
        hello = session.hello().await?;
    }
    if let Some(account) = &server.account {
        session.sign_in(account, &hello).await?;
    }
    session.ask(&format!("MAIL FROM:<{}>\r\n", letter.from), "mail", 250).await?;
    session.ask(&format!("RCPT TO:<{}>\r\n", letter.to), "rcpt", 250).await?;
    session.ask("DATA\r\n", "data", 354).await?;
    session.ask(&format!("{text}.\r\n"), "data", 250).await?;
    // It is taken: how we part changes nothing of that.
    session.wire.say("QUIT\r\n").await.ok();
    Ok(())
}

struct Session {
    wire: Wire,
}

impl Session {
    async fn hello(&mut self) -> Result<Reply, Conclusion> {
        // A name that is certainly ours there is none of (RFC 5321, 4.1.4).
        let own = self.wire.own_address().map(|address| address.ip().to_canonical());
        let name = match own {
            Some(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
            Some(IpAddr::V4(address)) => format!("[{address}]"),
            None => "localhost".to_owned(),
        };
        self.ask(&format!("EHLO {name}\r\n"), "ehlo", 250).await
    }

    async fn sign_in(&mut self, account: &MailAccount, hello: &Reply) -> Result<(), Conclusion> {
        let ways = hello.extension("AUTH").unwrap_or_default().to_ascii_uppercase();
        let has = |way: &str| ways.split(' ').any(|offered| offered == way);
        let MailAccount { user, password } = account;
        let password = password.reveal();
        if has("PLAIN") {
            let secret = STANDARD.encode(format!("\0{user}\0{password}"));
            self.ask(&format!("AUTH PLAIN {secret}\r\n"), "auth", 235).await?;
            return Ok(());
        }
        if !has("LOGIN") {
            let reason = Reason::new("smtp_refused").with("step", "auth");
            let said = format!("it offers neither PLAIN nor LOGIN: {}", short(&ways));
            return Err(Conclusion::Failed(reason.with("said", said)));
        }
        self.ask("AUTH LOGIN\r\n", "auth", 334).await?;
        self.ask(&format!("{}\r\n", STANDARD.encode(user)), "auth", 334).await?;
        self.ask(&format!("{}\r\n", STANDARD.encode(password)), "auth", 235).await?;
        Ok(())
    }

    async fn ask(&mut self, text: &str, step: &str, code: u16) -> Result<Reply, Conclusion> {
        self.wire.say(text).await?;
        self.expect(step, code).await
    }

    async fn expect(&mut self, step: &str, code: u16) -> Result<Reply, Conclusion> {
        let reply = self.reply().await?;
        // To a second recipient of the same machine, 251 is as good (RFC 5321, 4.2.3).
        if reply.code == code || (reply.code == 251 && code == 250) {
            return Ok(reply);
        }
        let said = format!("{} {}", reply.code, reply.lines.join(" "));
        let reason = Reason::new("smtp_refused").with("step", step).with("said", short(&said));
        Err(Conclusion::Failed(reason))
    }

    /// RFC 5321, 4.2.1: all lines but the last have a hyphen after their code.
    async fn reply(&mut self) -> Result<Reply, Conclusion> {
        let mut lines = Vec::new();
        loop {
            let line = self.wire.line().await?;
            let number = line.get(..3).filter(|code| code.bytes().all(|it| it.is_ascii_digit()));
            let Some(code) = number.and_then(|code| code.parse().ok()) else {
                return Err(self.wire.malformed(&line));
            };
            let is_last = match line.as_bytes().get(3) {
                None | Some(b' ') => true,
                Some(b'-') => false,
                _ => return Err(self.wire.malformed(&line)),
            };
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if is_last {
                return Ok(Reply { code, lines });
            }
        }
    }
}
