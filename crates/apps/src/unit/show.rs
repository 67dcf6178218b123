//! What `systemctl show` says of a unit: lines of `Name=value`, the same in every language and
//! version (org.freedesktop.systemd1(5)).

use crate::{Exit, InstanceState, Life};

/// What is asked for, in one go.
pub(super) const PROPERTIES: &str = "LoadState,ActiveState,SubState,MainPID,InvocationID,Result,\
     ExecMainCode,ExecMainStatus,ExecMainStartTimestampMonotonic,ActiveEnterTimestampMonotonic";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shown {
    load: String,
    active: String,
    sub: String,
    main_pid: u32,
    invocation: String,
    result: String,
    exit_code: i32,
    exit_status: i32,
    /// Microseconds of the clock that never jumps; 0: never.
    main_start_us: u64,
    active_enter_us: u64,
}

/// The state that systemd calls so is none that we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Strange(pub(super) String);

impl Shown {
    /// Reads all that is known and passes over the rest. A number that is none is strange.
    pub(super) fn parse(text: &str) -> Result<Self, Strange> {
        fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Strange> {
            value.parse().map_err(|_| Strange(format!("`{name}={value}` is no number")))
        }
        let mut shown = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match name {
                "LoadState" => shown.load = value.to_owned(),
                "ActiveState" => shown.active = value.to_owned(),
                "SubState" => shown.sub = value.to_owned(),
                "InvocationID" => shown.invocation = value.to_owned(),
                "Result" => shown.result = value.to_owned(),
                "MainPID" => shown.main_pid = number(name, value)?,
                "ExecMainCode" => shown.exit_code = number(name, value)?,
                "ExecMainStatus" => shown.exit_status = number(name, value)?,
                "ExecMainStartTimestampMonotonic" => shown.main_start_us = number(name, value)?,
                "ActiveEnterTimestampMonotonic" => shown.active_enter_us = number(name, value)?,
                _ => {}
            }
        }
        Ok(shown)
    }

    pub(super) fn is_unknown_to_systemd(&self) -> bool {
        self.load == "not-found"
    }

    pub(super) fn is_masked(&self) -> bool {
        self.load == "masked"
    }

    pub(super) fn is_active(&self) -> bool {
        self.active == "active"
    }

    /// Whether systemd must be told to forget failures before it starts it again.
    pub(super) fn is_failed(&self) -> bool {
        self.active == "failed"
    }

    /// The state, without the lines that a failed one had said. `now_ms` is unix milliseconds,
    /// `monotonic_ms` the same moment by the clock that never jumps.
    pub(super) fn state(&self, now_ms: i64, monotonic_ms: u64) -> Result<InstanceState, Strange> {
        let failed = |retries| InstanceState::Failed {
            exit: self.exit(),
            retries,
            again_at_ms: None,
            last_lines: Vec::new(),
        };
        Ok(match (self.active.as_str(), self.sub.as_str()) {
            // A reload is no start: who runs goes on.
            ("active" | "reloading" | "refreshing", _) => self.running(now_ms, monotonic_ms),
            // Newer ones say `auto-restart-queued` for a moment.
            ("activating", sub) if sub.starts_with("auto-restart") => failed(true),
            ("activating", _) => InstanceState::Starting,
            ("deactivating", _) => InstanceState::Stopping,
            ("inactive", _) => InstanceState::Stopped,
            ("failed", _) => failed(false),
            (other, _) => return Err(Strange(format!("its state is \"{other}\""))),
        })
    }

    fn running(&self, now_ms: i64, monotonic_ms: u64) -> InstanceState {
        let started_us = Some(self.main_start_us).filter(|at| *at > 0);
        let started_ms = started_us.unwrap_or(self.active_enter_us) / 1_000;
        let age = i64::try_from(monotonic_ms.saturating_sub(started_ms)).unwrap_or(i64::MAX);
        InstanceState::Running {
            pid: Some(self.main_pid).filter(|pid| *pid > 0),
            since_ms: now_ms.saturating_sub(age),
            life: Life(format!("{}.{}", self.invocation, self.main_pid)),
        }
    }

    /// By the `CLD_` codes of waitid(2).
    fn exit(&self) -> Exit {
        const EXITED: i32 = 1;
        const KILLED: i32 = 2;
        const DUMPED: i32 = 3;
        match self.exit_code {
            EXITED => Exit::Code { code: self.exit_status },
            KILLED | DUMPED => Exit::Signal { signal: self.exit_status },
            _ => Exit::NotStarted { why: self.result.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_systemd_are_states_of_ours() {
        let check = |text: &str, expect: Result<InstanceState, &str>| {
            let state = Shown::parse(text).and_then(|shown| shown.state(10_000, 5_000));
            assert_eq!(state, expect.map_err(|why| Strange(why.to_owned())), "{text}");
        };
        let failed = |exit, retries| {
            Ok(InstanceState::Failed { exit, retries, again_at_ms: None, last_lines: Vec::new() })
        };
        let life = Life("ab12.41".to_owned());
        check(
            "MainPID=41\nInvocationID=ab12\nExecMainStartTimestampMonotonic=2000000\n\
             ActiveState=active\nSubState=running\nLoadState=loaded\nSomething=else\n",
            Ok(InstanceState::Running { pid: Some(41), since_ms: 7_000, life }),
        );
        let died = "ExecMainCode=1\nExecMainStatus=3\nResult=exit-code\n";
        let code = Exit::Code { code: 3 };
        check(&format!("{died}ActiveState=failed\nSubState=failed\n"), failed(code.clone(), false));
        let restarts = "ActiveState=activating\nSubState=auto-restart\n";
        check(&format!("{died}{restarts}"), failed(code, true));
        let killed = "ExecMainCode=2\nExecMainStatus=9\nActiveState=failed\n";
        check(killed, failed(Exit::Signal { signal: 9 }, false));
        let why = "resources".to_owned();
        check("Result=resources\nActiveState=failed\n", failed(Exit::NotStarted { why }, false));
        check("ActiveState=activating\nSubState=start\n", Ok(InstanceState::Starting));
        check("ActiveState=deactivating\n", Ok(InstanceState::Stopping));
        check("ActiveState=inactive\n", Ok(InstanceState::Stopped));
        check("ActiveState=dreaming\n", Err("its state is \"dreaming\""));
        check("", Err("its state is \"\""));
        check("MainPID=x\n", Err("`MainPID=x` is no number"));
    }

    #[test]
    fn no_text_makes_it_panic() {
        bolero::check!().with_type::<(String, i64, u64)>().for_each(|(text, now, monotonic)| {
            if let Ok(shown) = Shown::parse(text) {
                assert!(shown.state(*now, *monotonic).is_ok() || !shown.is_active());
            }
        });
    }
}
