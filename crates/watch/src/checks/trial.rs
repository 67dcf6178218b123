//! One check as the configuration says it, made ready, and what comes of trying it once.

use super::{
    CheckEvidence, CheckPhase, CheckPlaced, CheckReason, CheckState, CheckStep, heard::Heard,
};
use crate::orders::now_ms;
use ::checks::{
    AddressFamily, BOOTSTRAP, Beats, Check, Conclusion, DnsCheck, DnsServer, DomainCheck,
    Expectation, ExpectedRecords, Heartbeat, HttpCheck, MailQuestion, MailSetupCheck, Outcome,
    Phase, PingCheck, Protocol, RecordType, TcpCheck, Trust,
    journey::{self, Journey, Placing, Script, StepSeen, Walk},
};
use kernel::{
    config::{
        CheckSettings, CheckTarget, DnsRecord, DnsTarget, HeartbeatTarget, HttpTarget,
        JourneyTarget, MailTarget,
    },
    readings::Readings,
};
use std::{fs, path::Path, time::Duration};

/// What is read of a page.
const BODY_BYTES: u64 = 4 << 20;
/// Echoes of one ping; one may be lost.
const PACKETS: u16 = 3;
const LOST_ALLOWED: u16 = 1;

/// What is tried.
#[derive(Debug)]
pub(super) enum Trial {
    Check(Box<Check>),
    Journey(Box<Journey>),
    /// By what was heard of it.
    Heartbeat {
        heartbeat: Heartbeat,
        name: String,
        heard: Heard,
    },
}

/// What came of a try.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    /// Unix milliseconds.
    pub(super) at_ms: i64,
    pub(super) state: CheckState,
    pub(super) took_ms: f64,
    pub(super) reason: Option<CheckReason>,
    pub(super) phases: Vec<CheckPhase>,
    pub(super) http_status: Option<u16>,
    pub(super) address: Option<String>,
    pub(super) certificate_ends_ms: Option<i64>,
    pub(super) steps: Vec<CheckStep>,
    pub(super) evidence: Option<CheckEvidence>,
    pub(super) placed: Option<CheckPlaced>,
    pub(super) readings: Readings,
}

impl Trial {
    /// As the configuration says, with the certificates that it believes and the script that it follows. Reads files.
    ///
    /// # Errors
    /// What came of it: it could not even begin.
    pub(super) fn prepare(
        settings: &CheckSettings,
        platform: Option<&str>,
        heard: &Heard,
    ) -> Result<Self, Box<Tried>> {
        if let CheckTarget::Heartbeat(HeartbeatTarget { every_ms, grace_ms }) = settings.target {
            let heartbeat = Heartbeat { every_ms, grace_ms };
            let (name, heard) = (settings.name.clone(), heard.clone());
            return Ok(Self::Heartbeat { heartbeat, name, heard });
        }
        let untried =
            |code, said| Box::new(Tried::of_outcome(None, &Outcome::untried(now_ms(), code, said)));
        let trust = trust(settings.root.as_deref());
        let trust = trust.map_err(|said| untried("root_unreadable", said))?;
        Ok(match &settings.target {
            CheckTarget::Journey(target) => {
                let script = script(target, platform);
                let script = script.map_err(|said| untried("script_unreadable", said))?;
                Self::Journey(Box::new(walk_of(target, script, trust)))
            }
            target => Self::Check(Box::new(check_of(target, trust))),
        })
    }

    /// Tries it once, in so long at most.
    pub(super) async fn run(&self, within: Duration) -> Tried {
        let at_ms = now_ms();
        match self {
            Self::Check(check) => {
                Tried::of_outcome(Some(check), &::checks::run(check, at_ms, within).await)
            }
            Self::Journey(journey) => Tried::of_walk(journey::walk(journey, at_ms, within).await),
            Self::Heartbeat { heartbeat, name, heard } => {
                Tried::of_beats(heartbeat, &heard.of(name), at_ms)
            }
        }
    }
}

