//! The loads.

use std::ops::Range;

use crate::exporter::{Exporter, id};
use crate::{Course, Load};

/// Jobs that have series at a time.
const WINDOW: u64 = 1_000;

/// Jobs of one request of the job API.
const REQUEST: u64 = 100;

/// All calls that had a report.
const REPORTS: &str = "koreai_upstream_requests_total{bot=\"soak\",outcome=\"ok\"}";

/// All jobs that have finished.
const FINISHED: &str = "koreai_jobs_finished_total{bot=\"soak\",status=\"SUCCESS\"}";

/// Applies a load; returns how much of it was done.
pub(crate) async fn run(load: Load, course: &mut Course) -> (Exporter, u64) {
    let count = course.count();
    let jobs = match load {
        Load::Jobs | Load::Api | Load::Probes => count + WINDOW,
        Load::Reloads | Load::Flapping => WINDOW,
    };
    let exporter = Exporter::start(jobs).await;
    let done = match load {
        Load::Jobs => come_and_go(&exporter, course).await,
        Load::Api => register_and_delete(&exporter, course).await,
        Load::Reloads => reload(&exporter, course).await,
        Load::Flapping => flap(&exporter, course).await,
        Load::Probes => probe(&exporter, course).await,
    };
    (exporter, done)
}

/// The target file names the next jobs as soon as all before have finished.
async fn come_and_go(exporter: &Exporter, course: &mut Course) -> u64 {
    let mut done = 0;
    while done < course.count() {
        let next = done..(done + WINDOW).min(course.count());
        exporter.name_jobs(next.clone());
        exporter.wait_for(FINISHED, next.end as f64).await;
        done = next.end;
        if !course.proceed(done, exporter) {
            break;
        }
    }
    done
}

async fn register_and_delete(exporter: &Exporter, course: &mut Course) -> u64 {
    let mut done = 0;
    while done < course.count() {
        let next = done..(done + REQUEST).min(course.count());
        register(exporter, next.clone()).await;
        let window = next.end.saturating_sub(WINDOW);
        for number in window.saturating_sub(REQUEST)..window {
            delete(exporter, number).await;
        }
        done = next.end;
        if !course.proceed(done, exporter) {
            break;
        }
    }
    done
}

async fn register(exporter: &Exporter, numbers: Range<u64>) {
    let jobs: Vec<_> = numbers.map(|number| format!("{{\"request_id\": \"{}\"}}", id(number))).collect();
    let url = format!("{}/api/v1/jobs?bot=soak", exporter.url);
    let answer = exporter.client.post(url).body(format!("[{}]", jobs.join(","))).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

async fn delete(exporter: &Exporter, number: u64) {
    let url = format!("{}/api/v1/jobs?bot=soak&request_id={}", exporter.url, id(number));
    let answer = exporter.client.delete(url).send().await.unwrap();
    assert!(answer.status() == 200 || answer.status() == 404, "{}", answer.text().await.unwrap());
}

async fn reload(exporter: &Exporter, course: &mut Course) -> u64 {
    exporter.name_jobs(0..WINDOW);
    exporter.wait_for(REPORTS, WINDOW as f64).await;
    let mut done = 0;
    while done < course.count() {
        exporter.write_configuration(if done % 2 == 0 { "2h" } else { "1h" });
        let answer = exporter.client.post(format!("{}/-/reload", exporter.url)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        done += 1;
        if !course.proceed(done, exporter) {
            break;
        }
    }
    done
}

/// Each state of the file is seen before the next.
async fn flap(exporter: &Exporter, course: &mut Course) -> u64 {
    const TARGETS: &str = "koreai_exporter_targets{bot=\"soak\",source=\"file\"}";
    const UP: &str = "koreai_exporter_target_source_up{bot=\"soak\",source=\"file\"}";
    let mut done = 0;
    while done < course.count() {
        exporter.name_jobs(0..WINDOW);
        exporter.wait_for(TARGETS, WINDOW as f64).await;
        exporter.wait_for(UP, 1.0).await;
        exporter.break_target_file();
        while exporter.value(UP).await > 0.0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        exporter.name_jobs(0..0);
        exporter.wait_for(UP, 1.0).await;
        done += 1;
        if !course.proceed(done, exporter) {
            break;
        }
    }
    done
}

async fn probe(exporter: &Exporter, course: &mut Course) -> u64 {
    let mut done = 0;
    while done < course.count() {
        let url = format!("{}/probe?bot=soak&target={}", exporter.url, id(done));
        let answer = exporter.client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        done += 1;
        if !course.proceed(done, exporter) {
            break;
        }
    }
    done
}
