import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { parseQuantity } from '../../../common/quantity.js';
import { cpuTruth } from '../../../sandbox/loop/demo.js';
import { podTemplates, render, ROOT } from './manifests.js';

/** What the pods of K3s request itself, CoreDNS and the metrics server: 100m each. */
const K3S_CORES = 0.2;
const NODE_CORES = 2;
const MIB = 2 ** 20;

type Resource = 'cpu' | 'memory';

/** The sum of all pods' requests on a node of its own; `replicas` replaces the manifests' numbers. */
async function requested(directory: string, of: Resource, replicas: Record<string, number> = {}) {
  const pods = podTemplates(await render(directory)).flatMap(({ name, replicas: written, containers }) =>
    containers.map(({ resources }) => parseQuantity(resources.requests[of]!) * (replicas[name] ?? written)),
  );
  return pods.reduce((sum, one) => sum + one, 0);
}

describe('the demo on a node of two cores', function () {
  this.timeout(60_000);
  const installed = (of: Resource) => requested('manifests/overlays/k3s', of);
  const demo = (of: Resource, replicas?: Record<string, number>) => requested('manifests/demo', of, replicas);
  /** As many pods of `cpu` as are right, and one more, which is right too, before `idle` has shrunk. */
  const grown = { cpu: cpuTruth(0).withChain + 1 };

  it('fits beside K3s, with all the pods that it grows to', async () => {
    const cores = (await installed('cpu')) + (await demo('cpu', grown));
    expect(cores + K3S_CORES).to.be.at.most(NODE_CORES);
  });

  it('needs what manifests/README.md says', async () => {
    const rows = [
      `| overlays/k3s | ${(await installed('cpu')).toFixed(2)} | ${(await installed('memory')) / MIB} MiB |`,
      `| demo, at the start | ${(await demo('cpu')).toFixed(2)} | ${(await demo('memory')) / MIB} MiB |`,
      `| demo, at most: cpu grows to 4 or 5 pods, and idle shrinks | ${(await demo('cpu', grown)).toFixed(2)} | ${(await demo('memory', grown)) / MIB} MiB |`,
    ];
    const text = await readFile(`${ROOT}/manifests/README.md`, 'utf8');
    for (const row of rows) expect(text.replaceAll('`', '')).to.include(row);
  });
});
