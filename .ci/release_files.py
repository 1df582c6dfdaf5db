"""Makes the files of a release of what `sam build` made:

    release_files.py ARCHITECTURE BUILT DIST

Of each function in the folder BUILT a zip for Lambda in DIST; and the template, whose functions are those zips.
"""

import pathlib
import re
import sys
import zipfile

import yaml
from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    """Writes the files."""
    architecture, built, dist = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    functions = {
        name: resource["Metadata"]["BuildProperties"]["Binary"]
        for name, resource in yaml_parse(text)["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    for name, binary in functions.items():
        write_zip(built / name / "bootstrap", dist / f"{binary}-{architecture}.zip")
    template = packaged(text, functions, architecture)
    (dist / f"template-{architecture}.yaml").write_text(template, encoding="utf-8")


def write_zip(program, path):
    """The same bytes for the same program: no time of day and no owner are in it."""
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, program.read_bytes(), compresslevel=9)


def packaged(text, functions, architecture):
    """The template with its functions' zips in place of their sources, and the architecture that they are built for.

    The text is edited rather than parsed and written, so that its comments and its short forms of functions stay.
    """
    text = once(r"^    CodeUri: \.\n", "", text)
    text = once(r"(?m)(^  Architecture:\n(?:    .*\n)*?    Default: )\w+\n", rf"\g<1>{architecture}\n", text)
    text = once(r"(^  Architecture:\n(?:    .*\n)*?    AllowedValues: )\[.*\]\n", rf"\g<1>[{architecture}]\n", text)
    for name, binary in functions.items():
        metadata = rf"(^  {name}:\n    Type: AWS::Serverless::Function\n    Metadata:\n)      BuildMethod: .*\n      BuildProperties:\n        Binary: .*\n"
        text = once(metadata, r"\1", text)
        text = once(rf"(^  {name}:\n(?:    .*\n|\n)*?    Properties:\n)", rf"\g<1>      CodeUri: {binary}-{architecture}.zip\n", text)
    yaml.compose(text)
    return text


def once(pattern, replacement, text):
    """The text with its one match replaced."""
    text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
    if count != 1:
        sys.exit(f"template.yaml has {count} places like {pattern!r}, in place of one: see .ci/release_files.py")
    return text


if __name__ == "__main__":
    main()
