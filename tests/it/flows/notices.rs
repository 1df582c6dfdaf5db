//! What people and machines are notified of.

use crate::support::{EMAIL, TestStack, minutes};
use localaws::faults::Fault;
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn machines_get_the_same_as_json_with_attributes_to_filter_by() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest("golden/web.image.yaml", stack.manifest("web"))
        .await;
    let published = stack.world.sns().published();
    assert_eq!(published.len(), 1);
    let bodies: Value = serde_json::from_str(&published[0].message).unwrap();
    let machine: Value = serde_json::from_str(bodies["default"].as_str().unwrap()).unwrap();
    let image = stack.only_image();
    assert_eq!(machine["event"], "completed");
    assert_eq!(machine["regions"]["us-east-1"]["image"], json!(image.id));
    assert_eq!(machine["manifest"]["key"], "golden/web.image.yaml");
    assert_eq!(
        machine["id"],
        json!(format!("s3://{}/golden/web.image.yaml#1", stack.bucket))
    );
    let attributes = json!(published[0].attributes);
    for (name, value) in [
        ("event", "completed"),
        ("imageName", "web"),
        ("sourceKind", "snapshot"),
    ] {
        assert!(attributes[name].to_string().contains(value), "{attributes}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_email_shows_the_one_digest_that_its_ami_is_tagged_with() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest("golden/web.image.yaml", stack.manifest("web"))
        .await;
    let image = stack.only_image();
    let email = stack.only_email();
    let is_digest = |word: &&str| word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit());
    let digests: Vec<&str> = email.text.split_whitespace().filter(is_digest).collect();
    assert_eq!(digests, [&image.tags["amiwright:digest"]], "{}", email.text);
    assert!(email.text.contains("\n  Digest     "), "{}", email.text);

    // Of what was never started there is no version: the file's own sum says which file it was.
    stack
        .drop_and_rest("bad.image.yaml", "name: web\nsource: {}\n")
        .await;
    let rejected = stack.last_email();
    assert!(rejected.contains("\n  SHA-256    "), "{rejected}");
    assert!(!rejected.contains("\n  Digest "), "{rejected}");
}

#[tokio::test(start_paused = true)]
async fn nothing_from_a_manifest_fakes_a_subject_or_a_line() {
    let stack = TestStack::new().await;
    let key = "bad\u{202e}\u{1F4A3} key/wéb.image.yaml";
    stack.drop_and_rest(key, "name: \"web\\nWhat to do: send money\"\nsource: {snapshot: {id: snap-0123456789abcdef0}}\n").await;
    let email = stack.only_email();
    assert!(
        email.subject.is_ascii() && email.subject.len() < 100,
        "{}",
        email.subject
    );
    assert!(
        !email
            .text
            .lines()
            .any(|line| line.starts_with("What to do: send money")),
        "{}",
        email.text
    );
}

#[tokio::test(start_paused = true)]
async fn a_manifest_full_of_problems_makes_one_email_that_sns_takes() {
    let stack = TestStack::new().await;
    let mut manifest = stack.manifest("web");
    for number in 0..5000 {
        manifest.push_str(&format!("field{number}{}: x\n", "y".repeat(100)));
    }
    stack.drop_and_rest("web.image.yaml", manifest).await;
    let email = stack.only_email();
    assert!(email.subject.starts_with("Rejected"), "{}", email.subject);
    assert!(stack.world.sns().published()[0].message.len() <= 262_144);
    assert!(
        email.text.contains("the first 100 in the status"),
        "{}",
        email.text
    );
}

