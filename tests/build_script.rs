//! The build script reads the commit, and watches the files that change with it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    dead_code,
    reason = "a test that cannot continue stops; the script's `main` is not called"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "../build.rs"]
mod script;

fn git(directory: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

fn commit(directory: &Path) {
    git(directory, &["commit", "--quiet", "--allow-empty", "--message", "text"]);
}

/// A repository with one commit.
fn repository() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    git(directory.path(), &["init", "--quiet", "--initial-branch=main"]);
    commit(directory.path());
    directory
}

/// The content of each file; for a directory, the names in it.
fn contents(paths: &[PathBuf]) -> Vec<String> {
    let content = |path: &PathBuf| match std::fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| format!("{:?}", entry.unwrap().file_name())).collect(),
        Err(_) => std::fs::read_to_string(path).unwrap(),
    };
    paths.iter().map(content).collect()
}

/// Asserts that the revision is a commit, and that it and a watched file change with `action`.
fn assert_noticed(source_tree: &Path, action: impl FnOnce()) {
    let (revision, watched) = (script::revision(source_tree), script::watched(source_tree));
    assert!(revision.len() == 12 && revision.chars().all(|c| c.is_ascii_hexdigit()), "{revision}");
    let before = contents(&watched);
    action();
    assert_ne!(script::revision(source_tree), revision);
    assert_ne!(contents(&watched), before, "{watched:?}");
}

#[test]
fn a_new_commit_on_the_same_branch_is_noticed() {
    let directory = repository();
    assert_noticed(directory.path(), || commit(directory.path()));
}

#[test]
fn a_new_commit_on_a_packed_branch_is_noticed() {
    let directory = repository();
    git(directory.path(), &["pack-refs", "--all"]);
    assert_noticed(directory.path(), || commit(directory.path()));
}

#[test]
fn a_checkout_of_another_commit_is_noticed() {
    let directory = repository();
    commit(directory.path());
    assert_noticed(directory.path(), || git(directory.path(), &["checkout", "--quiet", "--detach", "HEAD~1"]));
    assert_noticed(directory.path(), || git(directory.path(), &["checkout", "--quiet", "main"]));
}

#[test]
fn a_new_commit_in_a_worktree_is_noticed() {
    let directory = repository();
    let worktrees = tempfile::tempdir().unwrap();
    let worktree = worktrees.path().join("other");
    git(directory.path(), &["worktree", "add", "--quiet", "-b", "topic/one", worktree.to_str().unwrap()]);
    assert!(worktree.join(".git").is_file());
    // A commit on another branch does not concern the worktree: it must not cause a rebuild.
    let (watched, revision) = (script::watched(&worktree), script::revision(&worktree));
    let before = contents(&watched);
    commit(directory.path());
    assert_eq!((contents(&watched), script::revision(&worktree)), (before, revision));
    assert_noticed(&worktree, || commit(&worktree));
}

#[test]
fn a_source_tree_without_git_has_the_packaged_commit_or_none() {
    let directory = repository();
    let source_tree = directory.path().join("vendor");
    std::fs::create_dir(&source_tree).unwrap();
    assert_eq!(script::revision(&source_tree), "unknown", "the repository around it is not its own");
    assert_eq!(script::watched(&source_tree), Vec::<PathBuf>::new());
    let info =
        "{\n  \"git\": {\n    \"sha1\": \"0123456789abcdef0123456789abcdef01234567\"\n  },\n  \"path_in_vcs\": \"\"\n}";
    std::fs::write(source_tree.join(".cargo_vcs_info.json"), info).unwrap();
    assert_eq!(script::revision(&source_tree), "0123456789ab");
}
