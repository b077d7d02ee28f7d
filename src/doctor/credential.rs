//! The file or variable with the secret, the private key or the token.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use super::step::Failure;
use crate::config::{Auth, KeySource, MAX_SECRET_FILE_BYTES};
use crate::input::read_bounded_text;

/// What was seen.
pub(super) fn credential(auth: &Auth) -> Result<String, Failure> {
    match auth {
        Auth::TokenFile(path) => file(path, "token", "token_file"),
        Auth::Sign(signing) => match &signing.key {
            KeySource::SecretFile(path) => file(path, "client secret", "client_secret_file"),
            KeySource::PrivateKeyFile(path) => {
                let text = read(path, "private_key_file")?;
                let lines = text.expose_secret().trim().lines().count();
                Ok(format!("private key from private_key_file {}: {lines} lines of PEM", path.display()))
            }
            KeySource::SecretEnv { name, value } => {
                let origin = format!("the environment variable {name}");
                one_line(value.expose_secret(), "client secret", &origin, "client_secret_env")
            }
        },
    }
}

fn read(path: &Path, key: &str) -> Result<SecretString, Failure> {
    read_bounded_text(path, MAX_SECRET_FILE_BYTES).map(SecretString::from).map_err(|error| {
        Failure::ours(
            format!("cannot read {}, which {key} names: {error}", path.display()),
            format!("let the user of the exporter read the file, or correct {key}"),
        )
    })
}

fn file(path: &Path, what: &str, key: &str) -> Result<String, Failure> {
    let text = read(path, key)?;
    one_line(text.expose_secret(), what, &path.display().to_string(), key)
}

/// Checks a secret of one line. White space around it is ignored, as for every call.
fn one_line(text: &str, what: &str, origin: &str, key: &str) -> Result<String, Failure> {
    let secret = text.trim();
    let wrapped = |quote: char| secret.chars().count() > 1 && secret.starts_with(quote) && secret.ends_with(quote);
    if secret.is_empty() {
        return Err(Failure::ours(format!("{origin} is empty"), format!("write the {what} into {origin}")));
    }
    if wrapped('"') || wrapped('\'') {
        return Err(Failure::ours(
            format!("the {what} in {origin} is wrapped in quotes, which count as part of it"),
            format!("remove the quotes around the {what} in {origin}"),
        ));
    }
    if secret.lines().count() > 1 {
        return Err(Failure::ours(
            format!("{origin} has {} lines; the {what} must be a single line", secret.lines().count()),
            format!("write only the {what} into {origin}, without a line break in it"),
        ));
    }
    if secret.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\u{feff}') {
        return Err(Failure::ours(
            format!("the {what} in {origin} contains white space or a control character"),
            format!("copy the {what} again, without `Bearer` and without a comment ({key})"),
        ));
    }
    let trimmed = if secret.len() == text.len() { "" } else { "; the white space around it is ignored" };
    Ok(format!("{what} from {origin}: {} characters{trimmed}", secret.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_line_breaks_and_spaces_are_named_and_the_secret_is_not_shown() {
        let cause = |text: &str| match one_line(text, "client secret", "/s", "client_secret_file") {
            Ok(seen) => seen,
            Err(failure) => failure.cause,
        };
        assert_eq!(cause("canary\n"), "client secret from /s: 6 characters; the white space around it is ignored");
        assert_eq!(cause("canary"), "client secret from /s: 6 characters");
        assert_eq!(cause("\"canary\""), "the client secret in /s is wrapped in quotes, which count as part of it");
        assert_eq!(cause("'canary'\n"), "the client secret in /s is wrapped in quotes, which count as part of it");
        assert_eq!(cause("can\nary"), "/s has 2 lines; the client secret must be a single line");
        assert_eq!(cause("can ary"), "the client secret in /s contains white space or a control character");
        assert_eq!(cause(" \n"), "/s is empty");
    }
}
