"""The routes of the console, an area each. A handler gets the state and the checked fields, and answers JSON."""
