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
    """The group of commands: errors of the user are messages (exit code 2), and so are those of a full disk (1)."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (VolantError, FileNotFoundError, ModuleNotFoundError) as error:
            message = _advice(error) if isinstance(error, ModuleNotFoundError) else str(error)
            Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(2) from error
        except OSError as error:
            if (told := disk_trouble(error)) is None:
                raise
            Console(stderr=True).print(told, style="red", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(1) from error

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands by panel: typer uses rich, whose Markdown alone takes as long to import as all the rest."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            verb: Any = self.get_command(ctx, name)
            told = (name, verb.get_short_help_str(formatter.width * 2))
            panels.setdefault(str(verb.rich_help_panel), []).extend([] if verb.hidden else [told])
        for panel, verbs in panels.items():
            with formatter.section(panel):
                formatter.write_dl(verbs)


class Listing(TyperGroup):
    """A group whose default is `list`: in `volant datasets FLYWHEEL`, the first word is the flywheel's name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Put `list` before a first word that is not a command."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["list", *args])


def require_known(name: str, others: Iterable[str] = ()) -> None:
    """Refuse the name of a flywheel that is neither live nor in `others`.

    Raises:
        VolantError: With the nearest name, and those that there are.
    """
    from volant.config.listing import live_flywheels
    from volant.errors import did_you_mean

    live = live_flywheels(Path())
    known = sorted({*live, *others})
    if name not in known:
        raise VolantError(
            f"There is no flywheel '{name}'.{did_you_mean(name, known)} Known: {', '.join(known) or 'none'}. "
            "`volant flywheels` lists those of conf/."
        )


def _advice(error: ModuleNotFoundError) -> str:
    extras = {"boto3": "s3", "s3fs": "s3", "bentoml": "serve", "fastapi": "serve", "prometheus_client": "serve"}
    extra = extras.get(str(error.name), "train")
    return (
        f"This needs the package '{error.name}', which the base install leaves out: it only predicts. "
        f"Get it with `pip install 'volant-nlp[{extra}]'`."
    )


app = typer.Typer(
    cls=Verbs,
    help="An NLP flywheel that you own.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

gc.set_threshold(50_000)  # most of what a short verb makes are modules, which stay: looking for garbage takes a tenth

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
