"""What people see of runs, reports and devices: text on a terminal, Markdown, HTML and JSON."""
