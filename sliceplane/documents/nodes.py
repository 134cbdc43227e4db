"""YAML text as a tree that knows its lines, and the reading of single values from it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

STR, NULL, BOOL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool"
MERGE = "tag:yaml.org,2002:merge"
# YAML 1.1 reads 1e3 as text; nobody who writes it as a rate means text.
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_SPECIAL = {".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf, ".nan": math.nan}
LONGEST_SHOWN = 60

TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a file and how to mend it; `line` and `column` from 1, 0: the whole file."""

    file: str
    line: int
    column: int
    field: str
    what: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.field}: {self.what}" if self.field else f"{place}: {self.what}"


@dataclass(slots=True)
class Reader:
    """Collects the problems of one file."""

    file: str
    any_names: bool = False
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, node: yaml.Node, path: str, what: str) -> None:
        """Notes what is wrong at a node."""
        mark = node.start_mark
        self.problems.append(Problem(self.file, mark.line + 1, mark.column + 1, path, what))

    def documents(self, text: str) -> list[yaml.Node]:
        """The documents of the text that are not empty; none if it is not YAML."""
        try:
            found = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]
        except yaml.MarkedYAMLError as error:
            self.problems.append(_syntax(self.file, error))
            return []
        except yaml.YAMLError as error:
            self.problems.append(Problem(self.file, 0, 0, "", f"not YAML: {_one_line(str(error))}"))
            return []
        return [node for node in found if not is_null(node)]

    def mapping(self, node: yaml.Node, path: str) -> dict[str, tuple[yaml.Node, yaml.Node]] | None:
        """Key to (key node, value node); None, noted, if it is no mapping. Keys given twice are noted."""
        if not isinstance(node, yaml.MappingNode):
            self.refuse(node, path, f"must be a mapping of fields, got {shown(node)}")
            return None
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
                self.refuse(key, path, "each key must be a plain word")
                continue
            name = whole(str(key.value))
            if name is None or name in found:
                what = "is given twice: keep one" if name is not None else "holds half a surrogate pair"
                self.refuse(key, joined(path, name or "key"), what)
            else:
                found[name] = (key, value)
        return found

    def text(self, node: yaml.Node, path: str) -> str | None:
        """A scalar as it is written; None, noted, if it is none."""
        value = whole(str(node.value)) if isinstance(node, yaml.ScalarNode) and not is_null(node) else None
        if value is not None:
            return value
        self.refuse(node, path, f"must be text, got {shown(node)}")
        return None

    def number(self, node: yaml.Node, path: str) -> float | None:
        """A finite number; None, noted, if it is none."""
        value = _number(node)
        if value is None or not math.isfinite(value):
            self.refuse(node, path, f"must be a finite number, got {shown(node)}")
            return None
        return value

    def truth(self, node: yaml.Node, path: str) -> bool | None:
        """True or false; None, noted, if it is neither."""
        value = TRUTH.get(str(node.value).lower()) if isinstance(node, yaml.ScalarNode) and not is_null(node) else None
        if value is None:
            self.refuse(node, path, f"must be true or false, got {shown(node)}")
        return value


def items(node: yaml.Node) -> Iterator[yaml.Node]:
    """The entries of a sequence; nothing for anything else."""
    if isinstance(node, yaml.SequenceNode):
        yield from node.value


def is_null(node: yaml.Node) -> bool:
    """Whether nothing is written there."""
    return isinstance(node, yaml.ScalarNode) and node.tag == NULL


def joined(path: str, key: str) -> str:
    """The path of a field within a field."""
    return f"{path}.{key}" if path else key


def shown(node: yaml.Node) -> str:
    """What a person wrote there, shortened."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if is_null(node):
        return "nothing"
    text = _one_line(str(node.value)).encode(errors="replace").decode()
    text = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
    return f'"{text}"' if node.tag == STR else text


def whole(text: str) -> str | None:
    """The text with the surrogate pairs that JSON's escapes write joined; None if half of one is there."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return None


def _number(node: yaml.Node) -> float | None:
    if not isinstance(node, yaml.ScalarNode) or node.style in ("'", '"', "|", ">"):
        return None
    text = node.value.replace("_", "").lower()
    if text in _SPECIAL:
        return _SPECIAL[text]
    return float(text) if _NUMBER.fullmatch(text) else None


def _syntax(file: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    said = _one_line(error.problem or error.context or "cannot be read")
    context = f" ({_one_line(error.context)})" if error.context and error.problem else ""
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    return Problem(file, line, column, "", f"not YAML: {said}{context}")


def _one_line(text: str) -> str:
    return " ".join(text.split())
