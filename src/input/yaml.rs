//! A YAML tree with line numbers, within bounds.

use saphyr::{MarkedYaml, ScanError, YamlLoader};
use saphyr_parser::{Event, Parser};

/// What a text may hold. The loader recurses, so that nesting without a bound would overflow the stack.
#[derive(Debug, Clone, Copy)]
pub struct YamlBounds {
    /// Lists and maps within each other.
    pub depth: usize,
    /// Events of the parser, about one a node of the tree.
    pub nodes: usize,
}

/// Loads scalars as they were written: `version: 1.10` is the text `1.10`.
///
/// # Errors
/// What is no YAML, or exceeds a bound; with its place.
pub fn load_yaml(text: &str, bounds: YamlBounds) -> Result<Vec<MarkedYaml<'_>>, ScanError> {
    let (mut depth, mut nodes) = (0_usize, 0_usize);
    for event in Parser::new_from_str(text) {
        let (event, span) = event?;
        nodes += 1;
        match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
            Event::SequenceEnd | Event::MappingEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > bounds.depth {
            return Err(ScanError::new_str(span.start, "nested too deeply"));
        }
        if nodes > bounds.nodes {
            return Err(ScanError::new_str(span.start, "too large"));
        }
    }
    let mut loader = YamlLoader::<MarkedYaml<'_>>::default();
    loader.early_parse(false);
    Parser::new_from_str(text).load(&mut loader, true)?;
    match loader.error() {
        Some(error) => Err(error.clone()),
        None => Ok(loader.into_documents()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_says_which_it_is_and_where() {
        let bounds = YamlBounds { depth: 3, nodes: 20 };
        let refusal = |text: &str| load_yaml(text, bounds).err().map(|error| error.to_string());
        assert_eq!(refusal("- {a: [1]}"), None);
        assert!(refusal("- {a: [[1]]}").unwrap().contains("nested too deeply"));
        assert!(refusal("- 1\n".repeat(20).as_str()).unwrap().contains("too large"));
    }
}
