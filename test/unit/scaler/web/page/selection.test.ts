import { expect } from 'chai';
import {
  addressOf,
  dashboardAddress,
  parseAddress,
  workloadAddress,
} from '../../../../../scaler/web/page/address.js';
import { EVERYTHING, select } from '../../../../../scaler/web/page/selection.js';
import { stepLine } from '../../../../../scaler/web/page/sparkline-path.js';
import type { Workload } from '../../../../../scaler/web/page/store.js';
import { movedTo, visibleRange } from '../../../../../scaler/web/page/window.js';

const BASE: Workload = {
  ...{
    id: 1,
    key: '',
    namespace: 'shop',
    kind: 'Deployment',
    name: '',
    group: 'g',
    rule: 'fleet',
    class: 'none',
  },
  ...{ replicas: 2, wanted: 2, min: 1, max: 10, harm: '', mode: '', at: 0, reason: '', outcome: '' },
  ...{ states: [], steps: [] },
};

function workload(name: string, changes: Partial<Workload> = {}): Workload {
  return { ...BASE, name, key: `shop/Deployment/${name}`, ...changes };
}

describe('the selection of workloads', () => {
  const all = [
    workload('web', { reason: 'CPU demand 4 cores', class: 'cpu', wanted: 6 }),
    workload('orders', { harm: 'disk', class: 'disk', replicas: 9, wanted: 9 }),
    workload('cart', { harm: 'signs', rule: 'cart' }),
    workload('api', { namespace: 'infra', key: 'infra/Deployment/api' }),
  ];

  const CASES: [what: string, Partial<typeof EVERYTHING>, string[]][] = [
    ['everything, by namespace and name', {}, ['api', 'cart', 'orders', 'web']],
    ['words, in names and reasons, whatever their case', { q: 'SHOP demand' }, ['web']],
    ['a namespace', { namespace: 'infra' }, ['api']],
    ['a class', { class: 'cpu' }, ['web']],
    ['a rule', { rule: 'cart' }, ['cart']],
    ['harm', { harm: 'yes' }, ['orders']],
    ['harm or signs of it', { harm: 'signs' }, ['cart', 'orders']],
    ['no harm', { harm: 'no' }, ['api', 'web']],
    ['a cause of harm', { harm: 'disk' }, ['orders']],
    ['harm first', { sort: 'harm' }, ['orders', 'cart', 'api', 'web']],
    ['the change wanted first', { sort: 'change' }, ['web', 'api', 'cart', 'orders']],
    ['those nearest to their limit first', { sort: 'limit' }, ['orders', 'api', 'cart', 'web']],
    ['an order that does not exist', { sort: 'nonsense' }, ['api', 'cart', 'orders', 'web']],
  ];
  for (const [what, changes, names] of CASES) {
    it(`is by ${what}`, () => {
      expect(select(all, { ...EVERYTHING, ...changes }).map(({ name }) => name)).to.deep.equal(names);
    });
  }

  it('stands in the address', () => {
    const selection = { ...EVERYTHING, q: 'a&b c', harm: 'yes' };
    expect(addressOf(EVERYTHING)).to.equal('#/');
    expect(parseAddress(addressOf(selection))).to.deep.equal({ page: 'overview', selection });
    expect(parseAddress('')).to.deep.equal({ page: 'overview', selection: EVERYTHING });
  });
});

describe('addresses of the page', () => {
  it('lead to workloads by any name', () => {
    const key = 'shop/Deployment/50%/x';
    expect(parseAddress(workloadAddress('shop/Deployment/50% ü'))).to.deep.equal({
      page: 'workload',
      key: 'shop/Deployment/50% ü',
    });
    expect(parseAddress(workloadAddress(key)).page).to.equal('overview');
    expect(parseAddress('#/workload/a/b/%').page).to.equal('workload');
    expect(parseAddress('#/graph').page).to.equal('graph');
  });

  it('lead to the dashboard in Grafana, which may be below a path', () => {
    expect(dashboardAddress('https://example.com/grafana/', 'a b', 'c')).to.equal(
      'https://example.com/grafana/d/kernscale-workloads?var-namespace=a+b&var-workload=c',
    );
  });
});

describe('the window of a long list', () => {
  it('draws what is in sight, and a few rows around', () => {
    expect(visibleRange(10_000, 50, 5000, 500)).to.deep.equal({ from: 94, to: 116 });
    expect(visibleRange(10_000, 50, -300, 500)).to.deep.equal({ from: 0, to: 10 });
    expect(visibleRange(3, 50, 9000, 500)).to.deep.equal({ from: 3, to: 3 });
  });

  it('leads through rows by keys', () => {
    const to = (key: string, from = 5) => movedTo(key, from, 10, 4);
    expect(['ArrowDown', 'ArrowUp', 'PageDown', 'PageUp', 'Home', 'End'].map((key) => to(key))).to.deep.equal(
      [6, 4, 9, 1, 0, 9],
    );
    expect([to('ArrowUp', 0), to('ArrowDown', 9), to('x')]).to.deep.equal([0, 9, undefined]);
  });
});

describe('a sparkline', () => {
  it('steps through the last hour, from where its first value began', () => {
    expect(stepLine([0, 2, 5400, 4], 7200)).to.equal('0,10 48,10 48,1 96,1');
    expect(stepLine([], 7200)).to.equal('');
  });
});
