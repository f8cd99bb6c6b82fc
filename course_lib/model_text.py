"""LightGBM models as text, checked tree by tree before LightGBM reads them.

LightGBM trusts its own text: a single wrong number in it can end the process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from .trees import load_lightgbm

__all__ = ["from_text", "to_text"]

_END = "end of trees\n"
_WHOLE, _WHOLES = re.compile(r"-?\d{1,10}"), re.compile(r"(-?\d{1,10}( -?\d{1,10})*)?")
_REALS = re.compile(r"[-+.e\d ]*")
# What a tree of n leaves lists: n − 1 values, n values, as many as its sets of categories take.
_OF_NODES = (
    *("split_feature", "decision_type", "left_child", "right_child", "split_gain"),
    *("threshold", "internal_value", "internal_weight", "internal_count"),
)
_OF_LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
_OF_SETS = ("cat_boundaries", "cat_threshold")
_IN_WHOLES = {*_OF_NODES[:4], "internal_count", "leaf_count", *_OF_SETS}


def to_text(booster: Any) -> str:
    """Return the trees of a lightgbm.Booster as text, without what it was trained with.

    Raises
    ------
    ValueError
        For trees with linear models in their leaves.
    """
    text = str(booster.model_to_string())
    text = text[: text.index(_END) + len(_END)]
    if "is_linear=1" in text:
        raise ValueError("LightGBM's linear trees cannot be saved; leave out `linear_tree`")
    return text


def from_text(text: str) -> Any:
    """Return the lightgbm.Booster of a text.

    Raises
    ------
    ValueError
        When the text is no sound model.
    """
    try:
        sound = _is_sound(text)
    except (KeyError, ValueError, IndexError):
        sound = False
    if not sound:
        raise ValueError("a LightGBM model in it is damaged")
    lightgbm = load_lightgbm()
    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(f"LightGBM refuses a model in it: {error}") from error


def _is_sound(text: str) -> bool:
    head, _, body = text.removesuffix(_END).partition("\n\n")
    fields = _fields(head.replace("tree\n", "", 1).replace("\naverage_output", "", 1))
    trees = re.findall(r"Tree=.*?\n\n\n", body, re.DOTALL)
    n_classes, n_features = _whole(fields["num_class"]), _whole(fields["max_feature_idx"]) + 1
    objective = fields["objective"]
    of_classes = [f"num_class:{n_classes}"] if objective.startswith("multiclass") else []
    return (
        text.isascii()
        and text.endswith(_END)
        and "".join(trees) == body
        and fields["tree_sizes"] == " ".join(str(len(tree)) for tree in trees)
        and [_whole(number) for number in re.findall(r"Tree=(.*)\n", body)] == [*range(len(trees))]
        and fields["num_tree_per_iteration"] == fields["num_class"]
        and _whole(fields["label_index"]) >= 0
        and 0 < n_classes <= len(trees)
        and len(trees) % n_classes == 0
        and (n_classes == 1 or bool(of_classes))
        and re.findall(r"num_class:\S*", objective) == of_classes
        and len(fields["feature_names"].split(" ")) == n_features
        and len(fields["feature_infos"].split(" ")) == n_features
        and all(_is_tree(_fields(tree.strip()), n_features) for tree in trees)
    )


def _fields(lines: str) -> dict[str, str]:
    pairs = [line.split("=", 1) for line in lines.split("\n")]
    fields: dict[str, str] = dict(pairs)  # a line without "=" is refused here
    if len(fields) < len(pairs):
        raise ValueError("a name stands twice")
    return fields


def _is_tree(fields: Mapping[str, str], n_features: int) -> bool:
    n_leaves, n_sets = _whole(fields["num_leaves"]), _whole(fields["num_cat"])
    lists = {name: _numbers(name, fields[name]) for name in (*_OF_NODES, *_OF_LEAVES)}
    lists |= {name: _numbers(name, fields[name] if n_sets else "") for name in _OF_SETS}
    left, right = lists["left_child"], lists["right_child"]
    sets, bounds = lists["cat_threshold"], lists["cat_boundaries"] or [0]
    return (
        n_leaves > 0
        and fields["is_linear"] == "0"
        and len(_numbers("shrinkage", fields["shrinkage"])) == 1
        and all(len(lists[name]) == n_leaves - 1 for name in _OF_NODES)
        # A single leaf needs no weight.
        and all(len(lists[name]) == n_leaves or n_leaves == 1 for name in _OF_LEAVES)
        and len(lists["leaf_value"]) == n_leaves
        and all(0 <= feature < n_features for feature in lists["split_feature"])
        and all(0 <= bits < 12 for bits in lists["decision_type"])
        # Each node but the first, and each leaf, has one parent, which comes before it.
        and sorted(left + right) == [*range(-n_leaves, 0), *range(1, n_leaves - 1)] * (n_leaves > 1)
        and all(not 0 <= child <= i for side in (left, right) for i, child in enumerate(side))
        # A split by categories names one of the sets.
        and all(
            threshold in range(n_sets)
            for threshold, bits in zip(lists["threshold"], lists["decision_type"], strict=True)
            if int(bits) & 1
        )
        and len(bounds) == n_sets + 1
        and bounds == sorted(bounds)
        and (bounds[0], bounds[-1]) == (0, len(sets))
        and all(0 <= bits < 2**32 for bits in sets)
    )


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is no number")
    return int(text)


def _numbers(name: str, text: str) -> list[float]:
    if not (_WHOLES if name in _IN_WHOLES else _REALS).fullmatch(text):
        raise ValueError(f"{name} holds something else than numbers")
    values = [float(value) for value in text.split(" ")] if text else []
    if not all(map(isfinite, values)):
        raise ValueError(f"{name} holds an infinite number")
    return values
