"""What the demo prints: numbered stages with their times, progress while it waits, promises kept or broken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

WIDTH = 130


def _console() -> Console:
    """Tables keep their columns also where the output is a file or a narrow terminal."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.width >= WIDTH else Console(highlight=False, soft_wrap=True, width=WIDTH)


@dataclass
class Show:
    """The demo's voice; `promises` are (text, kept, figure)."""

    console: Console = field(default_factory=_console)
    promises: list[tuple[str, bool, str]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    stage_number: int = 0

    @contextmanager
    def stage(self, title: str) -> Iterator[None]:
        """Prints the title, and after the stage how long it took."""
        self.stage_number += 1
        self.console.print(f"\n[bold cyan]{self.stage_number}. {title}[/]")
        start = time.monotonic()
        yield
        self.console.print(f"   [dim]{time.monotonic() - start:.1f} s[/]")

    def say(self, text: str) -> None:
        """One line."""
        self.console.print(f"   {text}")

    def promise(self, text: str, kept: bool, figure: str) -> None:
        """Records and prints whether a promise was kept."""
        self.promises.append((text, kept, figure))
        self.console.print(f"   {'[green]kept[/]  ' if kept else '[bold red]BROKEN[/]'} {text}: {figure}")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """An aligned table; every column but the first is right-aligned."""
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2))
        for number, column in enumerate(columns):
            table.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    def until(self, what: str, done: Callable[[], str | None], timeout_s: float) -> tuple[float, str]:
        """Waits, showing it, until `done` returns text; (seconds, text). TimeoutError after `timeout_s`."""
        start = time.monotonic()
        with self.console.status(f"   {what} ..."):
            while (text := done()) is None:
                if time.monotonic() - start > timeout_s:
                    raise TimeoutError(f"{what}: not within {timeout_s:.0f} s")
                time.sleep(0.1)
        return time.monotonic() - start, text

    def summary(self) -> bool:
        """Prints all promises; whether all were kept."""
        kept = sum(ok for _, ok, _ in self.promises)
        self.console.print(f"\n[bold]Summary: {kept} of {len(self.promises)} promises kept[/]")
        for text, ok, figure in self.promises:
            self.console.print(f"   {'[green]kept[/]  ' if ok else '[bold red]BROKEN[/]'} {text}: {figure}")
        self.console.print(f"   [dim]{time.monotonic() - self.began:.0f} s in all[/]")
        return kept == len(self.promises) and kept > 0
