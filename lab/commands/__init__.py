"""The commands of `lab`: one file each, loaded when it is wanted."""
