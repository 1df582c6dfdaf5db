//! The code blocks of a page, and the commands in them.

/// A code block.
#[derive(Debug)]
pub(super) struct Block {
    /// What it is written in: `console` (commands after `$ `, and what they print), `sh` (commands), `yaml`, …
    pub(super) language: String,
    /// What else its fence says: `background`, `not-run`.
    pub(super) flags: Vec<String>,
    pub(super) lines: Vec<String>,
    /// The line of its fence, from 1.
    pub(super) line: usize,
}

/// A command, and what a page shows that it prints; none where the page shows nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) command: String,
    pub(super) shown: Option<Vec<String>>,
}

impl Block {
    pub(super) fn is(&self, flag: &str) -> bool {
        self.flags.iter().any(|it| it == flag)
    }

    /// Whether it is something to type, or a program.
    pub(super) fn has_commands(&self) -> bool {
        ["console", "sh", "python", "hcl"].contains(&self.language.as_str())
    }

    /// Whether it is in a language that a test looks at, or only shows what is printed: nothing to type hides in it.
    pub(super) fn is_known(&self) -> bool {
        let is_output = ["", "text"].contains(&self.language.as_str());
        let shows_commands = self.lines.iter().any(|line| line.starts_with("$ "));
        match is_output {
            true => !shows_commands,
            false => {
                self.has_commands() || ["json", "rust", "yaml"].contains(&self.language.as_str())
            }
        }
    }

    /// Its name, if it is a file that the reader is to write: a first line such as `# web.image.yaml`.
    pub(super) fn file(&self) -> Option<&str> {
        let first = self.lines.first()?.strip_prefix("# ")?;
        let is_name = first.contains('.') && !first.contains([' ', '/']);
        (self.language == "yaml" && is_name).then_some(first)
    }

    /// Its commands, in their order.
    pub(super) fn steps(&self) -> Vec<Step> {
        match self.language.as_str() {
            "console" => self.of_console(),
            _ => self.of_script(),
        }
    }

    fn of_console(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for line in &self.lines {
            if let Some(command) = line.strip_prefix("$ ") {
                let (command, shown) = (command.to_owned(), Some(Vec::new()));
                steps.push(Step { command, shown });
                continue;
            }
            let last = steps.last_mut();
            let Step { command, shown } = last.unwrap_or_else(|| panic!("no command: {line}"));
            match line.strip_prefix("> ") {
                Some(more) => *command += &format!("\n{more}"),
                None => shown.get_or_insert_default().push(line.clone()),
            }
        }
        steps
    }

    fn of_script(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut goes_on = false;
        for line in &self.lines {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match steps.last_mut().filter(|_| goes_on) {
                Some(step) => step.command += &format!("\n{line}"),
                None => steps.push(Step {
                    command: line.clone(),
                    shown: None,
                }),
            }
            goes_on = line.ends_with(['\\', '|']) || line.ends_with("&&");
        }
        steps
    }
}

/// The blocks of a page.
pub(super) fn of(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block, String)> = None;
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        match &mut open {
            Some((_, fence)) if trimmed == fence => {
                blocks.extend(open.take().map(|(block, _)| block));
            }
            Some((block, _)) => block.lines.push(line.to_owned()),
            None if trimmed.starts_with("```") => {
                let info = trimmed.trim_start_matches('`');
                let fence = trimmed[..trimmed.len() - info.len()].to_owned();
                let mut words = info.split(',').map(|word| word.trim().to_owned());
                let block = Block {
                    language: words.next().unwrap_or_default(),
                    flags: words.collect(),
                    lines: Vec::new(),
                    line: number + 1,
                };
                open = Some((block, fence));
            }
            None => {}
        }
    }
    assert!(open.is_none(), "a block is not closed: {open:?}");
    blocks
}

#[test]
fn commands_are_told_from_what_they_print() {
    let text = "\
# Page

```console
$ amiwright check a \\
> b
a: no problems
b: no problems
$ true
```

```sh,not-run
# a comment
one &&
two
three
```
";
    let blocks = of(text);
    let step = |command: &str, shown: Option<&[&str]>| Step {
        command: command.to_owned(),
        shown: shown.map(|lines| lines.iter().map(|&it| it.to_owned()).collect()),
    };
    let both = step(
        "amiwright check a \\\nb",
        Some(&["a: no problems", "b: no problems"]),
    );
    assert_eq!(blocks[0].steps(), [both, step("true", Some(&[]))]);
    assert!(blocks[1].is("not-run") && !blocks[0].is("not-run"));
    let commands = [step("one &&\ntwo", None), step("three", None)];
    assert_eq!(blocks[1].steps(), commands);
    assert_eq!(blocks[1].line, 11);
}
