//! Prometheus' target groups, `[{targets: […], labels: {…}}]`: of `static_configs`, of target files, of HTTP answers.

use std::path::Path;
use std::sync::Arc;

use crate::model::{LabelName, LabelValue, RequestId, Target};

use super::decoder::Decoder;
use super::error::{ConfigErrors, Mistake, Position};
use super::tree::{Node, Value};
use super::{file, json, yaml};

/// The most labels of a target: each widens its `koreai_job_info`.
pub const MAX_TARGET_LABELS: usize = 32;

/// What is good in a list of target groups, and what is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroups {
    /// The targets in the order of the text; an ID may come twice.
    pub targets: Vec<Target>,
    /// What was wrong with the others, at most [`super::MAX_LISTED_MISTAKES`].
    pub mistakes: Vec<Mistake>,
    /// How many were wrong: single targets, labels, whole groups.
    pub refused: usize,
}

/// Reads a list of target groups in which nothing may be wrong.
///
/// A name that ends in `.yml` or `.yaml` is read as YAML, anything else as JSON. An empty YAML file names no targets.
///
/// # Errors
/// All mistakes; those of JSON have a key path and no line.
pub fn decode_target_groups(text: &str, file: &Path) -> Result<Vec<Target>, ConfigErrors> {
    let groups = sift_target_groups(text, file)?;
    if groups.refused == 0 {
        return Ok(groups.targets);
    }
    let unlisted = groups.refused.saturating_sub(groups.mistakes.len());
    Err(ConfigErrors::new(file, groups.mistakes, unlisted))
}

/// Like [`decode_target_groups`], but keeps what is good, so that one bad ID does not take a source's other jobs away.
///
/// # Errors
/// The text as a whole is no list in the format of its name, or exceeds a bound.
pub fn sift_target_groups(text: &str, file: &Path) -> Result<TargetGroups, ConfigErrors> {
    file::check_length(text, file)?;
    let extension = file.extension().and_then(|extension| extension.to_str());
    let is_yaml = extension.is_some_and(|e| e.eq_ignore_ascii_case("yml") || e.eq_ignore_ascii_case("yaml"));
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = if is_yaml { yaml::parse(text) } else { json::parse(text).map(Some) };
    let root = root.map_err(|mistake| ConfigErrors::one(file, mistake))?;
    let mut targets = Vec::new();
    let mut decoder = Decoder::new(Path::new(""), &|_| None);
    if let Some(root) = root {
        if !matches!(root.value, Value::List(_)) {
            let text = "is no list of target groups; give [{targets: [ds-…], labels: {…}}]";
            return Err(ConfigErrors::one(file, Mistake::of_file(root.at, text)));
        }
        decoder.items(&root, |d, node| decode_group(d, node, &mut |_, _, target| targets.push(target)));
    }
    let (mistakes, unlisted) = decoder.into_mistakes();
    let refused = mistakes.len().saturating_add(unlisted);
    Ok(TargetGroups { targets, mistakes, refused })
}

