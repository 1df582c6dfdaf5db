//! RegisterImage with a bundle's manifest.

use super::*;
use crate::ec2::RootDeviceType;

const LOCATION: &str = "bundles/web/image.manifest.xml";

fn manifest() -> String {
    "<?xml version='1.0'?><manifest><version>2007-10-10</version><machine_configuration>\
     <architecture>x86_64</architecture><block_device_mapping>\
     <mapping><virtual>ami</virtual><device>sda1</device></mapping>\
     <mapping><virtual>ephemeral0</virtual><device>sdb</device></mapping>\
     <mapping><virtual>root</virtual><device>/dev/sda1</device></mapping></block_device_mapping>\
     <product_codes><product_code>774F4FF8</product_code></product_codes>\
     <kernel_id>aki-919dcaf8</kernel_id></machine_configuration>\
     <image><name>image</name><user>000000000000</user><type>machine</type><digest>7</digest><size>10240</size>\
     <bundled_size>480</bundled_size><ec2_encrypted_key>78</ec2_encrypted_key><ec2_encrypted_iv>93</ec2_encrypted_iv>\
     <parts count='1'><part index='0'><filename>image.part.0</filename><digest>4</digest></part></parts></image>\
     <signature>91</signature></manifest>"
        .to_owned()
}

fn fields(more: &str) -> String {
    format!("Name=bundled&ImageLocation={LOCATION}&{more}")
}

#[tokio::test(start_paused = true)]
async fn takes_what_the_manifest_says() {
    let world = World::new();
    world.put(LOCATION, Ok(&manifest()));
    let more =
        "BlockDeviceMapping.1.DeviceName=/dev/sdc&BlockDeviceMapping.1.VirtualName=ephemeral1";
    let id = text(&world.ok("RegisterImage", &fields(more)).await, "imageId");
    let image = world.image(&id);
    assert_eq!(image.root_device_type, RootDeviceType::InstanceStore);
    assert_eq!(
        (image.location.as_str(), image.architecture.as_str()),
        (LOCATION, "x86_64")
    );
    assert_eq!(image.virtualization_type, "paravirtual");
    assert_eq!(image.kernel_id.as_deref(), Some("aki-919dcaf8"));
    assert_eq!(image.root_device_name.as_deref(), Some("/dev/sda1"));
    assert_eq!(
        (
            image.product_codes[0].id.as_str(),
            image.product_codes[0].kind.as_str()
        ),
        ("774F4FF8", "devpay")
    );
    let devices: Vec<&str> = image
        .block_device_mappings
        .iter()
        .map(|mapping| mapping.device_name.as_str())
        .collect();
    assert_eq!(devices, ["sdb", "/dev/sdc"]);
}

#[tokio::test(start_paused = true)]
async fn says_why_it_cannot_read_the_manifest() {
    let world = World::new();
    let url = format!("http://s3.amazonaws.com:80/{LOCATION}");
    let cases = [
        (
            StatusCode::FORBIDDEN,
            format!("InvalidManifest: HTTP 403 (Forbidden) response for URL {url}"),
        ),
        (
            StatusCode::NOT_FOUND,
            format!("InvalidManifest: HTTP 404 (Not Found) response for URL {url}"),
        ),
        (
            StatusCode::MOVED_PERMANENTLY,
            format!("InvalidManifest: HTTP 301 (Moved Permanently) response for URL {url}"),
        ),
    ];
    for (status, expected) in cases {
        world.put(LOCATION, Err(status));
        let error = world.refused("RegisterImage", &fields("")).await;
        assert!(error.starts_with(&expected), "{error}");
    }
    let scheme = "Name=bundled&ImageLocation=s3://bundles/x";
    assert!(
        world
            .refused("RegisterImage", scheme)
            .await
            .starts_with("InvalidParameterValue")
    );
}

#[tokio::test(start_paused = true)]
async fn refuses_manifests_that_are_wrong() {
    let world = World::new();
    let cases = [
        ("</manifest>", "", "InvalidManifest: Invalid AMI manifest"),
        (
            "<?xml version='1.0'?>",
            "<!DOCTYPE m [<!ENTITY a \"b\">]>",
            "InvalidManifest",
        ),
        (
            "2007-10-10",
            "2008-01-01",
            "InvalidManifest: Invalid AMI manifest: version",
        ),
        (">machine<", ">kernel<", "InvalidManifest"),
        (
            "<architecture>x86_64",
            "<architecture>arm64",
            "InvalidManifest",
        ),
        (
            ">sdb<",
            ">xvdal<",
            "InvalidManifest: Invalid block device mapping: Invalid device name 'xvdal'",
        ),
        ("aki-919dcaf8", "vmlinuz", "InvalidManifest"),
        ("000000000000", "111122223333", "AuthFailure"),
        (
            "<filename>image.part.0</filename>",
            "&x;",
            "InvalidManifest",
        ),
    ];
    for (from, to, expected) in cases {
        world.put(LOCATION, Ok(&manifest().replace(from, to)));
        let error = world.refused("RegisterImage", &fields("")).await;
        assert!(error.starts_with(expected), "{to}\n  {error}");
    }
    world.put(LOCATION, Ok(&manifest()));
    let ebs = "BlockDeviceMapping.1.DeviceName=/dev/sdf&BlockDeviceMapping.1.Ebs.VolumeSize=8";
    assert!(
        world
            .refused("RegisterImage", &fields(ebs))
            .await
            .starts_with("InvalidBlockDeviceMapping")
    );
    for more in ["Architecture=i386", "VirtualizationType=hvm"] {
        assert!(
            world
                .refused("RegisterImage", &fields(more))
                .await
                .starts_with("InvalidParameterCombination")
        );
    }
    assert_eq!(world.ec2.images(REGION), []);
}
