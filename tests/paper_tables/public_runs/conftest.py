"""The public runs."""

import pandas as pd
import pytest

from paper_tables.public_runs import reader


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return reader.read_runs()
