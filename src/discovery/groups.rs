//! Prometheus' target groups, in JSON and YAML.

use std::collections::BTreeMap;
use std::sync::Arc;

use saphyr::{MarkedYaml, YamlData};
use serde::Deserialize;

use super::error::DiscoveryError;
use crate::input::{YamlBounds, load_yaml};
use crate::model::{LabelName, LabelValue, RequestId, Target};

/// The largest file or answer that is read: half a million targets.
pub(super) const MAX_BYTES: u64 = 32 << 20;
/// Labels of one group; a job has a handful.
const MAX_LABELS: usize = 32;
/// Nodes of a YAML tree take 100 to 200 bytes each; the format nests three deep.
const BOUNDS: YamlBounds = YamlBounds { depth: 8, nodes: 2_000_000 };
/// Invalid targets that are named in the log, of one file or answer; the others are counted.
const MAX_NAMED: usize = 5;

/// What a file or an answer names.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Groups {
    pub(super) targets: Vec<Target>,
    /// Targets that were skipped.
    pub(super) invalid: u64,
    /// The first of them in words.
    pub(super) complaints: Vec<String>,
}

/// The two ways to write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Yaml,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    #[serde(default)]
    targets: Option<Vec<String>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

impl Groups {
    /// Reads a whole list. Targets that are no request IDs are skipped and counted; anything else that is wrong refuses
    /// the whole, as Prometheus does.
    pub(super) fn parse(text: &str, format: Format) -> Result<Self, DiscoveryError> {
        match format {
            Format::Json => Self::parse_json(text),
            Format::Yaml => Self::parse_yaml(text),
        }
    }

    fn parse_json(text: &str) -> Result<Self, DiscoveryError> {
        let groups: Option<Vec<Group>> = serde_json::from_str(text).map_err(|error| {
            // Not serde's own words: they may quote what stands there.
            let why = if error.is_data() {
                "is no list of {\"targets\": [\"ds-…\"], \"labels\": {\"name\": \"value\"}}"
            } else {
                "is no JSON"
            };
            DiscoveryError::Parse { line: error.line().max(1), why: format!("{why} (column {})", error.column()) }
        })?;
        let mut read = Self::default();
        for (index, group) in groups.unwrap_or_default().into_iter().enumerate() {
            let labels = Labels::parse(group.labels.unwrap_or_default().iter().map(|(k, v)| (k.as_str(), v.as_str())));
            for (place, target) in group.targets.unwrap_or_default().iter().enumerate() {
                read.add(target, &labels, || format!("[{index}].targets[{place}]"));
            }
        }
        Ok(read)
    }

    fn parse_yaml(text: &str) -> Result<Self, DiscoveryError> {
        let documents = load_yaml(text, BOUNDS)
            .map_err(|error| DiscoveryError::Parse { line: error.marker().line(), why: error.info().to_owned() })?;
        let mut read = Self::default();
        let Some(document) = documents.first() else { return Ok(read) };
        for group in items(document, "the file")? {
            let (mut targets, mut labels) = (&[][..], Vec::new());
            for (key, value) in fields(group, "a group")? {
                match text_of(key) {
                    Some("targets") => targets = items(value, "targets")?,
                    Some("labels") => {
                        for (name, value) in fields(value, "labels")? {
                            let pair = text_of(name).zip(text_of(value));
                            labels.push(pair.ok_or_else(|| wrong(name, "a label is no `name: value`"))?);
                        }
                    }
                    _ => return Err(wrong(key, "unknown key; a group has `targets` and `labels`")),
                }
            }
            let labels = Labels::parse(labels.into_iter());
            for target in targets {
                let text = text_of(target).ok_or_else(|| wrong(target, "a target is no text"))?;
                read.add(text, &labels, || format!("line {}", target.span.start.line()));
            }
        }
        Ok(read)
    }

