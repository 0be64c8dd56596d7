"""Render runs, reports and devices for people: on a terminal, as Markdown, HTML and JSON."""
