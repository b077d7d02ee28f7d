//! The paths of the routes, and the check that `--web.telemetry-path` and `--web.external-url` do not collide with them.

use crate::cli::WebFlags;

pub(super) const STATUS: &str = "/";
pub(super) const PROBE: &str = "/probe";
pub(super) const HEALTHY: &str = "/-/healthy";
pub(super) const READY: &str = "/-/ready";
pub(super) const RELOAD: &str = "/-/reload";
pub(super) const CONFIG: &str = "/config";
pub(super) const JOBS: &str = "/api/v1/jobs";
pub(super) const CAMPAIGNS: &str = "/api/v1/campaigns";
pub(super) const CAMPAIGN_PAGE: &str = "/campaign";
pub(super) const JOB_PAGE: &str = "/job";
pub(super) const STYLE_SHEET: &str = "/static/style.css";
pub(super) const REFRESH_SCRIPT: &str = "/static/refresh.js";

/// The paths with a fixed name.
const FIXED: [&str; 12] = [
    STATUS,
    PROBE,
    HEALTHY,
    READY,
    RELOAD,
    CONFIG,
    JOBS,
    CAMPAIGNS,
    CAMPAIGN_PAGE,
    JOB_PAGE,
    STYLE_SHEET,
    REFRESH_SCRIPT,
];

/// Checks that every path has one meaning. All routes exist twice: at the root, and below the path of the external URL.
///
/// # Errors
/// The collision, naming the flags that cause it.
pub fn check_paths(flags: &WebFlags) -> Result<(), String> {
    let telemetry = flags.telemetry_path.as_str();
    if FIXED.contains(&telemetry) {
        return Err(format!(
            "invalid --web.telemetry-path={telemetry}: this path is already in use; choose another, such as /metrics"
        ));
    }
    let prefix = flags.external_url.as_ref().map_or("", |url| url.path());
    if prefix.is_empty() {
        return Ok(());
    }
    let at_root: Vec<&str> = FIXED.into_iter().chain([telemetry]).collect();
    for route in &at_root {
        // The status page is served with and without a slash at the end.
        let below = if *route == STATUS { prefix.to_owned() } else { format!("{prefix}{route}") };
        if at_root.contains(&below.as_str()) {
            return Err(format!(
                "--web.external-url with path {prefix} collides with --web.telemetry-path={telemetry} or a fixed path: \
                 {below} would have two meanings; choose another path in one of the two flags"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn check(flags: &[&str]) -> Result<(), String> {
        check_paths(&Cli::try_parse_from([&["koreai_exporter"], flags].concat()).unwrap().web)
    }

    #[test]
    fn a_path_with_two_meanings_is_an_error_that_names_both_flags() {
        let collisions: [&[&str]; 5] = [
            &["--web.external-url=http://h/metrics"],
            &["--web.external-url=http://h/probe"],
            &["--web.external-url=/a", "--web.telemetry-path=/a/config"],
            &["--web.external-url=/a", "--web.telemetry-path=/a"],
            &["--web.external-url=/api/v1/jobs/"],
        ];
        for flags in collisions {
            let message = check(flags).unwrap_err();
            assert!(message.contains("--web.external-url"), "{flags:?}: {message}");
            assert!(message.contains("--web.telemetry-path"), "{flags:?}: {message}");
        }
        for path in FIXED.into_iter().skip(1) {
            assert!(check(&[&format!("--web.telemetry-path={path}")]).unwrap_err().contains(path));
        }
        for flags in [&["--web.external-url=http://h/koreai/"][..], &["--web.external-url=/-"], &[]] {
            assert_eq!(check(flags), Ok(()), "{flags:?}");
        }
    }
}
