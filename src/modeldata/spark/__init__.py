"""Spark: frames that lie on many machines are archived from there, and archives are read there.

    collector.collect(frame)                                  see `modeldata.spark.dataframe`
    modeldata.spark.register(spark)                           once a session; then
    spark.read.format("modeldata").load(url)                  see `modeldata.spark.source`
    frame.write.format("modeldata").mode("append").save(url)

Executors need modeldata, and credentials of their own for a remote archive: no secret travels with a task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["register"]


PUSHDOWN = "spark.sql.python.filterPushdown.enabled"


def register(spark: SparkSession) -> None:
    """Teach a session the format "modeldata". May be called again. Raises ImportError without pyspark 4.

    Where Spark can hand a source the conditions of a query (from 4.1), that is switched on for the session: then
    `where("`$Timestamp` >= ...")` reads only what may fit.
    """
    from pyspark.sql.datasource import DataSourceReader

    from modeldata.spark.source import ModelDataSource, PushingSource

    pushes = hasattr(DataSourceReader, "pushFilters")
    if pushes:
        spark.conf.set(PUSHDOWN, "true")
    spark.dataSource.register(PushingSource if pushes else ModelDataSource)
