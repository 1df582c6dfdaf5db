//! Where the command line gets its credentials and its Region from, and what it says while AWS does not answer.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use super::programs::{Local, amiwright, text};

/// The files of the AWS CLI in a home of their own.
struct Home(tempfile::TempDir);

impl Home {
    fn new(config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(".aws")).unwrap();
        std::fs::write(directory.path().join(".aws/config"), config).unwrap();
        Self(directory)
    }

    /// A command of somebody who has these files, works with this profile, and has set nothing else.
    fn command(&self, profile: &str, args: &[&str]) -> Command {
        let mut command = amiwright();
        command
            .env("HOME", self.0.path())
            .env("AWS_PROFILE", profile)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .args(args);
        command
    }

    fn run(&self, profile: &str, args: &[&str]) -> Output {
        self.command(profile, args).output().unwrap()
    }
}

const BUCKETS: [&str; 4] = [
    "--bucket",
    "amiwright-bucket",
    "--state-bucket",
    "amiwright-statebucket",
];

fn status_at(url: &str) -> Vec<&str> {
    [&["status", "--endpoint-url", url], &BUCKETS[..]].concat()
}

/// An address on which nothing listens.
fn dead() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

const SSO: &str = "\
[profile dev]
region = us-east-1
sso_session = work
sso_account_id = 111122223333
sso_role_name = Admin
[profile deploy]
role_arn = arn:aws:iam::111122223333:role/deploy
source_profile = dev
[sso-session work]
sso_region = us-east-1
sso_start_url = https://example.awsapps.com/start
";

#[test]
fn a_profile_with_a_process_and_a_region_is_all_that_is_needed() {
    let local = Local::start(&[]);
    let home = Home::new(
        "[profile dev]\nregion = us-east-1\ncredential_process = cat keys.json\n\
         [profile elsewhere]\nregion = eu-west-1\ncredential_process = cat keys.json\n",
    );
    let keys = r#"{"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": "secret"}"#;
    std::fs::write(home.0.path().join("keys.json"), keys).unwrap();
    let run = |profile: &str, args: &[&str]| {
        let mut command = home.command(profile, args);
        command.current_dir(home.0.path()).output().unwrap()
    };
    let status = run("dev", &status_at(&local.url));
    assert!(status.status.success(), "{}", text(&status.stderr));
    let doctor = run("elsewhere", &["doctor", "--endpoint-url", &local.url]);
    let said = text(&doctor.stdout);
    let is_seen = |line: &str| line.starts_with("ok ") && line.ends_with(" in eu-west-1");
    assert!(said.lines().next().is_some_and(is_seen), "{said}");
}

#[test]
fn a_process_that_fails_is_named() {
    let home = Home::new("[profile dev]\nregion = us-east-1\ncredential_process = false\n");
    let said = text(&home.run("dev", &status_at(&dead())).stderr);
    let hint = "hint: check the command `credential_process` of the profile dev";
    assert!(said.contains(hint), "{said}");
}

#[test]
fn an_sso_profile_without_a_login_says_how_to_log_in() {
    let home = Home::new(SSO);
    let url = dead();
    let watch = [&["watch", "--endpoint-url", &url], &BUCKETS[..]].concat();
    for profile in ["dev", "deploy"] {
        for args in [&status_at(&url), &watch] {
            let output = home.run(profile, args);
            let said = text(&output.stderr);
            assert!(!output.status.success(), "{said}");
            assert!(
                said.contains("hint: log in: aws sso login --profile dev\n"),
                "{said}"
            );
            assert!(!said.contains("retrying"), "{said}");
            assert_eq!(text(&output.stdout), "");
        }
    }
}

/// What `aws login` writes is read by the AWS CLI, which hands the credentials over.
#[test]
fn a_profile_of_aws_login_says_how_its_credentials_are_handed_over() {
    let home = Home::new(
        "[profile dev]\nregion = us-east-1\nlogin_session = arn:aws:iam::111122223333:user/dev\n",
    );
    let output = home.run("dev", &status_at(&dead()));
    let said = text(&output.stderr);
    assert!(!output.status.success(), "{said}");
    let why = "the profile dev gives no credentials: it signs in with `aws login`";
    assert!(said.contains(why), "{said}");
    let hint = "hint: log in: aws login --profile dev, then: eval \"$(aws configure export-credentials --profile dev --format env)\"";
    assert!(said.contains(hint), "{said}");
    assert!(!said.contains("cargo"), "{said}");
}

#[test]
fn a_profile_that_does_not_exist_is_named() {
    let home = Home::new(SSO);
    let output = home.run("prod", &["doctor", "--region", "us-east-1"]);
    let said = text(&output.stdout);
    assert!(said.contains("there is no profile prod"), "{said}");
    let output = home.run("prod", &status_at(&dead()));
    let said = text(&output.stderr);
    assert!(said.contains("error: no Region given"), "{said}");
    assert!(said.contains("a profile (AWS_PROFILE)"), "{said}");
}

