//! `failure_reasons`: rules that map the text of a failed notification to a reason.

use std::collections::HashSet;

use crate::model::Reason;
use crate::yaml::{Decoder, Node};

/// The maximum number of rules: each is matched against the text of every FAILURE entry.
pub const MAX_FAILURE_RULES: usize = 64;
/// The maximum number of distinct reasons in the rules: each is a value of the label `reason`.
pub const MAX_EXTRA_REASONS: usize = 32;
/// The maximum length of a `match` in characters.
pub const MAX_MATCH_CHARS: usize = 200;

/// An item of `failure_reasons`; the first match wins, and the built-in rules come last. Default: only the built-in rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureRule {
    /// `match`: a case-insensitive substring of the text, in lower case here. 1 to 200 characters.
    pub contains: String,
    /// `reason`: the value of the label `reason`.
    pub reason: Reason,
}

impl FailureRule {
    pub(super) fn decode_all(d: &mut Decoder<'_>, node: &Node) -> Option<Vec<Self>> {
        let rules = d.items(node, Self::decode)?;
        if rules.len() > MAX_FAILURE_RULES {
            d.mistake(node.at, || format!("too many rules: {}, at most {MAX_FAILURE_RULES} are allowed", rules.len()));
        }
        let reasons: HashSet<&str> = rules.iter().map(|rule| rule.reason.as_str()).collect();
        if reasons.len() > MAX_EXTRA_REASONS {
            d.mistake(node.at, || {
                format!("too many distinct reasons: {}, at most {MAX_EXTRA_REASONS} are allowed", reasons.len())
            });
        }
        Some(rules)
    }

    fn decode(d: &mut Decoder<'_>, node: &Node) -> Option<Self> {
        let fields = d.fields(node, &["match", "reason"])?;
        let contains = d.required(&fields, "match", "a part of the failure text", |d, node| {
            let text = d.text(node, "a part of the failure text")?.to_lowercase();
            if text.trim().is_empty() {
                d.invalid(node, "match", "it matches every failure; set it to a part of the failure text");
                return None;
            }
            let chars = text.chars().count();
            if chars > MAX_MATCH_CHARS {
                d.invalid(node, "match", format_args!("{chars} characters, at most {MAX_MATCH_CHARS} are allowed"));
                return None;
            }
            Some(text)
        });
        let reason = d.required(&fields, "reason", "a name such as not_reachable", |d, node| {
            let reason = Reason::parse(d.text(node, "a name such as not_reachable")?);
            if reason.is_none() {
                d.invalid(
                    node,
                    "reason",
                    "expected at most 64 lower-case letters, digits and `_`, starting with a letter",
                );
            }
            reason
        });
        Some(Self { contains: contains?, reason: reason? })
    }
}
