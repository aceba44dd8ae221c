import { expect } from 'chai';
import { loadScalingRules, ruleErrors, type ScalingRule } from '../../../../scaler/rules/scaling-rules.js';

const spec = (name: string, more: object = {}) => ({
  scaleTargetRef: { kind: 'Deployment', name },
  maxReplicas: 20,
  ...more,
});

function objectOf(name: string, changes: Partial<ScalingRule> = {}): ScalingRule {
  return { namespace: 'shop', name, generation: 1, createdAt: 0, spec: spec(name), ...changes };
}

describe('rules of ScalingRule objects', () => {
  it('are one group, each for workloads of its own namespace', () => {
    const matching = {
      match: { kind: 'Deployment', selector: { matchLabels: { tier: 'web' } } },
      maxReplicas: 3,
    };
    const { group, errors } = loadScalingRules([
      objectOf('cart'),
      objectOf('fleet', { namespace: 'billing', spec: matching }),
    ]);
    expect(errors.size).to.equal(0);
    const [fleet, cart] = group!.rules;
    expect(cart).to.deep.include({
      scale: 'shop/cart',
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'cart' },
    });
    expect(fleet).to.deep.include({ scale: 'billing/fleet' });
    expect((fleet as { match: object }).match).to.deep.include({ namespaces: ['billing'] });
  });

  it('are none without objects', () => {
    expect(loadScalingRules([])).to.deep.equal({ group: undefined, errors: new Map() });
  });

  const invalid: [what: string, spec: unknown, error: RegExp][] = [
    ['no spec', undefined, /maxReplicas is missing/],
    ['no mapping', 'fast', /maxReplicas is missing/],
    ['an unknown field', spec('cart', { maxReplica: 3 }), /unknown field "maxReplica".*maxReplicas/],
    ['limits that contradict', spec('cart', { minReplicas: 30 }), /minReplicas/],
    [
      'the target of another namespace',
      { scaleTargetRef: { kind: 'Deployment', namespace: 'billing', name: 'cart' }, maxReplicas: 2 },
      /own namespace; remove scaleTargetRef.namespace/,
    ],
    [
      'workloads of other namespaces',
      { match: { kind: 'Deployment', namespaces: ['billing'], namespaceSelector: {} }, maxReplicas: 2 },
      /own namespace; remove match.namespaces, match.namespaceSelector/,
    ],
  ];
  for (const [what, wrong, error] of invalid)
    it(`with ${what} cost no other`, () => {
      const { group, errors } = loadScalingRules([objectOf('cart', { spec: wrong }), objectOf('db')]);
      expect(group!.rules.map(({ scale }) => scale)).to.deep.equal(['shop/db']);
      expect(ruleErrors(errors).join('\n'))
        .to.match(error)
        .and.to.match(/^ScalingRule shop\/cart: /);
    });

  it('leave a workload that two of them name to the older one', () => {
    const { group, errors } = loadScalingRules([
      objectOf('new', { spec: spec('cart'), createdAt: 20 }),
      objectOf('old', { spec: spec('cart'), createdAt: 10 }),
    ]);
    expect(group!.rules.map(({ scale }) => scale)).to.deep.equal(['shop/old']);
    expect(ruleErrors(errors)).to.deep.equal([
      'ScalingRule shop/new: shop/Deployment/cart is already scaled by the ScalingRule shop/old; keep one of them',
    ]);
  });
});
