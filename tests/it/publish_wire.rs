//! The calls that publish an AMI, over the wire: the SDK's own clients on the simulated EC2 and Parameter Store.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types::{
    AttributeValue, CreateVolumePermission, CreateVolumePermissionModifications,
    ImageAttributeName, LaunchPermission, LaunchPermissionModifications, PermissionGroup,
    ResourceTypeRequest, SnapshotAttributeName, Tag,
};
use aws_sdk_ssm::types::ParameterType;
use localaws::ec2::{ImageBlock, SeedImage, SeedSnapshot};
use localaws::world::World;

const HOME: &str = "us-east-1";
const ELSEWHERE: &str = "eu-west-1";
const ACCOUNT: &str = "111111111111";

struct Publishing {
    world: World,
    image: String,
    snapshot: String,
}

impl Publishing {
    /// A world with one available image of one snapshot.
    async fn new() -> Self {
        let world = World::builder().start().await.unwrap();
        let snapshot = world.ec2().seed_snapshot(HOME, SeedSnapshot::default());
        let image = SeedImage {
            id: None,
            name: "web".to_owned(),
            snapshot_id: snapshot.clone(),
            volume_size: 8,
            owner_id: None,
            owner_alias: None,
        };
        let image = world.ec2().seed_image(HOME, image);
        world.ec2().set_image_block(HOME, ImageBlock::Unblocked);
        Self {
            world,
            image,
            snapshot,
        }
    }

