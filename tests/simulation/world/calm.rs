//! After the last fault.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use koreai_exporter::fake_upstream::{Fault, FaultRule, Plan, RateLimitForm, ScriptedJob};

use super::driver::Driver;
use super::time::BEGIN;

/// How long the last probe is refused.
const REFUSED_FOR: Duration = Duration::from_secs(5);

/// How long one request ID is refused while others are answered.
const ONE_REFUSED: Duration = Duration::from_secs(20 * 60);

impl Driver {
    /// Faults end: upstream, disk, sources and secrets are well, and every job is named again.
    pub(crate) async fn calm_down(&mut self) {
        self.outside.tell("calm");
        let outside = self.outside.clone();
        let now = outside.time.now();
        outside.disk.set_failing(false, now);
        outside.disk.set_full(false, now);
        outside.disk.set_slow(Duration::ZERO, now);
        outside.disk.spare();
        {
            let mut weather = outside.weather();
            weather.upstream.clear_faults();
            weather.failing.clear();
            weather.latency = weather.latency.min(1_000).min(self.world.pace.timeout * 400);
        }
        for bot in 0..self.bots.len() {
            self.write_secret(bot, self.bots[bot].generation);
            let plan = &self.world.bots[bot];
            self.bots[bot].limits = (plan.per_minute, plan.per_hour);
            self.bots[bot].wrong_url = false;
            self.bots[bot].secret_lost = false;
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        self.keep_running().await;
        self.reload().await;
        for bot in 0..self.bots.len() {
            for job in 0..self.world.bots[bot].jobs.len() {
                self.name(bot, job).await;
            }
        }
    }

    /// In the calm every bot answers a probe of a job that nobody names, although the first one is refused.
    pub(crate) async fn probes_are_answered(&mut self, bound: Duration) {
        let until = tokio::time::Instant::now() + bound;
        for bot in 0..self.bots.len() {
            let id = self.fresh_job(bot, &format!("ds-last-{bot}"));
            let refusal = FaultRule::always(Fault::RateLimited(RateLimitForm::default())).for_id(&id);
            let now = self.outside.time.now();
            self.outside.weather().upstream.add_fault(refusal.between(now, now + REFUSED_FOR));
            loop {
                let Some(exporter) = &self.exporter else { return };
                let path = format!("/probe?bot={}&target={id}", self.world.bots[bot].name);
                let answer = exporter.ask(Method::GET, &path, &[], String::new()).await;
                if answer.status == StatusCode::OK {
                    break;
                }
                if tokio::time::Instant::now() > until {
                    let text = String::from_utf8(answer.body).unwrap_or_default();
                    let now = self.outside.time.now();
                    self.outside.ledger().story.broken(
                        now,
                        "probes are answered",
                        &format!("{path}: {} {text}", answer.status),
                    );
                    return;
                }
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
        }
    }

    /// One request ID is always refused while others are answered: the bot goes on most of the time.
    pub(crate) async fn one_refused_id_pauses_nobody(&mut self) {
        // Where every ID has a limit of its own, the others are not always answered.
        let Some(plan) = self.world.bots.iter().find(|bot| bot.per_id_per_minute.is_none()).cloned() else { return };
        let ids: Vec<String> = (0..4).map(|number| format!("ds-refused-{number}")).collect();
        {
            let mut weather = self.outside.weather();
            for id in &ids {
                let plan_of_job = Plan::Stalls { over: Duration::from_secs(1), at_percent: 50 };
                let mut job = ScriptedJob::new(id, 10).with_plan(plan_of_job);
                (job.api, job.created_at) = (plan.api, self.outside.time.now());
                weather.upstream.add_job(&plan.bot_id, job);
            }
            weather.upstream.add_fault(FaultRule::always(Fault::RateLimited(RateLimitForm::default())).for_id(&ids[0]));
        }
        let jobs: Vec<_> = ids.iter().map(|id| serde_json::json!({"bot": plan.name, "request_id": id})).collect();
        let body = serde_json::Value::from(jobs).to_string();
        let Some(exporter) = &self.exporter else { return };
        exporter.ask(Method::POST, "/api/v1/jobs", &[], body).await;
        let (mut looks, mut paused) = (0, 0);
        let until = tokio::time::Instant::now() + ONE_REFUSED;
        while tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_secs(15)).await;
            let Some(page) = self.scrape().await else { return };
            let now = BEGIN as f64 / 1_000.0 + self.outside.time.now().as_secs_f64();
            let mut pauses = page.family_of("koreai_upstream_paused_until_timestamp_seconds");
            looks += 1;
            paused += u32::from(pauses.any(|(labels, at)| labels.get("bot") == plan.name && at > now));
        }
        if paused * 2 > looks {
            let now = self.outside.time.now();
            let what = format!("{}: paused in {paused} of {looks} looks", plan.name);
            self.outside.ledger().story.broken(now, "one refused ID pauses nobody", &what);
        }
    }
}
