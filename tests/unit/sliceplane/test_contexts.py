"""Contexts: kept, chosen, refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import InvalidArgument, NotFound
from sliceplane.contexts import Contexts, check_server, default_path, load, save


def test_contexts_survive_the_file(tmp_path: Path) -> None:
    """What is saved is loaded, and nothing else is left in the folder."""
    path = tmp_path / "new" / "contexts.yaml"
    contexts = Contexts().with_context("plant", "10.0.0.5:7070").with_context("lab", "127.0.0.1:7070").using("lab")
    save(path, contexts)
    assert load(path) == contexts
    assert [file.name for file in path.parent.iterdir()] == ["contexts.yaml"]


def test_the_first_context_is_current() -> None:
    """The first context set is the current one, later ones are not."""
    contexts = Contexts().with_context("a", "h:1").with_context("b", "h:2")
    assert (contexts.current, contexts.server) == ("a", "h:1")


def test_no_file_is_no_contexts(tmp_path: Path) -> None:
    """A missing file is empty, not an error."""
    assert load(tmp_path / "none.yaml") == Contexts()


@pytest.mark.parametrize(
    "text", ["[1]", "contexts: 5", "contexts: {a: b}", "{", "a: b: c", "contexts: {a: {server: 7}}"]
)
def test_a_broken_file_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    """A file that save did not write is named in the error."""
    path = tmp_path / "contexts.yaml"
    path.write_text(text)
    with pytest.raises(InvalidArgument, match=r"contexts\.yaml"):
        load(path)


def test_an_unknown_context_names_those_there_are() -> None:
    """Choosing what is not set lists what is."""
    with pytest.raises(NotFound, match=r'no context "x" \(a\)'):
        Contexts().with_context("a", "h:1").using("x")


@pytest.mark.parametrize("server", ["h", "h:", ":1", "h:0", "h:70000", "http://h:1/", "h h:1", "h:1x"])
def test_servers_must_read_host_port(server: str) -> None:
    """Anything but host:port is refused."""
    with pytest.raises(InvalidArgument, match="host:port"):
        check_server(server)


def test_the_file_follows_xdg() -> None:
    """XDG_CONFIG_HOME moves it."""
    assert default_path({"XDG_CONFIG_HOME": "/x"}) == Path("/x/sliceplane/contexts.yaml")
