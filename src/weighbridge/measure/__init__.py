"""What did happen: load runs and evaluations, measured through the wire."""
