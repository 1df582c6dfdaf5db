#!/usr/bin/env python3
"""Puts a load on `amiwright local`, and measures its memory and how soon it answers meanwhile. No test: it prints a table.

    cargo build --release --bin amiwright
    benches/load.py [--binary FILE] [--gib N]

A disk goes up with `aws s3 cp`, is imported as a snapshot, and comes down again; then come a single large PUT, a ranged
download, a copy, and a file that is put into the bucket's folder by hand. Meanwhile a thread asks for the health every
20 ms. Memory is the kernel's (VmRSS, VmHWM). Needs Linux, Python 3.11, boto3 and the AWS CLI.
"""

import argparse
import contextlib
import filecmp
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import boto3

ROOT = pathlib.Path(__file__).resolve().parent.parent
MIB = 2**20
# What the benchmark is judged by.
MOST_MIB, LATEST_MS = 200, 100
ENVIRONMENT = {
    **os.environ,
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def main():
    """Measures and prints."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=target / "release" / "amiwright", help="(%(default)s)")
    parser.add_argument("--gib", type=float, default=2.0, help="size of the disk (%(default)s)")
    arguments = parser.parse_args()
    if not arguments.binary.exists():
        sys.exit(f"{arguments.binary}: not there. Build it first:\n{__doc__}")
    os.environ.update(ENVIRONMENT)
    with tempfile.TemporaryDirectory() as folder, local(arguments.binary, pathlib.Path(folder)) as world:
        size = int(arguments.gib * 2**30)
        print(f"| step, disk of {size // MIB} MiB | seconds | RSS MiB | peak MiB | health: median ms | slowest ms |")
        print("|---|--:|--:|--:|--:|--:|")
        missed = [step(world, *scenario) for scenario in scenarios(world, size)]
    if any(missed):
        sys.exit(f"over {MOST_MIB} MiB or {LATEST_MS} ms")


class World:
    """`amiwright local` as a process."""

    def __init__(self, process, url, folder):
        self.process, self.url, self.folder = process, url, folder
        self.health = health(url)
        self.bucket = self.health["bucket"]

    def client(self, service):
        """A boto3 client of this world."""
        return boto3.client(service, endpoint_url=self.url)

    def aws(self, *arguments):
        """Runs the AWS CLI."""
        subprocess.run(["aws", "--endpoint-url", self.url, *arguments], check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL)

    def memory(self):
        """Resident now, and at most so far, in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        value = lambda name: int(status.split(name + ":")[1].split()[0]) / 1024
        return value("VmRSS"), value("VmHWM")


@contextlib.contextmanager
def local(binary, folder):
    """A world that runs as long as the context."""
    log = open(folder / "log", "wb")
    command = [binary, "local", "--port", "0", "--dir", folder / "world"]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=ENVIRONMENT)
    try:
        yield World(process, address(process, folder / "log"), folder)
    finally:
        process.terminate()
        process.wait()


def address(process, log):
    """The URL that it says it listens on."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        for word in log.read_text().replace("`", " ").split():
            if word.startswith("http://127.0.0.1:"):
                url = "http://" + word.removeprefix("http://").split("/")[0].rstrip(".,;)")
                with contextlib.suppress(OSError):
                    if health(url)["ready"]:
                        return url
        time.sleep(0.05)
    sys.exit(log.read_text() or "it did not start")


def health(url):
    """What it says of itself."""
    with urllib.request.urlopen(url + "/_local/health", timeout=60) as answer:
        return json.load(answer)


def scenarios(world, size):
    """Name, and what is done."""
    disk, back = world.folder / "disk.raw", world.folder / "back.raw"
    block = os.urandom(MIB)
    with open(disk, "wb") as file:
        for number in range(size // MIB):
            file.write(number.to_bytes(8, "big") + block[8:])
    hundred = bytes(100 * MIB)
    s3 = world.client("s3")
    bucket, here = world.bucket, f"s3://{world.bucket}/disk.raw"
    yield "at rest", lambda: time.sleep(1)
    yield "`aws s3 cp` up", lambda: world.aws("s3", "cp", str(disk), here)
    yield "ImportSnapshot until it is done", lambda: imported(world)
    yield "`aws s3 cp` down", lambda: world.aws("s3", "cp", here, str(back))
    yield "what came down is what went up", lambda: same(disk, back)
    yield "PutObject of 100 MiB", lambda: s3.put_object(Bucket=bucket, Key="hundred", Body=hundred)
    ranged = {"Bucket": bucket, "Key": "disk.raw", "Range": f"bytes={size // 2}-{size // 2 + 300 * MIB - 1}"}
    yield "GetObject of a range of 300 MiB", lambda: drain(s3.get_object(**ranged))
    yield "1000 ranges of 4 KiB", lambda: [tiny(s3, bucket, number) for number in range(1000)]
    copy = {"Bucket": bucket, "Key": "copy.raw", "CopySource": f"{bucket}/disk.raw"}
    yield "CopyObject", lambda: boto3.client("s3", endpoint_url=world.url, config=patient()).copy_object(**copy)
    by_hand = world.folder / "world" / "s3" / bucket / "by-hand.raw"
    yield "a file copied into the folder, listed", lambda: (shutil.copy(disk, by_hand), world.aws("s3", "ls", f"s3://{bucket}/"))


def patient():
    """Settings of a client that waits."""
    return boto3.session.Config(read_timeout=600, retries={"total_max_attempts": 1})


def imported(world):
    """Imports the disk as a snapshot."""
    ec2 = world.client("ec2")
    container = {"Format": "RAW", "UserBucket": {"S3Bucket": world.bucket, "S3Key": "disk.raw"}}
    task = ec2.import_snapshot(DiskContainer=container)["ImportTaskId"]
    # The task's progress is the world's; that it began says that the disk was read.
    detail = ec2.describe_import_snapshot_tasks(ImportTaskIds=[task])["ImportSnapshotTasks"][0]["SnapshotTaskDetail"]
    assert detail["DiskImageSize"] > 0, detail


def same(one, other):
    """Compares two files."""
    assert filecmp.cmp(one, other, shallow=False)


def drain(answer):
    """Reads a body."""
    while answer["Body"].read(MIB):
        pass


def tiny(s3, bucket, number):
    """Reads a few bytes far in."""
    start = number * 4096
    body = s3.get_object(Bucket=bucket, Key="disk.raw", Range=f"bytes={start}-{start + 4095}")["Body"].read()
    assert len(body) == 4096


def step(world, name, work):
    """Does it while the health is asked for, and prints the row. Says whether it missed what it is judged by."""
    delays, done = [], threading.Event()
    worker = threading.Thread(target=lambda: ask(world.url, delays, done))
    worker.start()
    started = time.monotonic()
    work()
    took = time.monotonic() - started
    done.set()
    worker.join()
    resident, peak = world.memory()
    delays.sort()
    middle, slowest = delays[len(delays) // 2], delays[-1]
    print(f"| {name} | {took:.1f} | {resident:.0f} | {peak:.0f} | {middle:.1f} | {slowest:.1f} |", flush=True)
    return peak > MOST_MIB or slowest > LATEST_MS


def ask(url, delays, done):
    """Asks for the health every 20 ms, and notes how long each answer takes, in ms."""
    while not done.is_set():
        started = time.monotonic()
        health(url)
        delays.append((time.monotonic() - started) * 1000)
        done.wait(0.02)


if __name__ == "__main__":
    main()
