"""Fences: who may still speak."""

from __future__ import annotations

from domain.fences import Fences
from schemas.events import NodeLost, NodeStarted, NodeStopped


def test_an_incarnation_voids_lower_ones_of_its_node() -> None:
    """Given incarnations, when a newer one starts, then lower ones of that node are void and no others."""
    fences = Fences()
    assert not fences.void("node-1", 0)
    fences.observe(NodeStarted("node-1", 5, -1, "", []))
    assert fences.void("node-1", 4)
    assert not fences.void("node-1", 5)
    assert not fences.void("node-2", 4)


def test_a_late_start_lowers_nothing() -> None:
    """Given a fence, when an older incarnation starts late, then the fence stays."""
    fences = Fences()
    fences.observe(NodeStarted("node-1", 5, -1, "", []))
    fences.observe(NodeStarted("node-1", 3, -1, "", []))
    assert fences.lowest == {"node-1": 5}


def test_a_lost_incarnation_is_void_itself() -> None:
    """Given a node declared lost, then that incarnation is void and the next one is not; stopping voids nothing."""
    fences = Fences()
    fences.observe(NodeLost("node-1", 5))
    fences.observe(NodeStopped("node-1", 9))
    assert fences.void("node-1", 5)
    assert not fences.void("node-1", 6)


def test_folds_do_not_share_fences() -> None:
    """Given two folds, when one raises a fence, then the other has none."""
    one, two = Fences(), Fences()
    one.raise_to("node-1", 3)
    assert two.lowest == {}
