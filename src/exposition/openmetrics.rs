//! Converts text 0.0.4 of other libraries to OpenMetrics 1.0.0.

/// Rewrites HELP and TYPE lines of counters, which OpenMetrics names without `_total`; sample lines are the same. For
/// gauges and counters (`process_*`); buckets of a histogram would keep their text form, which readers accept.
pub(super) fn from_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let family = ["# HELP ", "# TYPE "].into_iter().find_map(|keyword| {
            let (name, rest) = line.strip_prefix(keyword)?.split_once(' ')?;
            Some((keyword, name.strip_suffix("_total")?, rest))
        });
        match family {
            Some((keyword, name, rest)) => out.extend([keyword, name, " ", rest, "\n"]),
            None if line.is_empty() => {}
            None => out.extend([line, "\n"]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_loses_its_total_in_the_header_only() {
        let text = "# HELP process_cpu_seconds_total CPU time.\n# TYPE process_cpu_seconds_total counter\n\
                    process_cpu_seconds_total 1\n\n# TYPE process_open_fds gauge\nprocess_open_fds 9\n";
        let openmetrics = "# HELP process_cpu_seconds CPU time.\n# TYPE process_cpu_seconds counter\n\
                           process_cpu_seconds_total 1\n# TYPE process_open_fds gauge\nprocess_open_fds 9\n";
        assert_eq!(from_text(text), openmetrics);
    }
}
