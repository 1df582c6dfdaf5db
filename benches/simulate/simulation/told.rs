//! What emails say of what stays in AWS. That an email once named something as new tells nobody that it is still there.

use localaws::ec2::Permission;

use super::play::Played;

/// What emails say, line by line.
pub(super) struct Told(Vec<String>);

impl Told {
    pub(super) fn by(played: &Played) -> Self {
        let emails = played.stack.emails();
        let lines = emails.iter().flat_map(|email| email.text.lines());
        Self(lines.map(str::to_owned).collect())
    }

    fn any(&self, id: &str, says: impl Fn(&str) -> bool) -> bool {
        let mut naming = self.0.iter().filter(|line| line.contains(id));
        naming.any(|line| says(line))
    }

    /// Whether an AMI or a snapshot is said to stay, or to be there perhaps: the words of `message/remains.rs` and
    /// `message/retiring.rs`.
    pub(super) fn stays(&self, id: &str) -> bool {
        let listed = [format!("  - {id}: "), format!("  - {id} in ")];
        let after = [
            "kept",
            "not deleted",
            "deprecated",
            "was to be deregistered, and is kept",
        ];
        let after = after.map(|words| format!("{id} {words}"));
        self.any(id, |line| {
            let may_be_there = line.split_once("may be there: ");
            listed.iter().any(|it| line.starts_with(it))
                || after.iter().any(|it| line.contains(it))
                || line.starts_with("The previous AMI is kept: ")
                // The bundle has changed: it is for people to deregister it.
                || (line.starts_with("The previous AMI, ") && line.contains("the same bundle"))
                || may_be_there.is_some_and(|(_, listed)| listed.contains(id))
        })
    }

    /// Whether an account, or whoever else this is, is said to keep a snapshot. That it was shared once, as each change is told,
    /// is not enough.
    pub(super) fn stays_shared(&self, id: &str, reader: &Permission) -> bool {
        let is_named = |line: &str| match reader {
            Permission::Account(account) => line.contains(account),
            _ => false,
        };
        self.any(id, |line| {
            (line.contains("stays shared with") && is_named(line))
                || line.contains("may still be shared")
        })
    }

    /// Whether an account is said to have the snapshots of an AMI of which not all was seen to be set.
    pub(super) fn may_copy_only(&self, id: &str, reader: &Permission) -> bool {
        let Permission::Account(account) = reader else {
            return false;
        };
        let lines: Vec<&str> = self.0.iter().map(|line| line.trim_start()).collect();
        let starts = |line: &str| line.starts_with("Snapshots ") && line.contains(id);
        let mut of_amis = (0..lines.len()).filter(|at| starts(lines[*at])).map(|at| {
            let after = lines[at..].iter();
            after.take_while(|line| !line.is_empty() && !line.starts_with("AMI "))
        });
        of_amis.any(|of_ami| {
            let has = |word: &str, what: &str| {
                let mut lines = of_ami.clone();
                lines.any(|line| line.starts_with(word) && line.contains(what))
            };
            has("Copyable ", account) && has("Settings ", "was not seen to be set")
        })
    }

    /// Whether the protection of an AMI is said to be off perhaps.
    pub(super) fn may_be_unprotected(&self, id: &str) -> bool {
        self.any(id, |line| {
            line.contains("its protection against deregistration")
                && line.contains("may be off: check it")
        })
    }
}
