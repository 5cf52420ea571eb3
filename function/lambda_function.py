"""The zip's entry points, a line each. Nothing else lives here.

Handler: lambda_function.lambda_handler
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from trailbell import fit

HERE = Path(__file__).resolve().parent
fit.check(HERE)  # before anything compiled is imported, so that its error is one that helps

from functools import cache  # noqa: E402 - an older runtime has none, and is told so above

from trailbell import app  # noqa: E402
from trailbell.errors import DeliveryIncomplete  # noqa: E402
from trailbell.secrets import Secrets  # noqa: E402

secrets = Secrets(os.environ)
notifier = cache(app.notifier)


def lambda_handler(event: dict[str, Any], context: object = None) -> dict[str, Any]:
    """Apply the rules to one payload of CloudTrail records and post what they find."""
    if secrets.are_old:
        notifier.cache_clear()
    try:
        return notifier(HERE, secrets).run(event, context)
    except DeliveryIncomplete:
        notifier.cache_clear()  # the next try reads settings anew: one may be mended
        raise
