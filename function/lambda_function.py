"""The zip's entry points, a line each. Nothing else lives here.

Handler: lambda_function.lambda_handler
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trailbell import fit

HERE = Path(__file__).resolve().parent
fit.check(HERE)  # before anything compiled is imported, so that its error is one that helps

from trailbell import app  # noqa: E402

process = app.Process()


def lambda_handler(event: dict[str, Any], context: object = None) -> dict[str, Any]:
    """Apply the rules to one payload of CloudTrail records and post what they find."""
    return process.run(HERE, event, context)
