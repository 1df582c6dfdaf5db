//! What a call that failed says of itself, and calls that are not sent.

use amiwright::aws::{Remedy, RestoredImage};
use http::StatusCode;
use localaws::faults::Fault;

use super::tags;
use crate::support::TestStack;

#[tokio::test(start_paused = true)]
async fn an_error_names_the_call_and_its_http_status() {
    let stack = TestStack::new().await;
    let (aws, bucket) = (stack.aws(), &stack.bucket);
    let part = aws.get_range("amzn-s3-demo-absent", "web.vmdk", 0..=3);
    let error = part.await.unwrap_err();
    assert_eq!((error.action, error.status), ("GetObject", Some(404)));
    assert!(error.has_code("NoSuchBucket"), "{error}");
    let error = aws.bucket_region("amzn-s3-demo-absent").await.unwrap_err();
    assert_eq!(error.action, "HeadBucket");
    assert!(error.has_status(404) && !error.has_status(403), "{error}");

    // The answer to a HEAD request has no body, so the status is all that it says.
    let forbidden = Fault::Refuse {
        status: StatusCode::FORBIDDEN,
        code: "AccessDenied".to_owned(),
        message: "Access Denied".to_owned(),
    };
    stack.world.faults().on("s3", "HeadObject", 1, forbidden);
    let error = aws.head_object(bucket, "web.vmdk").await.unwrap_err();
    assert_eq!((error.action, &error.code), ("HeadObject", &None));
    assert!(error.has_status(403), "{error}");

    stack
        .world
        .faults()
        .on("ec2", "CreateTags", 1, Fault::LoseAnswer);
    stack
        .world
        .faults()
        .on("ec2", "CreateTags", 2, Fault::LoseAnswer);
    stack
        .world
        .faults()
        .on("ec2", "CreateTags", 3, Fault::LoseAnswer);
    let ids = std::slice::from_ref(&stack.snapshot);
    let error = aws.create_tags(ids, &tags()).await.unwrap_err();
    assert_eq!((error.action, error.status), ("CreateTags", None));
    assert_eq!(error.remedy, Remedy::Ambiguous);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limited_request_is_not_sent() {
    let stack = TestStack::new().await;
    let aws = stack.aws();
    let another = stack.aws().with_rate_limiter(aws.rate_limiter().clone());
    let wanted = RestoredImage::default();
    for _ in 0..25 {
        aws.create_restore_image_task(&wanted).await.unwrap_err();
    }
    let sent = stack.count("CreateRestoreImageTask");
    let later = another
        .create_restore_image_task(&wanted)
        .await
        .unwrap_err();
    assert_eq!(later.remedy, Remedy::Later);
    assert_eq!(later.action, "CreateRestoreImageTask");
    assert!(later.is_rate_limited_locally());
    assert!(later.has_code("amiwright.RateLimited"), "{later}");
    assert!(later.doing.starts_with("restoring the AMI"), "{later}");
    assert_eq!(stack.count("CreateRestoreImageTask"), sent);
}
