//! A mail server for one mailbox: it takes mail by SMTP and shows it by IMAP, and misbehaves where a test wants it.

use crate::stand::Stand;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use checks::{MailAccount, MailCheck, MailSecurity, MailServer, Trust};
use kernel::config::Secret;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

pub(crate) const USER: &str = "box";
/// With all that could end a text or a command too early.
pub(crate) const PASSWORD: &str = "pä\"ss\\ {3}";

#[derive(Clone)]
pub(crate) struct Mail {
    pub(crate) number: u32,
    pub(crate) text: String,
    pub(crate) is_deleted: bool,
}

/// How it differs from one that does all as it should.
#[derive(Clone, Default)]
pub(crate) struct Manners {
    /// Of SMTP: commands that begin so are answered so.
    pub(crate) refuses: Option<(&'static str, &'static str)>,
    pub(crate) offers_login_only: bool,
    /// Nothing that comes is ever shown.
    pub(crate) loses: bool,
    /// It is shown after so many looks.
    pub(crate) late_by: usize,
    /// Each search finds every mail.
    pub(crate) finds_all: bool,
    pub(crate) lacks_uid_expunge: bool,
    /// What comes with the answer to STARTTLS, before TLS.
    pub(crate) whispers: &'static str,
    pub(crate) tls: Option<TlsAcceptor>,
}

#[derive(Clone)]
pub(crate) struct Office {
    pub(crate) mails: Arc<Mutex<Vec<Mail>>>,
    manners: Arc<Manners>,
}

pub(crate) struct PostOffice {
    pub(crate) office: Office,
    smtp: Stand,
    imap: Stand,
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

type Reader = BufReader<Box<dyn Wire>>;

/// `None`: the other side is gone.
async fn line(reader: &mut Reader) -> Option<String> {
    let mut line = String::new();
    let read = reader.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}

async fn say(reader: &mut Reader, text: &str) {
    // Whoever was shown enough may be gone.
    reader.write_all(format!("{text}\r\n").as_bytes()).await.ok();
    reader.flush().await.ok();
}

impl PostOffice {
    pub(crate) async fn open(manners: Manners) -> Self {
        let old = |number, subject: &str, is_deleted| Mail {
            number,
            text: format!("Subject: {subject}\r\n\r\nold\r\n"),
            is_deleted,
        };
        let mails = vec![old(3, "Order 1", false), old(5, "Thrown away by somebody", true)];
        let mails = Arc::new(Mutex::new(mails));
        let office = Office { mails, manners: Arc::new(manners) };
        let (first, second) = (office.clone(), office.clone());
        let smtp = Stand::start(move |stream| first.clone().take(stream)).await;
        let imap = Stand::start(move |stream| second.clone().show(stream)).await;
        Self { office, smtp, imap }
    }

    pub(crate) fn check(&self, security: [MailSecurity; 2], trust: Trust) -> MailCheck {
        let server = |stand: &Stand, security| MailServer {
            host: "localhost".to_owned(),
            port: stand.address.port(),
            security,
            account: Some(MailAccount {
                user: USER.to_owned(),
                password: Secret::new(PASSWORD.to_owned()),
            }),
        };
        MailCheck {
            from: "check@shop.example".to_owned(),
            to: "box@shop.example".to_owned(),
            smtp: server(&self.smtp, security[0]),
            imap: server(&self.imap, security[1]),
            mailbox: "INBOX".to_owned(),
            within: Duration::from_secs(30),
            trust,
        }
    }

    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.office.mails.lock().unwrap().iter().map(|mail| mail.number).collect()
    }
}

impl Office {
    async fn take(self, stream: TcpStream) {
        let mut reader: Reader = BufReader::new(Box::new(stream));
        say(&mut reader, "220 mail.example ESMTP").await;
        let mut is_known = false;
        while let Some(command) = line(&mut reader).await {
            let word = command.split([' ', ':']).next().unwrap().to_ascii_uppercase();
            let refused = self.manners.refuses.filter(|(begin, _)| command.starts_with(begin));
            if let Some((_, answer)) = refused {
                say(&mut reader, answer).await;
                continue;
            }
            match word.as_str() {
                "EHLO" => {
                    assert_eq!(command, "EHLO [127.0.0.1]");
                    let ways = if self.manners.offers_login_only { "LOGIN" } else { "PLAIN LOGIN" };
                    say(&mut reader, "250-mail.example\r\n250-STARTTLS").await;
                    say(&mut reader, &format!("250-AUTH {ways}\r\n250 SIZE 1000")).await;
                }
                "STARTTLS" => {
                    say(
                        &mut reader,
                        format!("220 go on\r\n{}", self.manners.whispers).trim_end_matches("\r\n"),
                    )
                    .await;
                    let tls = self.manners.tls.clone().unwrap();
                    let Ok(stream) = tls.accept(reader.into_inner()).await else { return };
                    reader = BufReader::new(Box::new(stream));
                }
                "AUTH" => {
                    is_known = self.sign_in(&command, &mut reader).await;
                    let answer = if is_known { "235 welcome" } else { "535 who are you?" };
                    say(&mut reader, answer).await;
                }
                _ if word == "QUIT" => return say(&mut reader, "221 bye").await,
                _ if !is_known => say(&mut reader, "530 sign in first").await,
                "MAIL" => say(&mut reader, "250 good").await,
                "RCPT" => say(&mut reader, "250 good").await,
                "DATA" => {
                    say(&mut reader, "354 go on").await;
                    let Some(text) = letter(&mut reader).await else { return };
                    self.keep(text);
                    say(&mut reader, "250 taken").await;
                }
                _ => say(&mut reader, "500 what?").await,
            }
        }
    }