    fn config(&self, region: &str) -> SdkConfig {
        let credentials = Credentials::new("AKIDLOCAL", "secret", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(self.world.http_client())
            .time_source(self.world.time_source())
            .sleep_impl(self.world.sleep())
            .build()
    }

    fn ec2(&self, region: &str) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.config(region))
    }

    fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.config(HOME))
    }

    /// The image as DescribeImages shows it.
    async fn shown(&self) -> aws_sdk_ec2::types::Image {
        let answer = self.ec2(HOME).describe_images().image_ids(&self.image);
        answer.send().await.unwrap().images.unwrap().remove(0)
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_is_shared_made_public_and_read_back() {
    let it = Publishing::new().await;
    let everyone = LaunchPermission::builder().group(PermissionGroup::All);
    let account = LaunchPermission::builder().user_id(ACCOUNT);
    let change = LaunchPermissionModifications::builder()
        .add(everyone.build())
        .add(account.build());
    let request = it.ec2(HOME).modify_image_attribute().image_id(&it.image);
    request
        .launch_permission(change.build())
        .send()
        .await
        .unwrap();
    let request = it.ec2(HOME).modify_image_attribute().image_id(&it.image);
    let description = AttributeValue::builder().value("golden").build();
    request.description(description).send().await.unwrap();
    let read = it.ec2(HOME).describe_image_attribute().image_id(&it.image);
    let read = read.attribute(ImageAttributeName::LaunchPermission).send();
    let permissions = read.await.unwrap().launch_permissions.unwrap();
    assert_eq!(permissions[0].group, Some(PermissionGroup::All));
    assert_eq!(permissions[1].user_id.as_deref(), Some(ACCOUNT));
    let shown = it.shown().await;
    assert_eq!(
        (shown.public, shown.description.as_deref()),
        (Some(true), Some("golden"))
    );
    assert_eq!(
        shown.deprecation_time.as_deref(),
        Some("2027-11-21T10:00:00.000Z")
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_shared_and_read_back() {
    let it = Publishing::new().await;
    let account = CreateVolumePermission::builder().user_id(ACCOUNT).build();
    let change = CreateVolumePermissionModifications::builder().add(account);
    let request = it.ec2(HOME).modify_snapshot_attribute();
    let request = request.snapshot_id(&it.snapshot);
    request
        .create_volume_permission(change.build())
        .send()
        .await
        .unwrap();
    let read = it.ec2(HOME).describe_snapshot_attribute();
    let read = read.snapshot_id(&it.snapshot);
    let read = read.attribute(SnapshotAttributeName::CreateVolumePermission);
    let answer = read.send().await.unwrap();
    let permissions = answer.create_volume_permissions();
    assert_eq!(permissions[0].user_id.as_deref(), Some(ACCOUNT));
}

#[tokio::test(start_paused = true)]
async fn an_image_is_deprecated_and_protected() {
    let it = Publishing::new().await;
    let at = DateTime::from_secs(1_780_000_031);
    let request = it.ec2(HOME).enable_image_deprecation().image_id(&it.image);
    request.deprecate_at(at).send().await.unwrap();
    let protect = it.ec2(HOME).enable_image_deregistration_protection();
    let protect = protect.image_id(&it.image).with_cooldown(true);
    let answer = protect.send().await.unwrap();
    assert_eq!(answer.r#return.as_deref(), Some("enabled-with-cooldown"));
    let shown = it.shown().await;
    assert_eq!(
        shown.deprecation_time.as_deref(),
        Some("2026-05-28T20:27:00.000Z")
    );
    assert_eq!(
        shown.deregistration_protection.as_deref(),
        Some("enabled-with-cooldown")
    );
    let deregister = it.ec2(HOME).deregister_image().image_id(&it.image);
    let error = deregister.send().await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("OperationNotPermitted"));
    let unwanted = Tag::builder().key("team").build();
    let request = it.ec2(HOME).delete_tags().resources(&it.image);
    request.tags(unwanted).send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_copy_appears_in_its_region_and_a_disabled_region_refuses_credentials() {
    let it = Publishing::new().await;
    let copy = it.ec2(ELSEWHERE).copy_image().name("web");
    let copy = copy.source_region(HOME).source_image_id(&it.image);
    let id = copy.send().await.unwrap().image_id.unwrap();
    it.world.run_for(Duration::from_secs(60)).await;
    let images = it.ec2(ELSEWHERE).describe_images().image_ids(&id);
    let image = images.send().await.unwrap().images.unwrap().remove(0);
    assert_eq!(image.source_image_id, Some(it.image.clone()));
    let off = it.ec2("af-south-1").describe_images().send().await;
    let error = off.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("AuthFailure"));
    let regions = it.ec2(HOME).describe_regions().all_regions(true);
    let regions = regions.region_names("af-south-1").send().await.unwrap();
    let status = regions.regions()[0].opt_in_status.as_deref();
    assert_eq!(status, Some("not-opted-in"));
}

#[tokio::test(start_paused = true)]
async fn a_parameter_takes_the_image_and_refers_to_it() {
    let it = Publishing::new().await;
    let put = it.ssm().put_parameter().name("/images/web");
    let put = put.r#type(ParameterType::String).value(&it.image);
    let answer = put.data_type("aws:ec2:image").send().await.unwrap();
    assert_eq!(answer.version, 1);
    let get = || {
        let request = it.ssm().get_parameters().names("/images/web");
        async move { request.send().await.unwrap() }
    };
    assert_eq!(get().await.invalid_parameters(), ["/images/web"]);
    it.world.run_for(Duration::from_secs(5)).await;
    let parameter = &get().await.parameters.unwrap()[0];
    assert_eq!(parameter.value.as_ref(), Some(&it.image));
    let kind = ResourceTypeRequest::builder().resource_type("ssm:Parameter".into());
    let request = it.ec2(HOME).describe_image_references();
    let request = request.image_ids(&it.image).resource_types(kind.build());
    let references = request.send().await.unwrap().image_references.unwrap();
    assert_eq!(
        references[0].arn.as_deref(),
        Some("arn:aws:ssm:us-east-1:000000000000:parameter/images/web")
    );
}

#[tokio::test(start_paused = true)]
async fn the_accounts_settings_are_reported() {
    let it = Publishing::new().await;
    let ec2 = it.ec2(HOME);
    let state = ec2.get_image_block_public_access_state().send().await;
    let state = state.unwrap().image_block_public_access_state;
    assert_eq!(state.as_deref(), Some("unblocked"));
    let state = ec2.get_snapshot_block_public_access_state().send().await;
    assert_eq!(state.unwrap().state.unwrap().as_str(), "unblocked");
    let on = ec2.get_ebs_encryption_by_default().send().await.unwrap();
    assert_eq!(on.ebs_encryption_by_default, Some(false));
    let key = ec2.get_ebs_default_kms_key_id().send().await.unwrap();
    assert_eq!(key.kms_key_id.as_deref(), Some("alias/aws/ebs"));
}
