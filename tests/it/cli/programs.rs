//! The commands as programs: `amiwright local` with what its greeting offers, and the commands that work against it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Output, Stdio};

/// `amiwright local`, until it is dropped.
pub(super) struct Local {
    process: Child,
    greeting: String,
    pub(super) url: String,
    directory: tempfile::TempDir,
}

impl Local {
    /// Starts it, and waits for its greeting.
    pub(super) fn start(more: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut process = amiwright()
            .args(["local", "--port", "0", "--dir"])
            .arg(directory.path().join("world"))
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut greeting = String::new();
        while !greeting.contains("amiwright watch") {
            greeting += &(lines.next().unwrap().unwrap() + "\n");
        }
        let endpoint = greeting.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("Endpoint")).then(|| words.next().unwrap().to_owned())
        });
        Self {
            process,
            url: endpoint.unwrap(),
            greeting,
            directory,
        }
    }

    /// Copies a file into the folder that is the bucket.
    pub(super) fn drop_file(&self, key: &str, content: impl AsRef<[u8]>) {
        let bucket = self.directory.path().join("world/s3/amiwright-bucket");
        std::fs::write(bucket.join(key), content).unwrap();
    }

    /// Runs a command against it, with nothing in the environment but what the greeting says.
    pub(super) fn run(&self, args: &[&str]) -> Output {
        let mut command = amiwright();
        command.args(args).args(self.place()).output().unwrap()
    }

    /// The options that name it.
    pub(super) fn place(&self) -> [&str; 8] {
        [
            "--endpoint-url",
            &self.url,
            "--region",
            "us-east-1",
            "--bucket",
            "amiwright-bucket",
            "--state-bucket",
            "amiwright-statebucket",
        ]
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(super) fn amiwright() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amiwright"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command
}

