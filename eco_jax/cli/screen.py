"""Tables on the terminal."""

from collections.abc import Iterable, Sequence

from eco_jax.parts import registered


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], lines: Sequence[str] = ()) -> None:
    """Print a table, agents in bold, and lines of text below it. It never shrinks until its words are cut off."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row, style="bold" if row[0].split("-")[0] in registered("algorithm") else None)
    console.width = max(console.width, Console(width=1000).measure(table).maximum)
    console.print(table)
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)
