//! What the documents say about the command line.

use clap::{Command, CommandFactory, Parser as _};

use super::{Cli, Exit};

/// Files of the repository that show commands, besides those of docs/.
const OTHERS: [&str; 4] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
];

fn read(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages of docs/, and the other documents.
fn documents() -> Vec<String> {
    let summary = read("docs/SUMMARY.md");
    let links = summary.split("](").skip(1);
    let pages = links.filter_map(|rest| rest.split(')').next());
    let mut documents: Vec<String> = pages.map(|page| format!("docs/{page}")).collect();
    documents.extend(OTHERS.map(str::to_owned));
    documents
}

/// The words of a command, as a shell would divide them, up to where it is redirected or ends.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (None, '|' | '>' | '#' | '&' | ';' | ')' | '`') => break,
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, c) if c.is_whitespace() => words.push(String::new()),
            (_, c) => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_of_the_documents_is_one() {
    let mut checked = 0;
    for document in documents() {
        let text = read(&document);
        let mut is_code = false;
        for line in text.lines() {
            let line = line.trim_start();
            is_code ^= line.starts_with("```");
            let line = line.strip_prefix("$ ").unwrap_or(line);
            let Some(command) = line.strip_prefix("amiwright ").filter(|_| is_code) else {
                continue;
            };
            // What the program itself prints of itself.
            if command.starts_with("runs until") {
                continue;
            }
            // What stands for an instance's id has to have its form.
            let command = command.replace(" INSTANCE", " i-0123456789abcdef0");
            let words = std::iter::once("amiwright".to_owned()).chain(words(&command));
            let parsed = Cli::try_parse_from(words);
            assert!(parsed.is_ok(), "{document}: {line}: {:?}", parsed.err());
            checked += 1;
        }
    }
    assert!(checked > 30, "{checked}");
}

/// The page of all commands: what `--help` says of each.
fn page() -> String {
    let mut page = String::from(
        "# Commands\n\nWhat `amiwright COMMAND --help` prints. The options that all commands have are shown once, with \
         [amiwright](#amiwright); what the commands are for is described in [Operating](../operating.md#monitoring-images).\n\n<!-- Written by a test: BLESS=1 cargo test --lib cli::documents -->\n",
    );
    let mut cli = Cli::command();
    cli.build();
    section(&mut page, "amiwright", cli.clone());
    let commands = cli.get_subcommands();
    let shown = commands.filter(|it| !it.is_hide_set() && it.get_name() != "help");
    for command in shown {
        section(&mut page, command.get_name(), command.clone());
    }
    page
}

fn section(page: &mut String, name: &str, command: Command) {
    let mut command = command.mut_args(|arg| {
        let is_repeated = arg.is_global_set() && name != "amiwright";
        // What happens to be set where this runs.
        arg.hide_env_values(true).hide(is_repeated)
    });
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let help = help.join("\n");
    *page += &format!("\n## {name}\n\n```text\n{}\n```\n", help.trim_end());
}

#[test]
fn the_page_of_all_commands_is_what_their_help_says() {
    let page = page();
    assert!(page.contains(&Exit::table()), "{page}");
    let path = format!("{}/docs/reference/commands.md", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let copy = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(copy == page, "run with BLESS=1 to update {path}");
}
