//! Programs that are spoken with through pipes. Blocks its thread.

use super::{Spawn, as_pid};
use crate::HostError;
use rustix::process::{Signal, kill_process_group};
use std::{
    os::fd::OwnedFd,
    process::{Child, ExitStatus, Stdio},
};

/// A running program. Dropping it kills it with its group, and waits for it.
#[derive(Debug)]
pub struct Piped(Child);

/// Our ends of its pipes. Closing the first tells a well-behaved program that it should end.
#[derive(Debug)]
pub struct Ends {
    /// What it reads as its input.
    pub input: OwnedFd,
    pub output: OwnedFd,
    pub errors: OwnedFd,
}

/// Starts a program whose input and outputs are ours. What [`Spawn`] says of both is passed over.
///
/// # Errors
/// As of [`Spawn::start`].
pub fn start_piped(spawn: Spawn) -> Result<(Piped, Ends), HostError> {
    let program = spawn.display_program();
    let mut command = spawn.into_command()?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| HostError::Start { program, source })?;
    let ends = Ends {
        input: child.stdin.take().expect("invariant: it was asked for").into(),
        output: child.stdout.take().expect("invariant: it was asked for").into(),
        errors: child.stderr.take().expect("invariant: it was asked for").into(),
    };
    Ok((Piped(child), ends))
}

impl Piped {
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Waits until it ends. Who has not closed the program's input may wait for ever.
    ///
    /// # Errors
    /// Only when the kernel does not know the process as ours.
    pub fn wait(&mut self) -> Result<ExitStatus, HostError> {
        let pid = self.0.id();
        self.0.wait().map_err(|source| HostError::Wait { pid, source })
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        // It may end at this very moment, and then there is nothing to kill.
        let _ = kill_process_group(as_pid(self.0.id()), Signal::KILL);
        // Nobody is left to be told how it ended.
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs::File,
        io::{Read as _, Write as _},
    };

    #[test]
    fn it_is_spoken_with_and_ends_with_its_value() {
        let (cat, ends) = start_piped(Spawn::new("cat")).unwrap();
        let mut input = File::from(ends.input);
        let mut output = File::from(ends.output);
        input.write_all(b"lamp").unwrap();
        let mut said = [0; 4];
        output.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"lamp");
        let pid = cat.pid();
        drop(cat);
        assert!(!super::super::exists(pid));
    }

    #[test]
    fn it_ends_with_its_input_when_it_is_well() {
        let (mut cat, ends) = start_piped(Spawn::new("cat")).unwrap();
        drop(ends.input);
        assert!(cat.wait().unwrap().success());
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = start_piped(Spawn::new("/nowhere/lamp")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/lamp"), "{error}");
    }
}
