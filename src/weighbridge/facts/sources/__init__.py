"""Where a model's facts come from: the Hub, a URL, a folder, a file, Ollama's store."""
