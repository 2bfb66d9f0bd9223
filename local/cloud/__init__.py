"""The local AWS: ministack with what it lacks made up for, and `template.yaml` deployed on it unmodified."""
