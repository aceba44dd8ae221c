import { expect } from 'chai';
import { Fields } from '../../../../common/fields.js';
import { sceneOf } from '../../../../sandbox/hpa/measure.js';
import { readPod } from '../../../../scaler/kubernetes/objects.js';

function pod(name: string, owner: string) {
  const metadata = {
    namespace: 'shop',
    name,
    ownerReferences: [{ kind: 'DaemonSet', name: owner, controller: true }],
  };
  return readPod(Fields.of({ metadata, spec: {}, status: { phase: 'Running' } }));
}

function usage(namespace: string, name: string, cores: string) {
  return { metric: { namespace, pod: name }, value: [99, cores] as const };
}

describe("what a workload's HPA sees", () => {
  it('is its own pods and their samples, in thousandths of a core', () => {
    const measured = {
      now: 100,
      pods: [pod('cpu-a', 'cpu'), pod('cpu-b', 'cpu'), pod('disk-a', 'disk')],
      usage: [usage('shop', 'cpu-a', '0.1964'), usage('shop', 'disk-a', '1'), usage('other', 'cpu-b', '1')],
    };
    const scene = sceneOf(measured, 'shop', 'cpu', 2);
    expect(scene.pods.map(({ name }) => name)).to.deep.equal(['cpu-a', 'cpu-b']);
    expect([...scene.samples]).to.deep.equal([['cpu-a', { timestamp: 99, window: 15, milli: 196n }]]);
  });
});
