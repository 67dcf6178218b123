//! Looking into a mailbox: as much of RFC 9051 and RFC 3501 as finding one mail by its subject takes.

use super::{MailCheck, MailSecurity, short, wire::Wire};
use crate::{
    outcome::{Conclusion, Phase, Reason},
    trace::Trace,
};

/// Of what a search finds, as many are looked at.
const MOST_FOUND: usize = 10;

/// One that is open, on a connection that is signed in.
pub(super) struct Mailbox {
    wire: Wire,
    commands: u32,
    /// Whether one mail can be taken away and no others (RFC 4315).
    has_uid_expunge: bool,
}

impl Mailbox {
    pub(super) async fn open(
        check: &MailCheck,
        at_ms: i64,
        trace: &mut Trace,
    ) -> Result<Self, Conclusion> {
        let server = &check.imap;
        let impossible =
            |said: &str| Conclusion::Unknown(Reason::new("request_impossible").with("said", said));
        let account = server.account.as_ref();
        let account = account.ok_or_else(|| impossible("there is no account for IMAP"))?;
        let is_fit = |byte: u8| (b' '..=b'~').contains(&byte) && !b"\"\\".contains(&byte);
        if !check.mailbox.bytes().all(is_fit) {
            return Err(impossible("the mailbox has no name of IMAP"));
        }
        let wire = Wire::open(server, "imap_malformed", at_ms, &check.trust, trace).await?;
        trace.enter(Phase::Processing);
        let mut mailbox = Self { wire, commands: 0, has_uid_expunge: false };
        let greeting = mailbox.wire.line().await?;
        if !greeting.to_ascii_uppercase().starts_with("* OK") {
            return Err(refused("greeting", &greeting));
        }
        if server.security == MailSecurity::StartTls {
            mailbox = mailbox.secure(check, at_ms, trace).await?;
        }
        mailbox.sign_in(&account.user, account.password.reveal()).await?;
        let told = mailbox.ask("capability", "CAPABILITY").await?;
        let mut words = told.iter().flat_map(|line| line.split_ascii_whitespace());
        mailbox.has_uid_expunge = words.any(|word| word.eq_ignore_ascii_case("UIDPLUS"));
        mailbox.ask("select", &format!("SELECT \"{}\"", check.mailbox)).await?;
        Ok(mailbox)
    }

    async fn secure(
        mut self,
        check: &MailCheck,
        at_ms: i64,
        trace: &mut Trace,
    ) -> Result<Self, Conclusion> {
        let told = self.ask("capability", "CAPABILITY").await?;
        let mut words = told.iter().flat_map(|line| line.split_ascii_whitespace());
        if !words.any(|word| word.eq_ignore_ascii_case("STARTTLS")) {
            let host = check.imap.host.as_str();
            let reason = Reason::new("starttls_missing").with("server", host);
            return Err(Conclusion::Failed(reason));
        }
        self.ask("starttls", "STARTTLS").await?;
        let wire = self.wire.secure(&check.imap, at_ms, &check.trust, trace).await?;
        trace.enter(Phase::Processing);
        Ok(Self { wire, ..self })
    }

    /// Both as literals, which take whatever characters there are.
    async fn sign_in(&mut self, user: &str, password: &str) -> Result<(), Conclusion> {
        let tag = self.next_tag();
        self.wire.say(&format!("{tag} LOGIN {{{}}}\r\n", user.len())).await?;
        self.go_on(&tag).await?;
        self.wire.say(&format!("{user} {{{}}}\r\n", password.len())).await?;
        self.go_on(&tag).await?;
        self.wire.say(&format!("{password}\r\n")).await?;
        self.answer(&tag, "login").await?;
        Ok(())
    }

    /// The numbers (UID) of those with the token in their subject, ten at most.
    pub(super) async fn find(&mut self, token: &str) -> Result<Vec<u32>, Conclusion> {
        // Only so, some servers tell what is new (RFC 9051, 6.1.2).
        self.ask("noop", "NOOP").await?;
        let told = self.ask("search", &format!("UID SEARCH HEADER Subject \"{token}\"")).await?;
        let lists = told.iter().filter_map(|line| {
            let line = line.strip_prefix("* ")?;
            let (word, numbers) = line.split_once(' ')?;
            word.eq_ignore_ascii_case("SEARCH").then_some(numbers)
        });
        let numbers = lists.flat_map(str::split_ascii_whitespace);
        let found: Vec<u32> = numbers.filter_map(|it| it.parse().ok()).take(MOST_FOUND).collect();
        let mut certain = Vec::new();
        for number in found {
            // What is found is deleted: what the server thinks is alike is not enough.
            let command = format!("UID FETCH {number} (BODY.PEEK[HEADER.FIELDS (SUBJECT)])");
            let told = self.ask("fetch", &command).await?;
            let is_of_number = |line: &&String| has_uid(line, number);
            if told.iter().filter(is_of_number).any(|line| line.contains(token)) {
                certain.push(number);
            }
        }
        Ok(certain)
    }

