//! Child processes that end with the test.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Timeout until a program listens.
const START: Duration = Duration::from_secs(30);

/// A running program; killed when dropped.
pub(super) struct Program {
    /// The address from its log; the system chooses the port, so that tests do not collide.
    pub(super) address: String,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Program {
    /// Starts it and waits until it logs its address.
    pub(super) fn start(mut command: Command, package: &str) -> Self {
        let name = command.get_program().display().to_string();
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{name} (package {package}): {error}"));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let (sender, addresses) = channel();
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if let Some(address) = listening_address(&line) {
                    // The test may no longer receive; the log is stored anyway.
                    let _gone = sender.send(address);
                }
                lines.lock().unwrap().push(line);
            }
        });
        let mut program = Self { address: String::new(), child, log };
        program.address = program.first(&addresses);
        program
    }

    /// The end of its log.
    pub(super) fn said(&self) -> String {
        let log = self.log.lock().unwrap();
        log.iter().skip(log.len().saturating_sub(20)).cloned().collect::<Vec<_>>().join("\n")
    }

    fn first(&mut self, addresses: &Receiver<String>) -> String {
        addresses.recv_timeout(START).unwrap_or_else(|_| {
            panic!("it never listened (ended: {:?}); it said:\n{}", self.child.try_wait(), self.said())
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may already have exited.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The address in `… msg="Listening on" address=127.0.0.1:40181`; other lines repeat the flag, whose port is 0.
fn listening_address(line: &str) -> Option<String> {
    let is_it = ["Listening on", "message=listening", "msg=listening"].iter().any(|word| line.contains(word));
    let address = line.split_once(" address=")?.1.split([' ', '"']).next()?;
    (is_it && !address.ends_with(":0")).then(|| address.to_owned())
}

/// The first of these programs that is installed.
pub(super) fn installed(names: &[&str], package: &str) -> Command {
    let there = |name: &&&str| Command::new(name).arg("--version").output().is_ok();
    match names.iter().find(there) {
        Some(name) => Command::new(name),
        None => panic!("{} is not installed; on Debian: apt-get install {package}", names[0]),
    }
}

/// Runs a program that checks something; it must succeed.
pub(super) fn run(name: &str, package: &str, arguments: &[&str], input: &str) {
    let mut command = Command::new(name);
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("{name} is not installed; on Debian: apt-get install {package}")
        }
        Err(error) => panic!("{name}: {error}"),
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{name} {}:\n{out}{err}", arguments.join(" "));
}
