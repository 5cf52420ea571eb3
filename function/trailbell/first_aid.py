"""Commands that stop what happened, ready to paste, built only from values that are what they say.

A value from an event is attacker-chosen. It gets into a command only when it matches AWS's own
pattern for such a value, and then quoted for a shell; else there is no command.
"""

from __future__ import annotations

import re
import shlex
from string import Formatter

NAME = r"[A-Za-z0-9_+=,.@][A-Za-z0-9_+=,.@-]{0,127}"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names
ARN = r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12}|aws)?:[A-Za-z0-9_+=,.@:/*-]{1,512}"
PATTERNS = {
    "user": NAME,
    "role": NAME,
    "group": NAME,
    "policy": NAME,
    "key": r"A[KS]IA[0-9A-Z]{12,124}",
    "policy_arn": ARN,
    "arn": ARN,
    "trail": rf"(?:{ARN}|[A-Za-z0-9][A-Za-z0-9._-]{{2,127}})",
    "region": r"[a-z]{2}(-[a-z]+)+-\d{1,2}",
    "account": r"\d{12}",
    "id": r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}",
    "name": r"[A-Za-z0-9][A-Za-z0-9._/-]{0,255}",
}
"""What a placeholder of that name may hold; add one beside the page that gives its pattern."""


def aws(template: str, **values: str) -> str:
    """A command of the AWS CLI; "" where a value is not what its placeholder's name says.

    >>> aws("iam delete-login-profile --user-name {user}", user="backdoor")
    'aws iam delete-login-profile --user-name backdoor'
    >>> aws("iam delete-login-profile --user-name {user}", user="x; rm -rf /")
    ''
    """
    for _, name, _, _ in Formatter().parse(template):
        if name and not re.fullmatch(PATTERNS[name], values[name], re.ASCII):
            return ""
    return "aws " + template.format(**{k: shlex.quote(value) for k, value in values.items()})
