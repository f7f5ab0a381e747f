"""``weigh study``: the whole experiment as one file, resumable."""

from weighbridge.verbs.study.loading import load_study, study_run

__all__ = ["load_study", "study_run"]
