//! What rooms that read files have in common: telling a changed file, and a YAML tree within bounds.

mod file_stamp;
mod yaml;

pub use file_stamp::FileStamp;
pub use yaml::{YamlBounds, load_yaml};
