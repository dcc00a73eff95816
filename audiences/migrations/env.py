"""Where alembic enters: the connection is given by `audiences.catalog`, never by a file."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
