"""Checks the functions of a release as Lambda will meet them:

    release_checks.py ARCHITECTURE DIST

Each zip has one program, `bootstrap`, for the right processor, that asks for no newer glibc than Amazon Linux 2023 has
and is within the size that was promised. Those for this machine's processor are started under a Runtime API and handle an event
of an empty account. Exits 1 on any finding.
"""

import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benches"))

import budgets  # noqa: E402
import loopback  # noqa: E402

# "Lambda runtimes", provided.al2023: Amazon Linux 2023 has glibc 2.34.
GLIBC_MOST = (2, 34)
# e_machine, as readelf writes it.
MACHINES = {"x86_64": "Advanced Micro Devices X86-64", "arm64": "AArch64"}
# What an architecture adds to the budgets. crc-fast, which the S3 client needs, has tables for processors without carry-less
# multiplication, which do not compress: on arm64 they are left out when it is compiled for Graviton, on x86_64 never.
MORE = {"x86_64": 0.66, "arm64": 0}
OWN = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())


def main():
    """Checks each function, and prints a line about it."""
    architecture, dist = sys.argv[1], pathlib.Path(sys.argv[2])
    problems = []
    for name, what, most in budgets.BUDGETS:
        if what == "zip":
            problems += check(name, architecture, dist / f"{name}-{architecture}.zip", most + MORE[architecture])
    if problems:
        sys.exit("\n".join(problems))


def check(name, architecture, path, most):
    """What is wrong with a function's zip."""
    problems = []
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
        if modes != {"bootstrap": 0o100755}:
            return [f"{path}: has {modes}, in place of one program, bootstrap"]
        program = pathlib.Path(archive.extract("bootstrap", folder))
        program.chmod(0o755)
        machine = re.search(r"Machine: +(.*)", readelf("--file-header", program))[1]
        if machine != MACHINES[architecture]:
            problems.append(f"{path}: is for {machine}")
        versions = {tuple(map(int, it)) for it in re.findall(r"Name: GLIBC_(\d+)\.(\d+)", readelf("--version-info", program))}
        if not versions or max(versions) > GLIBC_MOST:
            problems.append(f"{path}: needs glibc {sorted(versions)[-1:]}, newer than {GLIBC_MOST}")
        size = path.stat().st_size / 1e6
        if size > most:
            problems.append(f"{path}: {size:.2f} MB, more than {most} MB")
        handled = "not started here"
        if architecture == OWN and machine == MACHINES[OWN]:
            at_start, calls, _ = budgets.measure_event(name, [str(program)])
            handled = f"{at_start} AWS calls at start, {calls} for an event"
        newest = ".".join(map(str, max(versions, default=())))
        print(f"{path.name}: {size:.2f} MB of {most}, glibc {newest}, {handled}")
    return problems


def readelf(option, program):
    """What readelf says of a program."""
    return subprocess.run(["readelf", option, program], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
