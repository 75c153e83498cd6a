"""A run as JUnit XML: one test case for each prediction, for whatever CI shows such files."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from lab.common.output import shown
from lab.common.results import Verdict
from lab.report.run import Run


def junit(run: Run) -> bytes:
    """The XML. What is not provable here is a skipped case, what is refuted a failure, what was not read an error.

    XML has no way to write most control characters: what was seen is written with their escapes.
    """
    suite = Element(
        "testsuite",
        name=shown(run.name),
        tests=str(len(run.findings)),
        failures=str(run.count(Verdict.REFUTED)),
        errors=str(run.count(Verdict.UNREAD)),
        skipped=str(run.count(Verdict.NOT_PROVABLE)),
        time=f"{run.seconds:.1f}",
    )
    for result in run.findings:
        case = SubElement(
            suite,
            "testcase",
            classname=shown(f"{run.name}.{result.group}"),
            name=shown(result.name),
            time=f"{result.seconds:.1f}",
        )
        if result.verdict is Verdict.REFUTED:
            message = shown(f"predicted {result.expected}, seen {result.seen}")
            SubElement(case, "failure", message=message).text = shown(f"read from: {result.source}")
        elif result.verdict is not Verdict.PROVED:
            SubElement(
                case, "error" if result.verdict is Verdict.UNREAD else "skipped", message=shown(result.seen)
            )
    indent(suite)
    return tostring(suite, encoding="utf-8", xml_declaration=True)
