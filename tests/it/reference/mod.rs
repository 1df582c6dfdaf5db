//! The pages of docs/reference: made from the types, the template and the calls that are counted, and compared with the copies.

mod calls;
mod cost;
mod permissions;
mod schema;
mod stack;

/// Compares a page with its copy, which `BLESS=1` writes.
fn hold(name: &str, title: &str, introduction: &str, content: &str) {
    let page = format!(
        "# {title}\n\n{introduction}\n\n<!-- Written by a test: BLESS=1 cargo test --test it reference -->\n\n{}\n",
        content.trim()
    );
    let path = format!("{}/docs/reference/{name}.md", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let copy = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(copy == page, "run with BLESS=1 to update {path}");
}

/// A text as the cell of a table.
fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}

/// A table with these columns.
fn table(columns: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!(
        "| {} |\n|{}\n",
        columns.join(" | "),
        "---|".repeat(columns.len())
    );
    for row in rows {
        let cells: Vec<String> = row.iter().map(|it| cell(it)).collect();
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}
