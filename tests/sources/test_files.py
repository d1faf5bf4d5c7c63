import bz2
import gzip
import json
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from support.tables import read_file
from volant.errors import VolantError
from volant.sources.files import Files
from volant.sources.formats import Format
from volant.sources.mapping import Columns

TEXTS = ["good film", 'a "quoted", two\nlines', "schön 好", "tab\tand | pipe; end"]
LABELS = ["pos", "neg", "pos", "neg"]
CSV = 'text,label\ngood film,pos\n"a ""quoted"", two\nlines",neg\nschön 好,pos\n"tab\tand | pipe; end",neg\n'
JSONL = "".join(json.dumps({"text": t, "label": n}) + "\n" for t, n in zip(TEXTS, LABELS, strict=True))
TSV, SEMICOLON, BAR = (
    CSV.replace("text,label", f"text{d}label").replace(",pos", f"{d}pos").replace(",neg", f"{d}neg") for d in "\t;|"
)


def rows(path: Path, **options: object) -> list[tuple[str, str]]:
    table = Files(str(path), **options).read("classify")["train"]  # type: ignore[arg-type]
    return list(zip(table["text"].to_pylist(), table["label"].to_pylist(), strict=True))


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV.encode()),
        ("a.tsv", TSV.encode()),
        ("semicolon.csv", SEMICOLON.encode()),
        ("crlf.csv", CSV.replace("pos\n", "pos\r\n").replace("neg\n", "neg\r\n").encode()),
        ("mark.csv", CSV.encode("utf-8-sig")),
        ("wide.csv", CSV.encode("utf-16")),
        ("a.csv.gz", gzip.compress(CSV.encode())),
        ("a.csv.bz2", bz2.compress(CSV.encode())),
        ("a.csv.xz", lzma.compress(CSV.encode())),
        ("zipped_without_saying.csv", gzip.compress(CSV.encode())),
        ("a.jsonl", JSONL.encode()),
        ("a.jsonl.gz", gzip.compress(JSONL.encode())),
        ("sniffed.txt", CSV.encode()),
        ("sniffed_json", JSONL.encode()),
        ("excel.csv", b"sep=;\r\n" + SEMICOLON.encode()),
        ("excel.tsv", b'\xef\xbb\xbf"sep=|"\n' + BAR.encode()),
        ("blank_lines.jsonl", JSONL.replace("\n", "\n\n").encode()),
    ],
)  # fmt: skip
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str, content: bytes) -> None:
    assert rows(written(tmp_path, name, content)) == list(zip(TEXTS, LABELS, strict=True))


def test_parquet_and_a_remote_address_give_the_same_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": TEXTS, "label": LABELS}), path)
    assert rows(path) == list(zip(TEXTS, LABELS, strict=True))
    with fsspec.open("memory://bucket/a.parquet", "wb") as file:
        file.write(path.read_bytes())  # type: ignore[union-attr]
    table = Files("memory://bucket/a.parquet").read("classify")["train"]
    assert table["text"].to_pylist() == TEXTS


def test_a_named_encoding_a_header_and_no_quotes(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", '1,caf\xe9 "au lait\n0,th\xe9\n'.encode("latin-1"))
    got = rows(path, encoding="latin-1", header=["label", "text"], quote=None)
    assert got == [('café "au lait', "1"), ("thé", "0")]


def test_a_key_of_several_types_only_matters_where_it_is_needed(tmp_path: Path) -> None:
    lines = [{"text": "a", "label": "x", "meta": {"n": 1}}, {"text": "b", "label": "y", "meta": "none"}]
    path = written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines)))
    assert rows(path) == [("a", "x"), ("b", "y")]
    with pytest.raises(VolantError, match=r"a.jsonl, column 'meta': .* of several types"):
        rows(path, columns=Columns(text="meta"))


def test_a_header_names_each_column_once(tmp_path: Path) -> None:
    with pytest.raises(VolantError, match="column 'text' occurs more than once"):
        read_file(str(written(tmp_path, "a.csv", "a,x\n")), Format(header=["text", "text"]))


def test_each_split_has_its_file_and_must_be_watched(tmp_path: Path) -> None:
    train, test = written(tmp_path, "train.csv", CSV), written(tmp_path, "test.csv", "text,label\nbad,neg\n")
    source = Files(str(train), test=str(test), watch={"train": str(train), "test": str(test)})
    assert {split: table.num_rows for split, table in source.read("classify").items()} == {
        "train": 4,
        "test": 1,
    }
    assert Files(str(train), test=str(test), watch={"train": str(tmp_path)}).test
    with pytest.raises(ValidationError, match=r"is not watched: set watch\.test"):
        Files(str(train), test=str(test), watch={"train": str(train), "test": "src/volant/sources/files.py"})


