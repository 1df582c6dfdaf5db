//! What people do with EC2 themselves.

use std::time::Duration;

use localaws::ec2::SeedSnapshot;

use super::{REGION, TestStack};

impl TestStack {
    /// An available AMI in another Region; its id.
    pub(crate) async fn image_elsewhere(&self, region: &str) -> String {
        self.image_of(region, SeedSnapshot::default()).await
    }

    /// The same of such a snapshot.
    pub(crate) async fn image_of(&self, region: &str, snapshot: SeedSnapshot) -> String {
        let snapshot = self.world.ec2().seed_snapshot(region, snapshot);
        let answer = self
            .ask_ec2(
                region,
                &format!(
                    "Action=RegisterImage&Name=source&RootDeviceName=/dev/xvda&VirtualizationType=hvm\
                     &BlockDeviceMapping.1.DeviceName=/dev/xvda&BlockDeviceMapping.1.Ebs.SnapshotId={snapshot}"
                ),
            )
            .await;
        self.world.run_for(Duration::from_secs(60)).await;
        let id = answer.split("<imageId>").nth(1).unwrap();
        id.split('<').next().unwrap().to_owned()
    }

    /// Deregisters an AMI outside amiwright.
    pub(crate) async fn deregister(&self, image_id: &str) {
        self.ask_ec2(
            REGION,
            &format!("Action=DeregisterImage&ImageId={image_id}"),
        )
        .await;
    }

    /// Asks EC2 for something that amiwright does not ask for.
    async fn ask_ec2(&self, region: &str, query: &str) -> String {
        let scope = format!("Credential=AKIDLOCAL/20261121/{region}/ec2/aws4_request");
        let request = http::Request::post(format!("https://ec2.{region}.amazonaws.com/"))
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"),
            )
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("{query}&Version=2016-11-15").into())
            .unwrap();
        let response = self.world.ec2().handle(region, request).await;
        let (status, body) = (response.status(), response.into_body());
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(status.is_success(), "{body}");
        body
    }
}
