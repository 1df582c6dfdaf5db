//! The modules of a crate, and which imports which, as its source text says.
//!
//! Every path counts that begins with `crate`, `self`, `super` or a child module, in a `use` and elsewhere. It leads to
//! the deepest module that it names: `crate::a::Type` imports from `a` even if `Type` is defined in `a::b`. Modules for
//! tests are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The path of a module in its crate; the crate's root is empty.
type Module = Vec<String>;

/// Modules, and those that each imports from.
pub(crate) struct Modules(BTreeMap<Module, BTreeSet<Module>>);

impl Modules {
    /// Reads the crate with this `src` folder.
    pub(crate) fn read(src: &Path) -> Self {
        let mut texts = BTreeMap::new();
        read_folder(src, &Module::new(), &mut texts);
        let tests: Vec<Module> = texts
            .iter()
            .flat_map(|(module, text)| test_modules(module, text))
            .collect();
        texts.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        let imports = |module: &Module| {
            let paths = paths(&texts[module]);
            paths
                .iter()
                .filter_map(|path| target(path, module, &texts))
                .collect()
        };
        Self(
            texts
                .keys()
                .map(|module| (module.clone(), imports(module)))
                .collect(),
        )
    }

    /// The modules that import from one another, circle by circle.
    pub(crate) fn circles(&self) -> Vec<Vec<String>> {
        let reach: BTreeMap<_, _> = self.0.keys().map(|at| (at, self.reach(at))).collect();
        let mut circles = BTreeSet::new();
        for (at, reached) in &reach {
            if reached.contains(at) {
                let both = reached.iter().filter(|other| reach[*other].contains(*at));
                circles.insert(both.map(|module| name(module)).collect::<Vec<_>>());
            }
        }
        circles.into_iter().collect()
    }

    /// Imports from a line of `order` into an earlier line, and modules that are in no line. A line names modules,
    /// each with all below it; the longest name that fits counts. Modules of one line may import from one another.
    pub(crate) fn against(&self, order: &[&str]) -> Vec<String> {
        let place = |module: &Module| {
            let module = name(module);
            let fits = |entry: &&str| module == *entry || module.starts_with(&format!("{entry}::"));
            let line = |(at, line): (usize, &&str)| {
                let longest = line.split_whitespace().filter(fits).map(str::len).max();
                longest.map(|length| (length, at))
            };
            let places = order.iter().enumerate().filter_map(line);
            places.max().map(|(_, at)| at)
        };
        let mut found = Vec::new();
        for (module, imports) in &self.0 {
            let Some(own) = place(module) else {
                found.push(format!("{} has no place in the order", name(module)));
                continue;
            };
            let upward = imports.iter().filter(|other| place(other) < Some(own));
            found.extend(upward.map(|other| format!("{} imports {}", name(module), name(other))));
        }
        found
    }

    /// All that a module imports from, at first and second hand and so on.
    fn reach(&self, from: &Module) -> BTreeSet<&Module> {
        let mut reached = BTreeSet::new();
        let mut left: Vec<&Module> = self.0[from].iter().collect();
        while let Some(module) = left.pop() {
            if reached.insert(module) {
                left.extend(&self.0[module]);
            }
        }
        reached
    }
}

fn name(module: &Module) -> String {
    match module.is_empty() {
        true => "crate".to_owned(),
        false => module.join("::"),
    }
}

