"""What a row of the redrive table is about, in its `kind`; operations name their own and those of what they moved."""

DISCARD_KIND, EDIT_KIND, UNDO_KIND = "discard", "edit", "undo"
"""Audit rows: what became of one dead letter, and whose hand it was."""
