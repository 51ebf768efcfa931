"""Entry point of a SLURM job: submitit's, without numpy.

submitit imports numpy before it unpickles, for pickles that hold arrays. Those of this plugin hold one
command line, and the import is more than half of the time that submitit takes to start.
"""

import sys

if __name__ == "__main__":
    sys.modules["numpy"] = None  # type: ignore[assignment]  # this process only, not the job's command
    from submitit.core.submission import submitit_main

    submitit_main()
