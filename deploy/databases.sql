-- Runs once, when the database server is made: Prefect has its own database, the catalog another.
CREATE DATABASE adsteer;
