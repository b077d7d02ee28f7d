//! The catalogue: every family that is served.

use super::bot_families::BOT_FAMILIES;
use super::campaign_families::CAMPAIGN_FAMILIES;
use super::exporter_families::EXPORTER_FAMILIES;
use super::family::Family;
use super::job_families::JOB_FAMILIES;

/// Every family of this exporter, in the order of the page; `process_*` families are appended at scrape time.
pub fn families() -> impl Iterator<Item = &'static Family> {
    let jobs = JOB_FAMILIES.iter().map(|row| &row.family);
    let campaigns = CAMPAIGN_FAMILIES.iter().map(|row| &row.family);
    let bots = BOT_FAMILIES.iter().map(|row| &row.family);
    let exporter = EXPORTER_FAMILIES.iter().map(|row| &row.family);
    jobs.chain(campaigns).chain(bots).chain(exporter)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::exposition::family::Kind;

    #[test]
    fn names_are_unique_and_their_endings_say_the_type() {
        let names: BTreeSet<_> = families().map(|family| family.name).collect();
        assert_eq!(names.len(), families().count());
        for family in families() {
            assert!(family.name.starts_with("koreai_"), "{}", family.name);
            assert_eq!(family.name.ends_with("_total"), family.kind == Kind::Counter, "{}", family.name);
            for ending in ["_count", "_sum", "_bucket", "_created", "_percent"] {
                assert!(!family.name.ends_with(ending), "{}", family.name);
            }
        }
    }

    #[test]
    fn help_needs_no_escaping_and_is_a_sentence() {
        for family in families() {
            assert!(!family.help.contains(['\\', '"', '\n']), "{}", family.name);
            let starts_with_capital = family.help.starts_with(|c: char| c.is_ascii_uppercase());
            assert!(starts_with_capital && family.help.ends_with('.'), "{}: {}", family.name, family.help);
        }
    }
}
