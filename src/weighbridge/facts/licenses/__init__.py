"""What model licences allow, as clauses with source and date. Facts in our words, never advice."""
