//! The incident suite: each incident is a small world with the real exporter on a simulated clock. Its scrapes become the
//! series on which `promtool` runs the shipped rules. The result is the table in `docs/ALERTS.md`.
//!
//! `INCIDENT=key` runs one incident, `UPDATE_GOLDEN=1` writes the table.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "one line for each incident, with --nocapture")]

#[path = "../simulation/world/dice.rs"]
#[expect(dead_code, reason = "incidents use the parts of the simulation that they need")]
mod dice;
#[path = "../simulation/world/disk.rs"]
#[expect(dead_code, reason = "incidents use the parts of the simulation that they need")]
mod disk;
#[path = "../simulation/world/time.rs"]
#[expect(dead_code, reason = "incidents use the parts of the simulation that they need")]
mod time;

mod cases;
mod incident;
mod promtool;
mod world;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use incident::{Incident, Verdict, judge};

/// Incidents at the same time: each has one simulated exporter or one promtool, and either keeps a core busy.
const THREADS: usize = 2;
const HEAD: &str = "| incident | must be told | within | told after | gaps while it lasted | alerts | what else fired |\n\
                    | --- | --- | --- | --- | --- | --- | --- |\n";

#[test]
fn every_incident_is_told_as_it_must_be() {
    let only = std::env::var("INCIDENT").ok();
    let incidents: Vec<Incident> = cases::all();
    let chosen: Vec<&Incident> = incidents
        .iter()
        .filter(|incident| only.as_deref().is_none_or(|only| only.split(',').any(|key| key == incident.key)))
        .collect();
    assert!(
        !chosen.is_empty(),
        "no such incident; there are {:?}",
        incidents.iter().map(|incident| incident.key).collect::<Vec<_>>()
    );
    let verdicts = run(&chosen);
    let mut wrong = String::new();
    for (incident, verdict) in chosen.iter().zip(&verdicts) {
        for what in &verdict.wrong {
            wrong += &format!("{}: {what}\n", incident.key);
        }
    }
    if only.is_none() && wrong.is_empty() {
        let rows: String = verdicts.iter().map(|verdict| verdict.row.as_str()).collect();
        hold("docs/ALERTS.md", "incidents", &format!("{HEAD}{rows}"));
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn run(incidents: &[&Incident]) -> Vec<Verdict> {
    let names = promtool::metric_names();
    let (next, verdicts) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    // The longest first, so that both threads end at about the same time.
    let mut order: Vec<&Incident> = incidents.to_vec();
    order.sort_by_key(|incident| std::cmp::Reverse(incident.world.length));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(incident) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let began = Instant::now();
                    let series = world::run::run(&incident.world, &names);
                    let simulated = began.elapsed();
                    let minutes = incident.world.length.as_secs() / 60;
                    let timeline = promtool::fired(incident.key, minutes, &series);
                    let verdict = judge(incident, &timeline);
                    println!(
                        "{} {simulated:.1?}, promtool {:.1?}: {}",
                        incident.key,
                        began.elapsed() - simulated,
                        verdict.row.trim_end()
                    );
                    for what in &verdict.wrong {
                        println!("  WRONG {what}");
                    }
                    verdicts.lock().unwrap().push((incident.key, verdict));
                }
            });
        }
    });
    let mut verdicts = verdicts.into_inner().unwrap();
    let place = |key: &str| incidents.iter().position(|incident| incident.key == key);
    verdicts.sort_by_key(|(key, _)| place(key));
    verdicts.into_iter().map(|(_, verdict)| verdict).collect()
}

/// Compares the text between two markers of a document with the expected text; `UPDATE_GOLDEN=1` writes it.
fn hold(document: &str, marker: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {marker}:begin -->\n"), format!("<!-- {marker}:end -->"));
    let (head, rest) = text.split_once(&begin).expect("the marker of the beginning");
    let (found, tail) = rest.split_once(&end).expect("the marker of the end");
    if found != expected && std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{head}{begin}{expected}{end}{tail}")).unwrap();
        return;
    }
    assert_eq!(found, expected, "{document}: run the tests with UPDATE_GOLDEN=1 and review the difference");
}
