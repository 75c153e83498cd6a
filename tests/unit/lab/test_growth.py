"""The text beside the DLQ's alarm names the group that grew, and who is at it."""

from typing import Any

from lab.dlq.growth import told


def group(name: str, *, new: int = 0, died: int = 0, **more: Any) -> dict[str, Any]:
    known = {"fingerprint": name, "count": 7, "errorType": "Timeout", "signature": "prices", "status": "new"}
    return known | {"deaths": [*([0] * 11), new], "lastDeathAt": died} | more


def test_the_group_with_the_most_new_letters_is_named_first_with_its_status_and_who() -> None:
    grown = group("b" * 12, new=3, status="being worked on", by="ann")
    lines = list(told([group("a" * 12, died=9), grown]))
    assert lines == [
        f"group {'b' * 12}: 7 letters, 3 in the last 5 minutes, Timeout: prices; being worked on by ann",
        f"group {'a' * 12}: 7 letters, none lately, Timeout: prices; new",
    ]


def test_of_many_groups_some_are_named_and_the_rest_is_counted() -> None:
    lines = list(told([group(str(number) * 12, died=number) for number in range(5)]))
    assert [line.split(":")[0] for line in lines[:3]] == [f"group {str(number) * 12}" for number in (4, 3, 2)]
    assert lines[3] == "and 2 groups more: lab dlq groups"
    assert list(told([])) == []


def test_what_a_stranger_wrote_is_shown_without_control_characters() -> None:
    (line,) = told([group("a" * 12, signature="\x1b[31m", by="\u202eann")])
    assert "\x1b" not in line
    assert "\u202e" not in line