impl Tried {
    /// `check` is none of what could not begin.
    pub(super) fn of_outcome(check: Option<&Check>, outcome: &Outcome) -> Self {
        let mut readings = Readings::new();
        if let Some(check) = check {
            ::checks::readings(check, outcome, &[], &mut readings);
        }
        let phase = |(phase, seconds): &(Phase, f64)| CheckPhase {
            phase: phase.word().to_owned(),
            took_ms: milliseconds(*seconds),
        };
        let seen = &outcome.seen;
        Self {
            at_ms: outcome.at_ms,
            state: state_of(&outcome.conclusion),
            took_ms: milliseconds(outcome.took_seconds),
            reason: reason_of(&outcome.conclusion),
            phases: outcome.phases.iter().map(phase).collect(),
            http_status: seen.http.as_ref().map(|http| http.status),
            address: seen.address.map(|address| address.to_string()),
            certificate_ends_ms: seen.tls.as_ref().and_then(::checks::TlsSeen::earliest_expiry_ms),
            steps: Vec::new(),
            evidence: None,
            placed: None,
            readings,
        }
    }

    fn of_beats(heartbeat: &Heartbeat, beats: &Beats, at_ms: i64) -> Self {
        let conclusion = heartbeat.judge(beats, at_ms);
        let mut readings = Readings::new();
        if let Some(succeeded_ms) = beats.succeeded_ms {
            let seconds = succeeded_ms as f64 / 1_000.0;
            readings.put("storewarden_heartbeat_last_success_timestamp_seconds", &[], seconds);
        }
        let untried = Outcome::untried(at_ms, "heartbeat_never_seen", String::new());
        let mut tried = Self::of_outcome(None, &Outcome { conclusion, ..untried });
        tried.readings = readings;
        tried
    }

    fn of_walk(walk: Walk) -> Self {
        let mut readings = Readings::new();
        journey::readings(&walk, &[], &mut readings);
        let step = |step: &StepSeen| CheckStep {
            step: step.name.clone(),
            took_ms: milliseconds(step.seconds),
            http_status: step.status,
            state: state_of(&step.conclusion),
        };
        Self {
            at_ms: walk.at_ms,
            state: state_of(&walk.conclusion),
            took_ms: milliseconds(walk.steps.iter().map(|step| step.seconds).sum()),
            reason: reason_of(&walk.conclusion),
            phases: Vec::new(),
            http_status: walk.steps.last().and_then(|step| step.status),
            address: None,
            certificate_ends_ms: None,
            steps: walk.steps.iter().map(step).collect(),
            evidence: walk.evidence.map(|seen| CheckEvidence {
                step: seen.step,
                http_status: seen.status,
                body: seen.body,
            }),
            placed: walk.placed.map(|placed| CheckPlaced {
                order: placed.order,
                is_cancelled: placed.is_cancelled,
            }),
            readings,
        }
    }
}

fn state_of(conclusion: &Conclusion) -> CheckState {
    match conclusion {
        Conclusion::Passed => CheckState::Ok,
        Conclusion::Failed(_) => CheckState::Failing,
        Conclusion::Unknown(_) => CheckState::Unknown,
    }
}

fn reason_of(conclusion: &Conclusion) -> Option<CheckReason> {
    match conclusion {
        Conclusion::Passed => None,
        Conclusion::Failed(reason) | Conclusion::Unknown(reason) => {
            Some(CheckReason { code: reason.code.to_owned(), params: reason.params.clone() })
        }
    }
}

fn milliseconds(seconds: f64) -> f64 {
    (seconds * 10_000.0).round() / 10.0
}

fn trust(root: Option<&Path>) -> Result<Trust, String> {
    let Some(path) = root else { return Ok(Trust::of_machine()) };
    let said = |error: String| format!("{}: {error}", path.display());
    let pem = fs::read(path).map_err(|error| said(error.to_string()))?;
    Trust::of_machine_and(&pem).map_err(said)
}