/// Reads one group and hands on each target with its place. A group with a bad label has no targets.
pub(super) fn decode_group(
    d: &mut Decoder<'_>,
    node: &Node,
    take: &mut dyn FnMut(&mut Decoder<'_>, Option<Position>, Target),
) -> Option<()> {
    let fields = d.fields(node, &["targets", "labels"])?;
    let labels = match fields.get("labels").filter(|node| !matches!(node.value, Value::Null)) {
        Some(node) => d.under_key("labels", |d| Labels::decode(d, node)),
        None => Some(Labels::default()),
    };
    // Prometheus' own producers in Go write an empty list as null.
    if fields.get("targets").is_some_and(|node| matches!(node.value, Value::Null)) {
        return Some(());
    }
    d.required(&fields, "targets", "a list of request IDs", |d, node| {
        d.items(node, |d, node| {
            let text = d.text(node, "a request ID, of the form ds-…")?;
            match (RequestId::parse(text), &labels) {
                (Ok(id), Some(Labels { campaign, others })) => {
                    take(d, node.at, Target { id, campaign: campaign.clone(), labels: Arc::clone(others) });
                }
                (Ok(_), None) => {}
                (Err(problem), _) => d.wrong(node, format_args!("{problem}; give a request ID, of the form ds-…")),
            }
            Some(())
        })
    })
    .map(|_| ())
}

/// The labels of a group: `campaign` apart, the others sorted by name.
struct Labels {
    campaign: Option<LabelValue>,
    others: Arc<[(LabelName, LabelValue)]>,
}

impl Default for Labels {
    fn default() -> Self {
        Self { campaign: None, others: Arc::from([]) }
    }
}

impl Labels {
    fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Self> {
        let entries = d.entries(node, || "labels like {campaign: spring}".to_owned())?;
        let mut campaign = None;
        let mut others = Vec::new();
        let mut all_good = true;
        for (key, node) in entries {
            // Prometheus drops its meta labels after relabelling; there is none here.
            if key.text.starts_with("__meta_") {
                continue;
            }
            let good = d.under_key(key.text.to_string(), |d| {
                let text = d.text(node, "a text")?;
                let value = LabelValue::parse(text).map_err(|problem| d.wrong(node, problem)).ok()?;
                if &*key.text == "campaign" {
                    campaign = Some(value).filter(|value| !value.as_str().is_empty());
                    return Some(());
                }
                let name = LabelName::parse(&key.text);
                let name = name.map_err(|problem| d.mistake(key.at, || format!("this {problem}"))).ok()?;
                // To Prometheus a label without a value is no label.
                if !value.as_str().is_empty() {
                    others.push((name, value));
                }
                Some(())
            });
            all_good &= good.is_some();
        }
        if others.len() > MAX_TARGET_LABELS {
            d.mistake(node.at, || format!("has {} labels; at most {MAX_TARGET_LABELS} are allowed", others.len()));
            all_good = false;
        }
        others.sort();
        all_good.then(|| Self { campaign, others: Arc::from(others) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(targets: &[Target]) -> Vec<&str> {
        targets.iter().map(|target| target.id.as_str()).collect()
    }

    #[test]
    fn yaml_and_json_give_the_same_targets() {
        let yaml = "- targets: [ds-1, ds-2]\n  labels: {team: crm, campaign: spring, __meta_x: y, empty: ''}\n";
        let json =
            r#"[{"targets":["ds-1","ds-2"],"labels":{"team":"crm","campaign":"spring","__meta_x":"y","empty":""}}]"#;
        let from_yaml = decode_target_groups(yaml, Path::new("a.yml")).unwrap();
        assert_eq!(from_yaml, decode_target_groups(json, Path::new("a.json")).unwrap());
        assert_eq!(ids(&from_yaml), ["ds-1", "ds-2"]);
        assert_eq!(from_yaml[0].campaign.as_ref().unwrap().as_str(), "spring");
        let labels: Vec<_> = from_yaml[0].labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(labels, [("team", "crm")]);
    }

    #[test]
    fn a_bad_target_is_named_and_the_good_ones_are_kept() {
        let json =
            r#"[{"targets":["ds-1","ds/2",3.5,null]},{"targets":["ds-4"],"labels":{"bot":"x"}},{"targets":null}]"#;
        let sifted = sift_target_groups(json, Path::new("a.json")).unwrap();
        assert_eq!(ids(&sifted.targets), ["ds-1", "3.5"]);
        assert_eq!(sifted.refused, 3);
        let text = decode_target_groups(json, Path::new("a.json")).unwrap_err().to_string();
        assert!(text.contains("a.json: [0].targets[1]: \"ds/2\" has the character '/' in it"), "{text}");
        assert!(text.contains("a.json: [1].labels.bot: this is a label that"), "{text}");
    }

    #[test]
    fn what_is_no_list_is_refused_as_a_whole_and_an_empty_file_is_an_empty_list() {
        for (text, name) in [("{}", "a.json"), ("", "a.json"), ("[1", "a.json"), ("a: b", "a.yml"), ("[", "a.yml")] {
            assert!(sift_target_groups(text, Path::new(name)).is_err(), "{text} {name}");
        }
        assert_eq!(decode_target_groups("# none yet\n", Path::new("a.yml")).unwrap(), []);
        assert_eq!(decode_target_groups("[]", Path::new("a.json")).unwrap(), []);
    }

    #[test]
    fn json_that_yaml_does_not_know_is_read() {
        let json = "[\t{\"targets\":[\"ds-1\"],\"labels\":{\"note\":\"\\ud83d\\ude00\"}}]";
        assert_eq!(decode_target_groups(json, Path::new("http answer")).unwrap().len(), 1);
    }
}