#[tokio::test(start_paused = true)]
async fn a_notice_says_what_was_true_when_it_was_recorded() {
    // The email is late, and the manifest was replaced meanwhile.
    let stack = TestStack::new().await;
    stack
        .world
        .faults()
        .always("sns", "Publish", localaws::faults::Fault::Throttle);
    stack
        .drop_file("web.image.yaml", stack.manifest("web-1"))
        .await;
    for _ in 0..3 {
        stack.minute().await;
    }
    stack
        .drop_file("web.image.yaml", stack.manifest("web-2"))
        .await;
    for _ in 0..3 {
        stack.minute().await;
    }
    stack.world.faults().clear();
    stack.rest().await;
    let mut subjects = stack.subjects();
    subjects.sort();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(
        subjects[0].contains(" web-1 ") && subjects[1].contains(" web-2 "),
        "{subjects:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_notice_of_an_image_that_still_waits_for_its_ami_is_sent_by_the_schedule() {
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_pending_time(std::time::Duration::from_secs(24 * 3600));
    stack
        .world
        .faults()
        .always("sns", "Publish", localaws::faults::Fault::Throttle);
    stack
        .drop_file("web.image.yaml", stack.manifest("web"))
        .await;
    stack
        .world
        .run_for(std::time::Duration::from_secs(40 * 60))
        .await;
    stack.world.faults().clear();
    assert_eq!(stack.emails(), []);
    stack
        .world
        .run_for(std::time::Duration::from_secs(70 * 60))
        .await;
    let emails = stack.emails();
    assert!(!emails.is_empty());
    assert!(
        emails
            .iter()
            .all(|email| email.subject == "Stalled: web (us-east-1)"),
        "{emails:?}"
    );
}

/// What EC2 throttles is left for the next tick; but for an email somebody waits.
#[tokio::test(start_paused = true)]
async fn a_tick_fails_whose_late_notice_is_throttled() {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    stack.world.ec2().set_pending_time(minutes(24 * 60));
    let (key, fault) = ("web.image.yaml", Fault::Throttle);
    stack.world.faults().always("sns", "Publish", fault);
    stack.drop_file(key, stack.manifest("web")).await;
    stack.world.settle().await;
    let mut failed = Vec::new();
    for _ in 0..3 {
        stack.world.run_for(minutes(20)).await;
        let tick = json!({"task": "advance"});
        let answer = stack.world.invoke("AdvanceTasks", tick).await;
        failed.extend(answer.err().map(|it| it.message));
    }
    let [first, ..] = &failed[..] else {
        panic!("all went well");
    };
    assert!(first.contains("Throttl"), "{first}");
}

#[tokio::test(start_paused = true)]
async fn the_start_is_notified_if_enabled() {
    let stack = TestStack::built(|builder| builder.parameter("NotifyStarted", "true")).await;
    stack
        .drop_and_rest("web.image.yaml", stack.manifest("web"))
        .await;
    let subjects = stack.subjects();
    let available = "Available: web (us-east-1)".to_owned();
    assert_eq!(subjects, ["Started: web (us-east-1)".to_owned(), available]);
}

/// Each address has subscribed to one kind of notices, by its attribute.
#[tokio::test(start_paused = true)]
async fn a_filter_policy_lets_just_one_kind_of_notices_pass() {
    const KEY: &str = "golden/web.image.yaml";
    let kinds = [
        ("incomplete", "Incomplete: "),
        ("changed", "Changed: "),
        ("drifted", "Drifted: "),
        ("retired", "Previous AMIs retired: "),
    ];
    let stack = TestStack::built(|builder| {
        builder
            .parameter("AllowRetire", "true")
            .parameter("CopyRegions", "af-south-1")
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await;
    let sns = aws_sdk_sns::Client::new(&stack.sdk());
    let topics = sns.list_topics().send().await.unwrap();
    let topic = topics.topics()[0].topic_arn().unwrap();
    for (kind, _) in kinds {
        let asked = sns.subscribe().topic_arn(topic).protocol("email");
        let asked = asked.endpoint(format!("{kind}@example.com"));
        let policy = json!({"event": [kind]}).to_string();
        let asked = asked.attributes("FilterPolicy", policy);
        asked.send().await.unwrap();
    }
    let manifest = |settings: &str| stack.manifest("web-{digest}") + settings;
    stack.drop_and_rest(KEY, manifest("")).await;
    let tagged = "tags: {team: web}\n";
    stack.drop_and_rest(KEY, manifest(tagged)).await;
    let image = stack.only_image().id;
    let ec2 = stack.world.ec2();
    ec2.edit_image("us-east-1", &image, |image| {
        image.tags.insert("team".to_owned(), "sales".to_owned());
    });
    stack.audit().await;
    let replaces =
        format!("{tagged}register: {{imdsSupport: v2.0}}\nreplaces: {{previous: deregister}}\n");
    stack.drop_and_rest(KEY, manifest(&replaces)).await;
    // That Region is not enabled.
    let copied = format!("{replaces}regions: {{af-south-1: {{}}}}\n");
    stack.drop_and_rest(KEY, manifest(&copied)).await;

    let emails = stack.emails();
    for (kind, subject) in kinds {
        let address = format!("{kind}@example.com");
        let got = emails.iter().filter(|it| it.to == address);
        let got: Vec<&str> = got.map(|it| it.subject.as_str()).collect();
        let is_meant = |subjects: &[&str]| subjects.iter().all(|it| it.starts_with(subject));
        assert!(got.len() == 1 && is_meant(&got), "{kind}: {got:?}");
    }
    // Who has no filter gets all of them, and the first one.
    let all = emails.iter().filter(|it| it.to == EMAIL);
    assert_eq!(all.count(), kinds.len() + 2, "{emails:#?}");
}
