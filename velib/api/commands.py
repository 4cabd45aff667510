"""`velib api`: the API from the command line, and its keys. Cheap to import: `velib --help` imports it."""

import click


@click.group(invoke_without_command=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Where it listens.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Which address it listens on.")
@click.pass_context
def api(context: click.Context, port: int, host: str) -> None:
    """Serve the mart over HTTP: stations, bikes, trips, key figures. Ends with Ctrl-C, or with SIGTERM.

    The documentation is at /docs. It reads as velib_reader; on your own server, VELIB_API_DATABASE_URL is that role's URL.
    """
    if context.invoked_subcommand is None:
        from velib.api.serve import serve

        serve(host, port)


@api.group()
def key() -> None:
    """Make API keys. Only their hashes are kept."""


@key.command()
@click.option("--name", default="key", show_default=True, help="Whose key it is; stands in the list of keys.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(["read", "corrections"]),
    help="What it is good for.",
)
@click.option(
    "--save", is_flag=True, help="Add it to the file of keys ($VELIB_API_KEYS_FILE, else api-keys in the home)."
)
def new(name: str, scopes: tuple[str, ...], save: bool) -> None:
    """Print a new key, and the line by which the API knows it. The key is shown this once."""
    from velib.api import keys

    made, line = keys.new(name, scopes)
    click.echo(f"key:  {made}")
    click.echo(f"line: {line}")
    if save:
        click.echo(f"saved in {keys.save(line)}; a running API knows it within seconds")
    else:
        click.echo("put the line into the environment variable VELIB_API_KEYS or into the file of keys")
