#!/usr/bin/env python3
"""Run two programs as mapper and reducer of a job of mrjob."""
from mrjob.job import MRJob


class ProgramsJob(MRJob):
    """A job whose mapper and reducer are named by its options."""

    def configure_args(self):
        """Add the two options to those of mrjob."""
        super().configure_args()
        self.add_passthru_arg("--map-program")
        self.add_passthru_arg("--reduce-program")

    def mapper_cmd(self):
        """Return the command of the mapper."""
        return self.options.map_program

    def reducer_cmd(self):
        """Return the command of the reducer."""
        return self.options.reduce_program


if __name__ == "__main__":
    ProgramsJob.run()
