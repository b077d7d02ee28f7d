//! What each file of `src` imports, read from the syntax tree: `use` declarations, paths in code, and paths in macros.
//!
//! Names are followed through re-exports to the file that defines them, so a `mod.rs` that only re-exports is not part of
//! a circle. Calls of methods are not seen: only a name that a file writes counts as an import.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// Re-exports that are followed before a name counts as a circle of re-exports.
const MAX_REEXPORTS: usize = 16;

/// Segments from the root of the crate, or from the name of another crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Import {
    Own(Vec<String>),
    External(Vec<String>),
}

/// One mention of a name in one file.
#[derive(Debug)]
pub(crate) struct Mention {
    pub(crate) file: String,
    pub(crate) import: Import,
    /// In code that is compiled for tests only.
    pub(crate) test: bool,
    /// By a `pub use`, which passes a name on and uses nothing itself.
    pub(crate) reexport: bool,
}

/// One module of the crate: a file, or a `mod` with a body.
#[derive(Debug, Default)]
struct Module {
    file: String,
    children: BTreeSet<String>,
    items: BTreeSet<String>,
    /// Imported names and what they stand for, as written.
    uses: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
}

/// All modules of a crate, by their path, and all that they mention.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    modules: BTreeMap<Vec<String>, Module>,
    pub(crate) mentions: Vec<Mention>,
}

impl Crate {
    /// Reads all files under `src`.
    pub(crate) fn read(src: &Path) -> Self {
        let mut files = Vec::new();
        rust_files(src, &mut files);
        let sources = files.iter().map(|path| {
            let name = path.strip_prefix(src).unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        });
        Self::parse(sources)
    }

    /// From names relative to `src`, and the text of each file.
    pub(crate) fn parse(sources: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut whole = Self::default();
        let mut written = Vec::new();
        for (name, text) in sources {
            let tree = syn::parse_file(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let test = name.split('/').any(|part| part == "tests" || part == "tests.rs");
            let here = module_of(&name);
            whole.modules.entry(here.clone()).or_default().file.clone_from(&name);
            let mut reader = Reader { whole: &mut whole, written: &mut written, file: name, here, test };
            reader.visit_file(&tree);
        }
        for Written { file, here, path, test, reexport, declared } in written {
            if let Some(import) = whole.absolute(&here, &path, declared, 0) {
                whole.mentions.push(Mention { file, import, test, reexport });
            }
        }
        whole
    }

    /// The path from the root; `None` for a name that the module itself defines.
    fn absolute(&self, here: &[String], path: &[String], declared: bool, depth: usize) -> Option<Import> {
        let (first, rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" | "koreai_exporter" => Vec::new(),
            "self" => here.to_vec(),
            "super" => here.split_last()?.1.to_vec(),
            "Self" => return None,
            _ => {
                let module = self.modules.get(here)?;
                if module.children.contains(first) {
                    return Some(Import::Own([here, path].concat()));
                }
                if let (Some(target), false) = (module.uses.get(first), declared) {
                    let longer: Vec<String> = target.iter().chain(rest).cloned().collect();
                    return (depth < MAX_REEXPORTS).then(|| self.absolute(here, &longer, true, depth + 1)).flatten();
                }
                let is_crate = declared || (path.len() > 1 && !module.items.contains(first));
                return is_crate.then(|| Import::External(path.to_vec()));
            }
        };
        for segment in rest {
            match segment.as_str() {
                "super" => drop(at.pop()),
                "self" => {}
                other => at.push(other.to_owned()),
            }
        }
        Some(Import::Own(at))
    }

    /// The file that defines what a path from the root names.
    pub(crate) fn defining_file(&self, path: &[String]) -> Option<&str> {
        self.define(path, 0)
    }

    fn define(&self, path: &[String], depth: usize) -> Option<&str> {
        let mut at = Vec::new();
        for (place, segment) in path.iter().enumerate() {
            let module = self.modules.get(&at)?;
            if module.children.contains(segment) {
                at.push(segment.clone());
                continue;
            }
            if module.items.contains(segment) {
                return Some(&module.file);
            }
            if depth == MAX_REEXPORTS {
                return None;
            }
            let rest = &path[place + 1..];
            let follow = |target: &[String], more: &[String]| match self.absolute(&at, target, true, 0)? {
                Import::Own(target) => self.define(&[&target, more, rest].concat(), depth + 1),
                Import::External(_) => None,
            };
            if let Some(target) = module.uses.get(segment) {
                return follow(target, &[]);
            }
            return module.globs.iter().find_map(|target| follow(target, std::slice::from_ref(segment)));
        }
        self.modules.get(&at).map(|module| module.file.as_str())
    }

    /// Which file uses which others, tests and re-exports left out.
    pub(crate) fn edges(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for mention in self.mentions.iter().filter(|mention| !mention.test && !mention.reexport) {
            let Import::Own(path) = &mention.import else { continue };
            if let Some(file) = self.defining_file(path).filter(|file| *file != mention.file) {
                edges.entry(&mention.file).or_default().insert(file);
            }
        }
        edges
    }
}

/// Every `.rs` file under a directory, sorted.
pub(crate) fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `poller/run.rs` is `poller::run`, `poller/mod.rs` is `poller`, `lib.rs` is the root.
fn module_of(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

/// Groups of files that use each other, directly or through others.
pub(crate) fn circles<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<BTreeSet<&'a str>> {
    let reached_from = |start: &'a str| {
        let mut reached = BTreeSet::new();
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            for next in edges.get(at).into_iter().flatten().copied() {
                if reached.insert(next) {
                    open.push(next);
                }
            }
        }
        reached
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> = edges.keys().map(|file| (*file, reached_from(file))).collect();
    let mutual = |a: &str, b: &str| reached.get(a).is_some_and(|from| from.contains(b));
    let groups = reached.keys().filter(|file| mutual(file, file)).map(|file| {
        reached.keys().filter(|other| mutual(file, other) && mutual(other, file)).copied().collect::<BTreeSet<_>>()
    });
    groups.collect::<BTreeSet<_>>().into_iter().collect()
}

