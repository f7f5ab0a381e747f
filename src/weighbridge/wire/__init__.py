"""HTTP/1.1 and server-sent events for language-model traffic, on uvloop and httptools."""
