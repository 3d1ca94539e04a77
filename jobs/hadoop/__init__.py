"""A small Hadoop on this machine: HDFS and YARN from Apache's jars, each role a process of its own."""
