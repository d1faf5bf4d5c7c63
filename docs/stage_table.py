"""The table of stages in README.md, made from dvc.yaml so that it can't drift: `python docs/stage_table.py`."""

from pathlib import Path

import yaml

from volant.rendering.markdown import table
from volant.workspace.files import write_text

START, END = "<!-- stages: made from dvc.yaml by `python docs/stage_table.py` -->", "<!-- /stages -->"


def stage_table(pipeline: str) -> str:
    """A row for each stage: what it does, what it writes.

    Example:
        >>> print(stage_table("stages: {clean: {foreach: x, do: {desc: Tidy, outs: ['data/${key}/a.csv']}}}"))
        | stage | does | writes |
        | :-- | :-- | :-- |
        | `clean` | Tidy | `data/f/a.csv` |
    """
    rows = []
    for name, stage in yaml.safe_load(pipeline)["stages"].items():
        outs = [out for part in ("outs", "metrics", "plots") for out in stage["do"].get(part, [])]
        paths = [next(iter(out)) if isinstance(out, dict) else out for out in outs]
        rows.append((name, stage["do"]["desc"], [path.replace("${key}", "f") for path in paths]))
    lines = table(["stage", "does", "writes"], [], left=3).splitlines()
    lines += [f"| `{name}` | {does} | {', '.join(f'`{path}`' for path in paths)} |" for name, does, paths in rows]
    return "\n".join(lines)


def with_table(readme: str, pipeline: str) -> str:
    """The README with its table made anew."""
    before, rest = readme.split(START)
    return f"{before}{START}\n{stage_table(pipeline)}\n{END}{rest.split(END)[1]}"


def main(root: Path = Path()) -> None:
    """Write the table into README.md."""
    readme = root / "README.md"
    text = with_table(readme.read_text("utf-8"), (root / "dvc.yaml").read_text("utf-8"))
    write_text(text, readme)


if __name__ == "__main__":
    main()
