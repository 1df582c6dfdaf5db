//! Objects in S3, read and deleted.

use amiwright::aws::Remedy;
use http::StatusCode;
use localaws::faults::Fault;

use crate::support::TestStack;

#[tokio::test(start_paused = true)]
async fn a_ranged_read_returns_all_that_a_head_request_would() {
    let stack = TestStack::new().await;
    let (aws, bucket) = (stack.aws(), &stack.bucket);
    stack.drop_file("web.vmdk", "KDMV and so on").await;
    stack.drop_file("empty.vmdk", "").await;
    let head = async |key| aws.head_object(bucket, key).await.unwrap().unwrap();
    let read = async |key, range| aws.get_range(bucket, key, range).await.unwrap();
    let heads = [head("web.vmdk").await, head("empty.vmdk").await];
    assert_eq!([heads[0].size, heads[1].size], [14, 0]);
    let before = stack.count("HeadObject");

    let part = read("web.vmdk", 0..=3).await.unwrap();
    assert_eq!(
        (part.bytes.as_slice(), &part.info),
        (&b"KDMV"[..], &heads[0])
    );
    let end = read("web.vmdk", 12..=511).await.unwrap();
    assert_eq!((end.bytes.as_slice(), &end.info), (&b"on"[..], &heads[0]));
    assert_eq!(read("absent.vmdk", 0..=511).await, None);
    assert_eq!(stack.count("HeadObject"), before);

    // S3 refuses these ranges without describing the object.
    let beyond = read("web.vmdk", 14..=511).await.unwrap();
    assert_eq!(
        (beyond.bytes.as_slice(), &beyond.info),
        (&b""[..], &heads[0])
    );
    let empty = read("empty.vmdk", 0..=511).await.unwrap();
    assert_eq!((empty.bytes.as_slice(), &empty.info), (&b""[..], &heads[1]));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_appears_while_it_is_read_is_read_again_later() {
    let stack = TestStack::new().await;
    let (aws, bucket) = (stack.aws(), &stack.bucket);
    stack.drop_file("web.vmdk", "KDMV").await;
    let empty = Fault::Refuse {
        status: StatusCode::RANGE_NOT_SATISFIABLE,
        code: "InvalidRange".to_owned(),
        message: "The requested range is not satisfiable".to_owned(),
    };
    stack.world.faults().on("s3", "GetObject", 1, empty);
    let error = aws.get_range(bucket, "web.vmdk", 0..=3).await.unwrap_err();
    assert_eq!(error.remedy, Remedy::Later);
    assert_eq!(error.message, "the object was replaced while it was read");
    let part = aws.get_range(bucket, "web.vmdk", 0..=3).await.unwrap();
    assert_eq!(part.unwrap().bytes, b"KDMV");
}

#[tokio::test(start_paused = true)]
async fn an_object_is_deleted_whether_it_exists_or_not() {
    let stack = TestStack::new().await;
    let (aws, bucket) = (stack.aws(), &stack.bucket);
    stack.drop_file("web.vmdk", "KDMV").await;
    aws.delete_object(bucket, "web.vmdk").await.unwrap();
    aws.delete_object(bucket, "web.vmdk").await.unwrap();
    assert_eq!(aws.head_object(bucket, "web.vmdk").await.unwrap(), None);
}

/// Each marker is deleted by itself: one that another invocation has replaced stays.
#[tokio::test(start_paused = true)]
async fn objects_are_deleted_together_each_if_it_is_still_the_same() {
    let stack = TestStack::new().await;
    let (aws, bucket) = (stack.aws(), &stack.bucket);
    stack.drop_file("one", "1").await;
    stack.drop_file("a & b/<two>", "2").await;
    let etag = async |key| {
        aws.head_object(bucket, key)
            .await
            .unwrap()
            .map(|it| it.etag)
    };
    let (one, two) = (
        etag("one").await.unwrap(),
        etag("a & b/<two>").await.unwrap(),
    );
    let delete = async |objects: &[(&str, &str)]| {
        let before = stack.world.faults().count();
        let are_gone = aws.delete_each_if(bucket, objects).await.unwrap();
        (are_gone, stack.world.faults().count() - before)
    };

    let changed = [("one", &*two), ("a & b/<two>", &*two)];
    assert_eq!(delete(&changed).await, (vec![false, true], 1));
    assert_eq!(etag("one").await.as_ref(), Some(&one));
    // What is gone already was deleted by somebody.
    let again = [("one", &*one), ("a & b/<two>", &*two)];
    assert_eq!(delete(&again).await, (vec![true, true], 1));
    assert_eq!(etag("one").await, None);
    // No document can have this key: it takes a request of its own.
    let odd = [("one", &*one), ("a\u{1}b", &*two)];
    assert_eq!(delete(&odd).await, (vec![true, true], 2));
}
