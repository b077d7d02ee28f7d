//! The whole configuration.

use std::path::Path;

use super::bot::BotConfig;
use super::decoder::Decoder;
use super::error::{ConfigErrors, Mistake};
use super::failure_rule::FailureRule;
use super::global::Global;
use super::tree::{Node, Value};
use super::{file, yaml};

/// The most bots: each has a scheduler of its own and some twenty series without a single job.
pub const MAX_BOTS: usize = 1000;

/// A configuration in which nothing is wrong. Its `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `global`. Default: see [`Global`].
    pub global: Global,
    /// `failure_reasons`. Default: none.
    pub failure_reasons: Vec<FailureRule>,
    /// `bots`, required: one to [`MAX_BOTS`], names unique.
    pub bots: Vec<BotConfig>,
}

impl Config {
    /// Reads a file. Relative paths in it start at its folder. `env` is asked for environment variables that the file names.
    ///
    /// # Errors
    /// Every mistake of the file; or that it cannot be read.
    pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        Self::parse(&file::read(path)?, path, env)
    }

    /// Reads a text as if it stood in `file`, which need not exist.
    ///
    /// # Errors
    /// Every mistake of the text.
    pub fn parse(text: &str, file: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        file::check_length(text, file)?;
        let root = yaml::parse(text.strip_prefix('\u{feff}').unwrap_or(text));
        let root = root.map_err(|mistake| ConfigErrors::one(file, mistake))?;
        let Some(root) = root else {
            let text = "the file is empty; it needs at least `bots` with one bot";
            return Err(ConfigErrors::one(file, Mistake::of_file(None, text)));
        };
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        let mut decoder = Decoder::new(&folder, env);
        let config = Self::decode(&mut decoder, &root);
        decoder.finish(file, config)
    }

    fn decode(d: &mut Decoder<'_>, root: &Node) -> Option<Self> {
        let fields = d.fields(root, &["global", "failure_reasons", "bots"])?;
        let global = d.optional(&fields, "global", Global::decode).unwrap_or_default();
        let failure_reasons = d.optional(&fields, "failure_reasons", FailureRule::decode_all).unwrap_or_default();
        let bots = d.required(&fields, "bots", "a list with at least one bot", |d, node| {
            if let Value::List(bots) = &node.value
                && !(1..=MAX_BOTS).contains(&bots.len())
            {
                d.mistake(node.at, || format!("has {} bots; give 1 to {MAX_BOTS}", bots.len()));
                return None;
            }
            d.items(node, BotConfig::decode)
        });
        if let Some(Value::List(bots)) = fields.get("bots").map(|node| &node.value) {
            BotConfig::check_names(d, bots);
        }
        Some(Self { global, failure_reasons, bots: bots? })
    }
}

/// A full example with a comment on every key.
pub const fn example() -> &'static str {
    include_str!("../../examples/koreai.yml")
}
