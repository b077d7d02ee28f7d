//! What is wrong besides bots and jobs, in words: a failed reload, and sources of targets.

use super::wording::{duration, number};
use crate::model::{SourceKind, Timestamp};
use crate::store::SourceStatus;

/// A problem that a person can fix.
#[derive(Debug, PartialEq)]
pub(super) struct Problem {
    pub(super) text: String,
    /// The mistakes of a configuration, line by line.
    pub(super) detail: Option<String>,
}

/// The problems, the most serious first.
pub(super) fn problems(
    failed_reload: Option<&(Timestamp, String)>,
    sources: &[SourceStatus],
    now: Timestamp,
) -> Vec<Problem> {
    let reload = failed_reload.map(|(at, mistakes)| Problem {
        text: format!("The reload {} ago failed; the previous configuration is in use.", duration(now.since(*at))),
        detail: Some(mistakes.trim_end().to_owned()),
    });
    reload.into_iter().chain(sources.iter().flat_map(|source| of_source(source, now))).collect()
}

fn of_source(source: &SourceStatus, now: Timestamp) -> impl Iterator<Item = Problem> {
    let name = format!("{} of bot {}", source.id.name, source.id.bot);
    let down = source.down_since.map(|since| {
        format!(
            "{name} has not been readable for {}; its previous targets stay. The log has the reason.",
            duration(now.since(since))
        )
    });
    // An empty list is a valid answer over HTTP and in a static list; a file pattern without targets is often misspelt.
    let empty = source.id.kind == SourceKind::File && source.targets == 0 && down.is_none();
    let empty = empty.then(|| format!("{name} matches no file, or its files have no targets."));
    let invalid = (source.invalid > 0).then(|| {
        format!("{name}: {} targets are invalid and ignored. The log names the first.", number(source.invalid))
    });
    [down, empty, invalid].into_iter().flatten().map(|text| Problem { text, detail: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BotName, SourceId};

    #[test]
    fn each_problem_is_a_sentence_and_a_healthy_source_has_none() {
        let now = Timestamp::from_millis(10_000_000);
        let ago = |seconds: i64| Timestamp::from_millis(10_000_000 - seconds * 1_000);
        let source = |kind, name: &str, down_since, targets, invalid| SourceStatus {
            id: SourceId { bot: BotName::parse("support").unwrap(), kind, name: name.into() },
            down_since,
            targets,
            invalid,
        };
        let sources = [
            source(SourceKind::File, "file_sd_configs[0]", Some(ago(300)), 0, 0),
            source(SourceKind::File, "file_sd_configs[1]", None, 0, 0),
            source(SourceKind::File, "file_sd_configs[2]", None, 4, 1200),
            source(SourceKind::Http, "http_sd_configs[0]", None, 0, 0),
            source(SourceKind::Static, "static_configs", None, 3, 0),
        ];
        let failed = (ago(90), "koreai.yml:3:1: unknown key\n".to_owned());
        let found = problems(Some(&failed), &sources, now);
        assert_eq!(found[0].detail.as_deref(), Some("koreai.yml:3:1: unknown key"));
        let texts: Vec<_> = found.iter().map(|problem| problem.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "The reload 90 s ago failed; the previous configuration is in use.",
                "file_sd_configs[0] of bot support has not been readable for 5 min; its previous targets stay. The log has the reason.",
                "file_sd_configs[1] of bot support matches no file, or its files have no targets.",
                "file_sd_configs[2] of bot support: 1,200 targets are invalid and ignored. The log names the first.",
            ]
        );
        assert_eq!(problems(None, &sources[3..], now), []);
    }
}
