//! What each event does.

use std::fmt::Write;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use koreai_exporter::fake_upstream::{Api, Credential, Fault, ScriptedJob};
use tokio::task::JoinSet;

use super::driver::{Driver, secret};
use super::exporter::ask;
use super::plan::{Via, What};

impl Driver {
    /// Lets an event happen.
    pub(super) async fn happen(&mut self, what: What) {
        self.outside.tell(&format!("{what:?}"));
        let outside = self.outside.clone();
        match what {
            What::Name { bot, job } => self.name(bot, job).await,
            What::Unname { bot, job } => self.unname(bot, job).await,
            What::SourceFails { bot, source, how } => {
                let source = (self.world.bots[bot].name.clone(), format!("s{source}"));
                match how {
                    Some(how) => {
                        outside.ledger().fault("target source");
                        outside.weather().failing.insert(source, how);
                    }
                    None => drop(outside.weather().failing.remove(&source)),
                }
            }
            What::Probe { bot, job, fresh } => self.probe(bot, job, fresh),
            What::ProbeMany { bot, count, fresh } => {
                (0..count).for_each(|number| self.probe(bot, None, fresh + number));
            }
            What::Churn { bot, rounds, count } => self.churn(bot, rounds, count).await,
            What::DeleteAndProbe { bot, job } => {
                self.unname(bot, job).await;
                self.probe(bot, Some(job), 0);
            }
            What::Reload => self.reload().await,
            What::BadReload => {
                if let Some(exporter) = &mut self.exporter
                    && exporter.reload("bots: [").await.is_ok()
                {
                    let now = outside.time.now();
                    outside.ledger().story.broken(now, "a bad configuration is refused", "");
                }
            }
            What::Budget { bot, per_minute, per_hour } => {
                self.bots[bot].limits = (per_minute, per_hour);
                self.reload().await;
            }
            What::WrongUrl { bot, wrong } => {
                outside.ledger().fault("wrong base_url");
                self.bots[bot].wrong_url = wrong;
                self.reload().await;
            }
            What::Restart => {
                outside.ledger().fault("restart");
                self.stop().await;
            }
            What::Kill { power } => {
                outside.ledger().fault(if power { "power cut" } else { "kill" });
                self.kill(power).await;
            }
            What::KillInCommit { power, operations } => {
                outside.ledger().fault("kill in a commit");
                self.power = power;
                outside.disk.die_after(operations);
            }
            What::Sleep { seconds } => {
                outside.ledger().fault("sleeping machine");
                outside.time.sleep(seconds);
                outside.disk.slept(outside.time.now());
            }
            What::SetBack { seconds } => {
                outside.ledger().fault("clock set back");
                outside.time.set_back(seconds);
            }
            What::Upstream(rule) => {
                outside.ledger().fault(kind(&rule.fault));
                outside.weather().upstream.add_fault(rule);
            }
            What::Latency(latency) => outside.weather().latency = latency,
            What::DiskFails(fails) => {
                outside.ledger().fault("failing disk");
                outside.disk.set_failing(fails, outside.time.now());
            }
            What::DiskFull(full) => {
                outside.ledger().fault("full disk");
                outside.disk.set_full(full, outside.time.now());
            }
            What::DiskSlow(millis) => {
                outside.ledger().fault("slow disk");
                outside.disk.set_slow(Duration::from_millis(millis), outside.time.now());
            }
            What::RotateUpstream { bot, generation } => {
                outside.ledger().fault("rotated secret");
                self.bots[bot].generation = generation;
                let credential = Credential::hs256(&format!("cs-{bot}"), &secret(bot, generation));
                outside.weather().upstream.rotate(&self.world.bots[bot].bot_id, &credential);
            }
            What::WriteSecret { bot, generation } => {
                let generation = if generation == u64::MAX { self.bots[bot].generation } else { generation };
                self.write_secret(bot, generation);
                self.bots[bot].secret_lost = false;
            }
            What::LoseSecret { bot } => {
                outside.ledger().fault("lost secret");
                self.bots[bot].secret_lost = true;
                let _gone_already = std::fs::remove_file(self.secret_file(bot));
            }
        }
    }

