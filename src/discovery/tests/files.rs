use std::fs;
use std::path::Path;
use std::time::Instant;

use super::*;
use crate::discovery::{FileSdSettings, sources};

/// A refresh far longer than a test: what is seen, is seen by watching.
fn watching(directory: &Path, patterns: &[&str]) -> SourceSettings {
    let patterns = patterns.iter().map(|pattern| directory.join(pattern).display().to_string()).collect();
    SourceSettings::File(FileSdSettings { bot: bot(), patterns, refresh: Duration::from_secs(3600) })
}

#[tokio::test]
async fn every_source_reports_once_at_start_even_without_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let settings = vec![watching(directory.path(), &["a/*.yml"]), watching(directory.path(), &["b.json"])];
    let expected = sources(&settings);
    assert_eq!(expected.iter().map(|id| &*id.name).collect::<Vec<_>>(), ["file_sd_configs[0]", "file_sd_configs[1]"]);
    let mut discovery = Discovery::start(settings);
    let mut reported = [discovery.next().await, discovery.next().await];
    reported.sort_by(|a, b| a.source.cmp(&b.source));
    for (update, source) in reported.iter().zip(expected) {
        assert_eq!(*update, TargetUpdate { source, targets: Some(vec![]), up: true, invalid: 0 });
    }
    discovery.shutdown.cancel();
    discovery.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn files_that_appear_change_break_and_vanish_are_followed() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("a.yml"), "- targets: [ds-1]\n").unwrap();
    let mut discovery = Discovery::start(vec![watching(directory.path(), &["*.yml", "*.json"])]);
    discovery.until(true, Some(&["ds-1"])).await;
    // A second file appears.
    fs::write(at("b.json"), r#"[{"targets": ["ds-2", "ds-1"]}]"#).unwrap();
    discovery.until(true, Some(&["ds-1", "ds-2"])).await;
    // Written in place.
    fs::write(at("a.yml"), "- targets: [ds-1, ds-3, not an id]\n").unwrap();
    assert_eq!(discovery.until(true, Some(&["ds-1", "ds-3", "ds-2"])).await.invalid, 1);
    // Replaced by renaming.
    fs::write(at("a.tmp"), "- targets: [ds-4]\n").unwrap();
    fs::rename(at("a.tmp"), at("a.yml")).unwrap();
    discovery.until(true, Some(&["ds-4", "ds-2", "ds-1"])).await;
    // Broken: the last good content stays, the other file still counts.
    fs::write(at("a.yml"), "- targets: [ds-5\n").unwrap();
    discovery.until(false, Some(&["ds-4", "ds-2", "ds-1"])).await;
    fs::write(at("b.json"), r#"[{"targets": ["ds-6"]}]"#).unwrap();
    discovery.until(false, Some(&["ds-4", "ds-6"])).await;
    // Gone.
    fs::remove_file(at("a.yml")).unwrap();
    discovery.until(true, Some(&["ds-6"])).await;
    fs::remove_file(at("b.json")).unwrap();
    discovery.until(true, Some(&[])).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_config_map_that_swaps_its_symlink_is_followed() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for (version, id) in [("..v1", "ds-1"), ("..v2", "ds-2")] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("jobs.yml"), format!("- targets: [{id}]\n")).unwrap();
    }
    symlink("..v1", at("..data")).unwrap();
    symlink("..data/jobs.yml", at("jobs.yml")).unwrap();
    let mut discovery = Discovery::start(vec![watching(directory.path(), &["*.yml"])]);
    discovery.until(true, Some(&["ds-1"])).await;
    symlink("..v2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    discovery.until(true, Some(&["ds-2"])).await;
}

#[tokio::test]
async fn a_directory_that_is_created_later_or_again_is_followed() {
    let directory = tempfile::tempdir().unwrap();
    let below = directory.path().join("made/later");
    let mut discovery = Discovery::start(vec![watching(directory.path(), &["made/later/*.yml"])]);
    discovery.until(true, Some(&[])).await;
    for id in ["ds-1", "ds-2"] {
        fs::create_dir_all(&below).unwrap();
        fs::write(below.join("jobs.yml"), format!("- targets: [{id}]\n")).unwrap();
        discovery.until(true, Some(&[id])).await;
        fs::remove_dir_all(directory.path().join("made")).unwrap();
        discovery.until(true, Some(&[])).await;
    }
}

#[tokio::test]
async fn without_watching_the_refresh_finds_changes() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = elsewhere.path().join("jobs.yml");
    fs::write(&file, "- targets: [ds-1]\n").unwrap();
    let link = directory.path().join("jobs.yml");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let patterns = vec![link.display().to_string()];
    let settings = FileSdSettings { bot: bot(), patterns, refresh: Duration::from_millis(20) };
    let mut discovery = Discovery::start(vec![SourceSettings::File(settings)]);
    discovery.until(true, Some(&["ds-1"])).await;
    fs::write(&file, "- targets: [ds-2]\n").unwrap();
    discovery.until(true, Some(&["ds-2"])).await;
}

#[tokio::test]
async fn a_thousand_ids_are_handed_on_within_two_seconds() {
    let directory = tempfile::tempdir().unwrap();
    let mut discovery = Discovery::start(vec![watching(directory.path(), &["*.json"])]);
    discovery.until(true, Some(&[])).await;
    let ids: Vec<_> = (0..1_000).map(|index| format!("ds-{index}")).collect();
    let text = serde_json::json!([{"targets": ids, "labels": {"campaign": "spring"}}]).to_string();
    let start = Instant::now();
    fs::write(directory.path().join("jobs.json"), text).unwrap();
    let expected: Vec<&str> = ids.iter().map(String::as_str).collect();
    discovery.until(true, Some(&expected)).await;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_first_of_two_targets_with_one_id_wins() {
    let directory = tempfile::tempdir().unwrap();
    for (name, team) in [("b.yml", "second"), ("a.yml", "first")] {
        let text =
            format!("- targets: [ds-1]\n  labels: {{team: {team}}}\n- targets: [ds-1]\n  labels: {{team: last}}\n");
        fs::write(directory.path().join(name), text).unwrap();
    }
    let mut discovery = Discovery::start(vec![watching(directory.path(), &["b.yml", "a.yml"])]);
    let update = discovery.until(true, Some(&["ds-1"])).await;
    assert_eq!(update.targets.unwrap()[0].labels[0].1.as_str(), "first");
}

#[tokio::test]
async fn a_source_that_nobody_listens_to_ends_the_whole_with_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let discovery = Discovery::start(vec![watching(directory.path(), &["*.yml"])]);
    drop(discovery.updates);
    let ended = tokio::time::timeout(DEADLINE, discovery.ended).await.unwrap().unwrap();
    assert!(matches!(ended, Err(DiscoveryError::SourceEnded(None))), "{ended:?}");
}
