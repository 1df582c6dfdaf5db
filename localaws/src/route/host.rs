//! What a host name says: a service and Region of AWS, or a bucket.

use std::net::IpAddr;

/// What is known from a host name.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Host {
    /// Service, of a name under `amazonaws.com`, or `s3` for a bucket's.
    pub(super) service: Option<String>,
    /// Region in the name.
    pub(super) region: Option<String>,
    /// Bucket in front of it ("Virtual hosting of buckets", S3 User Guide).
    pub(super) bucket: Option<String>,
}

/// Names that lead to this machine, with a bucket in front: by RFC 6761, and by LocalStack's public DNS entry, which
/// other emulators' users have in their settings.
const LOCAL: [&str; 2] = [".localhost", ".localhost.localstack.cloud"];

/// Reads `HOST[:PORT]`.
pub(super) fn read(host: &str) -> Host {
    let host = without_port(host).to_ascii_lowercase();
    if host.parse::<IpAddr>().is_ok() || host == "localhost" {
        return Host::default();
    }
    if let Some(bucket) = LOCAL.iter().find_map(|local| host.strip_suffix(local)) {
        let bucket = if bucket == "s3" {
            ""
        } else {
            bucket.strip_suffix(".s3").unwrap_or(bucket)
        };
        let bucket = (!bucket.is_empty()).then(|| bucket.to_owned());
        return Host {
            service: Some("s3".to_owned()),
            region: None,
            bucket,
        };
    }
    let name = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"));
    name.map(amazon).unwrap_or_default()
}

/// What stands before `.amazonaws.com`.
fn amazon(name: &str) -> Host {
    let labels: Vec<&str> = name.split('.').collect();
    let s3 = labels
        .iter()
        .rposition(|label| *label == "s3" || label.starts_with("s3-"));
    let Some(at) = s3 else {
        let region = labels.get(1).map(|region| (*region).to_owned());
        return Host {
            service: labels.first().map(|service| (*service).to_owned()),
            region,
            bucket: None,
        };
    };
    let dashed = labels[at].strip_prefix("s3-").map(str::to_owned);
    let after = labels[at + 1..].iter().find(|label| **label != "dualstack");
    let bucket = labels[..at].join(".");
    Host {
        service: Some("s3".to_owned()),
        region: dashed.or_else(|| after.map(|region| (*region).to_owned())),
        bucket: (!bucket.is_empty()).then_some(bucket),
    }
}

fn without_port(host: &str) -> &str {
    if let Some(inner) = host.strip_prefix('[') {
        return inner.split(']').next().unwrap_or(inner);
    }
    host.rsplit_once(':').map_or(host, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_forms_of_names() {
        let of = |host: &str| {
            let host = read(host);
            (
                host.service.unwrap_or_default(),
                host.region.unwrap_or_default(),
                host.bucket.unwrap_or_default(),
            )
        };
        let target = |service: &str, region: &str, bucket: &str| {
            (service.into(), region.into(), bucket.into())
        };
        assert_eq!(
            of("ec2.eu-west-1.amazonaws.com"),
            target("ec2", "eu-west-1", "")
        );
        assert_eq!(of("sts.amazonaws.com"), target("sts", "", ""));
        assert_eq!(of("s3.amazonaws.com"), target("s3", "", ""));
        assert_eq!(
            of("my.dotted.bucket.s3.dualstack.us-west-2.amazonaws.com"),
            target("s3", "us-west-2", "my.dotted.bucket")
        );
        assert_eq!(
            of("b.s3-eu-west-1.amazonaws.com"),
            target("s3", "eu-west-1", "b")
        );
        assert_eq!(of("b.localhost:4566"), target("s3", "", "b"));
        assert_eq!(of("b.s3.localhost:4566"), target("s3", "", "b"));
        assert_eq!(of("s3.localhost:4566"), target("s3", "", ""));
        assert_eq!(
            of("b.s3.localhost.localstack.cloud:4566"),
            target("s3", "", "b")
        );
        assert_eq!(of("mys3.localhost"), target("s3", "", "mys3"));
        assert_eq!(of("127.0.0.1:4566"), target("", "", ""));
        assert_eq!(of("[::1]:4566"), target("", "", ""));
        assert_eq!(of("localhost"), target("", "", ""));
    }
}
