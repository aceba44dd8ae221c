import { expect } from 'chai';
import { Fields } from '../../../common/fields.js';
import { workloadOf } from '../../../common/workload.js';

const created = new Date('2026-03-01T12:00:10Z');
const minutes = Math.floor(created.getTime() / 60_000);

interface OwnerReference {
  kind: string;
  name: string;
  controller?: boolean;
}

function pod(owner?: OwnerReference, labels: Record<string, string> = {}): object {
  const reference = { controller: true, ...owner };
  return {
    metadata: {
      namespace: 'shop',
      name: 'web-1',
      labels,
      creationTimestamp: created.toISOString(),
      ...(owner && { ownerReferences: [reference] }),
    },
  };
}

const CASES: [what: string, pod: object, name: string, kind: string][] = [
  [
    'a Deployment, through its ReplicaSet',
    pod({ kind: 'ReplicaSet', name: 'web-6d4cf56db6' }, { 'pod-template-hash': '6d4cf56db6' }),
    'web',
    'Deployment',
  ],
  [
    'a Rollout, through its ReplicaSet',
    pod({ kind: 'ReplicaSet', name: 'web-abc' }, { 'rollouts-pod-template-hash': 'abc' }),
    'web',
    'Rollout',
  ],
  ['a ReplicaSet of its own', pod({ kind: 'ReplicaSet', name: 'web-abc' }), 'web-abc', 'ReplicaSet'],
  [
    'a ReplicaSet whose name is not its hash',
    pod({ kind: 'ReplicaSet', name: 'web-abc' }, { 'pod-template-hash': 'bc' }),
    'web-abc',
    'ReplicaSet',
  ],
  ['a StatefulSet', pod({ kind: 'StatefulSet', name: 'db' }), 'db', 'StatefulSet'],
  ['a DaemonSet', pod({ kind: 'DaemonSet', name: 'agent' }), 'agent', 'DaemonSet'],
  ['a CronJob, through its Job', pod({ kind: 'Job', name: `backup-${minutes}` }), 'backup', 'CronJob'],
  ['a CronJob that was late', pod({ kind: 'Job', name: `backup-${minutes - 90}` }), 'backup', 'CronJob'],
  ['a Job', pod({ kind: 'Job', name: 'migrate' }), 'migrate', 'Job'],
  ['a Job with a date in its name', pod({ kind: 'Job', name: 'backup-20260301' }), 'backup-20260301', 'Job'],
  ['a controller of any other kind', pod({ kind: 'CloneSet', name: 'web' }), 'web', 'CloneSet'],
  ['a bare pod', pod(), 'web-1', 'Pod'],
  ['a static pod, controlled by its node', pod({ kind: 'Node', name: 'n1' }), 'web-1', 'Pod'],
  [
    'a pod whose owner does not control it',
    pod({ kind: 'Foo', name: 'x', controller: false }),
    'web-1',
    'Pod',
  ],
];

describe('workloadOf', () => {
  for (const [what, input, name, kind] of CASES) {
    it(`names ${what}`, () => {
      expect(workloadOf(Fields.of(input))).to.deep.equal({ namespace: 'shop', name, kind });
    });
  }
});
