import { expect } from 'chai';
import { lacksOf, type Live } from '../../../../scaler/commands/live.js';
import type { Pod } from '../../../../scaler/core/types.js';
import type { WatchedWorkload } from '../../../../scaler/kubernetes/objects.js';
import { formatRuleError, parseRules } from '../../../../scaler/rules/load.js';

const RULES = `groups:
  - name: shop
    rules:
      - scale: web
        scaleTargetRef: { kind: Deployment, namespace: shop, name: web }
        maxReplicas: 9
      - scale: fleet
        match: { kind: Deployment, namespace: fleet }
        maxReplicas: 9
`;

function workload(namespace: string, name: string, annotations?: Record<string, string>): WatchedWorkload {
  return {
    ref: { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name },
    uid: 'u',
    labels: {},
    replicas: 1,
    ...(annotations && { annotations }),
  };
}

function pod(name: string, request?: number): Pod {
  const containers = [{ name: 'app', ...(request !== undefined && { request }) }];
  return { name, phase: 'Running', ready: 'True', deleted: false, containers };
}

const WEB = 'shop/Deployment/web';
const WHOLE: Live = {
  workloads: [workload('shop', 'web'), workload('fleet', 'a')],
  unknown: new Map(),
  pods: new Map([[WEB, [pod('web-1', 0.1)]]]),
  autoscalers: new Map(),
};

describe('kernscale check --live', () => {
  const lacks = (live: Partial<Live>, rules = RULES): string[] =>
    lacksOf(parseRules('r.yaml', rules).groups, { ...WHOLE, ...live }).map(formatRuleError);

  const rows: [what: string, live: Partial<Live>, expected: string[]][] = [
    ['finds nothing where nothing is missing', {}, []],
    [
      'names a target that does not exist',
      { unknown: new Map([[WEB, 'Deployment shop/web does not exist']]) },
      ['r.yaml:4:9: warning: group "shop", rule "web": Deployment shop/web does not exist'],
    ],
    [
      'names a rule that matches nothing',
      { workloads: [workload('shop', 'web')] },
      ['r.yaml:7:9: warning: group "shop", rule "fleet": matches no workload of the cluster'],
    ],
    [
      'says which request to set',
      { pods: new Map([[WEB, [pod('web-1')]]]) },
      [
        `r.yaml:4:9: warning: group "shop", rule "web": ${WEB}: container app of pod web-1 requests no CPU; set resources.requests.cpu, or give the target as averageValue`,
      ],
    ],
    [
      'names another autoscaler',
      { autoscalers: new Map([[WEB, ['HorizontalPodAutoscaler shop/web']]]) },
      [
        `r.yaml:4:9: warning: group "shop", rule "web": HorizontalPodAutoscaler shop/web scales ${WEB}, so this rule leaves it alone; delete one of the two, or write mode: shadow`,
      ],
    ],
    [
      'names annotations that cannot be followed, and pauses',
      {
        workloads: [
          workload('shop', 'web', { 'kernscale.io/min-replicas': 'x', 'kernscale.io/paused': 'true' }),
          workload('fleet', 'a'),
        ],
      },
      [
        `r.yaml:4:9: warning: group "shop", rule "web": ${WEB}: the annotation kernscale.io/min-replicas "x" is no whole number from 1 to 9, the bounds of rule "web"`,
        `r.yaml:4:9: note: group "shop", rule "web": ${WEB} is paused by its annotation`,
      ],
    ],
  ];
  for (const [what, live, expected] of rows)
    it(what, () => {
      expect(lacks(live)).to.deep.equal(expected);
    });

  it('does not mind an autoscaler beside a dry run', () => {
    const autoscalers = new Map([[WEB, ['HorizontalPodAutoscaler shop/web']]]);
    expect(
      lacks({ autoscalers }, RULES.replace('maxReplicas: 9', 'maxReplicas: 9\n        dryRun: true')),
    ).to.deep.equal([]);
  });

  it('names five workloads of a fleet with the same lack, and counts the rest', () => {
    const names = Array.from({ length: 7 }, (_, index) => `w${index}`);
    const pods = new Map(names.map((name) => [`fleet/Deployment/${name}`, [pod(`${name}-1`)]]));
    const found = lacks({ workloads: names.map((name) => workload('fleet', name)), pods });
    expect(found).to.have.length(6);
    expect(found.at(-1)).to.match(/: and 2 more workloads like these$/);
  });
});
