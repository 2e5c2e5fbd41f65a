"""The tables of jobs, for SQLite and PostgreSQL. A change of their shape needs another number in their names."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()

jobs = Table(
    "whatsit_jobs_1",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("store", Text, nullable=False),  # a service with another one cannot run it
    Column("owner", Text, nullable=False),  # the id of a key; empty where there are none
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("alias", Text),
    Column("format", String(16), nullable=False),
    Column("top_k", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("source", String(16), nullable=False),
    Column("inputs", Text),  # which of its files hold the images
    Column("total", Integer),
    Column("done", Integer, nullable=False, default=0),
    Column("failed", Integer, nullable=False, default=0),
    Column("problem", Text),
    Column("results", Text),  # the name of the file
    Column("digest", Text),
    Column("idempotency_key", Text),
    Column("attempts", Integer, nullable=False, default=0),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("expires_at", Double),
    # Who is at its phase, where that is one process's work.
    Column("holder", String(32)),
    Column("held_until", Double, nullable=False, default=0),
    UniqueConstraint("owner", "idempotency_key"),
    Index("whatsit_jobs_1_phase", "phase"),
    Index("whatsit_jobs_1_owner", "owner", "created_at"),
)

chunks = Table(
    "whatsit_chunks_1",
    METADATA,
    Column("job_id", String(32), ForeignKey(jobs.c.id, ondelete="CASCADE"), nullable=False),
    Column("first", Integer, nullable=False),
    Column("images", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False, default="waiting"),  # or done
    Column("attempts", Integer, nullable=False, default=0),
    Column("holder", String(32)),
    Column("held_until", Double, nullable=False, default=0),
    # Where its rows are.
    Column("part", Text),
    Column("part_at", BigInteger),
    Column("part_bytes", BigInteger),
    PrimaryKeyConstraint("job_id", "first"),
    Index("whatsit_chunks_1_waiting", "state", "attempts", "first"),
)
