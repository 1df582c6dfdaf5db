"""Runs the jq programs of docs/notices.md and the functions of examples/subscribers over examples/notices.

The functions get the event that SNS sends ("Using Lambda with Amazon SNS"), and in place of boto3 a client that remembers what
it was asked.
"""

import json
import os
import re
import sys
import types
from pathlib import Path

import jq

TOP = Path(__file__).resolve().parent.parent
NOTICES = TOP / "examples" / "notices"
# What each program of docs/notices.md gives, in their order.
EXPECTED = [
    ["us-east-1 ami-1"],
    ["ami-1"],
    ["InvalidAMIName.Duplicate: AMI name web is already in use by AMI ami-9"],
    ["7: `bios` is not a boot mode", "0: the name is missing"],
    ["failed.image.yaml"],
    ["ami-2"],
    [{"available": 1, "cancelled": 1, "failed": 1, "rejected": 1, "working": 2}],
]


def notice(name):
    return json.loads((NOTICES / name).read_text(encoding="utf-8"))


def check_jq():
    text = (TOP / "docs" / "notices.md").read_text(encoding="utf-8")
    _, text = text.split("<!-- jq:begin -->")
    text, _ = text.split("<!-- jq:end -->")
    programs = re.findall(r"^jq (?:-r )?'([^']+)' (\S+)", text, re.MULTILINE)
    assert len(programs) == text.count("\njq "), "a program is not understood"
    found = [jq.compile(program).input_value(notice(file)).all() for program, file in programs]
    assert found == EXPECTED, json.dumps(found, indent=1)
    return len(programs)


class Client:
    """Remembers what it was asked."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, action):
        return lambda **request: self.calls.append((action, request))


def invoke(module, *notices):
    """Invokes the function of a module with these notices; what it asked of AWS, and what it returned."""
    client = Client()
    sys.modules["boto3"] = types.SimpleNamespace(client=lambda _service: client)
    records = [
        {"EventSource": "aws:sns", "Sns": {"Message": json.dumps(it), "MessageAttributes": {"event": {"Type": "String", "Value": it["event"]}}}}
        for it in notices
    ]
    returned = module.handler({"Records": records}, None)
    return client.calls, returned


def check_chat(chat):
    os.environ["CHAT_TOPIC_ARN"] = "arn:aws:sns:us-east-1:111122223333:chat"
    names = sorted(path.name for path in NOTICES.glob("*.json") if path.name != "status.json")
    calls, _ = invoke(chat, *map(notice, names))
    assert [action for action, _ in calls] == ["publish"] * len(names)
    for (_, request), name in zip(calls, names):
        assert request["TopicArn"] == os.environ["CHAT_TOPIC_ARN"]
        message = json.loads(request["Message"])
        # The event schema of custom notifications: these fields, and no others.
        assert set(message) == {"version", "source", "id", "content", "metadata"}
        assert (message["version"], message["source"]) == ("1.0", "custom")
        assert set(message["content"]) <= {"textType", "title", "description", "nextSteps", "keywords"}
        assert message["content"]["textType"] == "client-markdown"
        assert set(message["metadata"]) <= {"threadId", "summary", "eventType", "relatedResources", "additionalContext"}
        texts = [message["content"]["description"], *message["content"]["nextSteps"], *message["metadata"]["additionalContext"].values()]
        assert all(isinstance(text, str) and text for text in texts), name
        assert message["content"]["title"].split(" ", 1)[1].startswith(name.removesuffix(".json") + ": "), message
    hostile = notice("completed.json")
    hostile["name"] = "<!channel> @here `rm` *bold* [x](https://example.com)\n" + "x" * 1000
    shown = chat.custom_notification(hostile)["content"]["title"]
    assert not set("<>`*[]\n") & set(shown) and "@here" not in shown and len(shown) < 250, shown


def check_launch_template(launch_template):
    os.environ["LAUNCH_TEMPLATE"] = "web"
    completed = notice("completed.json")
    calls, returned = invoke(launch_template, completed, completed, notice("failed.json"))
    assert [action for action, _ in calls] == ["create_launch_template_version"] * 2
    (_, request), (_, again) = calls
    assert request == again, "SNS may deliver twice"
    assert request["LaunchTemplateData"] == {"ImageId": returned[0]}
    assert len(request["ClientToken"]) <= 128
    elsewhere = completed | {"regions": {}}
    assert invoke(launch_template, elsewhere) == ([], [])


def main():
    programs = check_jq()
    sys.path.insert(0, str(TOP / "examples" / "subscribers"))
    import chat
    import launch_template

    check_chat(chat)
    check_launch_template(launch_template)
    print(f"{programs} jq programs and 2 subscribers do what docs/notices.md says")


main()
