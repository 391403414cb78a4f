"""A feature repository: Feast's own, or one that is made of `features.yaml`. No function of a registry is loaded.

Feast keeps functions (on-demand and stream views, transformations) as pickles in its registry, and loads them whenever
it looks for a view. So what is asked for is copied into a registry of its own, without any function, and Feast is given
that one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from ml_assets.recipe.own import MODULES, is_allowed
from ml_assets.sources.feature_store.declared import FILE, declaration
from ml_assets.sources.feature_store.environment import offline_store, online_store, table_of
from ml_assets.sources.feature_store.kept import kept
from ml_assets.sources.feature_store.namespaces import FEAST_TIME, KINDS, PLACE, TYPE, Namespace
from ml_assets.sources.feature_store.quiet import quiet
from ml_assets.sources.paths import SourceError

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.settings import Settings

FEAST_FILE: Final = "feature_store.yaml"
VARIABLE: Final = "ML_ASSETS_FEATURE_STORE"
CLASSES: Final = frozenset({
    "provider", "type", "registry_type", "registry_store_type", "offline_store", "online_store", "batch_engine",
})  # fmt: skip
"""Keys of Feast's file under which a class may be named, which Feast then imports."""


class Repository:
    """What is open of a feature repository.

    Parameters
    ----------
    feast : feast.FeatureStore
    place : str
        Where it is, for a message.
    namespaces : mapping of str to Namespace
    functions : mapping of str to str
        Namespaces that are functions, with their kind.
    declared : bool
        Whether it is made of `features.yaml`.
    """

    def __init__(
        self,
        feast: Any,
        place: str,
        namespaces: Mapping[str, Namespace],
        functions: Mapping[str, str],
        *,
        declared: bool,
    ) -> None:
        self._feast = feast
        self.place = place
        self.namespaces = namespaces
        self.functions = functions
        self.declared = declared

    @property
    def stores(self) -> tuple[str, str]:
        """Kinds of the stores that join and that keep the newest values."""
        config = self._feast.config
        return str(config.offline_store.type), str(config.online_store.type)

    def known_at(self, namespace: str, features: list[str], asked: pd.DataFrame) -> pd.DataFrame:
        """Values as they were known at a time.

        Parameters
        ----------
        namespace : str
        features : list of str
        asked : DataFrame of shape (n_rows, n_keys + 1)
            Keys of the namespace, and `event_timestamp` in UTC; no row twice.

        Returns
        -------
        DataFrame of shape (n_rows, n_features)
            In the order of the rows; missing where nothing was known.

        Raises
        ------
        SourceError
            The store does not answer, or cannot leave out what was written later.
        """
        import pandas as pd

        asked = asked.assign(
            **{PLACE: range(len(asked)), FEAST_TIME: asked[FEAST_TIME].dt.tz_localize("UTC")}
        )
        references = [f"{namespace}:{name}" for name in features]
        with quiet(self.place):
            answer: pd.DataFrame = (
                self._feast.get_historical_features(
                    asked, references, full_feature_names=True, filter_by_created_timestamp=True
                )
                .to_df()
                .reset_index(drop=True)
            )
        # PostgreSQL gives a row for each of several states that share all their times: one is taken, always the same.
        columns = [f"{namespace}__{name}" for name in features]
        order = (
            answer[columns].astype(str).assign(**{PLACE: answer[PLACE]}).sort_values([PLACE, *columns]).index
        )
        answer = answer.loc[order].drop_duplicates(PLACE, keep="last").set_index(PLACE)
        if list(answer.index) != list(range(len(asked))):
            raise SourceError(
                f"{self.place}: {namespace}: the offline store gave {len(answer):,} rows for {len(asked):,}. Use "
                "Feast's duckdb, postgres or bigquery store (docs/feature_store.md)",
                TYPE,
            )
        return pd.DataFrame({name: answer[f"{namespace}__{name}"] for name in features})

    def newest(self, namespace: str, features: list[str], keys: pd.DataFrame, now: datetime) -> pd.DataFrame:
        """Newest values that are kept online.

        Parameters
        ----------
        namespace : str
        features : list of str
        keys : DataFrame of shape (n_rows, n_keys)
            Keys of the namespace; no row twice.
        now : datetime
            In UTC, without a zone.

        Returns
        -------
        DataFrame of shape (n_rows, n_features)
            In the order of the rows; missing where nothing is kept.

        Raises
        ------
        SourceError
            The store does not answer.
        """
        import pandas as pd

        rows = [{str(key): value for key, value in row.items()} for row in keys.to_dict("records")]
        with quiet(self.place):
            return pd.DataFrame(self.kept(namespace, features, rows, now), dtype=object)

    def kept(
        self, namespace: str, features: list[str], keys: list[dict[str, Any]], now: datetime
    ) -> dict[str, list[Any]]:
        """Give what `newest` gives, by feature as values of Feast's; several threads may ask at once."""
        return kept(self._feast, self.place, self.namespaces[namespace], features, keys, now)

    def bring_online(self, now: datetime) -> None:
        """Write the newest values of all namespaces, up to now, into the online store.

        Raises
        ------
        SourceError
            The repository is Feast's own, whose command does this, or a store does not answer.
        """
        if not self.declared:
            raise SourceError(
                f"{self.place}: is Feast's own: run `feast materialize-incremental` in its folder", TYPE
            )
        with quiet(self.place):
            self._feast.materialize(datetime(1970, 1, 1, tzinfo=UTC), now.replace(tzinfo=UTC))


