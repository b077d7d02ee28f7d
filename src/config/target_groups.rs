//! The target groups of `static_configs`, `[{targets: […], labels: {…}}]`, in which nothing may be wrong. Those of files and
//! answers are read by `discovery`, which keeps what is good in them.

use std::sync::Arc;

use crate::model::{LabelName, LabelValue, RequestId, Target};

use super::decoder::Decoder;
use super::error::Position;
use super::tree::{Node, Value};

/// The most labels of a target: each widens its `koreai_job_info`.
pub const MAX_TARGET_LABELS: usize = 32;

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
