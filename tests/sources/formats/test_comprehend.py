"""Amazon Comprehend's annotations and entity lists, with the documents that they are about."""

from pathlib import Path

import pytest

from support.parts import KIND, rows, sheet, spans, written
from volant.errors import VolantError
from volant.sources.columns import to_rows
from volant.sources.files import Files
from volant.sources.formats import Format
from volant.sources.guess.load import load
from volant.sources.mapping import Columns

pytestmark = pytest.mark.usefixtures("places")
DOCUMENTS = "Diego Ramirez is an engineer\r\n\r\n\U0001f600 Emilio Johnson, judge\nno one\n"
HEAD = "File,Line,Begin Offset,End Offset,Type\n"
ANNOTATIONS = f"{HEAD}documents.txt,0,0,13,PERSON\ndocuments.txt,0,20,28,JOB\ndocuments.txt,2,2,16,PERSON\n"
SAID = [
    ("Diego Ramirez is an engineer", [("Diego Ramirez", "PERSON"), ("engineer", "JOB")]),
    ("", []),
    ("\U0001f600 Emilio Johnson, judge", [("Emilio Johnson", "PERSON")]),
    ("no one", []),
]


def test_annotations_of_documents_one_per_line(tmp_path: Path) -> None:
    written(tmp_path / "documents.txt", DOCUMENTS)
    read = sheet(tmp_path / "annotations.csv", ANNOTATIONS)
    assert read.words == "CSV; Amazon Comprehend's annotations"
    assert spans(read.table) == SAID
    assert spans(Files(str(tmp_path / "annotations.csv")).read(KIND)["train"]) == SAID


@pytest.mark.parametrize("documents", ["docs", "docs/documents.txt"])
def test_documents_may_be_in_another_folder(tmp_path: Path, documents: str) -> None:
    written(tmp_path / "docs/documents.txt", DOCUMENTS)
    path = written(tmp_path / "annotations/annotations.csv", ANNOTATIONS)
    assert spans(Files(path, documents=str(tmp_path / documents)).read(KIND)["train"]) == SAID


def test_annotations_of_one_document_per_file(tmp_path: Path) -> None:
    written(tmp_path / "a.txt", "Anna Bell\nmet Bob\n")
    written(tmp_path / "b.txt", "Rome")
    content = "File,Begin Offset,End Offset,Type\na.txt,0,9,PER\na.txt,14,17,PER\nb.txt,0,4,LOC\n"
    assert spans(rows(tmp_path / "annotations.csv", content)) == [
        ("Anna Bell\nmet Bob", [("Anna Bell", "PER"), ("Bob", "PER")]),
        ("Rome", [("Rome", "LOC")]),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("documents.txt,9,0,1,JOB", r"an annotation is of line 9 of documents\.txt, which has the lines 0 to 3"),
        ("documents.txt,0,x,1,JOB", r"annotations\.csv, line 2: 'x' in column 'begin offset' is no number"),
        ("documents.txt,0,0,99,JOB", r"annotations\.csv, line 1: span 0-99 \(JOB\) is outside of the text"),
        ("lost.txt,0,0,1,JOB", r"lost\.txt does not exist"),
        ("../documents.txt,0,0,1,JOB", r"'\.\./documents\.txt' is neither at s3:// nor beside"),
    ],
)
def test_what_can_not_be_found_is_refused(tmp_path: Path, line: str, message: str) -> None:
    written(tmp_path / "documents.txt", DOCUMENTS)
    with pytest.raises(VolantError, match=message):
        rows(tmp_path / "annotations.csv", f"{HEAD}{line}\n")


def test_an_entity_list_marks_each_occurrence_in_the_documents(tmp_path: Path) -> None:
    written(tmp_path / "docs.txt", "Ann Lee met Lee. Leeds, not lee\nC++ by Ann\n")
    content = "Text,Type\nLee,PER\nAnn Lee,PER\nAnn,VIP\nC++,LANG\n"
    read = sheet(tmp_path / "list.csv", content, documents=str(tmp_path / "docs.txt"))
    assert read.words == "CSV; Amazon Comprehend's entity list"
    assert spans(to_rows(read.table, Columns(), KIND, "list.csv", read.lines)) == [
        ("Ann Lee met Lee. Leeds, not lee", [("Ann Lee", "PER"), ("Lee", "PER")]),
        ("C++ by Ann", [("C++", "LANG"), ("Ann", "VIP")]),
    ]


def test_texts_with_types_alone_stay_a_table_of_labels(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "Text,Type\na fine film,good\nso dull,bad\n")
    assert load(path, Format()).table.column_names == ["Text", "Type"]
    with pytest.raises(VolantError, match="an entity without a text or a type"):
        sheet(tmp_path / "a.csv", "Text,Type\n,good\n", documents=path)
