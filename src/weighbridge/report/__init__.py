"""Records to pages: Jinja templates, charts and tables, shared by files on disk and by the web."""
