"""The `volant` command and the parts that its commands share.

Heavy imports stay inside the commands, so that `--help` answers at once.
"""

import gc
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from volant.errors import VolantError, disk_trouble
from volant.workspace.terminal import Console


class Verbs(TyperGroup):
    """The group of commands: user errors are messages (exit code 2), and so are errors of a full disk (exit code 1)."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command.

        Raises:
            Exit: If the user or a full disk caused an error, after its message.
            OSError: Any other error of the system.
        """
        try:
            return super().invoke(ctx)
        except (VolantError, FileNotFoundError, ModuleNotFoundError) as error:
            message = _advice(error) if isinstance(error, ModuleNotFoundError) else str(error)
            Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(2) from error
        except OSError as error:
            message = disk_trouble(error)
            if message is None:
                raise
            Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(1) from error

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands by panel; typer's own listing imports rich's Markdown, as slow as everything else."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            entry = (name, command.get_short_help_str(formatter.width * 2))
            entries = panels.setdefault(str(command.rich_help_panel), [])
            if not command.hidden:
                entries.append(entry)
        for panel, entries in panels.items():
            with formatter.section(panel):
                formatter.write_dl(entries)


class Listing(TyperGroup):
    """A group whose default is `list`: in `volant datasets FLYWHEEL`, the first word is the flywheel's name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Put `list` before a first word that is not a command."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["list", *args])


def require_known(name: str, others: Iterable[str] = ()) -> None:
    """Refuse the name of a flywheel that is neither live nor in `others`.

    Raises:
        VolantError: If it is unknown; the message has the nearest name, and all names.
    """
    from volant.config.listing import live_flywheels
    from volant.errors import did_you_mean

    live = live_flywheels(Path())
    names = sorted({*live, *others})
    if name not in names:
        raise VolantError(
            f"There is no flywheel '{name}'.{did_you_mean(name, names)} Known: {', '.join(names) or 'none'}. "
            "`volant flywheels` lists those of conf/."
        )


def _advice(error: ModuleNotFoundError) -> str:
    extras = {"boto3": "s3", "s3fs": "s3", "bentoml": "serve", "fastapi": "serve", "prometheus_client": "serve"}
    extra = extras.get(str(error.name), "train")
    return (
        f"This command requires the package '{error.name}', which is not part of the base install. "
        f"Install it with `pip install 'volant-nlp[{extra}]'`."
    )


app = typer.Typer(
    cls=Verbs,
    help="An NLP flywheel that you own.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

gc.set_threshold(50_000)  # a short command creates mostly modules, which stay; collecting takes a tenth of its time

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
