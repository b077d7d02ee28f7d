//! The configuration from outside: one bad file per mistake with its exact message, the example, hostile texts.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use koreai_exporter::config::{Algorithm, Auth, Config, ConfigErrors, Global, KeySource, MAX_FILE_BYTES, example};
use proptest::prelude::*;

const CANARY: &str = "canary";

fn env(name: &str) -> Option<String> {
    match name {
        "KORE_SECRET" => Some("canary-from-environment".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

/// Reads a text as if it stood in `tests/config`, beside `files/`.
fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(text, Path::new("tests/config/inline.yml"), &env)
}

fn bot(keys: &str) -> String {
    format!("bots:\n  - name: support\n    base_url: https://platform.kore.ai/x\n    bot_id: st-1\n{keys}")
}

const SECRET_FILE: &str = "    auth: {client_id: cs-1, client_secret_file: files/secret}\n";

/// The example with the files that it names, all with a canary in them.
#[expect(clippy::unwrap_used, reason = "a test that cannot write its files has failed")]
fn example_directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("secrets")).unwrap();
    for name in ["client_secret", "jobs_token", "token"] {
        std::fs::write(directory.path().join("secrets").join(name), "canary-from-file").unwrap();
    }
    std::fs::write(directory.path().join("secrets/ca.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    let file = directory.path().join("koreai.yml");
    std::fs::write(&file, example()).unwrap();
    (directory, file)
}

#[test]
fn every_bad_file_gives_its_message() {
    let mut different = Vec::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir("tests/config")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .collect();
    files.sort();
    assert!(files.len() > 50, "the bad files are here");
    for file in files {
        let said = match Config::load(&file, &env) {
            Ok(_) => "no mistake was found".to_owned(),
            Err(errors) => format!("{errors}\n"),
        };
        assert!(!said.contains(CANARY), "{} shows a secret: {said}", file.display());
        let golden = file.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if said != expected {
            different.push(format!("--- {}\nexpected:\n{expected}said:\n{said}", file.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn an_unreadable_file_is_an_error() {
    let message = |path: &Path| Config::load(path, &env).unwrap_err().to_string();
    assert_eq!(message(Path::new("tests/none.yml")), "tests/none.yml: file does not exist");
    assert_eq!(message(Path::new("tests/config")), "tests/config: path is a directory, not a file");

    let large = tempfile::NamedTempFile::new().unwrap();
    large.as_file().set_len(MAX_FILE_BYTES + 1).unwrap();
    assert!(message(large.path()).ends_with(": file is larger than 16MiB"));
}

#[test]
fn a_hundred_mistakes_are_listed_and_the_others_counted() {
    let ids: Vec<String> = (0..120).map(|n| format!("a/{n}")).collect();
    let text = bot(&format!("{SECRET_FILE}    static_configs: [{{targets: [{}]}}]\n", ids.join(", ")));
    let errors = parse(&text).unwrap_err();
    assert_eq!((errors.mistakes().len(), errors.count()), (100, 120));
    assert!(errors.to_string().ends_with("\ntests/config/inline.yml: 20 more mistakes are not listed"));
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = parse(&bot(SECRET_FILE)).unwrap();
    assert_eq!(config.global, Global::default());
    let bot = &config.bots[0];
    assert_eq!(bot.base_url.as_str(), "https://platform.kore.ai/x/");
    assert_eq!((bot.rate_limit.per_minute, bot.rate_limit.per_hour), (600, 18_000));
    assert_eq!(bot.channels.len(), 5);
    let Auth::Sign(auth) = &bot.auth else { panic!("{:?}", bot.auth) };
    assert_eq!((auth.algorithm, auth.subject.as_str()), (Algorithm::Hs256, "koreai_exporter"));
    assert_eq!((auth.token_lifetime, auth.jti), (Duration::from_secs(300), false));
    let KeySource::SecretFile(path) = &auth.key else { panic!("{:?}", auth.key) };
    assert!(path.is_absolute() && path.ends_with("tests/config/files/secret"), "{path:?}");
}

#[test]
fn a_bot_without_auth_uses_the_one_of_global() {
    let text = "global:
  auth: {client_id: cs-account, client_secret_file: files/secret}
bots:
  - {name: a, base_url: 'https://h', bot_id: st-1}
  - {name: b, base_url: 'https://h', bot_id: st-2, auth: {client_id: cs-own, client_secret_file: files/secret}}
";
    let config = parse(text).unwrap();
    let ids = config.bots.iter().map(|bot| match &bot.auth {
        Auth::Sign(auth) => auth.client_id.as_str(),
        Auth::TokenFile(_) => "",
    });
    assert_eq!(ids.collect::<Vec<_>>(), ["cs-account", "cs-own"]);
    let shown = config.redacted();
    assert_eq!(shown.matches("client_id").count(), 2, "an inherited credential is shown once: {shown}");
    assert_eq!(parse(&shown).unwrap(), config);
}

#[test]
fn a_longer_poll_interval_takes_the_longest_one_along() {
    let config = parse(&format!("global: {{poll_interval: 10m}}\n{}", bot(SECRET_FILE))).unwrap();
    assert_eq!(config.global.max_poll_interval, Duration::from_secs(600));
}

#[test]
fn a_private_key_signs_with_rs256_unless_said_otherwise() {
    let config = parse(&bot("    auth: {client_id: cs-1, private_key_file: files/key.pem}\n")).unwrap();
    let Auth::Sign(auth) = &config.bots[0].auth else { panic!() };
    assert_eq!(auth.algorithm, Algorithm::Rs256);
}

#[test]
fn anchors_and_aliases_are_understood() {
    let text = "bots:
  - &first {name: a, base_url: 'https://h', bot_id: st-1, auth: &auth {client_id: cs-1, client_secret_file: files/secret}}
  - {name: b, base_url: 'https://h', bot_id: st-2, auth: *auth}
";
    let config = parse(text).unwrap();
    assert_eq!(config.bots[0].auth, config.bots[1].auth);
}

#[test]
fn file_patterns_are_absolute_even_in_a_directory_with_brackets() {
    let directory = tempfile::tempdir().unwrap();
    let odd = directory.path().join("a[b]");
    std::fs::create_dir(&odd).unwrap();
    std::fs::write(odd.join("jobs.yml"), "[]").unwrap();
    std::fs::write(odd.join("secret"), "s").unwrap();
    let text = bot("    auth: {token_file: secret}\n    file_sd_configs: [{files: ['*.yml']}]\n");
    let config = Config::parse(&text, &odd.join("koreai.yml"), &env).unwrap();
    let pattern = &config.bots[0].file_sd_configs[0].files[0];
    let found: Vec<PathBuf> = glob::glob(pattern).unwrap().map(Result::unwrap).collect();
    assert_eq!(found, [odd.join("jobs.yml")]);
}

#[test]
fn the_example_is_right_and_reads_back_from_what_is_shown_of_it() {
    let (_directory, file) = example_directory();
    let config = Config::load(&file, &env).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.global, Global::default(), "the example shows the defaults");
    assert_eq!(config.bots.len(), 2);
    assert_eq!(config.bots[0].static_configs[0].targets.len(), 2);
    let shown = config.redacted();
    let again = Config::parse(&shown, &file, &env).unwrap_or_else(|errors| panic!("{errors}\n{shown}"));
    assert_eq!(again, config);
}

#[test]
fn odd_texts_read_back_from_what_is_shown_of_them() {
    let text = format!(
        "failure_reasons: [{{match: \"a: 'b' \\\"c\\\" # \\t\\u00e4\", reason: odd}}]\n{}",
        bot("    auth: {client_id: '1.10', client_secret_file: files/secret, subject: 'null'}
    channels: []
    static_configs: [{targets: ['0123', '1e5'], labels: {campaign: 'yes', note: '{a}: [b], \"c\"'}}]\n")
    );
    let config = parse(&text).unwrap();
    assert_eq!(parse(&config.redacted()).unwrap(), config);
}

#[test]
fn no_secret_is_shown_by_redacted_or_debug() {
    let text = bot("    auth: {client_id: cs-1, client_secret_env: KORE_SECRET}
    proxy_url: http://me:canary@proxy:3128
    http_sd_configs:
      - url: https://jobs/?token=canary
        proxy_url: http://me:canary@proxy
        basic_auth: {username: me, password_file: files/secret}\n");
    let config = parse(&text).unwrap();
    let (shown, debug) = (config.redacted(), format!("{config:#?}"));
    assert!(!shown.contains(CANARY) && !debug.contains(CANARY), "{shown}\n{debug}");
    assert!(shown.contains("http://me:<secret>@proxy:3128/"), "{shown}");
    assert!(shown.contains("https://jobs/?token=<secret>"), "{shown}");
    assert!(parse(&shown).is_ok(), "{shown}");
}

#[test]
fn a_hundred_thousand_targets_are_read_in_a_moment() {
    let ids: Vec<String> = (0..100_000).map(|n| format!("\"ds-00000000-0000-0000-0000-{n:012}\"")).collect();
    let text = bot(&format!(
        "    auth: {{client_id: cs-1, client_secret_env: KORE_SECRET}}
    static_configs:
      - labels: {{team: crm}}
        targets: [{}]\n",
        ids.join(", ")
    ));
    let start = Instant::now();
    assert_eq!(parse(&text).unwrap().bots[0].static_configs[0].targets.len(), 100_000);
    println!("{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(20), "a hang, or worse than linear");
}

#[test]
fn nesting_without_end_is_refused_before_it_costs_anything() {
    for text in ["[".repeat(4 << 20), "- ".repeat(1 << 20), "{a: ".repeat(1 << 20), "? ".repeat(1 << 20)] {
        assert!(parse(&text).is_err());
    }
}

/// Any result will do, as long as a refusal says something.
fn is_an_answer<T>(result: Result<T, ConfigErrors>) -> bool {
    result.map_or_else(|errors| errors.count() > 0 && !errors.to_string().is_empty(), |_| true)
}

#[test]
fn a_long_text_cannot_be_multiplied_by_aliases() {
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(100_000));
    let errors = parse(&text).unwrap_err().to_string();
    assert!(errors.ends_with("too many values: at most 1000000 are allowed in one file"), "{errors}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_a_configuration_or_mistakes(text in "(?s).{0,200}") {
        prop_assert!(is_an_answer(parse(&text)));
    }

    #[test]
    fn any_yaml_like_text_gives_a_configuration_or_mistakes(text in "([-?:,\\[\\]{}&*!|>'\"%@` \n\ta0#~.<]){0,80}") {
        prop_assert!(is_an_answer(parse(&text)));
    }

    #[test]
    fn a_damaged_example_gives_a_configuration_or_mistakes(
        cut in 0..example().len(), length in 0..40_usize, put in "([-?:,\\[\\]{}&*!|>'\"\n\ta0~ ]){0,6}",
    ) {
        let text: String = example().chars().take(cut)
            .chain(put.chars())
            .chain(example().chars().skip(cut + length))
            .collect();
        prop_assert!(is_an_answer(parse(&text)));
    }
}
