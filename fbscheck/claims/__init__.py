"""The claims, chapter by chapter: statement, hypotheses, and how the witnesses are called."""
