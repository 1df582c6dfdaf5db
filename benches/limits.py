#!/usr/bin/env python3
"""Measures the memory of each function at the limits of `src/limits.rs`, beside what the template gives it. No test: it
prints a table.

    cargo build --profile lambda --no-default-features --features bench \\
        --bin register-image --bin advance-tasks --bin notify
    benches/limits.py [--dir DIR] [--only WORD]

Each row is a process of its own that gets one event, with an AWS on loopback that has what the row says. The peak is the
kernel's (VmHWM). Binaries of another profile work, too (`--dir target/debug`), but have more code to keep in memory: the
column "above rest" is comparable. Needs Linux and Python 3.11.
"""

import argparse
import collections
import hashlib
import http.server
import json
import os
import pathlib
import sys
import threading
import urllib.parse

import budgets
import loopback

MANIFESTS, STATE = budgets.ENVIRONMENT["AMIWRIGHT_BUCKET"], budgets.ENVIRONMENT["AMIWRIGHT_STATE_BUCKET"]
# What template.yaml gives, in MiB.
MEMORY = {"register-image": 256, "advance-tasks": 256, "notify": 128}
MIB = 2**20
# As in src/limits.rs and manifest/src/limits.rs.
MANIFEST_BYTES, STATUS_BYTES, PARTS, NODES = MIB, 512 * 1024, 1024, 20_000
EVENT_RECORDS, OPEN_MARKERS, SWEPT_OBJECTS = 10_000, 50_000, 40_000
# What Lambda takes: asynchronously, and from SQS or from who waits for the answer ("Lambda quotas").
ASYNCHRONOUS, SYNCHRONOUS = 10**6, 6 * MIB
TIME = "2026-11-21T09:00:00Z"

Scenario = collections.namedtuple("Scenario", "function what event objects")


def main():
    """Measures and prints."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", budgets.ROOT / "target"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=pathlib.Path, default=target / "lambda", help="where the binaries are (%(default)s)")
    parser.add_argument("--only", default="", metavar="WORD", help="only rows with this word")
    arguments = parser.parse_args()
    loopback.PATIENCE = 120.0
    print("| function | at the limit | at rest MiB | peak MiB | above rest MiB | of MiB | answer |")
    print("|---|---|--:|--:|--:|--:|---|")
    missed = False
    for make in SCENARIOS:
        scenario = make()
        if arguments.only not in f"{scenario.function} {scenario.what}":
            continue
        binary = arguments.dir / scenario.function
        if not binary.exists():
            sys.exit(f"{binary}: not there. Build it first:\n{__doc__}")
        rest, peak, answer = measure(binary, scenario)
        most = MEMORY[scenario.function]
        missed |= peak > most * MIB
        row = f"{rest / MIB:.1f} | {peak / MIB:.1f} | {(peak - rest) / MIB:.1f} | {most}"
        print(f"| {scenario.function} | {scenario.what} | {row} | {answer} |", flush=True)
    sys.exit(missed)


def measure(binary, scenario):
    """Runs one event; returns the memory at rest and at the peak, in bytes, and how the function ended."""
    aws = LoadedAws(scenario.objects)
    ends = {"AWS_ENDPOINT_URL": aws.url, "AWS_EC2_METADATA_SERVICE_ENDPOINT": aws.url}
    with loopback.Running([str(binary)], budgets.ENVIRONMENT | ends) as function:
        rest = function.resident()
        try:
            function.invoke(scenario.event)
            answer = "done"
        except RuntimeError as error:
            # Failing is an answer, too, as long as the function lives.
            answer = "reports failures" if "/error" in str(error) else f"DIED: {error}"
        peak = high_water(function.pid)
    aws.shutdown()
    return rest, peak, f"{answer}, {len(aws.calls):,} calls"


def high_water(pid):
    """The most memory that the process ever had, in bytes; nothing if it is gone."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:")), 0)


# --- What is in the buckets ------------------------------------------------------------------------------------------


def created(bucket, key):
    """EventBridge's event of an upload."""
    event = json.loads((budgets.ROOT / "events" / "register-image.json").read_text())
    event["detail"]["bucket"]["name"] = bucket
    event["detail"]["object"] = {"key": key, "size": 1, "etag": "0", "sequencer": "0"}
    event["region"] = "us-east-1"
    return json.dumps(event).encode()