@contextmanager
def opened(settings: Settings, *, online: bool = False) -> Iterator[Repository]:
    """Open the feature repository of the environment; the online store of a declared one is left alone unless wanted.

    Raises
    ------
    SourceError
        None is named, it cannot be read, or Feast is not installed.
    """
    folder = settings.feature_store
    if folder is None:
        raise SourceError(
            f"no feature repository is named: set {VARIABLE} to a folder with Feast's {FEAST_FILE}, or with a "
            f"{FILE} (docs/feature_store.md)",
            TYPE,
        )
    try:
        import feast  # noqa: F401 - it is looked for, once for all that follows
    except ModuleNotFoundError as error:
        raise SourceError(
            f"a feature store needs Feast, and {error.name} is not installed: run `pip install 'ml_assets[feast]'`",
            TYPE,
        ) from None
    with TemporaryDirectory(prefix="ml_assets_features_") as scratch:
        registry = str(Path(scratch) / "registry.db")
        if (folder / FEAST_FILE).is_file():
            with quiet(str(folder / FEAST_FILE)):
                repository = _of_feast(folder, settings.variables.modules, registry)
        elif (folder / FILE).is_file():
            with quiet(str(folder / FILE)):
                repository = _of_declaration(folder, settings, Path(scratch), online=online)
        else:
            raise SourceError(f"{folder}: holds neither {FEAST_FILE} nor {FILE}: correct {VARIABLE}", TYPE)
        yield repository


def _of_feast(folder: Path, modules: frozenset[str], registry: str) -> Repository:
    """Open a repository that `feast apply` has made; its Python files are not looked at."""
    from feast import FeatureStore
    from feast.infra.offline_stores.file_source import FileSource
    from feast.repo_config import load_repo_config

    file = folder / FEAST_FILE
    _allow(file, modules)
    config = load_repo_config(folder, file)
    whole = FeatureStore(repo_path=str(folder), config=config).registry
    project = config.project
    views = [_without_function(view) for view in whole.list_feature_views(project, skip_udf=True)]
    functions = {
        **{
            each.name: "an on-demand view"
            for each in whole.list_on_demand_feature_views(project, skip_udf=True)
        },
        **{each.name: "a stream view" for each in whole.list_stream_feature_views(project, skip_udf=True)},
    }
    entities = whole.list_entities(project)
    for view in views:
        source = view.batch_source
        if (
            isinstance(source, FileSource)
            and "://" not in source.path
            and not Path(source.path).is_absolute()
        ):
            source.file_options.uri = str(folder / source.path)
    config = load_repo_config(folder, file)
    config.registry_config = registry
    feast = FeatureStore(repo_path=str(folder), config=config)
    for entity in entities:
        feast.registry.apply_entity(entity, project, commit=False)
    for view in views:
        feast.registry.apply_feature_view(view, project, commit=False)
    feast.registry.commit()
    return Repository(
        feast, str(file), {view.name: _namespace(view) for view in views}, functions, declared=False
    )


