//! Plans that meet their calls, and how services refuse.

use http::{Method, StatusCode};
use jiff::Timestamp;

use super::*;

fn call(service: &str, action: &str) -> Call {
    Call {
        number: 0,
        service: service.to_owned(),
        action: action.to_owned(),
        region: "us-east-1".to_owned(),
        bucket: None,
        key: None,
        function: None,
        revision: 0,
        at: Timestamp::UNIX_EPOCH,
        fields: Vec::new(),
        done: false,
    }
}

#[test]
fn a_plan_meets_its_call_once() {
    let faults = Faults::default();
    faults.at(2, Fault::Throttle);
    faults.on("s3", "PutObject", 2, Fault::LoseAnswer);
    faults.always("sns", "Publish", Fault::Throttle);
    assert_eq!(faults.pending(), 2);
    assert_eq!(faults.record(call("s3", "PutObject")).1, None);
    assert_eq!(
        faults.record(call("ec2", "RegisterImage")).1,
        Some(Fault::Throttle)
    );
    assert_eq!(
        faults.record(call("s3", "PutObject")).1,
        Some(Fault::LoseAnswer)
    );
    assert_eq!(faults.record(call("s3", "PutObject")).1, None);
    assert_eq!(faults.pending(), 0);
    let numbers: Vec<u64> = faults.calls().iter().map(|call| call.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[test]
fn always_lasts_until_cleared() {
    let faults = Faults::default();
    faults.always("sns", "Publish", Fault::Throttle);
    assert_eq!(
        faults.record(call("sns", "Publish")).1,
        Some(Fault::Throttle)
    );
    assert_eq!(
        faults.record(call("sns", "Publish")).1,
        Some(Fault::Throttle)
    );
    assert_eq!(faults.record(call("sns", "Subscribe")).1, None);
    faults.clear();
    assert_eq!(faults.record(call("sns", "Publish")).1, None);
}

#[test]
fn each_call_that_is_meant_fails_until_cleared() {
    let faults = Faults::default();
    faults.each(|call| call.region == "eu-west-1", Fault::Throttle);
    assert_eq!(faults.pending(), 0);
    let elsewhere = Call {
        region: "eu-west-1".to_owned(),
        ..call("ec2", "DescribeImages")
    };
    for _ in 0..2 {
        let fault = faults.record(elsewhere.clone()).1;
        assert_eq!(fault, Some(Fault::Throttle));
        assert_eq!(faults.record(call("ec2", "DescribeImages")).1, None);
    }
    faults.clear();
    assert_eq!(faults.record(elsewhere).1, None);
}

#[test]
fn each_service_refuses_in_its_own_words() {
    let (status, code, message) = throttled("ec2");
    let response = refusal("ec2", &Method::POST, status, (code, message), "id");
    let body = String::from_utf8(response.body().to_vec()).unwrap();
    assert!(
        body.contains("<Errors><Error><Code>RequestLimitExceeded</Code>"),
        "{body}"
    );
    let head = refusal(
        "s3",
        &Method::HEAD,
        StatusCode::FORBIDDEN,
        ("AccessDenied", "no"),
        "id",
    );
    assert!(head.body().is_empty());
    let sns = refusal(
        "sns",
        &Method::POST,
        StatusCode::BAD_REQUEST,
        ("A<B", "x & y"),
        "id",
    );
    let body = String::from_utf8(sns.body().to_vec()).unwrap();
    assert!(
        body.contains("<Code>A&lt;B</Code><Message>x &amp; y</Message>"),
        "{body}"
    );
}
