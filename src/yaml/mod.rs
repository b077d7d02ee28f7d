//! A bounded YAML tree with positions, and a decoder that collects every mistake of a file.
//!
//! Used by all readers of YAML: the configuration, `--web.config.file` and target files. The decoder is our own because a
//! derived one stops at the first mistake and cannot give line, column and key of all of them.

mod decoder;
mod did_you_mean;
mod error;
mod parser;
mod tree;
mod units;

pub(crate) use decoder::{Decoder, Fields, excerpt};
pub use error::{ConfigErrors, MAX_LISTED_MISTAKES, Mistake, Position};
pub(crate) use parser::parse;
pub(crate) use tree::{Bounds, Node, Value};
pub(crate) use units::{format_bytes, format_duration};
