//! How much of a manifest is read and reported. What EC2, S3 and SSM take of a value that only one rule checks stands
//! with that rule.

/// Bytes of the largest manifest that is read, of either kind. A real image manifest has a few kB, and 64,000
/// characters more with UEFI data; a bundle manifest of 1,024 parts, which is the most, has less than 200 kB.
pub const MANIFEST_BYTES: usize = 1 << 20;

/// Deepest nesting read. The deepest field of the schema is at 5.
pub const DEPTH: usize = 32;

/// Bytes of the longest key of a mapping: a tag has one of 128 characters, of at most four bytes each.
pub const KEY_BYTES: usize = 512;

/// Most values read: keeps memory and the list of problems bounded.
pub const NODES: usize = 20_000;

/// Parts of the largest bundle: the tools cut it into parts of 10 MiB, and the root of an instance store image has at
/// most 10 GiB.
pub const PARTS: usize = 1024;

/// Characters of the longest description (EC2 API Reference, RegisterImage).
pub const DESCRIPTION: usize = 255;

/// Disks of one virtual machine. EC2 says of no number; so many have a device each from `/dev/sda` to `/dev/sdz`, and the
/// function looks at each before the import is started.
pub const VM_DISKS: usize = 26;

/// Problems that are reported of one manifest: more would not be read, and a hostile file must not make a huge status.
pub const PROBLEMS: usize = 200;

/// Characters of each text of a problem that a status and a notice carry.
pub const PROBLEM_TEXT: usize = 400;
