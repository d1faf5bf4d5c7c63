"""An annotation as one line of JSON, equal for equal annotations: for storage, and to see whether people agree."""

import json
from dataclasses import replace

from volant.kinds.answers import read_row, row
from volant.kinds.contract import Kind
from volant.kinds.record import Annotation, Span, Triple


def canonical(kind: Kind, annotation: Annotation) -> str:
    """Return the columns of an annotation as JSON, without scores, in one order.

    Example:
        >>> from volant.kinds import kind_of_row
        >>> canonical(kind_of_row(["labels"]), Annotation(labels=("plot", "cast")))
        '{"labels": ["cast", "plot"]}'
    """
    return json.dumps(row(kind, bare(annotation)), ensure_ascii=False, sort_keys=True)


def annotation_of(kind: Kind, text: str) -> Annotation:
    """Return the annotation of such a line: the inverse of `canonical`."""
    return read_row(kind, json.loads(text))


def bare(annotation: Annotation) -> Annotation:
    """Return an annotation without scores and in one order, so that equal ones are equal."""
    spans = [Span(span.start, span.end, span.label) for span in annotation.spans]
    triples = [Triple(own.subject, own.predicate, own.object) for own in annotation.triples]
    return replace(
        annotation,
        labels=tuple(sorted(set(annotation.labels))),
        spans=tuple(sorted(spans, key=lambda span: (span.start, span.end, span.label))),
        triples=tuple(sorted(triples, key=lambda own: (own.subject, own.predicate, own.object))),
        scores={},
    )


def misfit(annotation: Annotation, text: str) -> str | None:
    """Return why the parts of an annotation can't be those of a text; None if they can.

    Example:
        >>> misfit(Annotation(spans=(Span(3, 9, "city"),)), "In Oslo")
        'the span 3 to 9 (city) ends after the text, which has 7 characters'
    """
    reached = 0
    for span in sorted(annotation.spans, key=lambda span: (span.start, span.end)):
        if problem := _misfit_span(span, reached, text):
            return f"the span {span.start} to {span.end} ({span.label}) {problem}"
        reached = span.end
    for own in annotation.triples:
        for part, words in (("subject", own.subject), ("object", own.object)):
            if words not in text:
                return f"the {part} '{words[:100]}' is not in the text"
    return None


def _misfit_span(span: Span, reached: int, text: str) -> str | None:
    """Return why a span can't be one of a text, after others that reach up to a character; None if it can."""
    if not 0 <= span.start < span.end:
        return "is empty: a span is 0 <= start < end, end exclusive"
    if span.end > len(text):
        return f"ends after the text, which has {len(text):,} characters"
    if span.start < reached:
        return "overlaps the one before it"
    return None if text[span.start : span.end].strip() else "holds only spaces"
