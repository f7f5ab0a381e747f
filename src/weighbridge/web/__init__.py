"""The browser's view of a workspace: Starlette routes over the same verbs and pages."""
