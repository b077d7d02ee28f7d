//! Puts the commit and the compiler version into the program, for `--version` and `koreai_exporter_build_info`.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let source_tree = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = first_line(Command::new(rustc).arg("--version")).unwrap_or_default();
    let version = version.split(' ').nth(1).unwrap_or("unknown");
    println!("cargo::rustc-env=KOREAI_EXPORTER_REVISION={}", revision(&source_tree));
    println!("cargo::rustc-env=KOREAI_EXPORTER_RUST_VERSION={version}");
    println!("cargo::rerun-if-changed=build.rs");
    for path in watched(&source_tree) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

/// The commit of the source tree: from git, or from the file that `cargo package` adds, or `unknown`.
pub(crate) fn revision(source_tree: &Path) -> String {
    let abbreviated = if is_checkout(source_tree) {
        git(source_tree, &["rev-parse", "--short=12", "HEAD"])
    } else {
        packaged_commit(source_tree).map(|commit| commit.chars().take(12).collect())
    };
    abbreviated.unwrap_or_else(|| "unknown".to_owned())
}

/// The files that change when another commit is checked out, or a commit is added to the current branch.
pub(crate) fn watched(source_tree: &Path) -> Vec<PathBuf> {
    if !is_checkout(source_tree) {
        return Vec::new();
    }
    // In a worktree, HEAD is in a directory of its own, and branches are in that of the repository.
    let path = |name: &str| git(source_tree, &["rev-parse", "--git-path", name]).map(|path| source_tree.join(path));
    let branch = git(source_tree, &["symbolic-ref", "--quiet", "HEAD"]);
    let branch_file = branch.as_deref().and_then(path);
    let mut files: Vec<PathBuf> = path("HEAD").into_iter().collect();
    match branch_file {
        Some(file) if file.exists() => files.push(file),
        // A packed branch has no file yet: the next commit creates it in the nearest existing directory.
        Some(file) => {
            files.extend(file.ancestors().skip(1).find(|directory| directory.exists()).map(Path::to_path_buf));
            files.extend(path("packed-refs"));
        }
        // HEAD names the commit itself.
        None => {}
    }
    // Cargo runs the script again and again for a file that does not exist.
    files.retain(|file| file.exists());
    files
}

/// Whether the source tree is the root of a git checkout. A copy inside of another repository is not. `.git` is a file in
/// a worktree.
fn is_checkout(source_tree: &Path) -> bool {
    source_tree.join(".git").exists()
}

fn packaged_commit(source_tree: &Path) -> Option<String> {
    let text = std::fs::read_to_string(source_tree.join(".cargo_vcs_info.json")).ok()?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    let commit = rest.split('"').nth(1)?;
    let is_commit = commit.len() >= 12 && commit.chars().all(|c| c.is_ascii_hexdigit());
    is_commit.then(|| commit.to_owned())
}

fn git(source_tree: &Path, arguments: &[&str]) -> Option<String> {
    first_line(Command::new("git").arg("-C").arg(source_tree).args(arguments))
}

fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
}
