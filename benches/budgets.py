#!/usr/bin/env python3
"""Measures the functions as Lambda would run them, and compares them with their budgets. No test: it prints a table.

    cargo build --profile lambda --no-default-features --features bench \\
        --bin register-image --bin advance-tasks --bin notify --bin empty-function
    benches/budgets.py [--runs 30] [--boto3-python PYTHON] [--dir DIR] [--before DIR]

Times are compared with an empty `lambda_runtime` program of the same build (and, given a Python that has boto3, with a
function that makes the same clients), in turns, so that a busy machine slows all of them. With `--before`, the binaries
of another build take their turns as well. Needs Linux and Python 3.11.
`benches/limits.py` measures memory at the limits of what is read.
"""

import argparse
import io
import os
import pathlib
import statistics
import sys
import zipfile

import loopback

ROOT = pathlib.Path(__file__).resolve().parent.parent
EMPTY = "empty-function"
BOTO3 = "boto3"
# The event that each function gets once: the bucket is empty, so each asks S3 and finds nothing to do
# (for `advance-tasks`: an idle tick).
EVENTS = {
    "register-image": "register-image.json",
    "advance-tasks": "advance-tasks.json",
    "notify": "notify.json",
    EMPTY: "advance-tasks.json",
    BOTO3: "advance-tasks.json",
}
FUNCTIONS = [name for name in EVENTS if name != BOTO3]
# Ends the names of another build's functions.
BEFORE = " (before)"
# Start as a multiple of the empty program's, MiB at rest, MB (10^6 bytes) zipped, and AWS calls in start-up and for an
# idle event.
BUDGETS = [
    ("register-image", "start", 1.4),
    ("register-image", "rest", 7.0),
    ("register-image", "zip", 4.0),
    ("register-image", "calls at start", 0),
    ("advance-tasks", "start", 1.4),
    ("advance-tasks", "rest", 7.0),
    ("advance-tasks", "zip", 4.0),
    ("advance-tasks", "calls at start", 0),
    ("advance-tasks", "calls of an event", 1),
    ("notify", "start", 1.4),
    ("notify", "rest", 7.0),
    ("notify", "zip", 3.0),
    ("notify", "calls at start", 0),
]
# What template.yaml and Lambda set. No home directory: Lambda has none with AWS files in it.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "AMIWRIGHT_BUCKET": "amzn-s3-demo-bucket",
    "AMIWRIGHT_STATE_BUCKET": "amzn-s3-demo-bucket-state",
    "AMIWRIGHT_ACCOUNT_ID": "111122223333",
    "AMIWRIGHT_TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:amiwright",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "token",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
}


def main():
    """Measures and prints."""
    arguments = parse_arguments()
    commands = {name: [str(arguments.dir / name)] for name in FUNCTIONS}
    if arguments.before:
        commands |= {name + BEFORE: [str(arguments.before / name)] for name in FUNCTIONS}
    if arguments.boto3_python:
        commands[BOTO3] = [arguments.boto3_python, str(ROOT / "benches" / "boto3_function.py")]
    for command in commands.values():
        if not all(os.path.exists(part) for part in command):
            sys.exit(f"{' '.join(command)}: not there. Build it first:\n{__doc__}")
    starts, rests = measure_starts(commands, arguments.runs)
    rows = {}
    for name, command in commands.items():
        at_start, calls, handled = measure_event(name, command)
        rows[name] = {
            "median": statistics.median(starts[name]) * 1e3,
            "least": min(starts[name]) * 1e3,
            "start": statistics.median(starts[name]) / statistics.median(starts[EMPTY]),
            "least start": min(starts[name]) / min(starts[EMPTY]),
            "rest": statistics.median(rests[name]) / 2**20,
            "handled": handled / 2**20,
            "calls at start": at_start,
            "calls of an event": calls,
        }
        if name != BOTO3:
            rows[name] |= sizes(command[0])
    print_table(rows, arguments.runs)
    print_budgets(rows)


def parse_arguments():
    """The command line."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=pathlib.Path, default=target / "lambda", help="where the binaries are (%(default)s)")
    parser.add_argument("--before", type=pathlib.Path, metavar="DIR", help="where the binaries of another build are, to compare with")
    parser.add_argument("--runs", type=int, default=30, help="starts of each function (%(default)s)")
    parser.add_argument("--boto3-python", metavar="PYTHON", help="a Python with boto3, for the row of that name")
    return parser.parse_args()


def measure_starts(commands, runs):
    """Starts each function `runs` times, in turns, after one start that fills the page cache."""
    starts = {name: [] for name in commands}
    rests = {name: [] for name in commands}
    for run in range(-1, runs):
        for name, command in commands.items():
            with loopback.Running(command, ENVIRONMENT) as function:
                if run >= 0:
                    starts[name].append(function.start)
                    rests[name].append(function.resident())
    return starts, rests


def measure_event(name, command):
    """One event, with the AWS endpoints, those for credentials included, on loopback: calls and memory."""
    with loopback.EmptyAws() as aws:
        endpoints = {"AWS_ENDPOINT_URL": aws.url, "AWS_EC2_METADATA_SERVICE_ENDPOINT": aws.url}
        with loopback.Running(command, ENVIRONMENT | endpoints) as function:
            function.resident()
            at_start = len(aws.calls)
            function.invoke((ROOT / "events" / EVENTS[name.removesuffix(BEFORE)]).read_bytes())
            return at_start, len(aws.calls) - at_start, function.resident()


def sizes(path):
    """The binary's size, and that of what is uploaded: `bootstrap` in a zip."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.write(path, "bootstrap")
    return {"zip": len(archive.getvalue()) / 1e6, "binary": os.path.getsize(path)}


def print_table(rows, runs):
    """One row a function."""
    print(f"{runs} starts of each, in turns; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print("| function | start ms (least) | x empty (least) | at rest MiB | after an event MiB | zip MB | binary bytes | AWS calls at start, for an event |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for name, row in rows.items():
        start = f"{row['median']:.2f} ({row['least']:.2f}) | {row['start']:.2f} ({row['least start']:.2f})"
        memory = f"{row['rest']:.1f} | {row['handled']:.1f}"
        size = f"{row['zip']:.2f} | {row['binary']:,}" if "zip" in row else "- | -"
        print(f"| {name} | {start} | {memory} | {size} | {row['calls at start']}, {row['calls of an event']} |")


def print_budgets(rows):
    """What was promised, and whether it holds."""
    units = {"start": "x", "rest": " MiB", "zip": " MB"}
    print()
    for name, what, most in BUDGETS:
        is_kept = rows[name][what] <= most
        value = round(rows[name][what], 2)
        print(f"{'kept  ' if is_kept else 'MISSED'}  {name} {what}: {value}{units.get(what, '')} of {most}{units.get(what, '')}")


if __name__ == "__main__":
    main()
