//! Which file of `src/` imports from which, read from the source text.
//!
//! Only paths that begin with `crate`, `super`, `self` or a child module count. A name that a
//! `mod.rs` re-exports leads to the file that defines it. Test modules are left out.

use std::collections::{BTreeMap, BTreeSet};

/// Module path, such as `["ring", "ball"]`, to the file that holds it and its text without tests.
pub(crate) struct Sources(BTreeMap<Vec<String>, (String, String)>);

impl Sources {
    /// From pairs of a path below `src/` and the file's text.
    pub(crate) fn new(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut modules = BTreeMap::new();
        for (path, text) in files {
            let stem = path.trim_end_matches(".rs");
            let mut module: Vec<String> = stem.split('/').map(str::to_owned).collect();
            if module.last().is_some_and(|last| last == "mod") || stem == "lib" {
                module.pop();
            }
            let is_test = module
                .last()
                .is_some_and(|last| last == "tests" || last == "suite");
            if stem != "main" && !is_test {
                let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap_or(&text);
                modules.insert(module, (path, code(shipped)));
            }
        }
        Self(modules)
    }

    /// Every pair of a file and another from which it imports.
    pub(crate) fn imports(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut found = BTreeMap::new();
        for (module, (file, text)) in &self.0 {
            let mut paths = paths(text);
            // A child module may be named in place, such as `dial::keep(peer)`.
            let children = self.0.keys().filter(|child| child.starts_with(module));
            let names = children.filter_map(|child| child.get(module.len()));
            let in_place = names.filter(|name| names_in_place(text, name));
            paths.extend(in_place.map(|name| vec![name.clone()]));
            let targets = paths
                .iter()
                .filter_map(|path| self.resolve(module, path, 0));
            let others = targets.filter(|target| target != file);
            found.insert(file.clone(), others.collect());
        }
        found
    }

    /// The file that defines what `path` names inside `module`.
    fn resolve(&self, module: &[String], path: &[String], depth: usize) -> Option<String> {
        let (mut at, mut rest) = (module.to_vec(), path);
        match rest.first()?.as_str() {
            "crate" => {
                at.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {}
            first => {
                let child = [module, &[first.to_owned()]].concat();
                self.0.get(&child)?;
            }
        }
        while rest.first().is_some_and(|segment| segment == "super") {
            at.pop()?;
            rest = &rest[1..];
        }
        while let Some(segment) = rest.first() {
            let child = [at.as_slice(), std::slice::from_ref(segment)].concat();
            if !self.0.contains_key(&child) {
                break;
            }
            at = child;
            rest = &rest[1..];
        }
        let (file, text) = self.0.get(&at)?;
        let item = rest.first();
        if let Some(item) = item.filter(|_| depth < 8) {
            let exported = paths(text).into_iter().find(|path| {
                path.len() > 1 && path.last() == Some(item) && is_reexported(text, path)
            });
            if let Some(exported) = exported {
                let definition = self.resolve(&at, &exported, depth + 1);
                return definition.or_else(|| Some(file.clone()));
            }
        }
        Some(file.clone())
    }
}

/// Whether the text has a path that begins with this module's name.
fn names_in_place(text: &str, module: &str) -> bool {
    let root = format!("{module}::");
    text.match_indices(&root).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
    })
}

/// Whether the text has a `pub use` that ends in this path's name.
fn is_reexported(text: &str, path: &[String]) -> bool {
    let uses = text.split("use ").collect::<Vec<_>>();
    uses.windows(2).any(|pair| {
        let public = pair[0]
            .rsplit(['\n', ';', '}'])
            .next()
            .is_some_and(|before| before.trim_start().starts_with("pub"));
        let statement = pair[1].split(';').next().unwrap_or("");
        public && expand(statement).iter().any(|found| found == path)
    })
}

/// The text without comments on lines of their own, and without the paths of `pub(in path)`.
fn code(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let without_scopes = lines.map(|line| match line.split_once("pub(in ") {
        Some((before, rest)) => {
            let after = rest.split_once(')').map_or("", |(_, after)| after);
            format!("{before}pub{after}\n")
        }
        None => format!("{line}\n"),
    });
    without_scopes.collect()
}

/// Every path of ours in a text: those of `use` declarations, and those written in place.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("use ") {
        let before = text[..start].chars().next_back();
        if before.is_none_or(|c| c.is_whitespace()) {
            let statement = text[start + 4..].split(';').next().unwrap_or("");
            found.extend(expand(statement));
        }
    }
    for root in ["crate::", "super::", "self::"] {
        for (start, _) in text.match_indices(root) {
            let is_whole = text[..start]
                .chars()
                .next_back()
                .is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':');
            // The braces of a `use` declaration are opened above.
            if is_whole && !text[start + root.len()..].starts_with('{') {
                let end = text[start..]
                    .find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')
                    .map_or(text.len(), |length| start + length);
                let segments = text[start..end].split("::").filter(|part| !part.is_empty());
                found.push(segments.map(str::to_owned).collect());
            }
        }
    }
    found
}

/// The paths of one `use` declaration, its braces opened.
fn expand(statement: &str) -> Vec<Vec<String>> {
    let statement = statement.trim();
    let Some((prefix, rest)) = statement.split_once('{') else {
        let path = statement.split(" as ").next().unwrap_or("").trim();
        let segments = path.split("::").map(str::trim);
        let mut segments: Vec<String> = segments
            .filter(|part| !part.is_empty() && *part != "*")
            .map(str::to_owned)
            .collect();
        if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
            segments.pop();
        }
        return vec![segments];
    };
    let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (index, letter) in inside.char_indices().chain([(inside.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = inside[start..index].trim();
                if !part.is_empty() {
                    found.extend(expand(&format!("{prefix}{part}")));
                }
                start = index + 1;
            }
            _ => {}
        }
    }
    found
}

/// The circles among imports: groups of files each of which reaches every other.
pub(crate) fn circles(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reach = |from: &String| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(file) = open.pop() {
            for next in imports.get(file).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        imports.keys().map(|file| (file, reach(file))).collect();
    let mut found: Vec<Vec<String>> = Vec::new();
    for (&file, others) in &reached {
        if others.contains(file) && !found.iter().any(|circle| circle.contains(file)) {
            let back = |other: &&String| reached.get(*other).is_some_and(|set| set.contains(file));
            found.push(others.iter().filter(back).cloned().collect());
        }
    }
    found
}

#[test]
fn a_circle_is_found_and_a_reexport_leads_to_its_file() {
    let files = [
        ("lib.rs", "pub mod a;\n"),
        ("a/mod.rs", "mod one;\nmod two;\npub use one::One;\n"),
        ("a/one.rs", "use super::two::Two;\nuse std::io;\n"),
        (
            "a/two.rs",
            "#[cfg(test)]\nmod tests { use crate::a::One; }\n",
        ),
    ];
    let named = |(path, text): (&str, &str)| (path.to_owned(), text.to_owned());
    let good = Sources::new(files.map(named));
    assert_eq!(circles(&good.imports()), [] as [Vec<String>; 0]);
    let mut closed = files;
    closed[3].1 = "use crate::{a::{One}};\n";
    let circle = ["a/one.rs", "a/two.rs"].map(str::to_owned).to_vec();
    assert_eq!(
        circles(&Sources::new(closed.map(named)).imports()),
        [circle]
    );
}
