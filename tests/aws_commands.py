"""Commands of the AWS CLI as calls of boto3: what a person pastes, done without the CLI.

The CLI makes its options from the same models that botocore has, so nothing here is a table but
for the few names that the CLI changes by hand.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import boto3
import botocore.session
from botocore import xform_name
from botocore.validate import ParamValidator

# https://github.com/aws/aws-cli/blob/v2/awscli/customizations/
SERVICES = {"s3api": "s3", "configservice": "config"}
SWITCHES = {"ingress": ("Egress", False), "egress": ("Egress", True)}


class Call(NamedTuple):
    """A command as an API call."""

    service: str
    operation: str
    """As in Python: ``create_user``."""
    given: dict[str, Any]
    region: str


def run(command: str, session: boto3.Session) -> Any:
    """Do what the command says."""
    return do(parsed(command), session)


def do(call: Call, session: boto3.Session) -> Any:
    client = session.client(call.service, region_name=call.region)
    return getattr(client, call.operation)(**call.given)


def parsed(command: str) -> Call:
    """The call that the CLI would make of the command.

    :raises AssertionError: where the CLI, or AWS, would not take it.
    """
    program, service, operation, *words = shlex.split(command)
    assert program == "aws"
    service = SERVICES.get(service, service)
    members = input_of(service, operation)
    given: dict[str, Any] = {}
    region = "us-east-1"
    for option, values in options(words):
        if option == "region" and "Region" not in members:
            (region,) = values
            continue
        name, value = argument(members, option, values)
        assert name not in given, f"--{option} twice"
        given[name] = value
        assert (problem := misfit(members[name], value)) is None, f"--{option}: {problem}"
    report = ParamValidator().validate(given, _input_shape(service, operation))
    assert not report.has_errors(), report.generate_report()
    return Call(service, operation.replace("-", "_"), given, region)


def options(words: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The options, each with the words behind it."""
    assert not words or words[0].startswith("--"), f"{words[0]!r} belongs to no option"
    starts = [at for at, word in enumerate(words) if word.startswith("--")]
    for start, end in zip(starts, [*starts[1:], len(words)], strict=True):
        assert not any(word.startswith("-") for word in words[start + 1 : end])
        yield words[start][2:], words[start + 1 : end]


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _input_shape(service: str, operation: str) -> Any:
    model = _model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in names, f"{service} has no {operation}"
    return model.operation_model(names[operation]).input_shape


def input_of(service: str, operation: str) -> dict[str, Any]:
    """What a call takes: shapes by the API's names."""
    shape = _input_shape(service, operation)
    return dict(shape.members) if shape else {}


def argument(members: dict[str, Any], option: str, words: list[str]) -> tuple[str, Any]:
    """The API's name of an option, and its value."""
    by_option = {xform_name(name, "-"): name for name in members}
    if not words and option in SWITCHES and SWITCHES[option][0] in members:
        return SWITCHES[option]
    if not words and option not in by_option and option.startswith("no-"):
        option, no = option.removeprefix("no-"), True
    else:
        no = False
    assert option in by_option, f"no option --{option}"
    name = by_option[option]
    shape = members[name]
    if shape.type_name == "boolean" and not words:
        return name, not no
    assert not no and words, f"--{option} needs a value"
    return name, value_of(shape, words)


def value_of(shape: Any, words: list[str]) -> Any:
    if shape.type_name == "list" and not words[0].startswith("["):
        return [value_of(shape.member, [word]) for word in words]
    (word,) = words
    if shape.type_name == "string":
        return word
    if shape.type_name == "structure" and not word.startswith("{"):  # the CLI's shorthand
        pairs = [pair.split("=") for pair in word.split(",")]
        return {name: value_of(shape.members[name], [value]) for name, value in pairs}
    return json.loads(word)


def misfit(shape: Any, value: Any) -> str | None:
    """What of a value AWS's own pattern, lengths or words do not allow."""
    if shape.type_name == "list":
        return next(filter(None, (misfit(shape.member, one) for one in value)), None)
    if shape.type_name == "structure":
        fields = ((shape.members[name], of) for name, of in value.items())
        return next(filter(None, (misfit(of, one) for of, one in fields)), None)
    if shape.type_name != "string":
        return None
    limits = shape.metadata
    if limits.get("enum") and value not in limits["enum"]:
        return f"{value!r} is none of {limits['enum']}"
    if not limits.get("min", 0) <= len(value) <= limits.get("max", len(value)):
        return f"{value!r} is too short or too long"
    if "pattern" in limits and not re.fullmatch(limits["pattern"], value, re.ASCII):
        return f"{value!r} is not {limits['pattern']}"
    return None
