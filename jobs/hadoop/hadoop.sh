#!/bin/sh
# The hadoop command of this cluster, also by the names hdfs, yarn and mapred: hadoop fs -ls /, hadoop jar JAR …
set -eu
home=$(cd "$(dirname "$0")/.." && pwd -P)
conf=${HADOOP_CONF_DIR:-$home/etc/hadoop}
lib=$(cd "$home/share/hadoop/lib" && pwd -P)
level=WARN
case "${1:-}" in
    version) class=org.apache.hadoop.util.VersionInfo ;;
    fs | dfs) class=org.apache.hadoop.fs.FsShell ;;
    jar) class=org.apache.hadoop.util.RunJar level=INFO ;;
    logs) class=org.apache.hadoop.yarn.client.cli.LogsCLI ;;
    application | app) class=org.apache.hadoop.yarn.client.cli.ApplicationCLI ;;
    node) class=org.apache.hadoop.yarn.client.cli.NodeCLI ;;
    job) class=org.apache.hadoop.mapred.JobClient ;;
    dfsadmin) class=org.apache.hadoop.hdfs.tools.DFSAdmin ;;
    fsck) class=org.apache.hadoop.hdfs.tools.DFSck ;;
    *.*) class=$1 ;;
    classpath) echo "$lib/*:$home/share/hadoop/s3a/*:$conf"; exit ;;
    *)
        echo "usage: $(basename "$0") version|fs|jar|logs|application|node|job|dfsadmin|fsck|classpath|CLASS [ARGUMENT…]" >&2
        exit 2
        ;;
esac
shift
case $class in *.ApplicationCLI) [ "${1:-}" = application ] || set -- application "$@" ;; esac
java=java
[ -z "${JAVA_HOME:-}" ] || java=$JAVA_HOME/bin/java
opens=
for package in java.lang java.util java.util.concurrent java.net java.nio java.io sun.nio.ch; do
    opens="$opens --add-opens=java.base/$package=ALL-UNNAMED"
done
# shellcheck disable=SC2086 # options are words
exec "$java" -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 $opens ${HADOOP_CLIENT_OPTS:-} \
    -XX:SharedArchiveFile="$home/share/hadoop/classes.jsa" -Xlog:disable \
    -Dhadoop.home.dir="$home" -Dlog4j.configuration="file:$home/etc/hadoop/log4j-client.properties" \
    -Dhadoop.log.level="$level" \
    -cp "$lib/*:$home/share/hadoop/s3a/*:$conf" "$class" "$@"
