//! The results of all bots: text, JSON, exit code.

use super::step::{Examination, Fault, State};

/// The page that explains the steps.
const PAGE: &str = "docs/DOCTOR.md";

/// The results of all bots that were examined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis(pub Vec<Examination>);

impl Diagnosis {
    /// 0: nothing failed; 1: a mistake on this side; 2: the upstream or the network. With both, 1: it can be corrected here.
    pub fn exit_code(&self) -> u8 {
        let faults = self.0.iter().filter_map(Examination::failure).filter_map(|step| match step.state {
            State::Failed(fault) => Some(fault),
            State::Ok | State::Skipped => None,
        });
        match faults.min() {
            None => 0,
            Some(Fault::Ours) => 1,
            Some(Fault::Theirs) => 2,
        }
    }

    /// For people: a line per step, then the cause and what to do next.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for examination in &self.0 {
            let name = examination.bot.as_ref().map_or("configuration", |bot| bot.as_str());
            text.push_str(&format!("{name}\n"));
            for step in &examination.steps {
                let state = if matches!(step.state, State::Failed(_)) { "FAILED" } else { step.state.as_str() };
                let mut lines = step.seen.lines();
                text.push_str(&format!("  {state:<8} {:<14} {}\n", step.check.id(), lines.next().unwrap_or_default()));
                for line in lines {
                    text.push_str(&format!("{:26}{line}\n", ""));
                }
                if let Some(next) = &step.next {
                    text.push_str(&format!("{:26}-> {next}\n", ""));
                }
            }
            match examination.failure() {
                Some(step) => text.push_str(&format!("{name}: FAILED; see {PAGE}#{}\n\n", step.check.id())),
                None => text.push_str(&format!("{name}: no problem found\n\n")),
            }
        }
        text
    }

    /// For programs: one object.
    pub fn json(&self) -> String {
        let bots = self.0.iter().map(|examination| {
            let steps = examination.steps.iter().map(|step| {
                let fault = match step.state {
                    State::Failed(Fault::Ours) => Some("ours"),
                    State::Failed(Fault::Theirs) => Some("upstream_or_network"),
                    State::Ok | State::Skipped => None,
                };
                serde_json::json!({
                    "check": step.check.id(),
                    "state": step.state.as_str(),
                    "fault": fault,
                    "seen": step.seen,
                    "next": step.next,
                })
            });
            serde_json::json!({
                "bot": examination.bot.as_ref().map(|bot| bot.as_str()),
                "steps": steps.collect::<Vec<_>>(),
            })
        });
        let all = serde_json::json!({"exit_code": self.exit_code(), "bots": bots.collect::<Vec<_>>()});
        format!("{all:#}\n")
    }
}
