import { expect } from 'chai';
import { freshness, freshnessQueries } from '../../../../scaler/promql/freshness.js';
import { repeatedText, withDifference } from '../../../../scaler/promql/repeated.js';
import type { QueryResult } from '../../../../scaler/promql/response.js';

const CART = { namespace: 'shop', workload: 'cart', workload_kind: 'Deployment' };
const [AGE] = freshnessQueries('kernscale_container_info{cluster=~"a|b"}');

type Labels = Readonly<Record<string, string>>;

function vector(...labels: Labels[]): QueryResult {
  return { ok: true, samples: labels.map((one) => ({ labels: one, value: 2, timestamp: 0 })) };
}

/** The reason for a hold where these are the series of one workload. */
async function reason(series: QueryResult): Promise<string> {
  const queries: string[] = [];
  const result = await withDifference(AGE!, vector(CART, { ...CART, measure: 'repeated' }), (expr) => {
    queries.push(expr);
    return Promise.resolve(series);
  });
  const selector = `namespace="shop", workload="cart", workload_kind="Deployment", cluster=~"a|b", state="oncpu"`;
  expect(queries).to.deep.equal([`kernscale_state_seconds_total{${selector}}`]);
  const repeated = result.ok && freshness([result.samples], 0).repeated('shop/Deployment/cart');
  return repeatedText(repeated as Exclude<typeof repeated, false | undefined>);
}

/** Two series of each of two pods, which are on different nodes. */
function copies(first: Labels, second: Labels): QueryResult {
  const pods = ['a', 'b'].flatMap((pod) =>
    [first, second].map((one) => ({ ...CART, pod, instance: `node-${pod}`, ...one })),
  );
  return vector(...pods);
}

describe('the reason for a hold on repeated series', () => {
  for (const [what, first, second, difference] of [
    [
      'clusters',
      { cluster: 'east', instance: '1' },
      { cluster: 'west', instance: '2' },
      'cluster ("east", "west")',
    ],
    ['a pair of servers', { replica: '0' }, { replica: '1' }, 'replica ("0", "1")'],
    ['jobs', { job: 'pods' }, { job: 'kernscale' }, 'job ("pods", "kernscale")'],
    ['a label of any name', { zone: 'x', instance: '1' }, { instance: '2' }, 'zone ("x", "")'],
    ['two addresses', { instance: '1' }, { instance: '2' }, 'instance ("1", "2")'],
  ] as const) {
    it(`names the label by which ${what} differ, and the option`, async () => {
      const [label] = difference.split(' ');
      expect(await reason(copies(first, second))).to.equal(
        `2 series for each container, which differ by ${difference}: ` +
          `name one with --prometheus.matcher '${label}="…"', or remove the others`,
      );
    });
  }

  it('names what may be the cause where the series tell nothing, or cannot be read', async () => {
    const general =
      '2 series for each container: scraped by several jobs, or of several Prometheus servers or clusters';
    expect(await reason(vector())).to.equal(general);
    expect(await reason({ ok: false, failure: 'timeout', message: '' })).to.equal(general);
  });

  it('costs no query where there are none, or the age is not known', async () => {
    for (const result of [vector(CART), { ok: false, failure: 'timeout', message: '' } as const]) {
      expect(await withDifference(AGE!, result, () => expect.fail('a query'))).to.equal(result);
    }
  });
});