    fn add(&mut self, text: &str, labels: &Result<Labels, String>, place: impl Fn() -> String) {
        let complaint = match (RequestId::parse(text), labels) {
            (Ok(id), Ok(Labels { campaign, others })) => {
                let (campaign, labels) = (campaign.clone(), Arc::clone(others));
                return self.targets.push(Target { id, campaign, labels });
            }
            (Err(error), _) => format!("the target {error}"),
            (_, Err(error)) => error.clone(),
        };
        self.invalid += 1;
        if self.complaints.len() < MAX_NAMED {
            self.complaints.push(format!("{}: {complaint}", place()));
        }
    }
}

struct Labels {
    campaign: Option<LabelValue>,
    others: Arc<[(LabelName, LabelValue)]>,
}

impl Labels {
    fn parse<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, String> {
        let (mut campaign, mut others) = (None, Vec::new());
        // An empty label is no label, and `__…` are for relabelling: both as with Prometheus.
        for (name, value) in pairs.filter(|(name, value)| !value.is_empty() && !name.starts_with("__")) {
            let value = LabelValue::parse(value).map_err(|error| format!("the value of the label {name:?} {error}"))?;
            if name == "campaign" {
                campaign = Some(value);
            } else {
                let name = LabelName::parse(name).map_err(|error| format!("the label {name:?} {error}"))?;
                others.push((name, value));
            }
        }
        if others.len() > MAX_LABELS {
            return Err(format!("the group has {} labels, at most {MAX_LABELS} are allowed", others.len()));
        }
        others.sort();
        Ok(Self { campaign, others: others.into() })
    }
}

fn items<'a, 'b>(node: &'a MarkedYaml<'b>, what: &str) -> Result<&'a [MarkedYaml<'b>], DiscoveryError> {
    match &node.data {
        YamlData::Sequence(items) => Ok(items),
        _ if is_null(node) => Ok(&[]),
        _ => Err(wrong(node, &format!("{what} is no list"))),
    }
}

fn fields<'a, 'b>(
    node: &'a MarkedYaml<'b>,
    what: &str,
) -> Result<Vec<(&'a MarkedYaml<'b>, &'a MarkedYaml<'b>)>, DiscoveryError> {
    match &node.data {
        YamlData::Mapping(fields) => Ok(fields.iter().collect()),
        _ if is_null(node) => Ok(Vec::new()),
        _ => Err(wrong(node, &format!("{what} is no mapping"))),
    }
}

fn text_of<'a>(node: &'a MarkedYaml<'_>) -> Option<&'a str> {
    match &node.data {
        YamlData::Representation(..) if is_null(node) => Some(""),
        YamlData::Representation(text, ..) => Some(text),
        _ => None,
    }
}

