//! docs/DISCOVERY.md is correct.

use koreai_exporter::config::Config;
use koreai_exporter::model::{BotName, RequestId, Shard};

const PAGE: &str = include_str!("../../docs/DISCOVERY.md");

fn blocks(language: &str) -> Vec<&'static str> {
    let start = format!("```{language}\n");
    PAGE.split(start.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn its_sources_are_a_valid_configuration() {
    let sources: Vec<&str> = blocks("yaml").into_iter().filter(|block| !block.starts_with("scrape_configs")).collect();
    assert_eq!(sources.len(), 3);
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("campaigns").display().to_string();
    std::fs::write(&secret, "secret").unwrap();
    for source in sources {
        let source = source.replace("/run/secrets/campaigns", &secret).replace('\n', "\n    ");
        let text = format!(
            "bots:\n  - name: support\n    base_url: https://example.org\n    bot_id: st-1\n    auth: {{client_id: cs-1, client_secret_env: S}}\n    {source}"
        );
        let env = |_: &str| Some("a secret of the app, thirty-two bytes".to_owned());
        if let Err(errors) = Config::parse(&text, &folder.path().join("koreai.yml"), &env) {
            panic!("{errors}\n{text}");
        }
    }
}

#[test]
fn its_shard_number_is_correct() {
    let (bot, id) = ("support", "ds-10000000-0000-0000-0000-000000000000");
    let owner = Shard::new(0, 3).unwrap().owner(&BotName::parse(bot).unwrap(), &RequestId::parse(id).unwrap());
    assert!(PAGE.contains(&format!("{bot} {id} 3\n```\n\nprints {owner} ")), "{owner}");
}
