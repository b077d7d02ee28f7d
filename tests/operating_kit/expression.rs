//! The names and comparisons of a PromQL expression.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::Matchers;
use promql_parser::parser::{Expr, LabelModifier, VectorMatchCardinality, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};

pub(super) type Labels = BTreeSet<String>;

/// The names in an expression: selectors, and the label lists of aggregations and matchings.
#[derive(Default)]
pub(super) struct Read {
    pub(super) selectors: Vec<(String, Labels)>,
    pub(super) by: Vec<Labels>,
    /// Per-job series that a `sum` or `count` reads without a `max` in between: duplicates would count twice.
    pub(super) doubled: Vec<String>,
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
                if ["sum", "count", "avg"].contains(&aggregate.op.to_string().as_str())
                    && let Some(name) = series(&aggregate.expr).filter(|name| name.starts_with("koreai_job_"))
                    && !name.ends_with("_bucket")
                {
                    self.doubled.push(name.to_owned());
                }
            }
            Expr::Binary(binary) => {
                if let Some(LabelModifier::Include(labels)) = binary.modifier.as_ref().and_then(|m| m.matching.as_ref())
                {
                    self.by.push(labels.labels.iter().cloned().collect());
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

/// The series that an expression reads directly, through functions and parentheses.
fn series(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::VectorSelector(selector) => selector.name.as_deref(),
        Expr::MatrixSelector(matrix) => matrix.vs.name.as_deref(),
        Expr::Subquery(subquery) => series(&subquery.expr),
        Expr::Paren(paren) => series(&paren.expr),
        Expr::Call(call) => call.args.args.iter().find_map(|argument| series(argument)),
        Expr::Binary(binary) if binary.op.to_string() == "or" => series(&binary.lhs).or_else(|| series(&binary.rhs)),
        _ => None,
    }
}

/// The labels of an expression's result, for series that have the labels `known`.
pub(super) fn labels(expr: &Expr, known: &BTreeMap<String, Labels>) -> Labels {
    let of = |expr: &Expr| labels(expr, known);
    let included = |modifier: &LabelModifier| match modifier {
        LabelModifier::Include(labels) => Some(labels.labels.iter().cloned().collect::<Labels>()),
        LabelModifier::Exclude(_) => None,
    };
    match expr {
        Expr::VectorSelector(selector) => {
            selector.name.as_ref().and_then(|name| known.get(name)).cloned().unwrap_or_default()
        }
        Expr::MatrixSelector(matrix) => {
            matrix.vs.name.as_ref().and_then(|name| known.get(name)).cloned().unwrap_or_default()
        }
        Expr::Subquery(subquery) => of(&subquery.expr),
        Expr::Paren(paren) => of(&paren.expr),
        Expr::Unary(unary) => of(&unary.expr),
        Expr::Call(call) => call.args.args.iter().flat_map(|argument| of(argument)).collect(),
        Expr::Aggregate(aggregate) => aggregate.modifier.as_ref().and_then(included).unwrap_or_default(),
        Expr::Binary(binary) => {
            let modifier = binary.modifier.as_ref();
            let grouped = modifier.is_some_and(|m| !matches!(m.card, VectorMatchCardinality::OneToOne));
            let on = modifier.and_then(|m| m.matching.as_ref()).and_then(included);
            match binary.op.to_string().as_str() {
                "and" | "unless" => of(&binary.lhs),
                "or" => of(&binary.lhs).union(&of(&binary.rhs)).cloned().collect(),
                _ => match (on, modifier.map(|m| &m.card)) {
                    (_, Some(VectorMatchCardinality::ManyToOne(with) | VectorMatchCardinality::OneToMany(with))) => {
                        of(&binary.lhs).into_iter().chain(with.labels.iter().cloned()).collect()
                    }
                    (Some(on), _) if !grouped => on,
                    _ => of(&binary.lhs).union(&of(&binary.rhs)).cloned().collect(),
                },
            }
        }
        _ => Labels::new(),
    }
}

pub(super) fn read(expr: &str) -> Result<Read, String> {
    let parsed = promql_parser::parser::parse(expr).map_err(|error| format!("{error}\n{expr}"))?;
    let mut read = Read::default();
    walk_expr(&mut read, &parsed)?;
    Ok(read)
}
