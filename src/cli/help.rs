//! Examples in the `--help` of each command. A test holds them to what the commands take.

/// Those of `amiwright` itself.
pub(super) const ALL: &str = "\
Examples:
  amiwright demo                        # everything on this machine, without an account
  amiwright check golden/               # every manifest below this directory
  amiwright watch web.image.yaml        # until the AMI is available; the exit code says so
  amiwright status --failed             # what did not become available, and why
  amiwright completions bash > ~/.local/share/bash-completion/completions/amiwright";

pub(super) const CHECK: &str = "\
Examples:
  amiwright check web.image.yaml
  amiwright check golden/ --parameter ShareWith=111122223333
  amiwright check -o json golden/ | jq '.items[] | select(.ok | not)'";

pub(super) const CONFIRM: &str = "\
Examples:
  amiwright confirm-product 774F4FF8 i-0123456789abcdef0 && echo paid";

pub(super) const PRODUCT_CODES: &str = "\
Examples:
  amiwright product-codes
  amiwright product-codes -o json | jq -r '.items[].productCode'";

pub(super) const PLAN: &str = "\
Examples:
  amiwright plan web.image.yaml --key golden/web.image.yaml
  amiwright plan web.image.yaml --exit-code          # 2 if there is anything to do";

pub(super) const INIT: &str = "\
Examples:
  amiwright init                                     # web.image.yaml, from a snapshot
  amiwright init disk golden.image.yaml";

pub(super) const PUSH: &str = "\
Examples:
  amiwright push web.image.yaml --wait               # its disk first, then itself; until the AMI is available
  amiwright push golden/*.image.yaml --prefix golden/";

pub(super) const SCHEMA: &str = "\
Examples:
  amiwright schema > image-manifest.schema.json      # for an editor
  amiwright schema notice > notice.schema.json       # what subscribers other than email get";

pub(super) const STATUS: &str = "\
Examples:
  amiwright status                                   # a line for each image
  amiwright status web.image.yaml                    # all that is known of one
  amiwright status 'golden/*' --failed
  amiwright status ami-0123456789abcdef0             # the image that this AMI is of
  amiwright status -o json | jq -r '.items[] | select(.state == \"failed\").key'";

pub(super) const WATCH: &str = "\
Examples:
  amiwright watch                                    # all images in progress
  amiwright watch web.image.yaml --timeout 2h        # one, also before it is uploaded
  amiwright watch -q web.image.yaml && echo available";

pub(super) const CANCEL: &str = "\
Examples:
  amiwright cancel web.image.yaml
  amiwright cancel s3://BUCKET/web.image.yaml db.image.yaml";

pub(super) const RETRY: &str = "\
Examples:
  amiwright retry web.image.yaml && amiwright watch web.image.yaml";

#[cfg(feature = "doctor")]
pub(super) const DOCTOR: &str = "\
Examples:
  amiwright doctor                                   # account and stack
  amiwright doctor web.image.yaml --stack images     # and what this manifest needs";

#[cfg(feature = "doctor")]
pub(super) const LOGS: &str = "\
Examples:
  amiwright logs web.image.yaml                      # of the last hour
  amiwright logs web.image.yaml --follow --since 10m
  amiwright logs --since 1d -o json | jq '.items[] | select(.level == \"ERROR\")'";

#[cfg(feature = "console")]
pub(super) const CONSOLE: &str = "\
Examples:
  amiwright console                                  # prints an address to open in a browser
  amiwright console --port 8080 --stack images";

#[cfg(feature = "local")]
pub(super) const LOCAL: &str = "\
Examples:
  amiwright local                                    # on port 4566, kept in .amiwright
  amiwright local --port 0 --speed 20 --dir /tmp/stack";

#[cfg(feature = "local")]
pub(super) const DEMO: &str = "\
Examples:
  amiwright demo
  amiwright demo --emails --keep                     # emails in full; what was made is kept";

#[cfg(feature = "manual")]
pub(super) const COMPLETIONS: &str = "\
Examples:
  amiwright completions bash > ~/.local/share/bash-completion/completions/amiwright
  amiwright completions zsh > ~/.zfunc/_amiwright
  amiwright completions fish > ~/.config/fish/completions/amiwright.fish";

#[cfg(feature = "manual")]
pub(super) const MAN: &str = "\
Examples:
  amiwright man | man -l -
  amiwright man watch > ~/.local/share/man/man1/amiwright-watch.1";