#[test]
fn an_endpoint_that_is_dead_is_told_after_the_first_try() {
    let home = Home::new("[default]\nregion = us-east-1\n");
    let url = dead();
    let mut status = home.command("default", &status_at(&url));
    let status = status.env_remove("AWS_PROFILE").output().unwrap();
    let said = text(&status.stderr);
    let lines: Vec<&str> = said.lines().collect();
    let cannot = format!("cannot reach {url}: Connection refused (os error 111)");
    assert_eq!(lines[0], format!("{cannot}: retrying (2 of 3)"));
    assert_eq!(lines[1], format!("{cannot}: retrying (3 of 3)"));
    assert!(lines[2].starts_with("error: "), "{said}");
    assert!(lines[2].ends_with(&cannot), "{said}");
    assert!(!status.status.success());
}

/// It takes the connection, and says nothing.
#[test]
fn an_endpoint_that_does_not_answer_is_told_long_before_the_command_ends() {
    let home = Home::new("[default]\nregion = us-east-1\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut status = home.command("default", &status_at(&url));
    let status = status.env_remove("AWS_PROFILE").stderr(Stdio::piped());
    let mut status = status.spawn().unwrap();
    let mut lines = BufReader::new(status.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    // The command itself goes on waiting.
    assert_eq!(status.try_wait().unwrap(), None);
    status.kill().unwrap();
    status.wait().unwrap();
    let expected = format!("no answer from {url} for 2 s: waiting (try 1 of 3)");
    assert_eq!(line, expected);
}

#[test]
fn a_watch_without_an_answer_says_so_when_its_time_is_up() {
    let home = Home::new("[default]\nregion = us-east-1\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let watch = ["watch", "--timeout", "1s", "--endpoint-url", &url];
    let mut watch = home.command("default", &[&watch, &BUCKETS[..]].concat());
    let watch = watch.env_remove("AWS_PROFILE").output().unwrap();
    assert_eq!(watch.status.code(), Some(6));
    let said = text(&watch.stderr);
    let expected = "error: timed out after 1 s without an answer of S3";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn nothing_is_said_of_tries_where_a_command_is_to_be_quiet() {
    let home = Home::new("[default]\nregion = us-east-1\n");
    let url = dead();
    let quiet = [&status_at(&url)[..], &["-q"]].concat();
    let mut status = home.command("default", &quiet);
    let said = text(&status.env_remove("AWS_PROFILE").output().unwrap().stderr);
    assert!(said.starts_with("error: "), "{said}");
    assert!(!said.contains("retrying"), "{said}");
}

#[test]
fn watching_a_dead_endpoint_says_so_at_once_and_when_the_time_is_up() {
    let home = Home::new("[default]\nregion = us-east-1\n");
    let url = dead();
    let watch = [
        "watch",
        "--timeout",
        "1s",
        "--interval",
        "0.4",
        "--endpoint-url",
        &url,
    ];
    let mut watch = home.command("default", &[&watch, &BUCKETS[..]].concat());
    let watch = watch.env_remove("AWS_PROFILE").output().unwrap();
    let cannot = format!("cannot reach {url}: Connection refused (os error 111)");
    let said = text(&watch.stdout) + &text(&watch.stderr);
    assert!(said.contains(&format!("{cannot}: retrying (")), "{said}");
    let end = said.split_once("error: ").unwrap().1;
    assert!(end.starts_with("timed out after 1 s"), "{said}");
    assert!(end.contains(&cannot), "{said}");
}

#[test]
fn a_service_that_dies_while_it_is_watched_is_told_with_the_last_answer() {
    let local = Local::start(&[]);
    let home = Home::new("[default]\nregion = us-east-1\n");
    let url = local.url.clone();
    let watch = [
        "watch",
        "web.image.yaml",
        "--interval",
        "0.1",
        "--endpoint-url",
        &url,
    ];
    let mut watch = home.command("default", &[&watch, &BUCKETS[..]].concat());
    let watch = watch.env_remove("AWS_PROFILE").stdout(Stdio::piped());
    let mut watch = watch.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let is_waiting = |line: &str| line.contains("waiting for a status of web.image.yaml");
    assert!(lines.any(|line| is_waiting(&line.unwrap())));
    drop(local);
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(said.len(), 9, "{said:?}");
    for (line, next) in said.iter().zip(2..) {
        let end = format!("cannot reach {url}: ");
        assert!(line.contains(&end), "{line}");
        let end = format!(": retrying ({next} of 10); last seen ");
        assert!(line.contains(&end), "{line}");
    }
    let output = watch.wait_with_output().unwrap();
    assert!(!output.status.success());
    let said = text(&output.stderr);
    assert!(said.contains(&format!("cannot reach {url}: ")), "{said}");
    assert!(said.contains("hint: check the network"), "{said}");
}
