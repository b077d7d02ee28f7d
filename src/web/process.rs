//! Standard `process_*` metrics, read from Linux's `/proc` at each scrape; elsewhere there are none.

use std::fmt::Write as _;
use std::path::Path;

use crate::input::read_bounded_text;

/// The most bytes that are read of a file in `/proc`. `/proc/stat` grows with the number of processors and interrupts.
const MAX_PROC_BYTES: u64 = 1 << 20;

/// Clock ticks per second in `/proc/PID/stat`: `USER_HZ`, which is 100 on every architecture that Rust has a Linux target for.
const TICKS_PER_SECOND: f64 = 100.0;

/// `/proc/PID/stat` numbers its fields from 1; the third follows the name of the program.
const FIRST_FIELD_AFTER_NAME: usize = 3;

/// The process of which the metrics are.
pub(super) struct ProcessMetrics {
    /// Seconds since the Unix epoch; it does not change.
    started: Option<f64>,
}

impl ProcessMetrics {
    pub(super) fn new() -> Self {
        let started = read("self/stat").and_then(|stat| start_time(&stat, &read("stat")?));
        if started.is_none() {
            tracing::warn!("cannot read /proc; process metrics are incomplete");
        }
        Self { started }
    }

    /// The families as text 0.0.4. What cannot be read is left out.
    pub(super) fn text(&self) -> String {
        let stat = read("self/stat").unwrap_or_default();
        let status = read("self/status").unwrap_or_default();
        let mut page = Page(String::new());
        let ticks = || Some(field(&stat, 14)? + field(&stat, 15)?);
        page.counter(
            "cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            ticks().map(|ticks| ticks / TICKS_PER_SECOND),
        );
        page.gauge(
            "max_fds",
            "Maximum number of open file descriptors.",
            max_fds(&read("self/limits").unwrap_or_default()),
        );
        page.gauge("open_fds", "Number of open file descriptors.", open_fds());
        page.gauge("resident_memory_bytes", "Resident memory size in bytes.", kibibytes(&status, "VmRSS:"));
        page.gauge("start_time_seconds", "Start time of the process since unix epoch in seconds.", self.started);
        page.gauge("threads", "Number of OS threads in the process.", number_after(&status, "Threads:"));
        page.gauge("virtual_memory_bytes", "Virtual memory size in bytes.", kibibytes(&status, "VmSize:"));
        page.0
    }
}

/// The text that is built.
struct Page(String);

impl Page {
    fn counter(&mut self, name: &str, help: &str, value: Option<f64>) {
        self.family(name, help, "counter", value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: Option<f64>) {
        self.family(name, help, "gauge", value);
    }

    fn family(&mut self, name: &str, help: &str, kind: &str, value: Option<f64>) {
        let Some(value) = value else { return };
        // Writing to a string does not fail.
        writeln!(self.0, "# HELP process_{name} {help}\n# TYPE process_{name} {kind}\nprocess_{name} {value}").ok();
    }
}

fn read(path: &str) -> Option<String> {
    read_bounded_text(&Path::new("/proc").join(path), MAX_PROC_BYTES).ok()
}

/// A field of `/proc/PID/stat` by its number in proc(5). The second is the name of the program, which may contain anything.
fn field(stat: &str, number: usize) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(number.checked_sub(FIRST_FIELD_AFTER_NAME)?)?.parse().ok()
}

/// When the process was started: ticks since boot, and `btime` of `/proc/stat`.
fn start_time(stat: &str, system: &str) -> Option<f64> {
    Some(number_after(system, "btime")? + field(stat, 22)? / TICKS_PER_SECOND)
}

/// The number after a label at the beginning of a line.
fn number_after(text: &str, label: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn kibibytes(status: &str, label: &str) -> Option<f64> {
    number_after(status, label).map(|kibibytes| kibibytes * 1024.0)
}

/// Absent where the number is not limited.
fn max_fds(limits: &str) -> Option<f64> {
    number_after(limits, "Max open files")
}

fn open_fds() -> Option<f64> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    // The directory itself is one of them.
    u32::try_from(open.saturating_sub(1)).ok().map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_after_the_name_whatever_it_contains() {
        let stat = "7 (a) b ) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 9 0 12345 1 2";
        assert_eq!(field(stat, 14), Some(250.0));
        assert_eq!(field(stat, 15), Some(50.0));
        assert_eq!(start_time(stat, "cpu 1 2\nbtime 1000\nprocesses 4"), Some(1123.45));
        assert_eq!(field("", 14), None);
        assert_eq!(field(") 1", 2), None);
        assert_eq!(start_time(stat, "cpu 1"), None);
    }

    #[test]
    fn numbers_are_found_by_their_label() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(max_fds(limits), Some(1024.0));
        assert_eq!(max_fds("Max open files            unlimited  unlimited  files"), None);
        assert_eq!(kibibytes("VmSize:\t  2 kB\nVmRSS:\t  10 kB\n", "VmRSS:"), Some(10_240.0));
        assert_eq!(kibibytes("VmSize:", "VmSize:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_all_of_them() {
        let text = ProcessMetrics::new().text();
        let value = |name: &str| -> f64 { number_after(&text, &format!("process_{name} ")).unwrap() };
        assert!(value("cpu_seconds_total") >= 0.0);
        assert!(value("open_fds") >= 3.0 && value("max_fds") >= value("open_fds"));
        assert!(value("threads") >= 1.0);
        assert!(value("virtual_memory_bytes") >= value("resident_memory_bytes"));
        assert!(value("resident_memory_bytes") > 1e6);
        let now = crate::clock::Clock::system().now().as_seconds();
        assert!((0.0..86_400.0).contains(&(now - value("start_time_seconds"))), "{text}");
        assert_eq!(text.matches("# TYPE process_").count(), 7);
    }
}