/// The code of each module; programs in `bin` are crates of their own.
fn read_folder(folder: &Path, module: &Module, texts: &mut BTreeMap<Module, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let below = [module.as_slice(), std::slice::from_ref(&stem)].concat();
        if path.is_dir() && stem != "bin" {
            read_folder(&path, &below, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let module = match stem.as_str() {
                "mod" | "lib" => module.clone(),
                _ => below,
            };
            texts.insert(module, code(&std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The text without comment lines, without the modules that `pub(in …)` names, and without what follows a `mod tests`
/// in the same file.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines
        .map(|line| format!("{}\n", without_scope(line)))
        .collect()
}

/// `pub(in crate::a) fn` is `pub fn`: visibility is not an import.
fn without_scope(line: &str) -> String {
    let scope = line.split_once("pub(in ");
    match scope.and_then(|(before, after)| Some((before, after.split_once(')')?.1))) {
        Some((before, after)) => format!("{before}pub{after}"),
        None => line.to_owned(),
    }
}

/// The modules in files of their own that this one declares for tests only.
fn test_modules(module: &Module, text: &str) -> Vec<Module> {
    let after = text.split("#[cfg(test)]\n").skip(1);
    let names = after.filter_map(|after| {
        let line = after.lines().next()?.strip_suffix(';')?;
        Some(line.rsplit_once("mod ")?.1.to_owned())
    });
    names
        .map(|name| [module.as_slice(), &[name]].concat())
        .collect()
}

/// All paths in the code, each in its parts.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = String::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let words = line.trim_start();
        let words = words.strip_prefix("pub(crate) ").unwrap_or(words);
        let words = words.strip_prefix("pub(super) ").unwrap_or(words);
        let words = words.strip_prefix("pub ").unwrap_or(words);
        let Some(tree) = words.strip_prefix("use ") else {
            rest.push_str(line);
            rest.push('\n');
            continue;
        };
        let mut tree = tree.to_owned();
        while !tree.contains(';') {
            tree.push_str(lines.next().unwrap_or(";"));
        }
        found.extend(branches(tree.split(';').next().unwrap()));
    }
    let part_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let others = rest.split(|c| !part_of_path(c));
    found.extend(others.filter(|path| path.contains("::")).map(parts));
    found
}

/// The paths of a `use` tree: `a::{b, c::{d, e}}` is `a::b`, `a::c::d` and `a::c::e`.
fn branches(tree: &str) -> Vec<Vec<String>> {
    let Some((start, rest)) = tree.split_once('{') else {
        return vec![parts(tree)];
    };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let mut depth = 0;
    let each = inner.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    let each = each.filter(|branch| !branch.trim().is_empty());
    each.flat_map(|branch| branches(&format!("{start}{}", branch.trim())))
        .collect()
}

fn parts(path: &str) -> Vec<String> {
    let path = path.split(" as ").next().unwrap();
    let parts = path.split("::").map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The module of this crate that a path in `module` leads to, if it is another one.
fn target(path: &[String], module: &Module, modules: &BTreeMap<Module, String>) -> Option<Module> {
    let (first, mut rest) = path.split_first()?;
    let mut at = match first.as_str() {
        "crate" => Module::new(),
        "self" => module.clone(),
        "super" => module[..module.len().saturating_sub(1)].to_vec(),
        child => {
            let child = [module.as_slice(), &[child.to_owned()]].concat();
            modules.contains_key(&child).then_some(child)?
        }
    };
    while let Some((part, after)) = rest.split_first() {
        let below = [at.as_slice(), std::slice::from_ref(part)].concat();
        match part.as_str() {
            "super" => _ = at.pop(),
            _ if modules.contains_key(&below) => at = below,
            _ => break,
        }
        rest = after;
    }
    (at != *module && modules.contains_key(&at)).then_some(at)
}

/// A crate of these files, read.
#[cfg(test)]
fn crate_of(files: &[(&str, &str)]) -> Modules {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Modules::read(folder.path())
}

#[test]
fn finds_circles_whatever_they_are_written_as() {
    let modules = crate_of(&[
        (
            "lib.rs",
            "mod a;\nmod b;\nmod d;\n#[cfg(test)]\nmod tests;\npub use a::A;\n",
        ),
        ("a.rs", "use crate::{\n    b::{self, c::C},\n};\n"),
        (
            "b/mod.rs",
            "mod c;\nfn f() -> c::C {}\n// use super::d::D;\n",
        ),
        ("b/c.rs", "fn f() -> super::super::a::A {}\n"),
        (
            "d.rs",
            "use crate::a;\n#[cfg(test)]\nmod tests {\n    use crate::tests;\n}\n",
        ),
        ("tests.rs", "use crate::a::A;\nuse super::b;\n"),
    ]);
    assert_eq!(modules.circles(), [["a", "b", "b::c"]]);
    let one_way = crate_of(&[
        ("lib.rs", "mod a;"),
        ("a.rs", "mod b;\nfn f() { b::g() }\n"),
        ("a/b.rs", "pub(in crate::a) fn g() {}\n"),
    ]);
    assert!(one_way.circles().is_empty());
}

#[test]
fn finds_imports_against_an_order() {
    let modules = crate_of(&[
        ("lib.rs", "mod low;\nmod high;\n"),
        ("high.rs", "use crate::low::deep::Thing;\n"),
        ("low/mod.rs", "mod deep;\nuse crate::high::Other;\n"),
        ("low/deep.rs", ""),
    ]);
    let order = ["crate", "high", "low", "low::deep"];
    assert_eq!(modules.against(&order), ["low imports high"]);
    assert_eq!(
        modules.against(&["crate high", "low::deep"]),
        ["low has no place in the order"]
    );
}