def test_unnamed_columns_and_rows_without_a_key(tmp_path: Path) -> None:
    table = read_file(str(written(tmp_path, "pandas.csv", ",text,label\n0,a,x\n")))
    assert table.column_names == ["column_1", "text", "label"]
    table = read_file(str(written(tmp_path, "a.jsonl", '{"text": "a"}\n{"n": 1}\n{"n": "two", "text": "\\ud83d!"}\n')))
    assert table.to_pydict() == {"text": ["a", None, "\ufffd!"], "n": [None, "1", "two"]}


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("empty.csv", b"", "empty.csv is empty"),
        ("blank.csv", b"\n \n", "blank.csv is empty"),
        ("cells.csv", b"text,label\na,x\n\nb,y,z\n", r"line 4: 3 cells, but 2 columns \(text, label\)"),
        ("after_quotes.csv", b'text,label\n"a\nb",x\nc\n', "line 4: 1 cells"),
        ("quote.csv", b'text,label\na,x\n"b"c,y\n', "line 3: broken CSV"),
        ("open_at_end.csv", b'text,label\na,x\n"never closed,y\nb,z\n', "line 3: broken CSV"),
        ("open.csv", b'text,label\na,x\n"never,y\n' + b"b,z\n" * 1000, "line 3: a quote opens"),
        ("twice.csv", b"text,text\na,x\n", "line 1: column 'text' occurs more than once"),
        ("latin.csv", b"text,label\na,x\ncaf\xe9,y\n", "line 3: byte 0xe9 .*tried: utf-8, utf-8-sig, utf-16"),
        ("wide.csv", "text,label\na,x\n".encode("utf-16-le"), "UTF-16 without a byte-order mark"),
        ("long.csv", b"text,label\na,x\n" + b"b" * 5000 + b",y\n", "line 3: longer than 2,048 characters"),
        ("long.jsonl", b'{"text": "a"}\n{"text": "' + b"b" * 5000 + b'"}\n', "line 2: longer than 2,048"),
        ("late.csv", b"text,label\n" + b"a,x\n" * 20000 + b"b\0,y\n", "line 20002: contains a NUL"),
        ("image.csv", b"\x89PNG\r\n\x1a\n\0\0", "is an image"),
        ("book.csv", b"PK\x03\x04whatever", "a zip archive or an Office workbook"),
        ("model.bin", b"\x80\x04\x95\0\0\0", "is binary"),
        ("not.parquet", CSV.encode(), "has the extension of Parquet, but is not"),
        ("broken.parquet", b"PAR1" + b"x" * 50, "broken Parquet"),
        ("cut.csv.gz", gzip.compress(CSV.encode() * 100)[:-30], "can't be read to its end"),
        ("bad.csv.bz2", bz2.compress(CSV.encode())[:20] + b"damaged" * 9, "can't be read to its end"),
        ("broken.jsonl", b'{"text": "a"}\n{"text": \n', "line 2: broken JSON"),
        ("list.json", b'[{"text": "a"},\n"b", {"text": "c"}]', "line 2: '\"b\"' in a list of objects"),
        ("cut.json", b'[{"text": "a"},\n{"text": "b"}', "line 2: the JSON list does not end"),
        ("list.jsonl", b'["a"]\n', "line 1: list, .*write one object per line"),
        ("pretty.json", b'{\n "text": "a"\n}\n', "line 1: broken JSON"),
    ],
)  # fmt: skip
def test_bad_input_says_what_and_where(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(VolantError, match=problem) as raised:
        read_file(str(path), Format(max_line=2048))
    assert name in str(raised.value)


def test_a_missing_file_a_folder_and_an_unknown_encoding(tmp_path: Path) -> None:
    written(tmp_path, "reviews.csv", CSV)
    with pytest.raises(VolantError, match=r"does not exist. Did you mean 'reviews.csv'\?"):
        read_file(str(tmp_path / "review.csv"))
    with pytest.raises(VolantError, match="is a folder"):
        read_file(str(tmp_path))
    with pytest.raises(VolantError, match="encoding 'klingon' is unknown"):
        read_file(str(tmp_path / "reviews.csv"), Format(encoding="klingon"))
    with pytest.raises(VolantError, match=r"byte 0xc3 .*tried: ascii"):
        read_file(str(tmp_path / "reviews.csv"), Format(encoding="ascii"))
    with pytest.raises(VolantError, match=r"nope://bucket/a\.csv"):
        read_file("nope://bucket/a.csv")


def test_columns_are_checked_against_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", CSV)
    with pytest.raises(VolantError, match=r"a.csv: no column 'txt'. Did you mean 'text'\?"):
        rows(path, columns=Columns(text="txt"))


@pytest.mark.parametrize("wrap", [lambda data: data, gzip.compress], ids=["plain", "gzip"])
def test_a_line_of_100_mb_is_refused_without_being_held(tmp_path: Path, wrap: Callable[[bytes], bytes]) -> None:
    path = written(tmp_path, "huge.csv", wrap(b"text,label\na,x\n" + b"b" * 100_000_000 + b",y\n"))
    tracemalloc.start()
    try:
        with pytest.raises(VolantError, match="line 3: longer than 1,048,576 characters"):
            read_file(str(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000
