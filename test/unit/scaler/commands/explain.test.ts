import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Listening } from '../../../../common/http.js';
import { type Samples, EMPTY_HISTORY } from '../../../../scaler/core/round.js';
import type { Rule } from '../../../../scaler/core/types.js';
import { DecisionRecords } from '../../../../scaler/loop/record.js';
import { at, decideAmong, edgeTo, NOW, ruleFor, samplesOf, workload } from '../core/fixtures.js';
import { recordOf, serveDecisions } from '../decisions.js';
import { kernscale, type Ended } from '../kernscale-command.js';

const CPU_BOUND = samplesOf({ replicas: 2 }, { cpu: at(4) });
const WAITING = samplesOf(
  { edges: [edgeTo('cart', 0.9), { peer: '8.8.8.8:53', to: { type: 'external' }, wait: at(0.1) }] },
  { wait: at(0.9), lock: { absent: 'missing', text: 'no series' } },
);

function record(records: DecisionRecords, rule: Rule, samples: Samples): void {
  const others = [workload('cart', CPU_BOUND), workload('web', WAITING)];
  const decision = decideAmong(others, rule, samples, EMPTY_HISTORY, NOW);
  records.put(recordOf(rule, decision, rule.dryRun ? 'dry_run' : 'unchanged'));
}

/** The scaler's HTTP surface over decisions of the real core. */
async function serve(problems: readonly string[]): Promise<Listening> {
  const records = new DecisionRecords();
  const wait = {
    ...ruleFor('web').decide.find(({ bound }) => bound === 'dependency')!,
    when: { wait: { above: 0.5 } },
  };
  record(records, ruleFor('cart', { dryRun: true }), CPU_BOUND);
  record(records, ruleFor('web', { decide: [wait] }), WAITING);
  return serveDecisions(records, 2, problems);
}

describe('kernscale explain', () => {
  let server: Listening;
  let url: string;
  before(async () => {
    server = await serve(['Group "shop": Prometheus is slow.']);
    url = server.urls[0]!;
  });
  after(() => server.close());

  const explain = (...argv: string[]): Promise<Ended> => kernscale('explain', `--scaler.url=${url}`, ...argv);

  it('shows class, evidence, stages and outcome, without colours into a pipe', async () => {
    const { status, stdout, stderr } = await explain('cart');
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const lines = stdout.split('\n');
    expect(lines[0]).to.match(
      /^shop\/Deployment\/cart: rule "cart" of group "shop", 1 to 20 replicas, decided /,
    );
    expect(lines[1]).to.match(
      /^2 → 6 replicas: CPU demand 4 cores; 2 pods × 0\.7-core target = 1\.4 \(2\.9×\). 6 replicas needed$/,
    );
    expect(stdout).to.match(/^ {2}cpu +4 cores, 0 s old$/m);
    expect(stdout).to.match(/^ {2}cpu +matched: demand 2\.9× target \(limit 1×\) → scale by demand$/m);
    expect(stdout).to.match(/^ {2}demand ÷ target +2 → 6$/m);
    expect(stdout).to.match(/^ {2}minReplicas to maxReplicas +6$/m);
    expect(stdout).to.contain('Not applied: the rule is in shadow mode');
    expect(stdout).to.contain('Prometheus is slow');
    expect(stdout).not.to.contain('\x1b');
  });

  it('shows the path walked and the rejected candidates', async () => {
    const { stdout } = await explain('shop/Deployment/web');
    expect(stdout).to.contain('Path walked: shop/web → shop/cart\n');
    expect(stdout).to.match(/^ {2}bottleneck {2}shop\/cart \(90 % of the wait\) is at 2\.9× its target$/m);
    expect(stdout).to.match(
      /^ {2}rejected {4}8\.8\.8\.8:53 \(10 % of the wait\) is outside the cluster, but only 10 % of the wait leads to it$/m,
    );
    expect(stdout).to.match(/^ {2}deciding constraint +hold \(waiting on a peer\)$/m);
    expect(stdout).not.to.contain('demand ÷ target');
    expect(stdout).to.contain('Would change when at most 50 % of busy time is spent waiting on peers');
  });

  it('prints the record with --json', async () => {
    const { stdout } = await explain('--json', 'shop/web');
    expect(JSON.parse(stdout)).to.include({ workload: 'web', class: 'dependency', replicas: 2 });
  });

  it('suggests the nearest name for an unknown workload', async () => {
    const { status, stderr } = await explain('shop/crat');
    expect(status).to.equal(1);
    expect(stderr).to.equal(
      'kernscale: no rule has decided on "shop/crat"; did you mean "shop/cart"? [TARGET_UNKNOWN]\nsee docs/errors.md#target_unknown\n',
    );
  });

  it('says why a scaler refuses to answer', async () => {
    const refusing = createServer((_, response) => {
      response.writeHead(403).end('no answer by the name "evil.com" [HOST_REFUSED]\n');
    }).listen(0, '127.0.0.1');
    await once(refusing, 'listening');
    const { port } = refusing.address() as AddressInfo;
    const { status, stderr } = await kernscale('explain', `--scaler.url=http://127.0.0.1:${port}`, 'cart');
    refusing.close();
    expect(status).to.equal(1);
    expect(stderr).to.match(
      /HTTP status 403: no answer by the name "evil\.com" \[SCALER_ANSWER\]\nsee docs\/errors\.md#scaler_answer\n$/,
    );
  });

  it('reports a scaler that it cannot reach in one sentence', async () => {
    const unreachable = await kernscale('explain', '--scaler.url=http://127.0.0.1:1', 'cart');
    expect(unreachable.status).to.equal(1);
    expect(unreachable.stderr).to.match(
      /^kernscale: cannot reach a scaler at .*ECONNREFUSED.*\[SCALER_UNREACHABLE\]\nsee docs\/errors\.md#scaler_unreachable\n$/,
    );
    const wrong = await kernscale('explain', '--scaler.url=127.0.0.1:1', 'cart');
    expect(wrong.stderr).to.match(
      /^kernscale: "127\.0\.0\.1:1" is not a URL of a scaler; .*\[SCALER_URL\]\nsee docs\/errors\.md#scaler_url\n$/,
    );
    const elsewhere = await kernscale('explain', `--scaler.url=${url}/elsewhere`, 'cart');
    expect(elsewhere.stderr).to.match(
      /responded with HTTP status 404 \[SCALER_ANSWER\]\nsee docs\/errors\.md#scaler_answer\n$/,
    );
  });
});
