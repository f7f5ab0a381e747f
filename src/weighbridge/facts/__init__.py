"""What is known before anything runs: headers of model files, the host machine."""