    pub(super) async fn delete(&mut self, numbers: &[u32]) -> Result<(), Conclusion> {
        let list: Vec<String> = numbers.iter().map(u32::to_string).collect();
        let list = list.join(",");
        self.ask("store", &format!("UID STORE {list} +FLAGS.SILENT (\\Deleted)")).await?;
        let expunge = match self.has_uid_expunge {
            true => format!("UID EXPUNGE {list}"),
            false => "EXPUNGE".to_owned(),
        };
        self.ask("expunge", &expunge).await?;
        Ok(())
    }

    pub(super) async fn close(mut self) {
        let tag = self.next_tag();
        // All is done: how we part changes nothing of that.
        self.wire.say(&format!("{tag} LOGOUT\r\n")).await.ok();
    }

    fn next_tag(&mut self) -> String {
        self.commands += 1;
        format!("a{}", self.commands)
    }

    async fn ask(&mut self, step: &str, command: &str) -> Result<Vec<String>, Conclusion> {
        let tag = self.next_tag();
        self.wire.say(&format!("{tag} {command}\r\n")).await?;
        self.answer(&tag, step).await
    }

    /// What was told until the command was done, each with its literals in it.
    async fn answer(&mut self, tag: &str, step: &str) -> Result<Vec<String>, Conclusion> {
        let mut told = Vec::new();
        loop {
            let line = self.response().await?;
            if line.starts_with("* ") {
                told.push(line);
                continue;
            }
            let Some(done) = line.strip_prefix(tag).and_then(|rest| rest.strip_prefix(' ')) else {
                return Err(self.wire.malformed(&line));
            };
            let word = done.split(' ').next().unwrap_or_default();
            return match word.to_ascii_uppercase().as_str() {
                "OK" => Ok(told),
                "NO" | "BAD" => Err(refused(step, done)),
                _ => Err(self.wire.malformed(&line)),
            };
        }
    }

    /// Until the server wants the rest of the command.
    async fn go_on(&mut self, tag: &str) -> Result<(), Conclusion> {
        loop {
            let line = self.response().await?;
            if line.starts_with('+') {
                return Ok(());
            }
            if let Some(done) = line.strip_prefix(tag) {
                return Err(refused("login", done));
            }
            if !line.starts_with("* ") {
                return Err(self.wire.malformed(&line));
            }
        }
    }

    /// RFC 9051, 4.3: a line that ends with a length goes on after as many bytes.
    async fn response(&mut self) -> Result<String, Conclusion> {
        let mut whole = self.wire.line().await?;
        while let Some(length) = literal(&whole) {
            let block = self.wire.block(length).await?;
            whole.push_str("\r\n");
            whole.push_str(&block);
            // So that what the block ends with is no length.
            whole.push(' ');
            whole.push_str(&self.wire.line().await?);
        }
        Ok(whole)
    }
}

fn literal(line: &str) -> Option<usize> {
    let inner = line.strip_suffix('}')?;
    let (_, length) = inner.rsplit_once('{')?;
    let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    // One that no number can hold is longer than all that is read.
    is_number.then(|| length.parse().unwrap_or(usize::MAX))
}

/// `* 4 FETCH (UID 7 BODY…`, in whatever order.
fn has_uid(line: &str, number: u32) -> bool {
    let mut words = line.split(['(', ')', ' ', '\r']);
    let is_uid = words.any(|word| word.eq_ignore_ascii_case("UID"));
    is_uid && words.next().is_some_and(|word| word.parse() == Ok(number))
}

fn refused(step: &str, said: &str) -> Conclusion {
    let reason = Reason::new("imap_refused").with("step", step);
    Conclusion::Failed(reason.with("said", short(said)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_comes_after_it() {
        let check = |line: &str, expect: Option<usize>| assert_eq!(literal(line), expect, "{line}");
        check("* 4 FETCH (UID 7 BODY[HEADER] {123}", Some(123));
        check("* 4 FETCH {0}", Some(0));
        check("* OK {}", None);
        check("* OK {12a}", None);
        check("* OK 12}", None);
        check("* OK {99999999999999999999999}", Some(usize::MAX));
    }

    #[test]
    fn the_mail_that_was_asked_for_is_known_by_its_number() {
        let check = |line: &str, is: bool| assert_eq!(has_uid(line, 7), is, "{line}");
        check("* 4 FETCH (UID 7 BODY[HEADER] {2}\r\nab )", true);
        check("* 4 FETCH (BODY[HEADER] {2}\r\nab UID 7)", true);
        check("* 7 FETCH (UID 8 BODY[HEADER] NIL)", false);
        check("* 7 FETCH (FLAGS ())", false);
        check("* 7 FETCH (UID", false);
    }

    #[test]
    fn no_line_makes_it_panic() {
        bolero::check!().with_type::<(String, u32)>().for_each(|(line, number)| {
            assert!(!has_uid(line, *number) || line.contains(&number.to_string()));
            let told = literal(&format!("{line}{{{number}}}"));
            assert_eq!(told, Some(*number as usize), "{line}");
            assert!(literal(line).is_none() || line.ends_with('}'));
        });
    }
}
