//! nginx and tinyproxy of Debian, each on a free port with a temporary directory.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// How long a program may take to listen; enough for a loaded machine.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// Time between two attempts to connect.
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(20);
/// Ports that are tried: another process may take a free port first.
const MAX_STARTS: usize = 5;

/// A running program; killed when dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}

/// nginx in one process, with these lines in its only `server` block.
pub(crate) async fn nginx(directory: &Path, server: &str) -> Running {
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths: String = paths.iter().map(|path| format!("  {path}_temp_path {path};\n")).collect();
    start(directory, "nginx", "nginx-light", |address| {
        let text = format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log nginx.log;\nevents {{}}\n\
             http {{\n  access_log off;\n{paths}  server {{\n    listen {address} ssl http2;\n{server}\n  }}\n}}\n"
        );
        std::fs::write(directory.join("nginx.conf"), text).unwrap();
        let prefix = directory.display();
        vec!["-p".to_owned(), format!("{prefix}/"), "-c".to_owned(), format!("{prefix}/nginx.conf")]
    })
    .await
}

/// tinyproxy, with these lines in its configuration.
pub(crate) async fn tinyproxy(directory: &Path, lines: &str) -> Running {
    start(directory, "tinyproxy", "tinyproxy-bin", |address| {
        let path = directory.join("tinyproxy.conf");
        let (log, port) = (directory.join("tinyproxy.log"), address.port());
        let text = format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nLogFile \"{}\"\n{lines}\n", log.display());
        std::fs::write(&path, text).unwrap();
        vec!["-d".to_owned(), "-c".to_owned(), path.display().to_string()]
    })
    .await
}

async fn start(directory: &Path, name: &str, package: &str, arguments: impl Fn(SocketAddr) -> Vec<String>) -> Running {
    for _ in 0..MAX_STARTS {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let output = std::fs::File::create(directory.join(format!("{name}.out"))).unwrap();
        // Debian installs servers where an ordinary user does not look for programs.
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("/usr/bin/env");
        command.env("PATH", path).arg(name).args(arguments(address)).stdin(Stdio::null());
        command.stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.spawn().unwrap();
        let mut running = Running { child, address };
        if running.listens(name, package).await {
            return running;
        }
    }
    let read = |file: &str| std::fs::read_to_string(directory.join(format!("{name}.{file}"))).unwrap_or_default();
    panic!("{name} does not start:\n{}\n{}", read("out"), read("log"));
}

impl Running {
    /// Waits until the program accepts connections; false if it has ended.
    async fn listens(&mut self, name: &str, package: &str) -> bool {
        let deadline = Instant::now() + START_DEADLINE;
        let mut attempts = tokio::time::interval(ATTEMPT_INTERVAL);
        loop {
            attempts.tick().await;
            match self.child.try_wait().unwrap().map(|status| status.code()) {
                Some(Some(127)) => panic!("{name} is not installed; on Debian: apt-get install {package}"),
                Some(_) => return false,
                None => {}
            }
            match TcpStream::connect(self.address) {
                Ok(_) => return true,
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{name}: {error}"),
            }
            assert!(Instant::now() < deadline, "{name} does not listen within {START_DEADLINE:?}");
        }
    }
}

/// A private certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        // A certificate with the name of its issuer would count as self-signed.
        params.distinguished_name.push(DnType::CommonName, "a private authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes a certificate for this name and its key to `NAME.pem` and `NAME.key`, each in one step.
    pub(crate) fn issue(&self, directory: &Path, file: &str, name: &str) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        for (suffix, text) in [("key", key.serialize_pem()), ("pem", certificate.pem())] {
            let (new, path) = (directory.join("new"), directory.join(format!("{file}.{suffix}")));
            std::fs::write(&new, text).unwrap();
            std::fs::rename(&new, &path).unwrap();
        }
    }
}
