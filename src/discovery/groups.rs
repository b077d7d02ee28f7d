//! Parses Prometheus' target groups, in JSON and YAML.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::error::DiscoveryError;
use crate::model::{LabelName, LabelValue, MAX_TARGET_LABELS, RequestId, Target};
use crate::yaml::{self, Bounds, Decoder, Mistake, Node, Value};

/// The maximum size of a file or response in bytes: half a million targets.
pub(super) const MAX_BYTES: u64 = 32 << 20;
/// The format has four levels. A node takes about 100 bytes.
const BOUNDS: Bounds = Bounds { depth: 8, nodes: 2_000_000 };
/// The maximum number of invalid targets that are logged per file or response; the others are only counted.
const MAX_NAMED: usize = 5;

/// The content of a file or response.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Groups {
    pub(super) targets: Vec<Target>,
    /// The number of skipped targets.
    pub(super) invalid: u64,
    /// Descriptions of the first of them.
    pub(super) complaints: Vec<String>,
}

/// The format of a file or response.
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
    /// Parses a whole list. Invalid request IDs are skipped and counted. Any other mistake rejects the whole list, as in
    /// Prometheus.
    pub(super) fn parse(text: &str, format: Format) -> Result<Self, DiscoveryError> {
        match format {
            Format::Json => Self::parse_json(text),
            Format::Yaml => Self::parse_yaml(text),
        }
    }

    fn parse_json(text: &str) -> Result<Self, DiscoveryError> {
        let groups: Option<Vec<Group>> = serde_json::from_str(text).map_err(|error| {
            // Serde's message may quote the content.
            let why = if error.is_data() {
                "expected a list of {\"targets\": [\"ds-…\"], \"labels\": {\"name\": \"value\"}}"
            } else {
                "invalid JSON"
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
        let first = |mistake: &Mistake| DiscoveryError::Parse {
            line: mistake.position.map_or(1, |at| at.line),
            why: if mistake.key.is_empty() {
                mistake.text.clone()
            } else {
                format!("{}: {}", mistake.key, mistake.text)
            },
        };
        let root = yaml::parse(text, BOUNDS).map_err(|mistake| first(&mistake))?;
        let mut read = Self::default();
        let Some(root) = root else { return Ok(read) };
        let mut decoder = Decoder::new(Path::new(""), &|_| None);
        let groups = decoder.items(&root, |d, group| read.decode_group(d, group));
        decoder.finish(Path::new(""), groups).map_err(|errors| match errors.mistakes() {
            [mistake, ..] => first(mistake),
            [] => DiscoveryError::Parse { line: 1, why: "invalid target groups".to_owned() },
        })?;
        Ok(read)
    }

    fn decode_group(&mut self, d: &mut Decoder<'_>, group: &Node) -> Option<()> {
        let fields = d.fields(group, &["targets", "labels"])?.without_nulls();
        let labels = d.optional(&fields, "labels", |d, node| {
            let entries = d.entries(node, || "a mapping such as {campaign: spring}".to_owned())?;
            let pairs = entries.into_iter().map(|(key, value)| match value.value {
                // In Prometheus an empty label is the same as an absent one.
                Value::Null => Some((&*key.text, "")),
                _ => d.under_key(key.text.to_string(), |d| d.text(value, "a string")).map(|text| (&*key.text, text)),
            });
            pairs.collect::<Option<Vec<_>>>()
        });
        let labels = Labels::parse(labels.unwrap_or_default().into_iter());
        d.optional(&fields, "targets", |d, node| {
            d.items(node, |d, target| {
                let text = d.text(target, "a request ID (ds-…)")?;
                self.add(text, &labels, || format!("line {}", target.at.map_or(1, |at| at.line)));
                Some(())
            })
        });
        Some(())
    }

    fn add(&mut self, text: &str, labels: &Result<Labels, String>, place: impl Fn() -> String) {
        let complaint = match (RequestId::parse(text), labels) {
            (Ok(id), Ok(Labels { campaign, others })) => {
                let (campaign, labels) = (campaign.clone(), Arc::clone(others));
                return self.targets.push(Target { id, campaign, labels });
            }
            (Err(error), _) => format!("invalid request ID {}: {error}", yaml::excerpt(text)),
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
        // As in Prometheus, an empty label is the same as an absent one, and `__…` is for relabelling only.
        for (name, value) in pairs.filter(|(name, value)| !value.is_empty() && !name.starts_with("__")) {
            let value =
                LabelValue::parse(value).map_err(|error| format!("invalid value of label {name:?}: {error}"))?;
            if name == "campaign" {
                campaign = Some(value);
            } else {
                let name = LabelName::parse(name).map_err(|error| format!("invalid label name {name:?}: {error}"))?;
                others.push((name, value));
            }
        }
        if others.len() > MAX_TARGET_LABELS {
            return Err(format!(
                "too many labels in the group: {}, at most {MAX_TARGET_LABELS} are allowed",
                others.len()
            ));
        }
        others.sort();
        Ok(Self { campaign, others: others.into() })
    }
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
    fn json_and_yaml_give_the_same_targets() {
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
        assert!(read.complaints[0].starts_with("line 3: invalid request ID \"ds 2\": "), "{:?}", read.complaints);
        assert!(read.complaints[1].starts_with("line 4: invalid label name \"bot\": "), "{:?}", read.complaints);
        let read = Groups::parse(r#"[{"targets": ["ds-1", ""]}]"#, Format::Json).unwrap();
        assert_eq!(read.complaints, ["[0].targets[1]: invalid request ID \"\": is empty"]);
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
                assert!(why.contains("too many values"), "{line}: {why}");
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
