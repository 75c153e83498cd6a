"""The console: a web page on loopback that shows the pipeline, breaks it, and repairs it. `make console` serves it.

`app` composes it, `security` guards it, `routes` are its areas. Everything it shows is read through AWS APIs, and
everything it does is done by the functions behind the commands of `lab`.
"""