    async fn sign_in(&self, command: &str, reader: &mut Reader) -> bool {
        let decode = |text: &str| String::from_utf8(STANDARD.decode(text).unwrap()).unwrap();
        if let Some(secret) = command.strip_prefix("AUTH PLAIN ") {
            return decode(secret) == format!("\0{USER}\0{PASSWORD}");
        }
        assert_eq!(command, "AUTH LOGIN");
        say(reader, "334 VXNlcm5hbWU6").await;
        let user = decode(&line(reader).await.unwrap());
        say(reader, "334 UGFzc3dvcmQ6").await;
        let password = decode(&line(reader).await.unwrap());
        (user.as_str(), password.as_str()) == (USER, PASSWORD)
    }

    fn keep(&self, text: String) {
        if self.manners.loses {
            return;
        }
        let mut mails = self.mails.lock().unwrap();
        let number = mails.last().map_or(1, |mail| mail.number + 1);
        mails.push(Mail { number, text, is_deleted: false });
    }

    async fn show(self, stream: TcpStream) {
        let mut reader: Reader = match &self.manners.tls {
            None => BufReader::new(Box::new(stream)),
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => BufReader::new(Box::new(stream)),
                Err(_) => return,
            },
        };
        say(&mut reader, "* OK ready").await;
        let mut looks = 0;
        while let Some(command) = line(&mut reader).await {
            let (tag, command) = command.split_once(' ').unwrap();
            let mut told = String::new();
            let mut done = "OK done";
            if let Some(length) = command.strip_prefix("LOGIN ") {
                done = match login(&mut reader, length).await {
                    true => "OK welcome",
                    false => "NO [AUTHENTICATIONFAILED] who are you?",
                };
            } else if command == "CAPABILITY" {
                let more = if self.manners.lacks_uid_expunge { "" } else { " UIDPLUS" };
                told = format!("* CAPABILITY IMAP4rev1{more}\r\n");
            } else if command == "SELECT \"INBOX\"" {
                told = "* 2 EXISTS\r\n* FLAGS (\\Deleted)\r\n".to_owned();
            } else if let Some(wanted) = command.strip_prefix("UID SEARCH HEADER Subject ") {
                looks += 1;
                told = self.search(wanted.trim_matches('"'), looks);
            } else if let Some(wanted) = command.strip_prefix("UID FETCH ") {
                let (number, what) = wanted.split_once(' ').unwrap();
                assert_eq!(what, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])");
                told = self.fetch(number.parse().unwrap());
            } else if let Some(wanted) = command.strip_prefix("UID STORE ") {
                let (number, what) = wanted.split_once(' ').unwrap();
                assert_eq!(what, "+FLAGS.SILENT (\\Deleted)");
                self.mark(number.parse().unwrap());
            } else if let Some(number) = command.strip_prefix("UID EXPUNGE ") {
                self.expunge(Some(number.parse().unwrap()));
            } else if command == "EXPUNGE" {
                self.expunge(None);
            } else if command == "LOGOUT" {
                told = "* BYE\r\n".to_owned();
            } else if command != "NOOP" {
                done = "BAD what?";
            }
            say(&mut reader, &format!("{told}{tag} {done}")).await;
        }
    }

    fn search(&self, token: &str, looks: usize) -> String {
        let mails = self.mails.lock().unwrap();
        let is_found = |mail: &&Mail| {
            self.manners.finds_all || (mail.text.contains(token) && looks > self.manners.late_by)
        };
        let found = mails.iter().filter(is_found);
        let numbers: Vec<String> = found.map(|mail| mail.number.to_string()).collect();
        format!("* SEARCH {}\r\n", numbers.join(" "))
    }

    fn fetch(&self, number: u32) -> String {
        let mails = self.mails.lock().unwrap();
        let mail = mails.iter().find(|mail| mail.number == number).unwrap();
        let subject = mail.text.lines().find(|line| line.starts_with("Subject: ")).unwrap();
        let subject = format!("{subject}\r\n\r\n");
        let length = subject.len();
        format!(
            "* 1 FETCH (UID {number} BODY[HEADER.FIELDS (SUBJECT)] {{{length}}}\r\n{subject})\r\n"
        )
    }

    fn mark(&self, number: u32) {
        let mut mails = self.mails.lock().unwrap();
        let mail = mails.iter_mut().find(|mail| mail.number == number).unwrap();
        mail.is_deleted = true;
    }

    fn expunge(&self, only: Option<u32>) {
        let is_meant = |mail: &Mail| only.is_none_or(|number| number == mail.number);
        self.mails.lock().unwrap().retain(|mail| !mail.is_deleted || !is_meant(mail));
    }
}

/// As far as the lone dot.
async fn letter(reader: &mut Reader) -> Option<String> {
    let mut text = String::new();
    loop {
        match line(reader).await?.as_str() {
            "." => return Some(text),
            line => text.push_str(&format!("{line}\r\n")),
        }
    }
}

/// Both come as literals.
async fn login(reader: &mut Reader, first: &str) -> bool {
    async fn literal(reader: &mut Reader, announced: &str) -> String {
        let length = announced.trim_matches(['{', '}']).parse().unwrap();
        say(reader, "+ go on").await;
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }
    let user = literal(reader, first).await;
    let second = line(reader).await.unwrap();
    let password = literal(reader, second.trim()).await;
    assert_eq!(line(reader).await.unwrap(), "");
    (user.as_str(), password.as_str()) == (USER, PASSWORD)
}
