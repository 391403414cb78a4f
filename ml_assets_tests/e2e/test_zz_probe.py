import time
from ml_assets_tests.command_line import *
import pytest

CASES = {}
GOODF = shoppers()


def rec(**kw):
    def f(shop):
        shop.recipe("bad", GOODF, **kw)

    return f


def dat(fn, **kw):
    def f(shop):
        p = shop.recipe("bad", GOODF, **kw)
        fn(shop.folder / "bad.csv")

    return f


def csvf(fn):
    return dat(lambda p: fn(GOODF.copy()).to_csv(p, index=False))


from pathlib import Path

R = {
    "key": {"target_col": "target_co"},
    "column": {"target_col: bought": "target_col: bougth"},
    "type": {"C: 1.0": "C: many"},
    "est": {"LogisticRegression": "LogisticRegresion"},
    "import": {"sklearn.linear_model.LogisticRegression": "os.system"},
    "metric": {"metric: roc_auc": "metric: auc"},
    "dir": {"maximize": "minimize"},
    "window": {"window: all": "window: often"},
    "uri": {"bad.csv": "bda.csv"},
    "yaml": {"{C: 1.0}": "{C: 1.0"},
    "name": {"name: bad": "name: good"},
    "hyper": {"C: 1.0": "CC: 1.0"},
    "excl": {"hyperparameters": "preprocessor: {params: {exclude_cols: [spnet]}}\n  hyperparameters"},
    "entity": {"target_col: bought": "target_col: bought, entity_cols: [customer]"},
    "batches": {"training": "batches: {column: day, period: daily}\ntraining"},
    "batches2": {"training": "batches: {column: age, period: daily}\ntraining"},
    "catfeat": {
        "hyperparameters": "preprocessor: {name: custom_preprocessor, params: {categorical_features: [chanel]}}\n  hyperparameters"
    },
    "solver": {"C: 1.0": "C: 1.0, solver: warp"},
    "negC": {"C: 1.0": "C: -1.0"},
    "dup key": {"training:": "model: {}\ntraining:"},
    "tab": {"  hyper": "\thyper"},
    "reg": {"classification": "regression"},
}
CASES.update({"R " + k: rec(**v) for k, v in R.items()})


def setc(c, v):
    def f(d):
        d[c] = v
        return d

    return f


def text1(d):
    d["spent"] = d["spent"].astype(object)
    d.loc[7, "spent"] = "lots"
    return d


def dupcol(d):
    return d.rename(columns={"spent": "age"})


def infs(d):
    d.loc[3, "spent"] = np.inf
    return d


D = {
    "tnull": csvf(setc("bought", None)),
    "one": csvf(setc("bought", 1)),
    "empty": dat(lambda p: p.write_text("")),
    "header": csvf(lambda d: d.head(0)),
    "dupcol": csvf(dupcol),
    "text": csvf(text1),
    "inf": csvf(infs),
    "binary": dat(lambda p: p.write_bytes(b"\x00\x01\x02PAR1" * 20)),
    "latin": dat(lambda p: p.write_bytes("age,n\xe4me,bought\n1,\xe4,2".encode("latin-1"))),
    "ragged": dat(lambda p: p.write_text(p.read_text() + "1,2,3,4,5,6\n")),
    "parq": dat(lambda p: p.with_suffix(".parquet").write_text("hello"), **{"bad.csv": "bad.parquet"}),
    "noname": csvf(lambda d: d.rename(columns={"spent": ""})),
    "nofeat": csvf(lambda d: d[["bought"]]),
    "10rows": csvf(lambda d: d.head(10)),
    "1row": csvf(lambda d: d.head(1)),
    "2rows": csvf(lambda d: d.head(2)),
    "allnullfeat": csvf(lambda d: d.assign(age=None, spent=None, channel=None)),
    "unique target": csvf(lambda d: d.assign(bought=range(len(d)))),
    "rare class": csvf(lambda d: d.assign(bought=[2] + list(d.bought[1:]))),
    "folder": dat(lambda p: (p.unlink(), p.mkdir())),
    "noread": dat(lambda p: p.unlink()),
    "excel": dat(lambda p: None, **{"bad.csv": "bad.xlsx"}),
    "reserved": csvf(lambda d: d.rename(columns={"spent": "row_id__"})),
    "alldup": csvf(lambda d: pd.concat([d.head(1)] * 50)),
}
CASES.update({"D " + k: v for k, v in D.items()})


@pytest.mark.parametrize("k", CASES)
def test_x(shop, k, capsys):
    CASES[k](shop)
    with capsys.disabled():
        print("\n=====", k)
        for cmd in (
            ["validate", shop.folder / "bad.yaml", "--json"],
            ["train", "--recipe-file", shop.folder / "bad.yaml", "--json"],
        ):
            t = time.time()
            try:
                o = ml_assets(*cmd)
                print(
                    o.code,
                    f"{time.time() - t:.1f}",
                    o.out.strip()[:700].replace(str(shop.folder), "F").replace(str(shop.home), "H"),
                )
                if "Traceback" in o.err or len(o.err) > 600:
                    print("ERR", o.err[:1500])
            except Exception as e:
                print("EXC", type(e), str(e)[:500])
