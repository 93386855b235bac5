import pytest

import cluster as slurm


@pytest.fixture(scope="session")
def cluster():
    """A running Slurm with eight GPUs, for all tests."""
    reason = slurm.reason_to_skip()
    if reason:
        pytest.skip(reason)
    cluster = slurm.Cluster(gpus=8)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
