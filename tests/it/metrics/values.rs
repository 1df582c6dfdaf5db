//! The values of metrics, as CloudWatch makes them of the functions' logs.

use std::collections::BTreeMap;
use std::time::Duration;

use amiwright::metrics::{Dimensions, Metric};
use localaws::ec2::TaskKind;
use localaws::faults::Fault;

use crate::support::{DISK, TestStack, minutes, vmdk};

const KEY: &str = "golden/web.image.yaml";

fn of(source: &str, values: &[f64]) -> BTreeMap<String, Vec<f64>> {
    BTreeMap::from([(source.to_owned(), values.to_vec())])
}

fn nothing() -> BTreeMap<String, Vec<f64>> {
    BTreeMap::new()
}

/// Of all values.
fn sum(stack: &TestStack, metric: Metric) -> f64 {
    stack.values_of(metric).values().flatten().sum()
}

fn largest(stack: &TestStack, metric: Metric) -> f64 {
    let found = stack.values_of(metric);
    found.values().flatten().copied().fold(0.0, f64::max)
}

#[tokio::test(start_paused = true)]
async fn an_image_is_counted_once_by_what_it_is_made_from() {
    let stack = TestStack::with_every_tick().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, minutes(30));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, DISK).await;
    let snapshot = stack.manifest("data");
    stack
        .drop_and_rest("golden/data.image.yaml", snapshot)
        .await;
    let mut each = of("disk", &[1.0]);
    each.extend(of("snapshot", &[1.0]));
    assert_eq!(stack.values_of(Metric::ImagesStarted), each);
    assert_eq!(stack.values_of(Metric::ImagesCompleted), each);
    assert_eq!(sum(&stack, Metric::NoticesSent), 2.0);
    for metric in [
        Metric::ImagesFailed,
        Metric::ImagesIncomplete,
        Metric::ImagesRejected,
        Metric::ImagesStalled,
        Metric::ImagesDrifted,
        Metric::TimeToReleased,
        Metric::OldestNoticeAge,
        Metric::VisitsFailed,
        Metric::ImagesSkipped,
        Metric::CallsDelayed,
        Metric::CallsDeferred,
    ] {
        assert_eq!(stack.values_of(metric), nothing(), "{metric}");
    }
    let took = stack.values_of(Metric::TimeToAvailable);
    let (of_disk, of_snapshot) = (took["disk"][0], took["snapshot"][0]);
    assert!((30.0 * 60.0..40.0 * 60.0).contains(&of_disk), "{took:?}");
    assert!((1.0..300.0).contains(&of_snapshot), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn each_tick_says_how_many_images_are_open_and_how_old_the_oldest_is() {
    let stack = TestStack::with_every_tick().await;
    let half_a_minute = Duration::from_secs(30);
    stack.world.run_for(minutes(5) + half_a_minute).await;
    let idle = stack.values_of(Metric::ImagesOpen);
    assert_eq!(idle, of("", &[0.0; 5]));
    assert_eq!(stack.values_of(Metric::TickDuration)[""].len(), 5);
    assert_eq!(stack.values_of(Metric::OldestImageAge), nothing());
    // An idle stack sends two metrics, and each is charged for.
    let names: Vec<String> = stack.measured().into_iter().map(|it| it.metric).collect();
    assert_eq!(names, ["ImagesOpen", "TickDuration"].repeat(5));

    stack.world.ec2().set_pending_time(minutes(120));
    for key in ["a.image.yaml", "b.image.yaml"] {
        stack.drop_file(key, stack.manifest(key)).await;
        stack.world.run_for(minutes(10)).await;
    }
    assert_eq!(largest(&stack, Metric::ImagesOpen), 2.0);
    let oldest = largest(&stack, Metric::OldestImageAge);
    assert!((18.0 * 60.0..20.0 * 60.0).contains(&oldest), "{oldest}");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_become_an_ami_is_counted_as_what_it_is() {
    let stack = TestStack::with_every_tick().await;
    let none = "name: web\nsource: {snapshot: {id: snap-0fedcba9876543210}}\n";
    stack.drop_and_rest("missing.image.yaml", none).await;
    assert_eq!(
        stack.values_of(Metric::ImagesFailed),
        of("snapshot", &[1.0])
    );
    let wrong = stack.manifest("web") + "descripton: x\n";
    stack.drop_and_rest("wrong.image.yaml", wrong).await;
    // What it would be made from is not known of a manifest that does not pass.
    assert_eq!(
        stack.values_of(Metric::ImagesRejected),
        of("unknown", &[1.0])
    );
    assert_eq!(stack.values_of(Metric::ImagesCompleted), nothing());
    assert_eq!(sum(&stack, Metric::ImagesStarted), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_cannot_be_sent_gets_older_with_every_tick() {
    let stack = TestStack::with_every_tick().await;
    let faults = stack.world.faults();
    faults.always("sns", "Publish", Fault::Throttle);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(minutes(20)).await;
    faults.clear();
    let oldest = largest(&stack, Metric::OldestNoticeAge);
    assert!((17.0 * 60.0..20.0 * 60.0).contains(&oldest), "{oldest}");
    assert_eq!(stack.values_of(Metric::NoticesSent), nothing());
    assert_eq!(stack.values_of(Metric::ImagesCompleted), nothing());
    stack.rest().await;
    assert_eq!(
        stack.values_of(Metric::ImagesCompleted),
        of("snapshot", &[1.0])
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_rate_limiter_holds_back_is_counted() {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    for number in 0..40 {
        let name = format!("web-{number}");
        let key = format!("{name}.image.yaml");
        stack.drop_file(&key, stack.manifest(&name)).await;
    }
    stack.world.run_for(Duration::from_secs(10)).await;
    // 25 at once, five more within two seconds each.
    let (delayed, deferred) = (
        sum(&stack, Metric::CallsDelayed),
        sum(&stack, Metric::CallsDeferred),
    );
    assert!(delayed >= 5.0, "{delayed}");
    assert!(deferred >= 1.0, "{deferred}");
}

#[tokio::test(start_paused = true)]
async fn metrics_have_the_units_and_dimensions_of_the_list_and_hold_no_key() {
    let stack = TestStack::built(|builder| builder.stack_name("images")).await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let all = stack.measured();
    assert!(all.len() > 5, "{all:?}");
    for datum in all {
        let mut known = Metric::ALL.into_iter();
        let metric = known.find(|it| it.to_string() == datum.metric).unwrap();
        assert_eq!(datum.unit, metric.unit().to_string());
        let mut expected = vec![("Stack", "images")];
        if metric.dimensions() == Dimensions::StackAndSource {
            expected.insert(0, ("Source", "snapshot"));
        }
        let dimensions = datum.dimensions.iter();
        let dimensions = dimensions.map(|(name, value)| (name.as_str(), value.as_str()));
        assert_eq!(dimensions.collect::<Vec<_>>(), expected, "{metric}");
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_are_in_the_log_whatever_its_level() {
    let stack = TestStack::built(|builder| builder.parameter("LogLevel", "ERROR")).await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let counted = stack.values_of(Metric::ImagesCompleted);
    assert_eq!(counted, of("snapshot", &[1.0]));
}
