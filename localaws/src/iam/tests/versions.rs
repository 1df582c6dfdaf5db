//! Permissions on the versions of a bucket, which are not those on its objects ("Actions, resources, and condition keys for
//! Amazon S3", Service Authorization Reference).

use super::signed;
use crate::world::World;

const TEMPLATE: &str = r#"
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: images
      VersioningConfiguration: {Status: Enabled}
  Objects:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Action: ['s3:GetObject', 's3:DeleteObject', 's3:PutObject'], Resource: 'arn:aws:s3:::images/*'}
          - {Effect: Allow, Action: 's3:ListBucket', Resource: 'arn:aws:s3:::images'}
  Versions:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Action: ['s3:GetObjectVersion', 's3:DeleteObjectVersion'], Resource: 'arn:aws:s3:::images/*'}
          - {Effect: Allow, Action: ['s3:ListBucketVersions', 's3:GetBucketVersioning'], Resource: 'arn:aws:s3:::images'}
"#;

async fn call(world: &World, user: &str, method: &str, path: &str) -> (u16, String) {
    let key = world.iam().credentials(user).unwrap().access_key_id;
    let uri = format!("https://s3.us-east-1.amazonaws.com/{path}");
    let request = signed(&key, "s3", method, &uri, "x");
    let answer = world.dispatch(request).await.unwrap();
    let version = answer.headers().get("x-amz-version-id");
    let version = version.map(|version| version.to_str().unwrap().to_owned());
    (answer.status().as_u16(), version.unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn a_version_is_read_deleted_and_listed_with_permissions_of_its_own() {
    let world = World::builder()
        .template(TEMPLATE)
        .user("objects", "Objects")
        .user("versions", "Versions")
        .start()
        .await
        .unwrap();
    let (status, version) = call(&world, "objects", "PUT", "images/a").await;
    assert_eq!((status, version.len()), (200, 32));
    let of_version = format!("images/a?versionId={version}");
    for (method, path, of_objects, of_versions) in [
        ("GET", "images/a", 200, 403),
        ("HEAD", "images/a", 200, 403),
        ("GET", &*of_version, 403, 200),
        ("HEAD", &of_version, 403, 200),
        ("GET", "images?versions", 403, 200),
        ("GET", "images?list-type=2", 200, 403),
        ("GET", "images?versioning", 403, 200),
        ("PUT", "images?versioning", 403, 403),
        // Of a simple delete, a marker is left.
        ("DELETE", "images/a", 204, 403),
        ("DELETE", &of_version, 403, 204),
    ] {
        for (user, expected) in [("objects", of_objects), ("versions", of_versions)] {
            let (status, _) = call(&world, user, method, path).await;
            assert_eq!(status, expected, "{user} {method} {path}");
        }
    }
}
