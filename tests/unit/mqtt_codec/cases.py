"""One table of cases that drives decoding, encoding, the comparisons and the fuzzing."""

from .case import Case
from .cases_acks import ACKS
from .cases_connect import BAD_CONNECTS, CONNACKS, CONNECTS
from .cases_others import OTHERS, SUBSCRIBES
from .cases_publish import BAD_PUBLISHES, PUBLISHES

__all__ = ["CASES", "Case"]

CASES = [*CONNECTS, *BAD_CONNECTS, *CONNACKS, *PUBLISHES, *BAD_PUBLISHES, *ACKS, *SUBSCRIBES, *OTHERS]
