//! Fuzz target for target files and responses of HTTP sources.

use super::groups::{Format, Groups};

/// A list of target groups, as JSON and as YAML. What both accept is the same.
pub fn target_groups(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let read = |format| match Groups::parse(text, format) {
        Ok(groups) => {
            assert_eq!(groups.invalid > 0, !groups.complaints.is_empty(), "a skipped target is not reported");
            Some(groups)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty(), "an error without a message");
            None
        }
    };
    let (json, yaml) = (read(Format::Json), read(Format::Yaml));
    if let (Some(json), Some(yaml)) = (json, yaml) {
        assert_eq!((json.targets, json.invalid), (yaml.targets, yaml.invalid), "JSON and YAML disagree");
    }
}
