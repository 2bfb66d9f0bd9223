"""The local AWS: ministack, extended by the parts that it lacks, and the unmodified `template.yaml` on it."""