fn is_null(node: &MarkedYaml<'_>) -> bool {
    matches!(&node.data, YamlData::Representation(text, saphyr::ScalarStyle::Plain, _)
        if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
}

fn wrong(node: &MarkedYaml<'_>, why: &str) -> DiscoveryError {
    DiscoveryError::Parse { line: node.span.start.line(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(groups: &Groups) -> Vec<String> {
        let show = |target: &Target| {
            let campaign = target.campaign.as_ref().map_or("-", |value| value.as_str());
            let labels: Vec<_> = target.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} {campaign} {}", target.id, labels.join(","))
        };
        groups.targets.iter().map(show).collect()
    }

    #[test]
    fn json_and_yaml_say_the_same() {
        let json = r#"[{"targets": ["ds-1", "ds-2"], "labels": {"team": "crm", "campaign": "spring", "__meta_x": "y", "empty": ""}}, {"targets": ["ds-3"]}]"#;
        let yaml = "- targets: [ds-1, ds-2]\n  labels: {team: crm, campaign: spring, __meta_x: y, empty: }\n- targets:\n  - ds-3\n";
        for (text, format) in [(json, Format::Json), (yaml, Format::Yaml), (json, Format::Yaml)] {
            let groups = Groups::parse(text, format).unwrap();
            assert_eq!(shown(&groups), ["ds-1 spring team=crm", "ds-2 spring team=crm", "ds-3 - "], "{format:?}");
        }
        for (text, format) in [("[]", Format::Json), ("null", Format::Json), ("", Format::Yaml), ("[]", Format::Yaml)] {
            assert_eq!(Groups::parse(text, format).unwrap(), Groups::default());
        }
    }

    #[test]
    fn yaml_scalars_are_taken_as_they_are_written_and_anchors_are_followed() {
        let yaml =
            "- targets: [ds-1]\n  labels: &l {version: 1.10, on: true, octal: 010}\n- {targets: [ds-2], labels: *l}\n";
        let labels = "octal=010,on=true,version=1.10";
        assert_eq!(
            shown(&Groups::parse(yaml, Format::Yaml).unwrap()),
            [format!("ds-1 - {labels}"), format!("ds-2 - {labels}")]
        );
    }

    #[test]
    fn invalid_targets_are_skipped_counted_and_placed() {
        let yaml = "- targets:\n  - ds-1\n  - ds 2\n- targets: [ds-3]\n  labels: {bot: x}\n";
        let read = Groups::parse(yaml, Format::Yaml).unwrap();
        assert_eq!((shown(&read), read.invalid), (vec!["ds-1 - ".to_owned()], 2));
        assert!(
            read.complaints[0].starts_with("line 3: the target has the character ' ' in it"),
            "{:?}",
            read.complaints
        );
        assert!(read.complaints[1].starts_with("line 4: the label \"bot\" is a label that"), "{:?}", read.complaints);
        let read = Groups::parse(r#"[{"targets": ["ds-1", ""]}]"#, Format::Json).unwrap();
        assert_eq!(read.complaints, ["[0].targets[1]: the target is empty"]);
    }

    #[test]
    fn what_is_no_list_of_groups_is_refused_with_its_line() {
        let deep = "- ".repeat(100_000);
        let cases = [
            ("[\n{\"targets\": [1]}]", Format::Json, 2),
            ("[{\"targets\": [\"ds-1\"]}", Format::Json, 1),
            ("{\"targets\": []}", Format::Json, 1),
            ("[{\"tragets\": []}]", Format::Json, 1),
            ("- targets: []\n  lables: {}\n", Format::Yaml, 2),
            ("- targets: ds-1\n", Format::Yaml, 1),
            ("targets: [ds-1]\n", Format::Yaml, 1),
            ("- targets: []\n  labels: {a: [1]}\n", Format::Yaml, 2),
            ("- targets: [ds-1\n", Format::Yaml, 2),
            (deep.as_str(), Format::Yaml, 1),
        ];
        for (text, format, expected) in cases {
            match Groups::parse(text, format) {
                Err(DiscoveryError::Parse { line, .. }) => assert_eq!(line, expected, "{text:.60}"),
                other => panic!("{text:.60}: {other:?}"),
            }
        }
    }

    #[test]
    fn aliases_cannot_multiply_a_text_without_end() {
        let mut text = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..7 {
            let copies = vec![format!("*a{}", level - 1); 10].join(", ");
            text += &format!("- &a{level} [{copies}]\n");
        }
        match Groups::parse(&text, Format::Yaml) {
            Err(DiscoveryError::Parse { line, why }) => {
                assert!(why.contains("alias expansion"), "{line}: {why}");
            }
            other => panic!("{other:?}"),
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_text_gives_targets_or_the_line_of_a_mistake(
            text in "((?s).{0,200}|([-?:,\\[\\]{}&*!|>'\"%@` \n\ta0#~.<]){0,80})",
        ) {
            for format in [Format::Json, Format::Yaml] {
                match Groups::parse(&text, format) {
                    Ok(_) => {}
                    Err(DiscoveryError::Parse { line, why }) => proptest::prop_assert!(line > 0 && !why.is_empty()),
                    Err(other) => proptest::prop_assert!(false, "{other}"),
                }
            }
        }
    }
}
