//! The target groups of `static_configs`, `[{targets: […], labels: {…}}]`; any mistake is an error. `discovery` reads those
//! of files and HTTP responses, and skips invalid targets.

use std::sync::Arc;

use crate::model::{LabelName, LabelValue, MAX_TARGET_LABELS, RequestId, Target};
use crate::yaml::{Decoder, Node, Position, Value};

/// Reads one group and passes on each target with its position. A group with an invalid label has no targets.
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
    // Producers written in Go encode an empty list as null.
    if fields.get("targets").is_some_and(|node| matches!(node.value, Value::Null)) {
        return Some(());
    }
    d.required(&fields, "targets", "a list of request IDs", |d, node| {
        d.items(node, |d, node| {
            let text = d.text(node, "a request ID (ds-…)")?;
            match (RequestId::parse(text), &labels) {
                (Ok(id), Some(Labels { campaign, others })) => {
                    take(d, node.at, Target { id, campaign: campaign.clone(), labels: Arc::clone(others) });
                }
                (Ok(_), None) => {}
                (Err(problem), _) => d.invalid(node, "request ID", problem),
            }
            Some(())
        })
    })
    .map(|_| ())
}

/// The labels of a group: `campaign` separately, the others sorted by name.
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
        let entries = d.entries(node, || "a mapping such as {campaign: spring}".to_owned())?;
        let mut campaign = None;
        let mut others = Vec::new();
        let mut all_good = true;
        for (key, node) in entries {
            // Prometheus drops meta labels after relabelling, which the exporter does not have.
            if key.text.starts_with("__meta_") {
                continue;
            }
            let good = d.under_key(key.text.to_string(), |d| {
                let text = d.text(node, "a string")?;
                let value = LabelValue::parse(text).map_err(|problem| d.invalid(node, "label value", problem)).ok()?;
                if &*key.text == "campaign" {
                    campaign = Some(value).filter(|value| !value.as_str().is_empty());
                    return Some(());
                }
                let name = LabelName::parse(&key.text);
                let name =
                    name.map_err(|problem| d.mistake(key.at, || format!("invalid label name: {problem}"))).ok()?;
                // In Prometheus an empty label is the same as an absent one.
                if !value.as_str().is_empty() {
                    others.push((name, value));
                }
                Some(())
            });
            all_good &= good.is_some();
        }
        if others.len() > MAX_TARGET_LABELS {
            d.mistake(node.at, || {
                format!("too many labels: {}, at most {MAX_TARGET_LABELS} are allowed", others.len())
            });
            all_good = false;
        }
        others.sort();
        all_good.then(|| Self { campaign, others: Arc::from(others) })
    }
}
