"""`snakemake reevaluate`: one job for each published policy."""

import re
import subprocess
import sys

from recheck.results import published_checkpoints


def test_every_published_policy_is_played(repository):
    """The repository's own ones, as a dry run plans them, whatever is on disk already."""
    blocks = published_checkpoints.blocks(repository)
    assert blocks
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "-F", "reevaluate"]
    done = subprocess.run([*command, "--nolock"], cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"play_checkpoint\s+{len(blocks)}\n", done.stdout + done.stderr), (
        done.stdout + done.stderr
    )
