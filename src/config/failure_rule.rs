//! `failure_reasons`: how the text of a failed notification becomes a reason.

use std::collections::HashSet;

use crate::model::Reason;

use super::decoder::Decoder;
use super::tree::Node;

/// The most rules: each is searched for in every FAILURE entry's text.
pub const MAX_FAILURE_RULES: usize = 64;
/// The most distinct reasons that the rules may bring: each is a value of the label `reason`.
pub const MAX_EXTRA_REASONS: usize = 32;
/// The most characters of a `match`.
pub const MAX_MATCH_CHARS: usize = 200;

/// An item of `failure_reasons`; the first that fits decides, before the built-in ones. Left out: the built-in ones alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureRule {
    /// `match`: fits if it occurs in the text, whatever the case; kept in lower case. 1 to 200 characters.
    pub contains: String,
    /// `reason`: the value of the label `reason`.
    pub reason: Reason,
}

impl FailureRule {
    pub(super) fn decode_all(d: &mut Decoder<'_>, node: &Node) -> Option<Vec<Self>> {
        let rules = d.items(node, Self::decode)?;
        if rules.len() > MAX_FAILURE_RULES {
            d.mistake(node.at, || format!("has {} rules; at most {MAX_FAILURE_RULES} are allowed", rules.len()));
        }
        let reasons: HashSet<&str> = rules.iter().map(|rule| rule.reason.as_str()).collect();
        if reasons.len() > MAX_EXTRA_REASONS {
            d.mistake(node.at, || {
                format!("has {} distinct reasons; at most {MAX_EXTRA_REASONS} are allowed", reasons.len())
            });
        }
        Some(rules)
    }

    fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Self> {
        let fields = d.fields(node, &["match", "reason"])?;
        let contains = d.required(&fields, "match", "a piece of the failure's text", |d, node| {
            let text = d.text(node, "a piece of the failure's text")?.to_lowercase();
            if text.trim().is_empty() {
                d.wrong(node, "would fit every failure; give a piece of the failure's text");
                return None;
            }
            let chars = text.chars().count();
            if chars > MAX_MATCH_CHARS {
                d.wrong(node, format_args!("has {chars} characters, at most {MAX_MATCH_CHARS} are allowed"));
                return None;
            }
            Some(text)
        });
        let reason = d.required(&fields, "reason", "a name like not_reachable", |d, node| {
            let reason = Reason::parse(d.text(node, "a name like not_reachable")?);
            if reason.is_none() {
                d.wrong(node, "is no reason; give at most 64 lower-case letters, digits and `_`, a letter first");
            }
            reason
        });
        Some(Self { contains: contains?, reason: reason? })
    }
}
