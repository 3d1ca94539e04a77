"""What the suite requires: setup.py declares it, and what tasks need of it can travel to a cluster's nodes."""

CORE = [
    "mrjob==0.7.4",  # its last release; jobs/engine relies on parts of it that are not public
    "numpy>=1.26",
    "pyarrow>=16",
    "boto3>=1.34",
    "zstandard>=0.22",
    "isal>=1.6",  # gzip at two to three times the speed
    "tqdm>=4.66",
    "datasketches>=5",  # HyperLogLog
    "tzdata",  # for machines without a time zone database
]
SPARK = [
    "pyspark>=3.5",
    "pandas>=2.2,<3",  # pyspark asks for it where Arrow batches cross, and warns of 3
]
SCHEDULE = [
    "sqlalchemy>=2.0.30",  # the ledger, in SQLite
    "alembic>=1.13.3",  # its migrations
]
POSTGRESQL = ["psycopg[binary]>=3.1"]
MARIADB = ["pymysql>=1.1"]  # pure Python; mysqlclient needs a compiler and headers
OTLP = ["opentelemetry-exporter-otlp-proto-http>=1.25"]
EMR = [
    "ziglang>=0.13",  # builds the kernel for the nodes, whatever processor and C library they have
]
DEV = [
    *SCHEDULE,
    *POSTGRESQL,
    *MARIADB,
    *OTLP,
    "aiosmtpd>=1.4.6",  # the mail server of tests
    "cfn-lint>=1.40",  # checks the templates below scripts/infra
    "coverage>=7.10",  # measures forked tasks
    "duckdb>=1.2",
    "hypothesis>=6.100",
    "moto[server]>=5.0",
    "mypy>=1.15",
    "pandas>=2.2,<3",
    "polars>=1.20",
    "pytest>=8.3,<9.2",  # pytest-xdist 3.8 does not keep groups of tests together on later ones
    "pytest-cov>=6.0",
    "pytest-xdist>=3.6",
    "ruff>=0.11,<0.18",  # other versions format otherwise
    "types-PyYAML",
    "types-setuptools",
    "ziglang>=0.13",
    "boto3-stubs[s3]>=1.34",
]
EXTRAS = {
    "spark": SPARK,
    "schedule": SCHEDULE,
    "postgresql": POSTGRESQL,
    "mariadb": MARIADB,
    "otlp": OTLP,
    "emr": EMR,
    "dev": DEV,
}
