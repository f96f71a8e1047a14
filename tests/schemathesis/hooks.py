"""Values that a schema can't describe: tokens that the running API has made. Loaded by schemathesis."""

from __future__ import annotations

import os
from typing import Any

import schemathesis
from hypothesis import strategies as st

schemathesis.openapi.format("mqledger-cursor", st.just(""))
schemathesis.openapi.format("mqledger-position", st.sampled_from(["", os.environ.get("POSITION", "")]))


@schemathesis.hook
def filter_case(_context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    """Leave alone the account as which the tests ask: without its role the rest would only be refused."""
    return os.environ.get("ACCOUNT") not in (case.path_parameters or {}).values()
