//! The names and comparisons of a PromQL expression.

use std::collections::BTreeSet;

use promql_parser::label::Matchers;
use promql_parser::parser::{Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};

pub(super) type Labels = BTreeSet<String>;

/// The names in an expression: selectors, and the label lists of aggregations and matchings.
#[derive(Default)]
pub(super) struct Read {
    pub(super) selectors: Vec<(String, Labels)>,
    pub(super) by: Vec<Labels>,
    /// Recorded or exported names that are alone on the left of a comparison with a number.
    pub(super) limits: Vec<(String, f64)>,
    /// Numbers on the right of a comparison.
    pub(super) numbers: BTreeSet<u64>,
}

impl ExprVisitor for Read {
    type Error = String;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, String> {
        match expr {
            Expr::VectorSelector(selector) => self.select(selector),
            Expr::MatrixSelector(matrix) => self.select(&matrix.vs),
            Expr::Aggregate(aggregate) => {
                if let Some(LabelModifier::Include(labels)) = &aggregate.modifier {
                    self.by.push(labels.labels.iter().cloned().collect());
                }
            }
            Expr::Binary(binary) => {
                if let Some(LabelModifier::Include(labels)) = binary.modifier.as_ref().and_then(|m| m.matching.as_ref())
                {
                    self.by.push(labels.labels.iter().cloned().collect());
                }
                if let (true, Expr::NumberLiteral(number)) = (binary.op.is_comparison_operator(), binary.rhs.as_ref()) {
                    self.numbers.insert(number.val.to_bits());
                    if let Expr::VectorSelector(selector) = binary.lhs.as_ref() {
                        self.limits.push((selector.name.clone().unwrap_or_default(), number.val));
                    }
                }
            }
            _ => {}
        }
        Ok(true)
    }
}

impl Read {
    fn select(&mut self, selector: &VectorSelector) {
        let Matchers { matchers, .. } = &selector.matchers;
        let labels = matchers.iter().map(|matcher| matcher.name.clone()).filter(|name| name != "__name__").collect();
        self.selectors.push((selector.name.clone().unwrap_or_default(), labels));
    }
}

pub(super) fn read(expr: &str) -> Result<Read, String> {
    let parsed = promql_parser::parser::parse(expr).map_err(|error| format!("{error}\n{expr}"))?;
    let mut read = Read::default();
    walk_expr(&mut read, &parsed)?;
    Ok(read)
}