/// One of one's own by its path, one that comes along by its name, else that of the platform.
fn script(target: &JourneyTarget, platform: Option<&str>) -> Result<Script, String> {
    match target.script.as_deref() {
        Some(path) if path.starts_with('/') => {
            let said = |error: String| format!("{path}: {error}");
            let text = fs::read_to_string(path).map_err(|error| said(error.to_string()))?;
            Script::parse(&text).map_err(|error| said(error.to_string()))
        }
        named => {
            let name = named.or(platform).unwrap_or_default();
            Script::of_platform(name).ok_or_else(|| {
                let known: Vec<&str> = Script::platforms().collect();
                format!("there is no script `{name}`; there are {}", known.join(", "))
            })
        }
    }
}

fn walk_of(target: &JourneyTarget, script: Script, trust: Trust) -> Journey {
    let placing = target.place_with.as_ref().map_or(Placing::Before, |told| {
        let told = told.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned()));
        Placing::With(told.collect())
    });
    let variables = target.with.iter().cloned().collect();
    Journey { script, base: target.base.clone(), variables, trust, placing }
}

fn check_of(target: &CheckTarget, trust: Trust) -> Check {
    match target {
        CheckTarget::Http(page) => Check::Http(http(page, trust)),
        CheckTarget::Tcp(port) => Check::Tcp(TcpCheck {
            host: port.host.clone(),
            port: port.port,
            family: AddressFamily::Any,
            banner: port.banner.clone(),
        }),
        CheckTarget::Ping { host } => Check::Ping(PingCheck {
            host: host.clone(),
            family: AddressFamily::Any,
            packets: PACKETS,
            lost_allowed: LOST_ALLOWED,
            within: None,
        }),
        CheckTarget::Dns(dns) => Check::Dns(records(dns)),
        CheckTarget::Domain { name, days_left } => Check::Domain(DomainCheck {
            domain: name.clone(),
            bootstrap: BOOTSTRAP.to_owned(),
            days_left: *days_left,
            trust,
        }),
        CheckTarget::Mail(mail) => {
            Check::MailSetup(MailSetupCheck { question: question(mail), server: None })
        }
        CheckTarget::Journey(_) | CheckTarget::Heartbeat(_) => {
            unreachable!("invariant: a journey is walked, and a heartbeat awaited")
        }
    }
}

fn http(page: &HttpTarget, trust: Trust) -> HttpCheck {
    let contains = page.contains.iter().cloned().map(Expectation::BodyContains);
    let lacks = page.lacks.iter().cloned().map(Expectation::BodyLacks);
    HttpCheck {
        method: http::Method::GET,
        url: page.url.clone(),
        headers: http::HeaderMap::new(),
        body: Default::default(),
        expected_status: page.status.clone(),
        expectations: contains.chain(lacks).collect(),
        body_limit_bytes: BODY_BYTES,
        redirects: page.redirects as usize,
        family: AddressFamily::Any,
        protocol: Protocol::Any,
        trust,
    }
}

fn records(dns: &DnsTarget) -> DnsCheck {
    let record_type = match dns.record {
        DnsRecord::A => RecordType::A,
        DnsRecord::Aaaa => RecordType::Aaaa,
        DnsRecord::Caa => RecordType::Caa,
        DnsRecord::Cname => RecordType::Cname,
        DnsRecord::Mx => RecordType::Mx,
        DnsRecord::Ns => RecordType::Ns,
        DnsRecord::Txt => RecordType::Txt,
    };
    let expected = match dns.expects.as_slice() {
        [] => ExpectedRecords::Exist,
        all => ExpectedRecords::AllOf(all.to_vec()),
    };
    let server = dns.server.map(|at| DnsServer { host: at.ip().to_string(), port: at.port() });
    DnsCheck { name: dns.name.clone(), record_type, expected, server }
}

fn question(mail: &MailTarget) -> MailQuestion {
    match mail.clone() {
        MailTarget::Spf { domain } => MailQuestion::Spf { domain },
        MailTarget::Dkim { domain, selector } => MailQuestion::Dkim { domain, selector },
        MailTarget::Dmarc { domain } => MailQuestion::Dmarc { domain },
        MailTarget::Unlisted { address, list } => MailQuestion::Unlisted { address, list },
    }
}
