"""Keys of rows: the normalised text, and the group that must stay on one side of a split."""

from collections.abc import Iterable


def text_key(text: str) -> str:
    r"""Return the key of a text, equal for texts that differ only in case and white space.

    Example:
        >>> text_key(" A  fine\nfilm. ")
        'a fine film.'
    """
    return " ".join(text.casefold().split())


def group_names(values: Iterable[object]) -> list[str]:
    """Return the name of the group of each row; a row without a group is its own.

    Args:
        values: Value of the group column of each row; None and "" stand for no group.

    Example:
        >>> group_names(["a", None, "a", ""])
        ['=a', '#000000001', '=a', '#000000003']
    """
    return [f"#{row:09}" if value in (None, "") else f"={value}" for row, value in enumerate(values)]