/// A path as written in a file.
struct Written {
    file: String,
    here: Vec<String>,
    path: Vec<String>,
    test: bool,
    reexport: bool,
    /// By a `use`, not in an expression.
    declared: bool,
}

struct Reader<'a> {
    whole: &'a mut Crate,
    written: &'a mut Vec<Written>,
    file: String,
    here: Vec<String>,
    test: bool,
}

impl Reader<'_> {
    fn module(&mut self) -> &mut Module {
        self.whole.modules.entry(self.here.clone()).or_default()
    }

    fn write(&mut self, path: Vec<String>, reexport: bool, declared: bool) {
        let (file, here) = (self.file.clone(), self.here.clone());
        self.written.push(Written { file, here, path, test: self.test, reexport, declared });
    }

    fn declare(&mut self, prefix: &[String], tree: &syn::UseTree, reexport: bool) {
        let with = |last: &syn::Ident| [prefix, &[last.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.declare(&with(&path.ident), &path.tree, reexport),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.declare(prefix, tree, reexport)),
            syn::UseTree::Glob(_) => {
                self.module().globs.push(prefix.to_vec());
                self.write(prefix.to_vec(), reexport, true);
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                let alias = prefix.last().cloned().unwrap_or_default();
                self.import(alias, prefix.to_vec(), reexport);
            }
            syn::UseTree::Name(name) => self.import(name.ident.to_string(), with(&name.ident), reexport),
            syn::UseTree::Rename(rename) => self.import(rename.rename.to_string(), with(&rename.ident), reexport),
        }
    }

    fn import(&mut self, alias: String, path: Vec<String>, reexport: bool) {
        self.module().uses.insert(alias, path.clone());
        self.write(path, reexport, true);
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        let mut foreign = false;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if colons == 2 && !path.is_empty() => {
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Ident(ident) => {
                    self.end_of_path(&mut path);
                    // `$crate::` is the crate of a macro's caller.
                    if !foreign {
                        path.push(ident.to_string());
                    }
                    (colons, foreign) = (0, false);
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Punct(punct) => {
                    self.end_of_path(&mut path);
                    foreign = punct.as_char() == '$';
                }
                TokenTree::Group(group) => {
                    self.end_of_path(&mut path);
                    self.tokens(group.stream());
                }
                TokenTree::Literal(_) => self.end_of_path(&mut path),
            }
        }
        self.end_of_path(&mut path);
    }

    fn end_of_path(&mut self, path: &mut Vec<String>) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.write(path, false, false);
        }
    }
}

impl Visit<'_> for Reader<'_> {
    fn visit_item(&mut self, item: &syn::Item) {
        use syn::Item;
        let (name, attributes) = match item {
            Item::Const(item) => (Some(&item.ident), &item.attrs),
            Item::Enum(item) => (Some(&item.ident), &item.attrs),
            Item::Fn(item) => (Some(&item.sig.ident), &item.attrs),
            Item::Macro(item) => (item.ident.as_ref(), &item.attrs),
            Item::Static(item) => (Some(&item.ident), &item.attrs),
            Item::Struct(item) => (Some(&item.ident), &item.attrs),
            Item::Trait(item) => (Some(&item.ident), &item.attrs),
            Item::Type(item) => (Some(&item.ident), &item.attrs),
            Item::Impl(item) => (None, &item.attrs),
            Item::Mod(item) => (None, &item.attrs),
            Item::Use(item) => (None, &item.attrs),
            _ => return visit::visit_item(self, item),
        };
        if let Some(name) = name.map(ToString::to_string) {
            self.module().items.insert(name);
        }
        let outside = self.test;
        self.test |= attributes.iter().any(for_tests_only);
        visit::visit_item(self, item);
        self.test = outside;
    }

    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        let name = item.ident.to_string();
        self.module().children.insert(name.clone());
        if item.content.is_some() {
            self.here.push(name);
            let file = self.file.clone();
            self.module().file = file;
            visit::visit_item_mod(self, item);
            self.here.pop();
        }
    }

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        let reexport = !matches!(item.vis, syn::Visibility::Inherited);
        self.declare(&[], &item.tree, reexport);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.write(segments, false, false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &syn::Macro) {
        self.visit_path(&invoked.path);
        self.tokens(invoked.tokens.clone());
    }
}

fn for_tests_only(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    let is_test = |token: TokenTree| matches!(token, TokenTree::Ident(ident) if ident == "test");
    list.path.is_ident("cfg") && list.tokens.clone().into_iter().any(is_test)
}
