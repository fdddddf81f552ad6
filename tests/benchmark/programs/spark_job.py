#!/usr/bin/env python3
"""Run two programs as mapper and reducer of a job of PySpark.

Arguments: input directory, output directory, mapper, reducer, directory for
temporary files, cores, tasks of a stage.
"""
import shlex
import sys

from pyspark import SparkConf, SparkContext


def main():
    """Read, map, sort within partitions by key, reduce, write."""
    source, output, mapper, reducer, scratch, cores, tasks = sys.argv[1:]
    conf = (
        SparkConf().setMaster(f"local[{cores}]").setAppName("benchmark")
        .set("spark.ui.enabled", "false").set("spark.local.dir", scratch))
    with SparkContext(conf=conf) as context:
        context.setLogLevel("ERROR")
        (
            context.textFile(source, int(tasks))
            .pipe(shlex.quote(mapper), checkCode=True)
            .map(lambda line: (line.partition("\t")[0], line))
            .repartitionAndSortWithinPartitions(int(tasks))
            .values()
            .pipe(shlex.quote(reducer), checkCode=True)
            .saveAsTextFile(output)
        )


if __name__ == "__main__":
    main()