def yaml_manifest():
    """1 MiB of YAML with as many values as are read, nearly all of them wrong."""
    head = "name: web\nsource:\n  snapshot: {id: snap-0123456789abcdef0}\ntags:\n"
    lines = [f"  k{n:06}: [v]\n" for n in range(NODES // 2 - 100)]
    return padded(head + "".join(lines), "#")


def json_manifest():
    """The same in JSON: one long text beside the values."""
    tags = {f"k{n:06}": [0] for n in range(NODES // 2 - 100)}
    manifest = {"name": "web", "source": {"snapshot": {"id": "snap-0123456789abcdef0"}}, "tags": tags, "description": ""}
    room = MANIFEST_BYTES - len(json.dumps(manifest))
    return json.dumps(manifest | {"description": "x" * room}).encode()


def padded(text, comment):
    """The text, with lines of comment up to the largest manifest."""
    line = comment + "x" * 78 + "\n"
    text += line * ((MANIFEST_BYTES - len(text)) // len(line))
    return text.encode()


def bundle(prefix):
    """The manifest of the largest bundle, with white space up to the largest manifest, and its parts."""
    text = (budgets.ROOT / "tests" / "fixtures" / "image.manifest.xml").read_text()
    before, parts = text.split("<parts", 1)
    after = parts.split("</parts>", 1)[1]
    part = "<part index='{0}'><filename>image.part.{0}</filename><digest algorithm='SHA1'>{1}</digest></part>"
    listed = "".join(part.format(n, hashlib.sha1(b"%d" % n).hexdigest()) for n in range(PARTS))
    before = before.replace("<bundled_size>480<", f"<bundled_size>{PARTS}<").replace("<user>000000000000<", "<user>111122223333<")
    text = f"{before}<parts count='{PARTS}'>{listed}</parts>{after}"
    text = text.replace("<image>", " " * (MANIFEST_BYTES - len(text)) + "<image>")
    objects = {(MANIFESTS, f"{prefix}image.part.{n}"): b"x" for n in range(PARTS)}
    return objects | {(MANIFESTS, f"{prefix}image.manifest.xml"): text.encode()}


def status(key, filled_with, count, **more):
    """A status of at most the largest size, filled with as many of these as fit."""
    document = {
        "schema": 3,
        "state": "working",
        "manifest": {"bucket": MANIFESTS, "key": key, "etag": '"0"', "sha256": "0" * 64, "uploadedAt": TIME},
        "build": {
            "attempt": 0, "source": "disk", "name": "web", "digest": "0" * 64, "step": "await-task", "stepSince": TIME,
            "startedAt": TIME, "tasks": [{
                "kind": "import-snapshot", "id": "import-snap-0123456789abcdef0", "region": "us-east-1", "state": "active",
                "startedAt": TIME, "updatedAt": TIME,
            }],
        },
    } | more
    name, entry = filled_with
    size = len(json.dumps(entry, separators=(",", ":"))) + 1
    room = STATUS_BYTES - len(json.dumps(document)) - 64
    document[name] = [entry] * min(count, room // size)
    return json.dumps(document, separators=(",", ":")).encode()


# As the functions write it: long entries; and as only a forged status can be: very many empty ones.
LONG = ("history", {"at": TIME, "from": "working", "to": "working", "why": "x" * 4000})
DENSE = ("problems", {"message": ""})
SPARSE = ("previous", {"regions": {"a": {"image": "ami-1", "imageState": ""}}})
NOTICE = {"seq": 1, "kind": "rejected", "at": TIME}


def s3_records(size, bucket):
    """An event of S3 with as many records as fit, of objects that are not there."""
    record = '{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"%s"},"object":{"key":"%05d.image.yaml"}}}'
    count = size // (len(record % (bucket, 0)) + 1)
    return ('{"Records":[' + ",".join(record % (bucket, n) for n in range(count - 1)) + "]}").encode()


def numbers(size):
    """An event of nothing but invalid records: the most values for its size."""
    return ('{"Records":[' + "0," * (size // 2 - 10) + "0]}").encode()


def long_key(folder, number, suffix):
    """A key of 1,000 bytes."""
    start = f"{folder}{number:06}/"
    return start + "x" * (1000 - len(start) - len(suffix)) + suffix


def many(bucket, folder, suffix, count):
    """So many empty objects with long keys."""
    return {(bucket, long_key(folder, n, suffix)): b"" for n in range(count)}


def tick(count, filled_with):
    """A tick over so many images whose statuses are as large as may be."""
    objects = {}
    for n in range(count):
        key = f"{n:04}.image.yaml"
        objects[STATE, f"open/{key}.open"] = b""
        objects[STATE, f"status/{key}.json"] = status(key, filled_with, 10**6)
    return objects


def awaited(count):
    """A tick over so many images that wait for their AMIs, with statuses of 20 KiB."""
    objects = {}
    for n in range(count):
        key, ami = f"{n:05}.image.yaml", f"ami-{n:017x}"
        build = {
            "attempt": 0, "source": "snapshot", "name": "web", "digest": "0" * 64, "step": "await-image", "stepSince": TIME,
            "startedAt": TIME,
        }
        regions = {"us-east-1": {"image": ami, "imageState": "pending"}}
        objects[STATE, f"open/{key}.open"] = b""
        objects[STATE, f"status/{key}.json"] = status(key, LONG, 5, build=build, regions=regions)
    return objects


def swept():
    """What a sweep holds at most."""
    suffix = ".image.yaml"
    return (
        many(MANIFESTS, "", suffix, SWEPT_OBJECTS)
        | many(STATE, "status/", suffix + ".json", SWEPT_OBJECTS)
        | many(STATE, "open/", suffix + ".open", SWEPT_OBJECTS)
        | many(STATE, "due/", suffix + ".due", SWEPT_OBJECTS)
    )


def notified(filled_with):
    """A status with a notice to send, and its due marker."""
    key = "web.image.yaml"
    document = status(key, filled_with, 10**6, notices=[NOTICE], state="rejected")
    return {(STATE, f"status/{key}.json"): document, (STATE, f"due/{key}.due"): b'"0"\n'}


def uploads(key, content):
    """An upload of this object."""
    return created(MANIFESTS, key), {(MANIFESTS, key): content}


ADVANCE, SWEEP = b'{"task":"advance"}', b'{"task":"sweep"}'
DUE = created(STATE, "due/web.image.yaml.due")
REGISTER, TICK, NOTIFY = "register-image", "advance-tasks", "notify"
SCENARIOS = [
    lambda: Scenario(REGISTER, "YAML manifest of 1 MiB, 20,000 values", *uploads("web.image.yaml", yaml_manifest())),
    lambda: Scenario(REGISTER, "JSON manifest of 1 MiB, 20,000 values", *uploads("web.image.json", json_manifest())),
    lambda: Scenario(REGISTER, "bundle of 1,024 parts, manifest of 1 MiB", created(MANIFESTS, "b/image.manifest.xml"), bundle("b/")),
    lambda: Scenario(REGISTER, "event of 1 MB, records of another bucket", s3_records(ASYNCHRONOUS, "other"), {}),
    lambda: Scenario(REGISTER, "event of 6 MiB, records of another bucket", s3_records(SYNCHRONOUS, "other"), {}),
    lambda: Scenario(REGISTER, "event of 6 MiB, 3 million numbers", numbers(SYNCHRONOUS), {}),
    lambda: Scenario(TICK, "1 status of 512 KiB", ADVANCE, tick(1, LONG)),
    lambda: Scenario(TICK, "200 statuses of 512 KiB, as written", ADVANCE, tick(200, LONG)),
    lambda: Scenario(TICK, "200 statuses of 512 KiB, forged: empty problems", ADVANCE, tick(200, DENSE)),
    lambda: Scenario(TICK, "200 statuses of 512 KiB, forged: AMIs of earlier versions", ADVANCE, tick(200, SPARSE)),
    lambda: Scenario(TICK, "4,000 statuses of 20 KiB, AMIs with 50 tags of the greatest length", ADVANCE, awaited(4000)),
    lambda: Scenario(TICK, "50,000 open markers, keys of 1,000 bytes", ADVANCE, many(STATE, "open/", ".image.yaml.open", OPEN_MARKERS)),
    lambda: Scenario(TICK, "sweep of 40,000 objects of each kind, keys of 1,000 bytes", SWEEP, swept()),
    lambda: Scenario(NOTIFY, "status of 512 KiB, as written", DUE, notified(LONG)),
    lambda: Scenario(NOTIFY, "status of 512 KiB, forged: empty problems", DUE, notified(DENSE)),
    lambda: Scenario(NOTIFY, "status of 512 KiB, forged: AMIs of earlier versions", DUE, notified(SPARSE)),
    lambda: Scenario(NOTIFY, "event of 1 MB, records of another bucket", s3_records(ASYNCHRONOUS, "other"), {}),
    lambda: Scenario(NOTIFY, "event of 1 MB, half a million numbers", numbers(ASYNCHRONOUS), {}),
]


# --- An AWS that has these objects -----------------------------------------------------------------------------------


class LoadedAws(http.server.ThreadingHTTPServer):
    """S3 with these objects, an EC2 with every AMI that is asked for, an SNS that takes everything. It keeps what was asked."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, objects):
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects = dict(objects)
        self.keys = {bucket: sorted(key for owner, key in objects if owner == bucket) for bucket in (MANIFESTS, STATE)}
        self.calls = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """The functions are killed with connections open: nothing to report."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers in the forms that the SDK reads."""

    protocol_version = "HTTP/1.1"
    MODIFIED = "Sat, 21 Nov 2026 09:00:00 GMT"

    def do_GET(self):
        """GetObject, HeadObject and ListObjectsV2."""
        self.server.calls.append(f"{self.command} {self.path[:80]}")
        url = urllib.parse.urlsplit(self.path)
        bucket, _, key = urllib.parse.unquote(url.path).lstrip("/").partition("/")
        query = dict(urllib.parse.parse_qsl(url.query))
        if not key and "list-type" in query:
            return self.list(bucket, query)
        content = self.server.objects.get((bucket, key))
        if content is None:
            return self.reply(404, b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>")
        return self.reply(200, content, {"ETag": '"0"', "Last-Modified": self.MODIFIED})

    do_HEAD = do_GET

    def list(self, bucket, query):
        """A page of at most 1,000 keys."""
        start, prefix = int(query.get("continuation-token", 0)), query.get("prefix", "")
        keys = [key for key in self.server.keys.get(bucket, []) if key.startswith(prefix)]
        page, more = keys[start : start + 1000], len(keys) > start + 1000
        item = "<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>&quot;0&quot;</ETag><Size>1</Size></Contents>"
        contents = "".join(item % (urllib.parse.quote(key, safe="/"), TIME) for key in page)
        token = f"<NextContinuationToken>{start + 1000}</NextContinuationToken>" if more else ""
        head = f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>{token}"
        self.reply(200, f"<ListBucketResult>{head}{contents}</ListBucketResult>".encode())

    def do_PUT(self):
        """PutObject, which keeps nothing, and PutObjectAcl."""
        self.server.calls.append(f"{self.command} {self.path[:80]}")
        loopback_body(self)
        self.reply(200, b"", {"ETag": '"1"'})

    def do_DELETE(self):
        """DeleteObject."""
        self.server.calls.append(f"{self.command} {self.path[:80]}")
        self.reply(204, b"")

    def do_POST(self):
        """EC2 and SNS."""
        body = dict(urllib.parse.parse_qsl(loopback_body(self).decode()))
        action = body.get("Action", "")
        self.server.calls.append(f"POST {action}")
        if action == "Publish":
            return self.reply(200, b"<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>")
        if action == "DescribeImages":
            return self.reply(200, described(value for name, value in body.items() if name.startswith("Filter.1.Value.")))
        return self.reply(200, f"<{action}Response><requestId>r</requestId></{action}Response>".encode())

    def reply(self, status, content, headers=()):
        """Answers; a HEAD request gets no body."""
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(content)

    def log_message(self, *_):
        """Nothing: the calls are in the table."""


# The most tags that a resource may have, with the longest keys and values ("Tag your Amazon EC2 resources").
TAGS = "".join(f"<item><key>{n:0128}</key><value>{n:0256}</value></item>" for n in range(50))


def described(images):
    """EC2's answer about these AMIs: all are still being made."""
    item = "<item><imageId>%s</imageId><imageState>pending</imageState><tagSet>" + TAGS + "</tagSet></item>"
    items = "".join(item % image for image in images)
    head = '<DescribeImagesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
    return f"{head}<imagesSet>{items}</imagesSet></DescribeImagesResponse>".encode()


def loopback_body(handler):
    """A request's body, whose headers are read."""
    if handler.headers.get("Transfer-Encoding", "").lower() == "chunked":
        body = b""
        while size := int(handler.rfile.readline().split(b";")[0], 16):
            body += handler.rfile.read(size)
            handler.rfile.readline()
        while handler.rfile.readline().strip():
            pass
        return body
    return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))


if __name__ == "__main__":
    main()
