import time
from ml_assets_tests.command_line import *
def test_x(shop,capsys):
    d=pd.concat([shoppers(120,i).assign(month=f"2024-{i:02d}-15") for i in (1,2,4,5,6)])
    p=shop.recipe("monthly",d,**{"training: {window: all}":"batches: {column: month, period: monthly}\ntraining: {window: all}\nmonitoring: {min_rows: 50}"})
    with capsys.disabled():
      for a in (["validate",p],["train","--recipe-file",p],["backfill","--recipe-file",p],["status"],["explain","monthly"],["train","--recipe-file",p],["train","--recipe-file",p],["status","monthly"],["rollback","monthly"],["status","monthly"],["rollback","monthly"]):
        t=time.time(); o=ml_assets(*a,"--json"); print(a[0],o.code,f"{time.time()-t:.1f}\n",o.out.strip()[:3000].replace(str(shop.folder),"F"),"\nERR",o.err[-2500:])
