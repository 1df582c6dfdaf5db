//! What `amiwright local` says first: where everything is, and what to try.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::cli::json::SCHEMA;
use crate::cli::local_stack::{self, BUNDLE_KEY, IMAGE, INSTANCE, LocalStack, SNAPSHOT};
use crate::cli::options::Options;
use crate::manifest::location::s3_uri;

/// Writes where everything is, and what to try unless that is not asked for; or where everything is, as an object.
pub(super) fn write(
    stack: &LocalStack,
    console: Option<&str>,
    is_classic: bool,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    if options.is_json() {
        writeln!(out, "{}", object(stack, console))?;
    } else {
        write_facts(stack, console, is_classic, out)?;
        if !options.is_quiet() {
            write_commands(stack, is_classic, out)?;
        }
    }
    out.flush()
}

/// Where everything is, for programs.
fn object(stack: &LocalStack, console: Option<&str>) -> Value {
    let world = &stack.world;
    let directory = |path: std::path::PathBuf| path.display().to_string();
    let users = world.iam().users().into_iter();
    let users: Map<String, Value> = users
        .map(|(user, keys)| {
            let (id, secret) = (keys.access_key_id, keys.secret_access_key);
            let keys = json!({"accessKeyId": id, "secretAccessKey": secret});
            (user, keys)
        })
        .collect();
    json!({
        "schema": SCHEMA,
        "command": "local",
        "event": "started",
        "endpoint": stack.url(),
        "console": console,
        "region": world.region(),
        "bucket": stack.bucket,
        "bucketDirectory": directory(stack.directory_of(&stack.bucket)),
        "stateBucket": stack.state_bucket,
        "emails": directory(world.directory().join("mail")),
        "logs": directory(world.directory().join("logs")),
        "metrics": directory(world.directory().join("metrics.jsonl")),
        "snapshot": SNAPSHOT,
        "users": users,
    })
}

fn write_facts(
    stack: &LocalStack,
    console: Option<&str>,
    is_classic: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (url, bucket, world) = (stack.url(), &stack.bucket, &stack.world);
    let directory = world.directory();
    let topic = world
        .stack()
        .topics
        .first()
        .map_or("none", |topic| topic.arn.as_str());
    let functions: Vec<&str> = world
        .stack()
        .functions
        .iter()
        .map(|function| function.name.as_str())
        .collect();
    writeln!(out, "amiwright runs until Ctrl-C.\n")?;
    let facts = [
        ("Endpoint", url.clone()),
        ("Health", format!("{url}/_local/health")),
        ("Region", world.region().to_owned()),
        ("Bucket", bucket.clone()),
        (
            "  directory",
            stack.directory_of(bucket).display().to_string(),
        ),
        ("State bucket", stack.state_bucket.clone()),
        (
            "  directory",
            stack
                .directory_of(&stack.state_bucket)
                .display()
                .to_string(),
        ),
        ("Snapshot", format!("{SNAPSHOT} (a source for images)")),
        (
            "AMI",
            format!("{IMAGE} in {} (to copy)", local_stack::other_region(world)),
        ),
        ("Topic", topic.to_owned()),
        ("Emails", directory.join("mail").display().to_string()),
        ("Functions", functions.join(", ")),
        (
            "  metrics",
            directory.join("metrics.jsonl").display().to_string(),
        ),
        ("  logs", directory.join("logs").display().to_string()),
    ];
    if let Some(address) = console {
        writeln!(out, "  {:<12} {address}", "Console")?;
    }
    for (name, value) in facts {
        writeln!(out, "  {name:<12} {value}")?;
    }
    for (user, keys) in world.iam().users() {
        let (id, secret) = (keys.access_key_id, keys.secret_access_key);
        writeln!(
            out,
            "  {:<12} access key {id}, secret {secret} (has the stack's {user} policy alone)",
            "Credentials"
        )?;
    }
    if is_classic {
        writeln!(
            out,
            "  {:<12} {INSTANCE} (to bundle; the key is in the parameter {BUNDLE_KEY})",
            "Instance"
        )?;
    }
    Ok(())
}

/// Commands that try the files of `examples/`.
fn write_commands(stack: &LocalStack, is_classic: bool, out: &mut dyn Write) -> io::Result<()> {
    let (url, bucket) = (stack.url(), &stack.bucket);
    let (region, address) = (stack.world.region(), s3_uri(bucket, ""));
    writeln!(out, "\nUpload a manifest (with any credentials):\n")?;
    writeln!(
        out,
        "  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION={region} AWS_DEFAULT_REGION={region}"
    )?;
    writeln!(
        out,
        "  aws --endpoint-url {url} s3 cp examples/web.image.yaml {address}"
    )?;
    writeln!(
        out,
        "\nor copy it into the directory of the manifest bucket. To import a disk, upload it first:\n"
    )?;
    writeln!(
        out,
        "  truncate -s 1M disk.raw && aws --endpoint-url {url} s3 cp disk.raw {address}"
    )?;
    let others = match is_classic {
        false => "disk copy",
        true => "disk copy instance",
    };
    writeln!(
        out,
        "  for what in {others}; do aws --endpoint-url {url} s3 cp examples/$what.image.yaml {address}; done"
    )?;
    writeln!(out, "\nThen see the results:\n")?;
    writeln!(
        out,
        "  aws --endpoint-url {url} ec2 describe-images --owners self"
    )?;
    writeln!(
        out,
        "  AWS_ENDPOINT_URL={url} AWS_REGION={region} AMIWRIGHT_BUCKET={bucket} AMIWRIGHT_STATE_BUCKET={} amiwright watch   # or status, cancel KEY\n",
        stack.state_bucket
    )
}
