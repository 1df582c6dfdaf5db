"""What a validator, as editors have one, says of manifests that are wrong: it has to name the place and what is wrong there.

    schema_messages.py SCHEMA

Needs jsonschema, which check-jsonschema brings along.
"""

import json
import sys

from jsonschema import Draft202012Validator

SNAPSHOT = {"snapshot": {"id": "snap-0123456789abcdef0"}}
DISK = {"disk": {"object": "web.raw", "format": "raw"}}

# Fields of a manifest, the place that is named, and words of the message.
CASES = [
    ({"source": SNAPSHOT | DISK}, "source", "has too many properties"),
    ({"source": {}}, "source", "non-empty"),
    ({"source": {"snapshto": {}}}, "source", "'snapshto' was unexpected"),
    ({"source": {"disk": {"object": "web.raw", "fromat": "raw"}}}, "source.disk", "'fromat' was unexpected"),
    ({"source": {"disk": {"object": "web.raw", "format": "qcow2"}}}, "source.disk.format", "is not one of ['vmdk', 'vhd', 'raw']"),
    ({"register": {"bootMode": "eufi"}}, "register.bootMode", "is not one of ['legacy-bios', 'uefi', 'uefi-preferred'"),
    ({"register": {"bootmode": "uefi"}}, "register", "'bootmode' was unexpected"),
    ({"protect": {"cooldwon": True}}, "protect", "'cooldwon' was unexpected"),
    ({"protect": "yes"}, "protect", "is not of type 'boolean', 'object', 'null'"),
    ({"parameters": [{"nme": "/images/web"}]}, "parameters.0", "'nme' was unexpected"),
    ({"regions": {"us-west-2": {"required": 1}}}, "regions.us-west-2.required", "is not of type 'boolean', 'null'"),
    (
        {"register": {"blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"kmsKeyId": "alias/x"}}]}},
        "register.blockDeviceMappings.0.ebs.kmsKeyId",
        "should not be valid under {}",
    ),
]


def main(path):
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    wrong = 0
    for fields, place, words in CASES:
        manifest = {"name": "web", "source": SNAPSHOT} | fields
        said = [(".".join(map(str, error.absolute_path)), error.message) for error in validator.iter_errors(manifest)]
        if not any(at == place and words in message for at, message in said):
            wrong += 1
            print(f"{fields}: {said}, and not {place}: {words}")
        wrong += sum("any of the given schemas" in message for _, message in said)
    print(f"{len(CASES)} manifests, {wrong} wrong messages")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