    pub(super) async fn name(&mut self, bot: usize, job: usize) {
        let (plan, outside) = (&self.world.bots[bot], self.outside.clone());
        let job = &plan.jobs[job];
        let campaign = job.script.campaign.clone().unwrap_or_default();
        match job.via {
            Via::Static => {}
            Via::Http(source) => {
                let source = (plan.name.clone(), format!("s{source}"));
                outside.weather().lists.entry(source).or_default().insert((campaign, job.script.id.clone()));
            }
            Via::Api => {
                let Some(exporter) = &self.exporter else { return };
                let (bot, id) = (plan.name.as_str(), job.script.id.as_str());
                let body = serde_json::json!({"bot": bot, "request_id": id, "labels": {"campaign": campaign}});
                let answer = exporter.ask(Method::POST, "/api/v1/jobs", &[], body.to_string()).await;
                outside.tell(&format!("register {id}: {}", answer.status));
                if answer.status == StatusCode::OK {
                    outside.ledger().registered(bot, id, outside.time.now());
                } else if answer.status == StatusCode::SERVICE_UNAVAILABLE {
                    outside.ledger().not_written(bot, id);
                }
            }
        }
    }

    async fn unname(&mut self, bot: usize, job: usize) {
        let (plan, outside) = (&self.world.bots[bot], self.outside.clone());
        let job = &plan.jobs[job];
        match job.via {
            Via::Static => {}
            Via::Http(source) => {
                let source = (plan.name.clone(), format!("s{source}"));
                let campaign = job.script.campaign.clone().unwrap_or_default();
                if let Some(list) = outside.weather().lists.get_mut(&source) {
                    list.remove(&(campaign, job.script.id.clone()));
                }
            }
            Via::Api => {
                let Some(exporter) = &self.exporter else { return };
                let (bot, id) = (plan.name.as_str(), job.script.id.as_str());
                outside.ledger().forgotten(bot, id, outside.time.now());
                let path = format!("/api/v1/jobs?bot={bot}&request_id={id}");
                let answer = exporter.ask(Method::DELETE, &path, &[], String::new()).await;
                outside.tell(&format!("delete {id}: {}", answer.status));
            }
        }
    }

    /// Probes a job of the world, or one that nobody names; does not wait for the answer.
    fn probe(&mut self, bot: usize, job: Option<usize>, fresh: u64) {
        let Some(exporter) = &self.exporter else { return };
        let (plan, outside) = (&self.world.bots[bot], self.outside.clone());
        let id = match job {
            Some(job) => plan.jobs[job].script.id.clone(),
            None => self.fresh_job(bot, &format!("ds-probe-{bot}-{fresh}")),
        };
        let path = format!("/probe?bot={}&target={id}", plan.name);
        let routes = exporter.routes();
        tokio::spawn(async move {
            let answer = ask(routes, Method::GET, &path, &[], String::new()).await;
            outside.tell(&format!("{path}: {}", answer.status));
        });
    }

    /// A job that upstream knows and nobody names.
    pub(super) fn fresh_job(&self, bot: usize, id: &str) -> String {
        let plan = &self.world.bots[bot];
        let mut job = ScriptedJob::new(id, 3);
        job.api = plan.api;
        job.created_at = self.outside.time.now();
        self.outside.weather().upstream.add_job(&plan.bot_id, job);
        id.to_owned()
    }

    /// Jobs come by the job API and go again before anything is known of them.
    async fn churn(&mut self, bot: usize, rounds: u64, count: u64) {
        let Some(exporter) = &self.exporter else { return };
        let name = self.world.bots[bot].name.clone();
        let ids: Vec<String> = (0..count).map(|number| format!("ds-churn-{bot}-{number}")).collect();
        let jobs: Vec<_> = ids.iter().map(|id| serde_json::json!({"bot": name, "request_id": id})).collect();
        let body = serde_json::Value::from(jobs).to_string();
        for _ in 0..rounds {
            exporter.ask(Method::POST, "/api/v1/jobs", &[], body.clone()).await;
            let mut deletions = JoinSet::new();
            for id in &ids {
                let (routes, path) = (exporter.routes(), format!("/api/v1/jobs?bot={name}&request_id={id}"));
                deletions.spawn(async move { ask(routes, Method::DELETE, &path, &[], String::new()).await.status });
            }
            deletions.join_all().await;
        }
    }

