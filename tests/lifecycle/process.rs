//! The binary: signals, flags, log lines.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::support::{BOT_ID, DEADLINE, Folder, Page, answered, client, slow_job, upstream};

/// The running binary; killed when dropped.
struct Program {
    child: Child,
    log: UnboundedReceiver<String>,
}

impl Program {
    fn start(folder: &Folder, flags: &[&str], host: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_koreai_exporter"))
            .arg(format!("--config.file={}", folder.path("koreai.yml").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--storage.path="])
            .args(flags)
            .env("HOSTNAME", host)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, log) = unbounded_channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, log }
    }

    /// The next log line that contains all these parts.
    async fn logged(&mut self, parts: &[&str]) -> String {
        let mut seen = Vec::new();
        let reading = async {
            while let Some(line) = self.log.recv().await {
                if parts.iter().all(|part| line.contains(part)) {
                    return Some(line);
                }
                seen.push(line);
            }
            None
        };
        let found = tokio::time::timeout(DEADLINE, reading).await.ok().flatten();
        found.unwrap_or_else(|| panic!("{parts:?} is not in the log:\n{}", seen.join("\n")))
    }

    async fn address(&mut self) -> String {
        let line = self.logged(&["listening", "address="]).await;
        let address = line.split("address=").nth(1).unwrap();
        address.split(' ').next().unwrap().trim_matches('"').to_owned()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

async fn page(address: &str) -> Page {
    Page(answered(client().get(format!("http://{address}/metrics"))).await.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_reloads_and_invalid_files_are_logged() {
    let upstream = upstream(vec![slow_job("ds-1"), slow_job("ds-2")]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "")]);
    let mut program = Program::start(&folder, &[], "laptop");
    let address = program.address().await;

    folder.write("jobs.json", r#"[{"targets": ["ds-1", "ds-2"]}]"#);
    let files = format!("file_sd_configs: [{{files: ['{}']}}]", folder.path("jobs.json").display());
    folder.configure(&upstream, "", &[("support", BOT_ID, &files)]);
    program.signal("HUP");
    program.logged(&["configuration reloaded"]).await;

    folder.write("jobs.json", "[\n{\"targets\":");
    program.logged(&["level=error", "jobs.json:2", "cannot read target file; keeping its previous targets"]).await;
    folder.write("jobs.json", r#"[{"targets": ["ds-1"]}]"#);
    program.logged(&["target file read again"]).await;

    folder.write("koreai.yml", "bots: 1\n");
    program.signal("HUP");
    program.logged(&["level=error", "reload failed; keeping the previous configuration", "koreai.yml:1:"]).await;
    assert_eq!(page(&address).await.value("koreai_exporter_config_last_reload_successful"), Some(0.0));

    program.signal("TERM");
    program.logged(&["stopped"]).await;
    assert!(program.child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_takes_its_index_from_its_pod_name() {
    let upstream = upstream(vec![]).await;
    let folder = Folder::new();
    folder.configure(&upstream, "", &[("support", BOT_ID, "")]);
    let mut program = Program::start(&folder, &["--shard.index=auto", "--shard.total=3"], "koreai-exporter-2");
    let address = program.address().await;
    let minute = "koreai_upstream_budget_requests{bot=\"support\",window=\"minute\"}";
    assert_eq!(page(&address).await.value(minute), Some(200.0));

    let mut lost = Program::start(&folder, &["--shard.index=auto", "--shard.total=3"], "koreai-exporter-3");
    lost.logged(&["--shard.index=3 with --shard.total=3", "the index must be from 0 to total - 1"]).await;
    assert!(!lost.child.wait().unwrap().success());
}
