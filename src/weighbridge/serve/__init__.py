"""The gateway that executes router.config.yaml."""
