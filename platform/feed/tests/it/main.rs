//! The feed against a real PostgreSQL.
