//! The whole configuration.

use std::path::Path;

use super::bot::{BotConfig, DefaultAuth};
use super::failure_rule::FailureRule;
use super::file;
use super::global::Global;
use crate::yaml::{self, Bounds, ConfigErrors, Decoder, Mistake, Node, Value};

/// The configuration needs nine levels. The nodes leave room for ten times the default `max_jobs`.
const BOUNDS: Bounds = Bounds { depth: 32, nodes: 1_000_000 };

/// The maximum number of bots: each has its own scheduler and about twenty series even without jobs.
pub const MAX_BOTS: usize = 1000;

/// A valid configuration. Its `Debug` output contains no secret.
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
    /// Reads a file. Relative paths start at its directory. `env` looks up environment variables that the file names.
    ///
    /// # Errors
    /// All mistakes of the file, or the reason why it cannot be read.
    pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        Self::parse(&file::read(path)?, path, env)
    }

    /// Parses a text as if it were the content of `file`, which need not exist.
    ///
    /// # Errors
    /// All mistakes of the text.
    pub fn parse(text: &str, file: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        file::check_length(text, file)?;
        let root = yaml::parse(text, BOUNDS).map_err(|mistake| ConfigErrors::one(file, mistake))?;
        let Some(root) = root else {
            let text = "file is empty; it needs at least `bots` with one bot";
            return Err(ConfigErrors::one(file, Mistake::of_file(None, text)));
        };
        let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf());
        let mut decoder = Decoder::new(&directory, env);
        let config = Self::decode(&mut decoder, &root);
        decoder.finish(file, config)
    }

    fn decode(d: &mut Decoder<'_>, root: &Node) -> Option<Self> {
        let fields = d.fields(root, &["global", "failure_reasons", "bots"])?;
        let global = d.optional(&fields, "global", Global::decode).unwrap_or_default();
        let has_auth = fields.get("global").is_some_and(|node| node.has("auth"));
        let default_auth = match &global.auth {
            Some(auth) => DefaultAuth::Valid(auth),
            None if has_auth => DefaultAuth::Invalid,
            None => DefaultAuth::Absent,
        };
        let failure_reasons = d.optional(&fields, "failure_reasons", FailureRule::decode_all).unwrap_or_default();
        let bots = d.required(&fields, "bots", "a list with at least one bot", |d, node| {
            if let Value::List(bots) = &node.value
                && !(1..=MAX_BOTS).contains(&bots.len())
            {
                d.mistake(node.at, || format!("invalid number of bots {}: expected 1 to {MAX_BOTS}", bots.len()));
                return None;
            }
            d.items(node, |d, node| BotConfig::decode(d, node, default_auth))
        });
        if let Some(Value::List(bots)) = fields.get("bots").map(|node| &node.value) {
            BotConfig::check_names(d, bots);
        }
        Some(Self { global, failure_reasons, bots: bots? })
    }
}

/// A complete example with a comment on every key.
pub const fn example() -> &'static str {
    include_str!("../../examples/koreai.yml")
}
