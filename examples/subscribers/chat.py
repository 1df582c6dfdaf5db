"""A Lambda function that passes amiwright's notices on to a chat channel.

Amazon Q Developer in chat applications (formerly AWS Chatbot) shows only messages in its own format, "custom notifications"
(Administrator Guide). This function subscribes to amiwright's topic and publishes each notice in that format to the topic
that the channel is configured with. template.yaml beside it has both.
"""

import json
import os

MARKS = {
    "completed": ":white_check_mark:",
    "changed": ":white_check_mark:",
    "retired": ":white_check_mark:",
    "started": ":hourglass:",
    "stalled": ":hourglass:",
    "waiting-long": ":hourglass:",
    "cancelled": ":heavy_minus_sign:",
}
# What a chat shows at a glance.
TITLE_MAX, LINE_MAX, LINES_MAX = 200, 300, 12


def on_one_line(text, most=LINE_MAX):
    """Text of a manifest or of AWS on one line. It must not become a link, a mention or code in a chat."""
    text = " ".join(str(text).split())
    for special, harmless in (("<", "‹"), (">", "›"), ("`", "'"), ("@", "@\u200b"), ("*", "∗"), ("[", "("), ("]", ")")):
        text = text.replace(special, harmless)
    return text if len(text) <= most else text[: most - 1] + "…"


def lines(notice):
    """What a person wants to know first."""
    for region, image in sorted(notice.get("regions", {}).items()):
        yield f"AMI `{image['image']}` in {region} ({on_one_line(image['imageState'])})"
    failure = notice.get("failure")
    if failure:
        code = f"{failure['code']}: " if failure.get("code") else ""
        yield on_one_line(f"{failure['doing']}: {code}{failure['message']}")
    for problem in notice.get("problems", []):
        place = f"{problem['line']}: " if problem.get("line") else ""
        yield on_one_line(f"{place}{problem.get('path', '')} {problem['message']}")
    yield on_one_line(f"Manifest s3://{notice['manifest']['bucket']}/{notice['manifest']['key']}")


def next_steps(notice):
    """What a person can do."""
    failure = notice.get("failure")
    if failure and failure.get("hint"):
        yield on_one_line(failure["hint"])
    for problem in notice.get("problems", [])[:3]:
        if problem.get("hint"):
            yield on_one_line(problem["hint"])


def custom_notification(notice):
    """A notice as Amazon Q Developer in chat applications shows it."""
    manifest, event = notice["manifest"], notice["event"]
    name = notice.get("name") or manifest["key"]
    title = on_one_line(f"{event}: {name} ({notice['region']})", TITLE_MAX)
    shown = list(lines(notice))
    if len(shown) > LINES_MAX:
        shown = shown[: LINES_MAX - 1] + ["…"]
    return {
        "version": "1.0",
        "source": "custom",
        "id": notice["id"],
        "content": {
            "textType": "client-markdown",
            "title": f"{MARKS.get(event, ':x:')} {title}",
            "description": "\n".join(shown),
            "nextSteps": list(next_steps(notice)),
            "keywords": [event, notice["region"]],
        },
        "metadata": {
            # One thread for each manifest.
            "threadId": f"s3://{manifest['bucket']}/{manifest['key']}",
            "summary": title,
            "eventType": event,
            "additionalContext": {"account": notice["account"], "region": notice["region"]},
        },
    }


def handler(event, _context):
    import boto3

    sns = boto3.client("sns")
    for record in event["Records"]:
        notice = json.loads(record["Sns"]["Message"])
        message = json.dumps(custom_notification(notice))
        sns.publish(TopicArn=os.environ["CHAT_TOPIC_ARN"], Message=message)