/// The same in a terminal of this kind.
#[cfg(unix)]
pub(super) fn amiwright_in(term: &str) -> pty_process::blocking::Command {
    let mut command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_amiwright"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command = command.env_remove(name);
    }
    command.env("TERM", term).env_remove("NO_COLOR")
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(super) fn example(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn an_instance_is_bundled_in_the_classic_era_and_watched() {
    let local = Local::start(&["--era", "classic", "--speed", "60"]);
    for words in [
        "i-0123456789abcdef0 (to bundle",
        "/amiwright/bundle-key",
        "ami-0123456789abcdef0 in us-west-2 (to copy)",
        "for what in disk copy instance",
    ] {
        assert!(
            local.greeting.contains(words),
            "{words}: {}",
            local.greeting
        );
    }
    local.drop_file("instance.image.yaml", example("instance.image.yaml"));
    let watched = local.run(&[
        "watch",
        "instance.image.yaml",
        "--interval",
        "0.2",
        "--timeout",
        "2m",
    ]);
    let said = text(&watched.stdout);
    assert!(watched.status.success(), "{said}{}", text(&watched.stderr));
    assert!(said.contains("available, email sent"), "{said}");
    let cancelled = local.run(&["cancel", "instance.image.yaml", "instanze.image.yaml"]);
    assert_eq!(cancelled.status.code(), Some(1));
    let said = text(&cancelled.stderr);
    assert!(said.contains("it is already available"), "{said}");
    assert!(said.contains("did you mean instance.image.yaml?"), "{said}");
}

#[test]
fn parameters_of_the_stack_are_set() {
    let local = Local::start(&[
        "--parameter",
        "BucketName=drops",
        "--parameter",
        "NotificationEmail=",
    ]);
    let mut lines = local.greeting.lines();
    let is_named = lines.any(|line| line.ends_with("s3://drops/"));
    assert!(is_named, "{}", local.greeting);
}

#[test]
fn parameters_that_cloud_formation_would_refuse_start_nothing() {
    for (parameters, message) in [
        (
            &["LogLevel=LOUD"][..],
            "Parameters.LogLevel: `LOUD` is not allowed: AllowedValues are INFO, WARN, ERROR",
        ),
        (
            &["NotificationEmail=ops"],
            "Parameters.NotificationEmail: `ops` is not allowed: AllowedPattern is ",
        ),
        (
            &["NotificationEmail=ops"],
            "(An email address, or nothing.)",
        ),
        (
            &["Loglevel=INFO"],
            "Parameters.Loglevel: the template has no parameter of this name. Known: NotificationEmail, ",
        ),
        (
            &["LogLevel=INFO", "LogLevel=WARN"],
            "the parameter LogLevel is given twice",
        ),
        (&["LogLevel"], "write it as NAME=VALUE"),
        (
            &["ExistingBucketName=amiwright-statebucket"],
            "amiwright-statebucket is the name of the stack's own state bucket",
        ),
        (
            &["BucketName=amiwright-statebucket"],
            "amiwright-statebucket is the name of the stack's own state bucket",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut local = amiwright();
        local
            .args(["local", "--port", "0", "--dir"])
            .arg(directory.path());
        for parameter in parameters {
            local.args(["--parameter", parameter]);
        }
        let output = local.output().unwrap();
        let said = text(&output.stderr);
        assert!(!output.status.success(), "{said}");
        assert!(said.contains(message), "{said}");
    }
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_a_watch_and_says_that_the_images_continue() {
    let local = Local::start(&[]);
    let mut watching = amiwright()
        .args(["watch", "never.image.yaml", "--endpoint-url", &local.url])
        .args(["--region", "us-east-1", "--bucket", "amiwright-bucket"])
        .args(["--state-bucket", "amiwright-statebucket"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    assert!(
        line.contains("waiting for a status of never.image.yaml"),
        "{line}"
    );
    let kill = Command::new("kill")
        .args(["-INT", &watching.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    assert_eq!(watching.wait().unwrap().code(), Some(130));
    let mut said = String::new();
    let mut errors = watching.stderr.take().unwrap();
    errors.read_to_string(&mut said).unwrap();
    assert!(said.contains("the images continue"), "{said}");
}

#[test]
fn what_is_not_a_manifest_is_not_waited_for() {
    // No request is sent: nothing listens at the endpoint.
    let output = amiwright()
        .args([
            "watch",
            "notes.txt",
            "--bucket",
            "images",
            "--state-bucket",
            "images-state",
            "--region",
            "us-east-1",
        ])
        .args(["--endpoint-url", "http://127.0.0.1:9"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("notes.txt is not a manifest"), "{said}");
    assert!(said.contains(".image.yaml"), "{said}");
}

#[test]
fn the_exit_code_tells_whether_an_instance_has_a_product_code() {
    let local = Local::start(&[]);
    let instance = "i-0123456789abcdef0";
    for (code, instance, exit_code, said) in [
        (
            "774F4FF8",
            instance,
            0,
            "774F4FF8 i-0123456789abcdef0 true 000000000000\n",
        ),
        (
            "8ED157F9",
            instance,
            3,
            "8ED157F9 i-0123456789abcdef0 false\n",
        ),
        ("774F4FF8", "i-0123456789abcdef1", 1, ""),
        ("774F-4FF8", instance, 64, ""),
    ] {
        let output = amiwright()
            .args(["confirm-product", code, instance])
            .args(["--endpoint-url", &local.url, "--region", "us-east-1"])
            .output()
            .unwrap();
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(exit_code), "{errors}");
        assert_eq!(text(&output.stdout), said, "{errors}");
    }
}

#[test]
fn product_codes_are_those_of_the_instance_whose_metadata_service_answers() {
    let local = Local::start(&[]);
    let of = |instance: &str| {
        let endpoint = format!("{}/_local/instances/{instance}", local.url);
        let mut command = amiwright();
        command.arg("product-codes");
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint);
        command.output().unwrap()
    };
    let output = of("i-0123456789abcdef0");
    assert_eq!(
        text(&output.stdout),
        "774F4FF8\n",
        "{}",
        text(&output.stderr)
    );
    assert!(output.status.success());
    let output = of("i-0123456789abcdef1");
    assert_eq!(output.status.code(), Some(1));
    // Nothing listens there.
    let output = amiwright()
        .arg("product-codes")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("no instance metadata service answers"),
        "{said}"
    );
}

#[test]
fn a_plan_says_by_its_exit_code_whether_there_is_anything_to_do() {
    let local = Local::start(&[]);
    let files = tempfile::tempdir().unwrap();
    let plan = |name: &str, content: &str, more: &[&str]| {
        let file = files.path().join(name);
        std::fs::write(&file, content).unwrap();
        let mut args = vec!["plan", file.to_str().unwrap()];
        args.extend(more);
        let output = local.run(&args);
        (output.status.code(), text(&output.stdout))
    };
    let good = text(&example("disk.image.yaml"));
    let (code, said) = plan("disk.image.yaml", &good, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("A new AMI is made."), "{said}");
    assert_eq!(
        plan("disk.image.yaml", &good, &["--exit-code"]).0,
        Some(2),
        "{said}"
    );
    let shared = format!("{good}access: {{accounts: ['111122223333']}}\n");
    let (code, said) = plan("disk.image.yaml", &shared, &["--exit-code"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("The stack has to allow"), "{said}");
    let given = ["--parameter", "ShareWith=444455556666", "--json"];
    let (code, said) = plan("disk.image.yaml", &shared, &given);
    assert_eq!(code, Some(1));
    let document: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(document["items"][0]["outcome"], "rejected");
    // A mistake of the caller is not taken for changes.
    assert_eq!(plan("disk.image.yaml", &good, &["--exitcode"]).0, Some(64));
    assert_eq!(local.run(&["--version"]).status.code(), Some(0));
    let (code, said) = plan("disk.image.yaml", "name: web\n", &[]);
    assert_eq!(code, Some(1), "{said}");
    let (code, _) = plan("disk.yaml", &good, &[]);
    assert_eq!(code, Some(1));
}

/// Files of a disk, its manifest, and a manifest that would be rejected: the directory, and the paths of both manifests.
fn good_and_bad() -> (tempfile::TempDir, String, String) {
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let file = files.path().join(name);
        std::fs::write(&file, content).unwrap();
        file.to_str().unwrap().to_owned()
    };
    file("disk.raw", &[0; 4096]);
    let good = file("disk.image.yaml", &example("disk.image.yaml"));
    let bad = file("bad.image.yaml", b"name: web\n");
    (files, good, bad)
}

#[test]
fn a_plan_of_what_is_made_has_nothing_to_do_and_one_that_fails_is_no_change() {
    let local = Local::start(&["--speed", "60"]);
    let (_files, good, bad) = good_and_bad();
    let plan = |file: &str, place: [&str; 8]| {
        let args = ["plan", file, "--exit-code"];
        let output = amiwright().args(args).args(place).output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        (output.status.code(), said)
    };
    let (code, said) = plan(&good, local.place());
    assert_eq!(code, Some(2), "{said}");
    let pushed = local.run(&["push", &good, "--wait"]);
    assert!(pushed.status.success(), "{}", text(&pushed.stderr));
    let (code, said) = plan(&good, local.place());
    assert_eq!(code, Some(0), "{said}");
    // It would be rejected; it cannot be found out.
    let (code, said) = plan(&bad, local.place());
    assert_eq!(code, Some(1), "{said}");
    let mut nowhere = local.place();
    nowhere[1] = "http://127.0.0.1:9";
    let (code, said) = plan(&good, nowhere);
    assert_eq!(code, Some(7), "{said}");
}

#[test]
fn a_push_prints_json_for_programs_and_nothing_where_it_is_to_be_quiet() {
    let local = Local::start(&[]);
    let (_files, good, bad) = good_and_bad();
    let json =
        |output: &Output| -> serde_json::Value { serde_json::from_slice(&output.stdout).unwrap() };

    let refused = local.run(&["push", &bad, "-o", "json"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(json(&refused)["items"][0]["result"], "refused");
    let pushed = local.run(&["push", &good, "-o", "json"]);
    assert!(pushed.status.success(), "{}", text(&pushed.stderr));
    let document = json(&pushed);
    assert_eq!(document["command"], "push");
    let results = |document: &serde_json::Value| {
        let items = document["items"].as_array().unwrap();
        let items = items
            .iter()
            .map(|it| (it["key"].clone(), it["result"].clone()));
        items.collect::<Vec<_>>()
    };
    let (disk, manifest) = ("disk.raw".into(), "disk.image.yaml".into());
    let sent = [(disk, "sent".into()), (manifest, "sent".into())];
    assert_eq!(results(&document), sent);
    let again = json(&local.run(&["push", &good, "-o", "json"]));
    assert_eq!(again["items"][0]["result"], "same");

    let quiet = local.run(&["push", &good, "-q"]);
    assert_eq!(
        (quiet.status.code(), text(&quiet.stdout)),
        (Some(0), String::new())
    );
    let quiet = local.run(&["push", &bad, "-q"]);
    assert_eq!(quiet.status.code(), Some(1));
    assert!(text(&quiet.stdout).contains("nothing was sent"));
}