    pub(super) async fn reload(&mut self) {
        let configuration = self.configuration();
        let Some(exporter) = &mut self.exporter else { return };
        // The program may go by either budget until it has answered.
        for (bot, now) in self.world.bots.iter().zip(&self.bots) {
            self.outside.ledger().widen_limits(&bot.name, now.limits.0, now.limits.1);
        }
        match exporter.reload(&configuration).await {
            Ok(()) => {
                for (bot, now) in self.world.bots.iter().zip(&self.bots) {
                    self.outside.ledger().set_limits(&bot.name, now.limits.0, now.limits.1);
                }
            }
            Err(error) => {
                let error = self.without_folder(&error);
                self.outside.tell(&format!("not reloaded: {error}"));
                if !self.bots.iter().any(|bot| bot.secret_lost) && !self.outside.disk.is_dead() {
                    let now = self.outside.time.now();
                    self.outside.ledger().story.broken(now, "it reloads", &error);
                }
            }
        }
    }

    /// The configuration as it is now.
    pub(super) fn configuration(&self) -> String {
        let pace = &self.world.pace;
        let mut text = format!(
            "global: {{poll_interval: {}s, max_poll_interval: {}s, poll_timeout: {}s, job_deadline: {}s, retention: {}s}}\nbots:\n",
            pace.poll, pace.longest_poll, pace.timeout, pace.deadline, pace.retention
        );
        for (number, (bot, now)) in self.world.bots.iter().zip(&self.bots).enumerate() {
            let api = if bot.api == Api::V1 { "v1" } else { "v2" };
            let path = if now.wrong_url { "/wrong" } else { "" };
            let ((per_minute, per_hour), name) = (now.limits, &bot.name);
            let _fits = write!(
                text,
                "  - name: {name}\n    base_url: http://upstream.example{path}\n    bot_id: {}\n    api: {api}\n    \
                 auth: {{client_id: cs-{number}, client_secret_file: bot-{number}.secret, jti: {}}}\n    \
                 rate_limit: {{per_minute: {per_minute}, per_hour: {per_hour}}}\n",
                bot.bot_id, bot.jti
            );
            let fixed: Vec<_> =
                bot.jobs.iter().filter(|job| job.via == Via::Static).map(|job| &job.script.id).collect();
            if !fixed.is_empty() {
                let _fits = writeln!(text, "    static_configs: [{{targets: {fixed:?}, labels: {{campaign: fixed}}}}]");
            }
            if bot.sources > 0 {
                text += "    http_sd_configs:\n";
                for source in 0..bot.sources {
                    let url = format!("http://targets.example/{name}/s{source}");
                    let _fits = writeln!(text, "      - {{url: '{url}', refresh_interval: {}s}}", bot.refresh);
                }
            }
        }
        text
    }
}

/// The name of a fault in the account.
fn kind(fault: &Fault) -> &'static str {
    match fault {
        Fault::Status(404) => "gateway 404",
        Fault::Status(403 | 429) => "gateway 403 or 429",
        Fault::Status(_) => "gateway 5xx",
        Fault::Html200 => "log-in page",
        Fault::Empty200 => "empty 200",
        Fault::Truncated => "cut-off body",
        Fault::NeverEnding => "stalled body",
        Fault::Hang => "silence",
        Fault::Reset => "reset",
        Fault::Redirect(_) => "redirect",
        Fault::Gibberish => "gibberish",
        Fault::ErrorsEnvelope200 => "errors with 200",
        Fault::Unauthorized => "401",
        Fault::RateLimited(_) => "refusal",
        Fault::GzipBomb(_) | Fault::CutGzip => "bad compression",
        Fault::Deep(_) | Fault::Huge(_) | Fault::NullLogs => "strange body",
    }
}
