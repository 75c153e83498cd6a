"""The course: modules of work on the pipeline, whose checkpoints are verified through AWS APIs."""
