"""Values that a schema can't describe: tokens that the running API has made. Loaded by schemathesis."""

from __future__ import annotations

import os

import schemathesis
from hypothesis import strategies as st

schemathesis.openapi.format("mqledger-cursor", st.just(""))
schemathesis.openapi.format("mqledger-position", st.sampled_from(["", os.environ.get("POSITION", "")]))
