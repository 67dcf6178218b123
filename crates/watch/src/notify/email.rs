//! By mail. A connection for each message: they are few, and an idle one is one more thing that
//! breaks.

use super::Message;
use crate::WatchError;
use kernel::config::{SmtpSecurity, SmtpSettings};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use std::time::Duration;

/// A mail server and whom to write to.
#[derive(Debug)]
pub struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Email {
    pub(super) fn new(smtp: &SmtpSettings, addresses: &[String]) -> Result<Self, WatchError> {
        let mailbox = |text: &String| {
            let address: Result<Address, _> = text.parse();
            let unfit = |_| WatchError::NotifySettings(format!("`{text}` is no mail address"));
            Ok::<_, WatchError>(Mailbox::new(None, address.map_err(unfit)?))
        };
        let mut transport =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(smtp.host.as_str())
                .port(smtp.port)
                .tls(tls(smtp)?);
        if let Some((user, password)) = smtp.user.as_ref().zip(smtp.password.as_ref()) {
            let password = password.reveal().to_owned();
            transport = transport.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self {
            transport: transport.build(),
            from: mailbox(&smtp.from)?,
            to: addresses.iter().map(mailbox).collect::<Result<_, _>>()?,
        })
    }

    /// Each reader gets a mail of their own, so that one address that is refused leaves the others
    /// theirs.
    pub(super) async fn send(
        &self,
        message: &Message,
        deadline: Duration,
    ) -> Result<(), WatchError> {
        let mut outcome = Ok(());
        for to in &self.to {
            let mail = self.mail(message, to.clone())?;
            let sent = match tokio::time::timeout(deadline, self.transport.send(mail)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) if error.is_permanent() => {
                    Err(WatchError::NotifyRefused(format!("{}: {}", to.email, story(&error))))
                }
                Ok(Err(error)) => Err(WatchError::NotifyFailed(story(&error))),
                Err(_) => {
                    let why = format!("the mail server did not answer within {deadline:?}");
                    Err(WatchError::NotifyFailed(why))
                }
            };
            // What may still arrive matters more than what never will.
            let is_final = matches!(outcome, Err(WatchError::NotifyFailed(_)));
            outcome = if is_final { outcome } else { sent.and(outcome) };
        }
        outcome
    }

    fn mail(&self, message: &Message, to: Mailbox) -> Result<Mail, WatchError> {
        let domain = self.from.email.domain();
        // The same message has the same id, however often it is sent (RFC 5322 §3.6.4).
        let id = format!("<{}@{domain}>", message.dedup);
        let mut mail = Mail::builder()
            .from(self.from.clone())
            .to(to)
            .subject(message.title.clone())
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN)
            .header(AutoSubmitted);
        if let Some(subject) = &message.subject {
            // All of an incident in one thread.
            mail = mail.references(format!("<incident-{}@{domain}>", subject.id));
        }
        let unfit = |error| WatchError::NotifySettings(format!("no mail can be made: {error}"));
        mail.body(format!("{}\n", message.text)).map_err(unfit)
    }
}

/// Nobody's holiday should answer it (RFC 3834 §5).
#[derive(Clone)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn tls(smtp: &SmtpSettings) -> Result<Tls, WatchError> {
    let parameters = || {
        let mut builder = TlsParameters::builder(smtp.host.clone());
        if let Some(root) = &smtp.root {
            let unfit = |why: String| {
                WatchError::NotifySettings(format!("certificate `{}`: {why}", root.display()))
            };
            let pem = std::fs::read(root).map_err(|error| unfit(error.to_string()))?;
            let certificate =
                Certificate::from_pem(&pem).map_err(|error| unfit(error.to_string()))?;
            builder = builder.add_root_certificate(certificate);
        }
        let unfit = |error| WatchError::NotifySettings(format!("TLS to the mail server: {error}"));
        builder.build_rustls().map_err(unfit)
    };
    Ok(match smtp.security {
        SmtpSecurity::Tls => Tls::Wrapper(parameters()?),
        SmtpSecurity::StartTls => Tls::Required(parameters()?),
        SmtpSecurity::None => Tls::None,
    })
}

/// An error with what lies behind it.
fn story(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        behind = error.source();
    }
    text
}
