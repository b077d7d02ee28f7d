//! `--config.file`, and where to look for the configuration without it.

use std::path::{Path, PathBuf};

use super::error::AppError;

/// The paths that are tried without `--config.file`, in this order: the working directory, and where the packages put it.
pub(super) const DEFAULT_PATHS: [&str; 2] = ["koreai.yml", "/etc/koreai_exporter/koreai.yml"];

/// The configuration file: as given, else the first default path that exists.
///
/// # Errors
/// There is none; the error names the paths that were tried.
pub(super) fn locate(given: Option<&Path>) -> Result<PathBuf, AppError> {
    locate_in(given, &DEFAULT_PATHS.map(Path::new))
}

fn locate_in(given: Option<&Path>, defaults: &[&Path]) -> Result<PathBuf, AppError> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    // A file that exists but cannot be read is the right one: reading it says what is wrong.
    let found = defaults.iter().find(|path| path.symlink_metadata().is_ok());
    found.map(|path| path.to_path_buf()).ok_or_else(|| {
        let tried = defaults.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ");
        AppError::Flag(format!("no configuration file: looked for {tried}; name it with --config.file"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_file_wins_even_if_it_does_not_exist() {
        let given = Path::new("/nowhere/koreai.yml");
        assert_eq!(locate_in(Some(given), &[]).unwrap(), given);
    }

    #[test]
    fn without_one_the_first_default_that_exists_is_used() {
        let directory = tempfile::tempdir().unwrap();
        let [first, second] = ["first.yml", "second.yml"].map(|name| directory.path().join(name));
        let defaults = [first.as_path(), second.as_path()];
        let error = locate_in(None, &defaults).unwrap_err().to_string();
        let expected = format!(
            "no configuration file: looked for {} and {}; name it with --config.file",
            first.display(),
            second.display()
        );
        assert_eq!(error, expected);

        std::fs::write(&second, "").unwrap();
        assert_eq!(locate_in(None, &defaults).unwrap(), second);
        std::fs::write(&first, "").unwrap();
        assert_eq!(locate_in(None, &defaults).unwrap(), first);
    }
}