def _of_declaration(folder: Path, settings: Settings, scratch: Path, *, online: bool) -> Repository:
    """Make a repository of `features.yaml`; Feast finds the columns and their types in the tables."""
    from feast import Entity, FeatureStore, FeatureView
    from feast.repo_config import RepoConfig

    said = declaration(folder / FILE)
    config = RepoConfig(
        project=said.project,
        provider="local",
        registry=str(scratch / "registry.db"),
        offline_store=offline_store(settings),
        online_store=online_store(settings)
        if online
        else {"type": "sqlite", "path": str(scratch / "online.db")},
    )
    feast = FeatureStore(repo_path=str(folder), config=config)
    entities = {
        key: Entity(name=key, join_keys=[key]) for each in said.namespaces.values() for key in each.keys
    }
    tables = {name: table_of(name, each, folder, settings) for name, each in said.namespaces.items()}
    views = [
        FeatureView(
            name=name,
            entities=[entities[key] for key in said.namespaces[name].keys],
            ttl=said.namespaces[name].ttl,
            schema=table.schema,
            source=table.source,
        )
        for name, table in tables.items()
    ]
    feast.apply([*entities.values(), *views])
    found = {}
    for view in feast.registry.list_feature_views(said.project):
        own = _namespace(view)
        found[view.name] = own._replace(features={**own.features, **dict.fromkeys(tables[view.name].unfit)})
    return Repository(feast, str(folder / FILE), found, {}, declared=True)


def _namespace(view: Any) -> Namespace:
    """What Feast says of a view."""
    from feast.feature_view import DUMMY_ENTITY_ID

    def kinds(fields: Any) -> dict[str, Any]:
        return {field.name: KINDS.get(field.dtype.to_value_type().name) for field in fields}

    keys = {name: kind for name, kind in kinds(view.entity_columns).items() if name != DUMMY_ENTITY_ID}
    created = view.batch_source.created_timestamp_column if view.batch_source is not None else ""
    return Namespace(view.name, keys, kinds(view.features), created or None, view.ttl)


def _without_function(view: Any) -> Any:
    """Make a plain view of one that has a transformation: its stored values are joined, and it is not run."""
    from feast import FeatureView

    plain = view.to_proto()
    plain.spec.ClearField("feature_transformation")
    return FeatureView.from_proto(plain)


def _allow(file: Path, modules: frozenset[str]) -> None:
    """Refuse classes that Feast's file names, and Feast would import, unless the operator allows their modules."""
    import yaml

    try:
        said = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SourceError(
            f"{file}: cannot be read: {next(iter(str(error).splitlines()), '')}", TYPE
        ) from None
    for key, name in _classes(said):
        module = name.rpartition(".")[0]
        if module and not (module.startswith("feast.") or is_allowed(name, modules)):
            raise SourceError(
                f"{file}: {key}: {name!r} is a class that Feast would import, of a module that is not allowed. If you "
                f"trust it, the operator sets {MODULES}={','.join([*sorted(modules), module])}",
                TYPE,
            )


def _classes(said: Any) -> Iterator[tuple[str, str]]:
    """Names of classes in Feast's file, each with its key."""
    for key, value in said.items() if isinstance(said, dict) else ():
        if isinstance(value, dict):
            yield from _classes(value)
        elif isinstance(value, str) and key in CLASSES:
            yield key, value
