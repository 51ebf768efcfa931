"""The one evaluator: every checkpoint of a block, under one sampling setting, episode by episode.

    python -m algos.evaluate --run <run folder> --dataset results/datasets/<task>
        --sampling <JSON> --evaluation <JSON> --output <...>/seeds<a>-<b>.parquet [--label <name-digest>]

One row per episode, nothing averaged: raw return, length, the seed that the environment was reset with.
Next to the table is ``seeds<a>-<b>.timing.parquet``: how long a policy call takes for one state and for ten.

An episode's row depends on the policy, the training seed, the purpose, the episode's number and its seed
alone: its noise is that of (seed, episode, step), its actions come from a call of fixed shape, and its
environment is reset with its seed. So the size of the pool, the number of processes, other episodes and
interruptions change nothing. What is finished is kept in blocks of ten episodes until the table is written.

To build on it: `Evaluator` says what is played (`checkpoint_blocks`, `reevaluation_blocks`, `jobs`) and plays
it (`play`); `evaluate_block` is the whole, from a run folder to its table.
"""

from algos.evaluate.blocks import CHECKPOINT, REEVALUATED, Block, BlockStore
from algos.evaluate.evaluator import FORMAT, Evaluator
from algos.evaluate.run import Request, evaluate_block
from algos.evaluate.settings import Evaluation

__all__ = [
    "CHECKPOINT",
    "FORMAT",
    "REEVALUATED",
    "Block",
    "BlockStore",
    "Evaluation",
    "Evaluator",
    "Request",
    "evaluate_block",
]
