"""Files of tokens and tags in columns."""

from pathlib import Path

import pyarrow as pa
import pytest

from support.parts import rows, sheet, spans
from volant.bundle.batch.reading import documents
from volant.errors import VolantError
from volant.sources.formats.options import Options
from volant.sources.mapping import Columns
from volant.sources.texts import Reading, numbered_texts

CONLL = """-DOCSTART- -X- -X- O

EU NNP I-NP I-ORG
rejects VBZ I-VP O
New NNP I-NP I-LOC
York NNP I-NP I-LOC
. . O O

-DOCSTART- -X- -X- O

Anna NNP I-NP I-PER
Bert NNP I-NP B-PER
"""
SAID = [
    ("EU rejects New York .", [("EU", "ORG"), ("New York", "LOC")]),
    ("Anna Bert", [("Anna", "PER"), ("Bert", "PER")]),
]


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize("name", ["a.txt", "a.conll", "a.tsv"])
def test_conll_2003_is_read_under_any_name(tmp_path: Path, name: str) -> None:
    read = sheet(tmp_path / name, CONLL)
    assert spans(read.table) == SAID
    assert read.words == "columns of tokens and tags, tokens column_2 column_3 tags; IOB1"
    assert list(read.lines) == [3, 11]
    assert read.table["document"].to_pylist() == ["1", "2"]
    assert spans(rows(tmp_path / name, CONLL)) == SAID


@pytest.mark.parametrize(
    "content",
    [
        "B-PER\tAnna\nI-PER\tBell\nO\tsings\n\nO\tshe\n",  # tags first, tabs
        "1 Anna _ B-PER\n2 Bell _ I-PER\n3 sings _ O\n\n1 she _ O\n",  # numbers and blanks
        "# id 1\nAnna B-PER\r\nBell I-PER\r\nsings O\r\n  \r\n\r\n# text = she\nshe O\n\n\n",  # comments
        "Anna B-PER\nBell E-PER\nsings O\n\t\nshe O",
        "\ufeffAnna\tNNP\tB-PER\nBell\tNNP\tI-PER\nsings\tVBZ\tO\n\nshe\tPRP\tO\n",
    ],
)
def test_columns_in_any_order_and_every_separator(tmp_path: Path, content: str) -> None:
    assert spans(sheet(tmp_path / "a.txt", content).table) == [("Anna Bell sings", [("Anna Bell", "PER")]), ("she", [])]


def test_named_columns_decide_between_two_of_tags(tmp_path: Path) -> None:
    content = "Alpen\tB-LOC\tO\nVerein\tI-LOC\tB-ORG\n"
    assert spans(sheet(tmp_path / "a.conll", content).table) == [("Alpen Verein", [("Verein", "ORG")])]
    outer = sheet(tmp_path / "a.conll", content, header=["tokens", "tags", "inner"])
    assert spans(outer.table) == [("Alpen Verein", [("Alpen Verein", "LOC")])]


def test_a_token_that_is_a_number_sign_is_no_comment(tmp_path: Path) -> None:
    assert spans(sheet(tmp_path / "a.txt", "# O\n1 B-RANK\n\n#Anna B-PER\n").table) == [
        ("# 1", [("1", "RANK")]),
        ("#Anna", [("#Anna", "PER")]),
    ]


def test_tokens_between_tabs_may_hold_spaces_and_odd_characters(tmp_path: Path) -> None:
    content = "New York\tB-LOC\n\u00a0x\u2028\tO\ncafe\u0301 \U0001f600\tB-BAR\n"
    text, found = spans(sheet(tmp_path / "a.txt", content).table)[0]
    assert found == [("New York", "LOC"), ("cafe\u0301 \U0001f600", "BAR")]
    assert text == "New York\u00a0x\u2028cafe\u0301 \U0001f600"


def test_chinese_characters_and_right_to_left_text(tmp_path: Path) -> None:
    chinese = "北 B-LOC\n京 I-LOC\n很 O\n大 O\n\n"
    hebrew = "דנה B-PER\nגרה O\nבחיפה S-LOC\n"
    assert spans(sheet(tmp_path / "a.txt", chinese + hebrew).table) == [
        ("北京很大", [("北京", "LOC")]),
        ("דנה גרה בחיפה", [("דנה", "PER"), ("בחיפה", "LOC")]),
    ]


def test_a_token_without_all_columns_is_refused_with_its_line(tmp_path: Path) -> None:
    content = "".join(f"w{k} NN O\n\n" for k in range(9000)) + "Anna NNP B-PER\nBell I-PER\n"
    head = "Anna NNP B-PER\n\n"
    with pytest.raises(VolantError, match=r"a\.txt, line 18004: 2 columns \('Bell I-PER'\), expected 3 \(tokens, "):
        sheet(tmp_path / "a.txt", head + content)


def test_a_tag_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    content = "Anna B-PER\n\n" + "".join(f"w{k} O\n\n" for k in range(15000)) + "Anna B-PER\nBell PER\n"
    with pytest.raises(VolantError, match=r"a\.txt, line 30003: 'PER' is not a tag\. Allowed: O, or a prefix"):
        sheet(tmp_path / "a.txt", content)


def test_a_file_that_is_called_conll_without_tags_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VolantError, match=r"a\.conll: no columns of tokens and tags\. Expected a token and its tag"):
        sheet(tmp_path / "a.conll", "some text\nand more of it\n")


@pytest.mark.parametrize(
    "content", ["text\tlabel\na fine film\tgood\nso dull\tbad\n", "a fine film\nso dull\n", "text,label\nI-am,O\n"]
)
def test_other_texts_are_not_taken_for_it(tmp_path: Path, content: str) -> None:
    assert sheet(tmp_path / "a.txt", content).detected.kind == "csv"


def test_predict_reads_the_same_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(CONLL)
    told: list[str] = []
    assert list(numbered_texts(str(path), path.name, Reading(), told.append)) == [(3, SAID[0][0]), (11, SAID[1][0])]
    assert "columns of tokens and tags" in told[0]
    assert Options(format="conll").form().kind == "conll"


@pytest.mark.usefixtures("places")
def test_labels_are_renamed_and_left_out(tmp_path: Path) -> None:
    columns = Columns(label_map={"ORG": "org", "LOC": "loc", "PER": "per"}, drop_labels=["LOC"])
    table = rows(tmp_path / "a.txt", CONLL, columns)
    assert spans(table)[0] == ("EU rejects New York .", [("EU", "org")])
    assert table.schema.field("id").type == pa.string()


def test_a_sentence_that_does_not_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VolantError, match=r"a\.txt, line 1: a sentence of more than 100,000 tokens\. Put a blank line"):
        sheet(tmp_path / "a.txt", "Anna B-PER\n" + "a O\n" * 100_000)


def test_a_job_reads_the_same_texts(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text(CONLL)
    assert [text for _, text in documents(path, name="a.txt")] == [text for text, _ in SAID]
