//! The real binary.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{SECRET, SECRET_ENV};

/// Timeout of every operation of the binary.
const DEADLINE: Duration = Duration::from_secs(10);

/// A running binary; killed when dropped.
pub(crate) struct Program {
    child: Child,
    log: Arc<(Mutex<Log>, Condvar)>,
    stdout: Option<JoinHandle<String>>,
}

#[derive(Default)]
struct Log {
    text: String,
    ended: bool,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new((Mutex::new(Log::default()), Condvar::new()));
        let (stderr, written) = (child.stderr.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                written.0.lock().unwrap().text.push_str(&(line + "\n"));
                written.1.notify_all();
            }
            written.0.lock().unwrap().ended = true;
            written.1.notify_all();
        });
        let mut out = child.stdout.take().unwrap();
        let stdout = std::thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, log, stdout: Some(stdout) }
    }

    /// The log, once it meets a condition.
    pub(crate) fn log_when(&self, condition: impl Fn(&str) -> bool) -> String {
        self.wait(|log| condition(&log.text))
    }

    fn wait(&self, condition: impl Fn(&Log) -> bool) -> String {
        let log = self.log.0.lock().unwrap();
        let (log, timed_out) = self.log.1.wait_timeout_while(log, DEADLINE, |log| !condition(log)).unwrap();
        assert!(!timed_out.timed_out(), "not within {DEADLINE:?}; the log:\n{}", log.text);
        log.text.clone()
    }

    /// `http://127.0.0.1:PORT`, once it listens.
    pub(crate) fn url(&self) -> String {
        let address = |log: &str| {
            let (_, after) = log.split_once("127.0.0.1:")?;
            let port: String = after.chars().take_while(char::is_ascii_digit).collect();
            log.contains("listening").then(|| format!("http://127.0.0.1:{port}"))
        };
        address(&self.log_when(|log| address(log).is_some())).unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Exit code, log and standard output, once it has exited, and how long that took.
    pub(crate) fn end(mut self) -> (Option<i32>, String, String, Duration) {
        let asked = Instant::now();
        let log = self.wait(|log| log.ended);
        let code = self.child.wait().unwrap().code();
        (code, log, self.stdout.take().unwrap().join().unwrap(), asked.elapsed())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may already have exited.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str], input: Option<&str>) -> Output {
    let mut child = command(arguments)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
        std::io::Write::write_all(&mut pipe, input.as_bytes()).unwrap();
    }
    child.wait_with_output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_koreai_exporter"));
    command.args(arguments).env(SECRET_ENV, SECRET).stdin(Stdio::null());
    command
}

/// A temporary directory with one file; dropping the first value removes the directory.
pub(crate) fn scratch(name: &str, content: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, content).unwrap();
    (folder, file)
}
