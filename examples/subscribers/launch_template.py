"""A Lambda function that acts on amiwright's notices: a new AMI becomes a new version of a launch template.

It subscribes to amiwright's topic. SNS hands over the notice as JSON (`amiwright schema notice`), with the attributes `event`,
`imageName` and `sourceKind`, by which a subscription can be filtered, too (template.yaml beside it does so).
"""

import hashlib
import json
import os

# What needs a person: the function says so in its log, where an alarm can look for it.
FAILED = {"failed", "incomplete", "lost", "rejected", "drifted"}


def new_version(notice):
    """The request for CreateLaunchTemplateVersion; none if there is no AMI in this Region."""
    image = notice["regions"].get(notice["region"])
    if image is None:
        return None
    return {
        "LaunchTemplateName": os.environ["LAUNCH_TEMPLATE"],
        "SourceVersion": "$Latest",
        "VersionDescription": notice["name"],
        "LaunchTemplateData": {"ImageId": image["image"]},
        # SNS may deliver a notice twice: the same id makes one version.
        "ClientToken": hashlib.sha256(notice["id"].encode()).hexdigest()[:32],
    }


def handler(event, _context):
    import boto3

    done = []
    for record in event["Records"]:
        outcome = record["Sns"]["MessageAttributes"]["event"]["Value"]
        notice = json.loads(record["Sns"]["Message"])
        if outcome == "completed" and (version := new_version(notice)):
            boto3.client("ec2").create_launch_template_version(**version)
            done.append(version["LaunchTemplateData"]["ImageId"])
        elif outcome in FAILED:
            print(json.dumps({"level": "ERROR", "event": outcome, "manifest": notice["manifest"]["key"]}))
    return done
