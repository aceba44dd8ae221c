import { expect } from 'chai';
import { FIELDS, type RowValue, type Status, type WorkloadRow } from '../../../../../scaler/web/row.js';
import { notices } from '../../../../../scaler/web/page/notices.js';
import { Store } from '../../../../../scaler/web/page/store.js';

const STATUS: Status = { leader: true, dryRun: false, rules: 1, problems: [], groups: [['shop', 990, 15]] };

function rowOf(name: string, changes: Partial<WorkloadRow> = {}): RowValue[] {
  const row: WorkloadRow = {
    ...{ namespace: 'shop', kind: 'Deployment', name, group: 'shop', rule: name, class: 'none', harm: '' },
    ...{
      replicas: 2,
      wanted: 2,
      min: 1,
      max: 9,
      mode: '',
      at: 0,
      reason: '',
      outcome: '',
      states: [],
      steps: [],
    },
    ...changes,
  };
  return FIELDS.map((field) => row[field]);
}

describe("the page's store", () => {
  let store: Store;
  const names = () => [...store.workloads.values()].map(({ name }) => name);

  beforeEach(() => {
    store = new Store();
    store.apply(
      {
        now: 1000,
        first: true,
        status: STATUS,
        rows: [
          [1, ...rowOf('web')],
          [2, ...rowOf('cart')],
        ],
      },
      50,
    );
  });

  it('takes rows, changes and removals', () => {
    const before = store.find('shop/Deployment/cart');
    store.apply({ now: 1001, set: [[1, FIELDS.indexOf('replicas'), 5]], gone: [] }, 51);
    expect(store.find('shop/Deployment/web')).to.include({ replicas: 5, wanted: 2 });
    expect(store.find('shop/Deployment/cart')).to.equal(before);
    store.apply({ now: 1002, gone: [1] }, 52);
    expect(names()).to.deep.equal(['cart']);
  });

  it('shows the old rows until those of a new stream are complete: the scaler may have restarted', () => {
    store.apply({ now: 1001, first: true, status: STATUS, rows: [[1, ...rowOf('api')]], more: true }, 51);
    expect(names()).to.deep.equal(['web', 'cart']);
    store.apply({ now: 1001, rows: [[2, ...rowOf('db')]] }, 51);
    expect(names()).to.deep.equal(['api', 'db']);
  });

  it('counts ages by the clock of the scaler, and on while it is silent', () => {
    const web = store.find('shop/Deployment/web')!;
    expect(store.now(50) - store.decidedAt(web)).to.equal(10);
    expect(store.now(80) - store.decidedAt(web)).to.equal(40);
    expect(store.decidedAt({ ...web, at: 700 })).to.equal(700);
  });

  const texts = (at: number) => notices(store, at).map(({ level, text }) => `${level}: ${text}`);

  it('has nothing to say of a scaler that works', () => {
    expect(texts(55)).to.deep.equal([]);
  });

  it('says when the scaler is silent, and that its rounds are late', () => {
    expect(texts(70)[0]).to.match(/^bad: The scaler does not respond since .*not what happens now\.$/);
    store.apply({ now: 1100 }, 150);
    expect(texts(150)).to.have.length(1);
    expect(texts(150)[0]).to.match(/^bad: No round of "shop" has decided anything since .*: replicas stay/);
  });

  it('says each state of the scaler once, with what it means', () => {
    const status = { ...STATUS, leader: false, problems: ['Prometheus is away.'] };
    store.apply({ now: 1000, status, rows: [[3, ...rowOf('new', { mode: 'shadow' })]] }, 50);
    expect(texts(50)).to.deep.equal([
      'bad: Prometheus is away.',
      'info: Another scaler is the leader and changes replicas; this one shows what it would do.',
      'info: Shadow: 1 workload of shadow rules is decided on, and not changed.',
    ]);
    store.apply({ now: 1000, status: { ...STATUS, dryRun: true } }, 50);
    expect(texts(50)).to.deep.equal([
      'info: Dry run (--dry-run): this scaler decides and changes no replicas.',
    ]);
  });
});
